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

// gate is a service's port.
type gate struct {
	*Proxy
	service Service
	servers *live.Trusting[signet.Server]
	program *backend
	silent  *crowd.Room
	seats   *live.Seats
}

// inbound returns what a service's port does with a connection.
func (p *Proxy) inbound(service Service, seats *live.Seats) serve {
	g := &gate{p, service, p.table.Servers(service.ID), &backend{service: service, now: time.Now}, crowd.NewRoom(maxSilent), seats}
	return g.serve
}

func (g *gate) serve(ctx context.Context, raw net.Conn) {
	if err := g.await(ctx, raw); err != nil {
		g.table.Refused(ctx, api.Event{Side: api.Service, To: g.service.ID, Remote: raw.RemoteAddr().String()}, err)
		return
	}
	var carry func()
	g.table.Apart(func() { carry = g.receive(ctx, raw) })
	if carry != nil {
		carry()
	}
}

// await returns when a connection may begin, and has; an error has ended it.
func (g *gate) await(ctx context.Context, raw net.Conn) error {
	if g.program.absent() {
		if err := g.program.present(ctx); err != nil {
			reset(raw)
			return err
		}
	}
	return awaitSpeech(ctx, g.silent, raw)
}

// receive makes the handshake with a client, and joins it with the program: see join.
func (g *gate) receive(ctx context.Context, raw net.Conn) (carry func()) {
	server, roots := g.servers.Get()
	meets, met := live.Meet(ctx)
	start := time.Now()
	secure, err := server.Wrap(meets, raw)
	g.meters.shook(api.Service, start, err)
	if err != nil {
		g.table.Refused(ctx, met.Event(g.service.ID, raw.RemoteAddr().String()), err)
		return nil
	}
	l := &live.Conn{ID: secure.ID(), Side: api.Service, From: secure.Peer().ID, To: g.service.ID, Own: g.service.ID,
		Remote: raw.RemoteAddr().String(), Limits: g.service.Limits, Roots: roots}
	refuse := func(err error) {
		secure.Abort()
		g.table.Refused(ctx, api.Event{Side: api.Service, Conn: l.ID, From: l.From, To: l.To, Remote: l.Remote}, err)
	}
	if g.table.Silent(g.service.Limits) {
		refuse(g.table.StaleFault())
		return nil
	}
	if err := g.seats.Take(l.From); err != nil {
		refuse(err)
		return nil
	}
	leave := func() { g.seats.Leave(l.From) }
	plain, err := g.program.open(ctx, l, raw)
	if err != nil {
		refuse(err)
		leave()
		return nil
	}
	return g.join(ctx, l, &legs{secure: secure, plain: plain}, &l.Back, &l.Sent, leave)
}
