package proxy

import (
	"context"
	"net"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
)

// outbound returns what a door does with a connection.
func (p *Proxy) outbound(door Door, seats *live.Seats) serve {
	targets := func() []string { return door.Targets }
	if len(door.Targets) == 0 {
		targets = func() []string { return p.truth.Addresses(door.To) }
	}
	way := p.table.Way(door.From, door.To, door.Connect, targets)
	return func(ctx context.Context, raw net.Conn) {
		plain := &plainConn{stream: raw.(stream), program: "the client program"}
		tell := func(err error, revision int64) {
			p.table.Refused(ctx, api.Event{Side: api.Door, From: door.From, To: door.To, Revision: revision}, err)
		}
		if err := admitUser(raw, door); err != nil {
			tell(err, 0)
			plain.Abort()
			return
		}
		if err := seats.Take(door.From); err != nil {
			tell(err, 0)
			plain.Abort() // at once: there is no room to wait in
			return
		}
		defer seats.Leave(door.From)
		refuse := slam
		if door.Postgres {
			if err := greetPostgres(ctx, plain); err != nil {
				tell(err, 0)
				plain.Abort()
				return
			}
			refuse = refusePostgres
		}
		// Decided before dialing: a denied program's bytes never leave the host.
		if revision, err := p.table.MayDial(door.From, door.To, door.Limits); err != nil {
			tell(err, revision)
			refuse(ctx, plain, err)
			return
		}
		start := time.Now()
		secure, roots, err := way.Open(ctx)
		p.meters.shook(api.Door, start, err)
		if err != nil {
			tell(err, 0)
			refuse(ctx, plain, err)
			return
		}
		l := &live.Conn{ID: secure.ID(), Side: api.Door, From: door.From, To: door.To, Own: door.From,
			Remote: secure.RemoteAddr().String(), Limits: door.Limits, Roots: roots}
		p.join(ctx, l, secure, plain, &l.Sent, &l.Back)
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
