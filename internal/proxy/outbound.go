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
func (p *Proxy) outbound(door Door) serve {
	client := &signet.Client{
		Roots:    p.agent.Roots(),
		Name:     verify.ID(door.To),
		Identity: p.agent.Source(door.From),
		Now:      p.now,
		Logger:   p.logger,
		Authorize: func(_ context.Context, peer *signet.Peer) error {
			return p.table.current().Peer(peer.Chain)
		},
	}
	seats, shakes := newSeats(), make(places, signet.DefaultMaxHandshakes)
	return func(ctx context.Context, raw net.Conn) {
		plain := &plainConn{stream: raw.(stream), program: "the client program"}
		tell := func(err error, revision int64) {
			p.refused(ctx, api.Event{Side: api.Door, From: door.From, To: door.To, Revision: revision}, err)
		}
		if err := seats.take(door.From); err != nil {
			tell(err, 0)
			plain.Abort() // at once: there is no room to wait in
			return
		}
		defer seats.leave(door.From)
		// Decided before dialing: a denied program's bytes never leave the host.
		if verdict, err := p.table.current().Decide(door.From, door.To); err != nil {
			tell(err, verdict.Revision)
			slam(ctx, plain)
			return
		}
		if !shakes.enter(ctx) {
			plain.Abort()
			return
		}
		secure, err := apart(func() (*signet.Conn, error) { return client.Dial(ctx, "tcp", door.Target) })
		shakes.leave()
		if err != nil {
			tell(err, 0)
			slam(ctx, plain)
			return
		}
		l := &live{id: secure.ID(), side: api.Door, from: door.From, to: door.To, own: door.From}
		p.join(ctx, l, secure, plain, &l.sent, &l.back)
	}
}

// slam resets a refused program's connection, but only after its first bytes or
// a second: reset at once, many programs report that nobody listens, or that
// they could not send, instead of a reset.
func slam(ctx context.Context, plain *plainConn) {
	stop := context.AfterFunc(ctx, func() { plain.Abort() })
	defer stop()
	plain.SetReadDeadline(time.Now().Add(time.Second))
	plain.Read(make([]byte, 1)) // only waited for, never used
	plain.Abort()
}
