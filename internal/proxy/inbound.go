package proxy

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/crowd"
	"github.com/signet-tls/signet/verify"
)

// dialTimeout bounds the way to a program on this host.
const dialTimeout = 5 * time.Second

// inbound returns what a service's port does with a connection.
func (p *Proxy) inbound(service Service) serve {
	server := &signet.Server{
		Identity:   p.agent.Source(service.ID),
		Roots:      p.agent.Roots(),
		Name:       verify.Member(service.ID.TrustDomain()),
		Now:        p.now,
		Logger:     p.logger,
		Generation: func() uint64 { return p.table.current().Generation() },
		Authorize: func(ctx context.Context, peer *signet.Peer) error {
			view := p.table.current()
			verdict, err := view.Decide(peer.ID, service.ID)
			if err == nil {
				err = view.Peer(peer.Chain)
			}
			if err != nil {
				p.refused(ctx, api.Event{Side: api.Service, From: peer.ID, To: service.ID, Revision: verdict.Revision}, err)
				return &reported{err}
			}
			return nil
		},
	}
	silent, seats := crowd.NewRoom(maxSilent), newSeats()
	return func(ctx context.Context, raw net.Conn) {
		var secure *signet.Conn
		err := awaitSpeech(ctx, silent, raw)
		if err == nil {
			secure, err = apart(func() (*signet.Conn, error) { return server.Wrap(ctx, raw) })
		}
		if err != nil {
			if already := (*reported)(nil); !errors.As(err, &already) {
				p.refused(ctx, api.Event{Side: api.Service, To: service.ID}, err)
			}
			return
		}
		l := &live{id: secure.ID(), side: api.Service, from: secure.Peer().ID, to: service.ID, own: service.ID}
		refuse := func(err error) {
			secure.Abort()
			p.refused(ctx, api.Event{Side: api.Service, Conn: l.id, From: l.from, To: l.to}, err)
		}
		if err := seats.take(l.from); err != nil {
			refuse(err)
			return
		}
		defer seats.leave(l.from)
		plain, err := dialBackend(ctx, service.Backend)
		if err != nil {
			refuse(err)
			return
		}
		p.join(ctx, l, secure, plain, &l.back, &l.sent)
	}
}

// reported marks a refusal that has its event already.
type reported struct{ error }

// Unwrap returns the refusal.
func (r *reported) Unwrap() error { return r.error }

func dialBackend(ctx context.Context, backend Address) (*plainConn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, backend.Network, backend.Address)
	if err != nil {
		return nil, fault.Wrap(err, BackendUnreachable, "the service behind the proxy does not answer").
			WithHint("start the program, or correct its address")
	}
	return &plainConn{stream: conn.(stream), program: "the service's program"}, nil
}
