package proxy

import (
	"context"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/verify"
)

// outbound returns what a door does with a connection.
func (p *Proxy) outbound(door Door, seats *seats) serve {
	targets := func() []string { return door.Targets }
	if len(door.Targets) == 0 {
		targets = func() []string { return p.truth.Addresses(door.To) }
	}
	way := &way{
		to:        door.To,
		connect:   door.Connect,
		addresses: newAddresses(targets, p.now),
		clients:   &trusting[signet.Client]{roots: p.truth.Roots, make: func(roots verify.Roots) *signet.Client { return p.client(door, roots) }},
		own:       p.truth.Source(door.From),
		shakes:    make(places, signet.DefaultMaxHandshakes),
		logger:    p.logger,
	}
	return func(ctx context.Context, raw net.Conn) {
		plain := &plainConn{stream: raw.(stream), program: "the client program"}
		if err := admitUser(raw, door); err != nil {
			p.refusedAt(ctx, door, err, 0)
			plain.Abort()
			return
		}
		if err := seats.take(door.From); err != nil {
			p.refusedAt(ctx, door, err, 0)
			plain.Abort() // at once: there is no room to wait in
			return
		}
		leave := func() { seats.leave(door.From) }
		secure, roots, ok := p.reach(ctx, door, way, plain)
		if !ok {
			leave()
			return
		}
		l := &live{id: secure.ID(), side: api.Door, from: door.From, to: door.To, own: door.From,
			remote: secure.RemoteAddr().String(), limits: door.Limits, roots: roots}
		p.join(ctx, l, &legs{secure: secure, plain: plain}, &l.sent, &l.back, leave)
	}
}

// refusedAt tells of a connection that was refused at a door, in a revision if that is
// known.
func (p *Proxy) refusedAt(ctx context.Context, door Door, err error, revision int64) {
	p.refused(ctx, api.Event{Side: api.Door, From: door.From, To: door.To, Revision: revision}, err)
}

// reach connects a program at a door to its service, and returns by which roots that was
// verified. What it refuses it has told of, and ended.
func (p *Proxy) reach(ctx context.Context, door Door, way *way, plain *plainConn) (secure *signet.Conn, roots verify.Roots, ok bool) {
	refuse := slam
	if door.Postgres {
		if err := greetPostgres(ctx, plain); err != nil {
			p.refusedAt(ctx, door, err, 0)
			plain.Abort()
			return nil, roots, false
		}
		refuse = refusePostgres
	}
	// Decided before dialing: a denied program's bytes never leave the host.
	view := p.table.current()
	verdict, err := p.decide(api.Door, view, door.From, door.To)
	if held := view.Holds(door.From); held != nil { // then it has not its rules either
		err = held
	}
	if err == nil && p.closed(door.Limits) {
		err = p.staleFault()
	}
	if err != nil {
		p.refusedAt(ctx, door, err, verdict.Revision)
		refuse(ctx, plain, err)
		return nil, roots, false
	}
	start := time.Now()
	secure, roots, err = way.open(ctx)
	p.meters.shook(api.Door, start, err)
	if err != nil {
		p.refusedAt(ctx, door, err, 0)
		refuse(ctx, plain, err)
		return nil, roots, false
	}
	return secure, roots, true
}

// client is the TLS of a door.
func (p *Proxy) client(door Door, roots verify.Roots) *signet.Client {
	return &signet.Client{
		Roots:      roots,
		Name:       verify.ID(door.To),
		Identity:   p.truth.Source(door.From),
		Now:        p.now,
		Logger:     p.logger,
		Detachable: p.detaches(),
		Authorize: func(_ context.Context, peer *signet.Peer) error {
			return p.table.current().Peer(peer.Chain)
		},
	}
}

// slam resets a refused program's connection, but only after its first bytes or
// a second: reset at once, many programs report that nobody listens, or that
// they could not send, instead of a reset.
func slam(ctx context.Context, plain *plainConn, _ error) {
	stop := context.AfterFunc(ctx, func() { plain.Abort() })
	defer stop()
	plain.SetReadDeadline(time.Now().Add(time.Second))
	plain.Read(make([]byte, 1)) // only waited for, never used
	plain.Abort()
}
