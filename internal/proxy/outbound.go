package proxy

import (
	"context"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/verify"
)

// outbound returns what a door does with a connection.
func (p *Proxy) outbound(door Door, seats *live.Seats) serve {
	targets := func() []string { return door.Targets }
	if len(door.Targets) == 0 {
		targets = func() []string { return p.truth.Addresses(door.To) }
	}
	way := p.table.Way(door.From, door.To, door.Connect, targets)
	return func(ctx context.Context, raw net.Conn) {
		plain := newPlainConn(raw.(stream), "the client program")
		if err := admitUser(raw, door); err != nil {
			p.refusedAt(ctx, door, err, 0)
			plain.Abort()
			return
		}
		if err := seats.Take(door.From); err != nil {
			p.refusedAt(ctx, door, err, 0)
			plain.Abort() // at once: there is no room to wait in
			return
		}
		leave := func() { seats.Leave(door.From) }
		secure, roots, ok := p.reach(ctx, door, way, plain)
		if !ok {
			leave()
			return
		}
		l := &live.Conn{ID: secure.ID(), Side: api.Door, From: door.From, To: door.To, Own: door.From,
			Remote: secure.RemoteAddr().String(), Limits: door.Limits, Roots: roots}
		if carry := p.join(ctx, l, &legs{secure: secure, plain: plain}, &l.Sent, &l.Back, leave); carry != nil {
			carry()
		}
	}
}

// refusedAt tells of a connection that was refused at a door, in a revision if that is
// known.
func (p *Proxy) refusedAt(ctx context.Context, door Door, err error, revision int64) {
	p.table.Refused(ctx, api.Event{Side: api.Door, From: door.From, To: door.To, Revision: revision}, err)
}

// reach connects a program at a door to its service, and returns by which roots that was
// verified. What it refuses it has told of, and ended.
func (p *Proxy) reach(ctx context.Context, door Door, way *live.Way, plain *plainConn) (secure *signet.Conn, roots verify.Roots, ok bool) {
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
	if revision, err := p.table.MayDial(door.From, door.To, door.Limits); err != nil {
		p.refusedAt(ctx, door, err, revision)
		refuse(ctx, plain, err)
		return nil, roots, false
	}
	start := time.Now()
	secure, roots, err := way.Open(ctx)
	p.meters.shook(api.Door, start, err)
	if err != nil {
		p.refusedAt(ctx, door, err, 0)
		refuse(ctx, plain, err)
		return nil, roots, false
	}
	return secure, roots, true
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
