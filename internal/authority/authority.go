// Package authority is the control plane's API: it gives proxies their
// certificates and their part of the truth, takes their events in, and carries
// out what operators ask for.
package authority

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Config is what an authority is made of.
type Config struct {
	Store *control.Store
	CA    *ca.CA
	// OnEvent hears of every event as it comes in; it must not block. Nil is
	// nobody.
	OnEvent func(api.Event)
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of failures; nil discards.
	Logger *slog.Logger
}

// Authority serves one trust domain.
type Authority struct {
	store    *control.Store
	ca       *ca.CA
	domain   spiffeid.TrustDomain
	onEvent  func(api.Event)
	now      func() time.Time
	logger   *slog.Logger
	listener *signet.Listener
	server   *signet.Server
	own      ownCertificate
	journal  journal

	mu      sync.Mutex
	proxies map[spiffeid.ID]*proxy // guarded by mu; every proxy that was ever connected
	news    chan struct{}          // guarded by mu; closed and replaced when a proxy reports
	asks    uint64                 // guarded by mu; the last number used
	answers map[uint64]answer      // guarded by mu; of asks under way
}

// Path is the authority's own path in its trust domain.
const Path = "authority"

// New returns an authority that listens nowhere yet.
func New(cfg Config) (*Authority, error) {
	a := &Authority{
		store: cfg.Store, ca: cfg.CA, domain: cfg.Store.State().TrustDomain,
		onEvent: cfg.OnEvent, now: cfg.Now, logger: cfg.Logger,
		proxies: map[spiffeid.ID]*proxy{}, news: make(chan struct{}), answers: map[uint64]answer{},
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	id, err := a.domain.ID(Path)
	if err != nil {
		return nil, err
	}
	roots, err := verify.ForTrustDomain(a.domain, a.ca.Root())
	if err != nil {
		return nil, err
	}
	a.own = ownCertificate{id: id, ca: a.ca, now: a.now}
	a.server = &signet.Server{
		Identity:  &a.own,
		Roots:     roots,
		Name:      verify.Member(a.domain),
		Authorize: a.authorize,
		ALPN:      []string{"h2", "http/1.1"},
		Now:       a.now,
		Logger:    a.logger,
	}
	return a, nil
}

// Listen binds the authority's address, so that Run cannot fail on it.
func (a *Authority) Listen(ctx context.Context, address string) (err error) {
	a.listener, err = a.server.Listen(ctx, address)
	return err
}

// Run serves until ctx ends, and returns when every handler has.
func (a *Authority) Run(ctx context.Context) error {
	server := a.server.HTTP(a.handler())
	server.ErrorLog = slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug)
	server.MaxHeaderBytes = 64 << 10
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(a.listener.TLS()) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	server.Close()
	<-failed
	return nil
}

// authorize keeps strangers and the revoked out, at every handshake.
func (a *Authority) authorize(_ context.Context, peer *signet.Peer) error {
	_, err := a.known(peer)
	return err
}

// known returns what the truth says about a peer right now. A connection may be
// older than a revocation, so each request asks again.
func (a *Authority) known(peer *signet.Peer) (control.Identity, error) {
	state := a.store.State()
	if revocation, revoked := state.Revocations[peer.ID]; revoked {
		return control.Identity{}, revokedFault(a.domain, revocation)
	}
	known, ok := state.Identities[peer.ID]
	if !ok {
		return control.Identity{}, fault.New(api.IdentityUnknown, "%s is not enrolled", peer.ID.Short(a.domain))
	}
	return known, nil
}

func revokedFault(domain spiffeid.TrustDomain, revocation control.Revocation) error {
	return fault.New(api.IdentityRevoked, "%s was revoked in revision %d", revocation.ID.Short(domain), revocation.Revision).
		WithHint("it comes back only as a new identity with a new key")
}

func (a *Authority) handler() http.Handler {
	mux := http.NewServeMux()
	serve := func(method, path string, kind control.Kind, handler func(http.ResponseWriter, *http.Request) error) {
		mux.Handle(method+" "+path, a.only(kind, handler))
	}
	serve("GET", api.PathWatch, control.Proxy, a.watch)
	serve("POST", api.PathCertificate, control.Proxy, a.certificate)
	serve("POST", api.PathApplied, control.Proxy, a.applied)
	serve("POST", api.PathEvents, control.Proxy, a.events)
	serve("POST", api.PathLive, control.Proxy, a.live)
	serve("POST", api.PathAllow, control.Operator, a.allow)
	serve("POST", api.PathDeny, control.Operator, a.deny)
	serve("POST", api.PathRevoke, control.Operator, a.revoke)
	serve("GET", api.PathConns, control.Operator, a.conns)
	serve("GET", api.PathConn, control.Operator, a.conn)
	serve("GET", api.PathPair, control.Operator, a.pair)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, fault.New(BadRequest, "there is no %s %.60q here", r.Method, r.URL.Path))
	})
	return mux
}

// only lets peers of one kind pass, and writes what the handler returns.
func (a *Authority) only(kind control.Kind, handler func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		known, err := a.known(signet.PeerOf(r.Context()))
		if err == nil && known.Kind != kind {
			err = fault.New(NotPermitted, "%s is a %s; this is for a %s", known.ID.Short(a.domain), known.Kind, kind).
				WithHint("use an identity of that kind, for example --as operator/NAME")
		}
		if err == nil {
			err = handler(w, r)
		}
		if err != nil {
			a.logger.Debug("request refused", slog.String("path", r.URL.Path), slog.Any("error", err))
			writeError(w, err)
		}
	})
}

func caller(r *http.Request) spiffeid.ID { return signet.PeerOf(r.Context()).ID }

// ownCertificate is the authority's own credential, signed by itself and made
// anew at half of its life.
type ownCertificate struct {
	id  spiffeid.ID
	ca  *ca.CA
	now func() time.Time

	mu      sync.Mutex
	current *pki.Credential // guarded by mu
	renew   time.Time       // guarded by mu
}

var _ identity.Source = (*ownCertificate)(nil)

// Credential implements identity.Source.
func (o *ownCertificate) Credential() (*pki.Credential, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if o.current != nil && now.Before(o.renew) {
		return o.current, nil
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	chain, err := o.ca.Issue(o.id, key.Public(), now)
	if err != nil {
		return nil, err
	}
	o.current, err = pki.NewCredential(chain, key)
	o.renew = now.Add(ca.DefaultLifetime / 2)
	return o.current, err
}
