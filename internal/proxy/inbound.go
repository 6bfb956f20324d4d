package proxy

import (
	"context"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/crowd"
	"github.com/signet-tls/signet/internal/live"
)

// inbound returns what a service's port does with a connection.
func (p *Proxy) inbound(service Service, seats *live.Seats) serve {
	servers := p.table.Servers(service.ID)
	silent := crowd.NewRoom(maxSilent)
	program := &backend{service: service, now: time.Now}
	return func(ctx context.Context, raw net.Conn) {
		if program.absent() {
			if err := program.present(ctx); err != nil {
				reset(raw)
				p.table.Refused(ctx, api.Event{Side: api.Service, To: service.ID, Remote: raw.RemoteAddr().String()}, err)
				return
			}
		}
		var secure *signet.Conn
		server, roots := servers.Get()
		err := awaitSpeech(ctx, silent, raw)
		meets, met := live.Meet(ctx)
		if err == nil {
			start := time.Now()
			secure, err = p.table.Apart(func() (*signet.Conn, error) { return server.Wrap(meets, raw) })
			p.meters.shook(api.Service, start, err)
		}
		if err != nil {
			p.table.Refused(ctx, met.Event(service.ID, raw.RemoteAddr().String()), err)
			return
		}
		l := &live.Conn{ID: secure.ID(), Side: api.Service, From: secure.Peer().ID, To: service.ID, Own: service.ID,
			Remote: raw.RemoteAddr().String(), Limits: service.Limits, Roots: roots}
		refuse := func(err error) {
			secure.Abort()
			p.table.Refused(ctx, api.Event{Side: api.Service, Conn: l.ID, From: l.From, To: l.To, Remote: l.Remote}, err)
		}
		if p.table.Silent(service.Limits) {
			refuse(p.table.StaleFault())
			return
		}
		if err := seats.Take(l.From); err != nil {
			refuse(err)
			return
		}
		leave := func() { seats.Leave(l.From) }
		plain, err := program.open(ctx, l, raw)
		if err != nil {
			refuse(err)
			leave()
			return
		}
		p.join(ctx, l, &legs{secure: secure, plain: plain}, &l.Back, &l.Sent, leave)
	}
}
