package proxy

import (
	"context"
	"net"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/crowd"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// inbound returns what a service's port does with a connection.
func (p *Proxy) inbound(service Service, seats *seats) serve {
	servers := &trusting[signet.Server]{roots: p.truth.Roots, make: func(roots verify.Roots) *signet.Server { return p.server(service, roots) }}
	silent := crowd.NewRoom(maxSilent)
	program := &backend{service: service, now: time.Now}
	return func(ctx context.Context, raw net.Conn) {
		if program.absent() {
			if err := program.present(ctx); err != nil {
				reset(raw)
				p.refused(ctx, api.Event{Side: api.Service, To: service.ID, Remote: raw.RemoteAddr().String()}, err)
				return
			}
		}
		var secure *signet.Conn
		server, roots := servers.get()
		err := awaitSpeech(ctx, silent, raw)
		met := &meeting{}
		if err == nil {
			start := time.Now()
			secure, err = apart(func() (*signet.Conn, error) {
				return server.Wrap(context.WithValue(ctx, meetingKey{}, met), raw)
			})
			p.meters.shook(api.Service, start, err)
		}
		if err != nil {
			p.refused(ctx, api.Event{Side: api.Service, Conn: met.peer.Connection(), From: met.from, To: service.ID,
				Remote: raw.RemoteAddr().String(), Revision: met.revision}, err)
			return
		}
		l := &live{id: secure.ID(), side: api.Service, from: secure.Peer().ID, to: service.ID, own: service.ID,
			remote: raw.RemoteAddr().String(), limits: service.Limits, roots: roots}
		refuse := func(err error) {
			secure.Abort()
			p.refused(ctx, api.Event{Side: api.Service, Conn: l.id, From: l.from, To: l.to, Remote: l.remote}, err)
		}
		if p.closed(service.Limits) {
			refuse(p.staleFault())
			return
		}
		if err := seats.take(l.from); err != nil {
			refuse(err)
			return
		}
		leave := func() { seats.leave(l.from) }
		plain, err := program.open(ctx, l, raw)
		if err != nil {
			refuse(err)
			leave()
			return
		}
		p.join(ctx, l, &legs{secure: secure, plain: plain}, &l.back, &l.sent, leave)
	}
}

// server is the TLS of a service.
func (p *Proxy) server(service Service, roots verify.Roots) *signet.Server {
	return &signet.Server{
		Identity:   p.truth.Source(service.ID),
		Roots:      roots,
		Name:       verify.Member(service.ID.TrustDomain()),
		Now:        p.now,
		Logger:     p.logger,
		Detachable: p.detaches(),
		Generation: func() uint64 { return p.table.current().Generation() },
		Observe: func(ctx context.Context, peer *signet.Peer) {
			met := meetingOf(ctx)
			met.peer, met.shown = peer, time.Now()
		},
		Authorize: func(ctx context.Context, peer *signet.Peer) error {
			met := meetingOf(ctx)
			met.from = peer.ID
			p.meters.verification.Took(time.Since(met.shown))
			view := p.table.current()
			verdict, err := p.decide(api.Service, view, peer.ID, service.ID)
			met.revision = verdict.Revision
			if err == nil {
				err = view.Peer(peer.Chain)
			}
			return err
		},
	}
}

// meeting is what a handshake has found out of a client, in case that it fails.
type meeting struct {
	peer     *signet.Peer // not verified; nil: it has shown nothing
	shown    time.Time    // when it did
	from     spiffeid.ID  // verified; zero: it is not
	revision int64        // that it was decided in
}

type meetingKey struct{}

func meetingOf(ctx context.Context) *meeting { return ctx.Value(meetingKey{}).(*meeting) }
