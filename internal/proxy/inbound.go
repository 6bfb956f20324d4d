package proxy

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/verify"
)

// dialTimeout bounds the way to a program on this host.
const dialTimeout = 5 * time.Second

// inbound returns what a service's port does with a connection.
func (p *Proxy) inbound(service Service) func(context.Context, net.Conn) {
	server := &signet.Server{
		Identity: p.agent.Source(service.ID),
		Roots:    p.agent.Roots(),
		Name:     verify.Member(service.ID.TrustDomain()),
		Now:      p.now,
		Logger:   p.logger,
		Authorize: func(_ context.Context, peer *signet.Peer) error {
			view := p.table.current()
			verdict, err := view.Decide(peer.ID, service.ID)
			if err == nil {
				err = view.Peer(peer.Chain)
			}
			if err != nil {
				p.refused(api.Event{Side: api.Service, From: peer.ID, To: service.ID, Revision: verdict.Revision}, err)
				return &reported{err}
			}
			return nil
		},
	}
	return func(ctx context.Context, raw net.Conn) {
		secure, err := p.shake(ctx, func() (*signet.Conn, error) { return server.Wrap(ctx, raw) })
		if err != nil {
			if already := (*reported)(nil); !errors.As(err, &already) {
				p.refused(api.Event{Side: api.Service, To: service.ID}, err)
			}
			return
		}
		l := &live{side: api.Service, from: secure.Peer().ID, to: service.ID, own: service.ID, secure: secure}
		plain, err := dialBackend(ctx, service.Backend)
		if err != nil {
			secure.Abort()
			p.refused(api.Event{Side: api.Service, Conn: secure.ID(), From: l.from, To: l.to}, err)
			return
		}
		p.join(l, plainConn{plain}, &l.back, &l.sent)
	}
}

// reported marks a refusal that has its event already.
type reported struct{ error }

// Unwrap returns the refusal.
func (r *reported) Unwrap() error { return r.error }

func dialBackend(ctx context.Context, backend Address) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, backend.Network, backend.Address)
	if err != nil {
		return nil, fault.Wrap(err, BackendUnreachable, "the service behind the proxy does not answer").
			WithHint("start the program, or correct its address")
	}
	return conn, nil
}

// shake makes a handshake in one of the places for connections that have proved
// nothing yet.
func (p *Proxy) shake(ctx context.Context, handshake func() (*signet.Conn, error)) (*signet.Conn, error) {
	select {
	case p.shakes <- struct{}{}:
		defer func() { <-p.shakes }()
		return handshake()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join admits a connection and carries it to its end.
func (p *Proxy) join(l *live, plain plainConn, out, in *atomic.Int64) {
	l.plain = plain
	if err := p.table.admit(l); err != nil {
		l.abort()
		p.refused(api.Event{Side: l.side, Conn: l.secure.ID(), From: l.from, To: l.to}, err)
		return
	}
	opened := l.event(api.Opened, p.now())
	opened.TLS = l.secure.Peer().TLS()
	p.agent.Report(opened)
	err := carry(l.secure, plain, out, in)
	if p.table.remove(l, err) {
		return
	}
	ended := l.event(api.Ended, p.now())
	if err != nil {
		explain(&ended, err)
	}
	p.agent.Report(ended)
}

// refused tells of a connection that never came to be.
func (p *Proxy) refused(event api.Event, err error) {
	event.Time, event.Kind = p.now(), api.Refused
	explain(&event, err)
	p.agent.Report(event)
}
