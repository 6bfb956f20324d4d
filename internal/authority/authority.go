// Package authority is the control plane's API: it gives proxies their
// certificates and their part of the truth, takes their events in, and carries
// out what operators ask for.
package authority

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/crowd"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Config is what an authority is made of.
type Config struct {
	Store *control.Store
	CA    *ca.CA
	// Log is the audit log: nothing is answered that is not in it.
	Log *audit.Log
	// AcceptLog goes on with a log that is not the one that the store remembers.
	AcceptLog bool
	// OnEvent hears of every event as it comes in; it must not block. Nil is
	// nobody.
	OnEvent func(api.Event)
	// OnTrust hears that whom to believe, or who signs, has changed. Nil is nobody.
	OnTrust func()
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of failures; nil discards.
	Logger *slog.Logger
}

// Authority serves one trust domain.
type Authority struct {
	store     *control.Store
	ca        *ca.CA
	log       *audit.Log
	domain    spiffeid.TrustDomain
	address   string   // where hosts reach it
	admitter  admitter // of those who have no certificate yet
	onEvent   func(api.Event)
	now       func() time.Time
	started   time.Time // from then on what happened is known
	begun     time.Time // when it was made
	logger    *slog.Logger
	listener  *signet.Listener
	server    *signet.Server
	trusted   atomic.Pointer[verify.Roots] // whom to believe at present
	rotating  sync.Mutex                   // held for a step of a rotation
	onTrust   func()
	own       ownCertificate
	signer    ownCertificate // of the key that signs what proxies are sent
	journal   recent.Events
	strangers *crowd.Room                // connections that have shown no certificate
	enrolling chan struct{}              // holds a value for each enrolment under way
	patience  time.Duration              // how long an act waits for the proxies to have it in force
	presence  time.Duration              // how long a proxy has to show that it is there
	slowest   time.Duration              // how long a request may take to arrive
	compiled  atomic.Pointer[policy.Set] // the last that was made, to make the next from; nil before the first

	meters      meters
	unlogged    atomic.Pointer[error] // why the audit log could not be written last; nil: it could
	remembering sync.Mutex            // held while the store is told of the log

	mu       sync.Mutex
	serving  bool                    // guarded by mu; Run runs
	closing  bool                    // guarded by mu; no handler begins from now on
	handlers sync.WaitGroup          // those under way; grows under mu
	proxies  map[spiffeid.ID]*proxy  // guarded by mu; every proxy that was ever connected
	news     chan struct{}           // guarded by mu; closed and replaced when a proxy reports
	asks     uint64                  // guarded by mu; the last number used
	answers  map[uint64]answer       // guarded by mu; of asks under way
	cuts     map[uint64]*api.Cut     // guarded by mu; of asks under way
	streams  map[spiffeid.ID]*stream // guarded by mu; of the events that each proxy sent
	leaves   map[net.Conn]func()     // guarded by mu; how each stranger is no longer counted
}

// Path is the authority's own path in its trust domain.
const Path = "authority"

// New returns an authority that listens nowhere yet.
func New(cfg Config) (*Authority, error) {
	if cfg.Log == nil {
		return nil, fault.New(audit.Missing, "an authority needs an audit log").WithHint("open one in its data folder")
	}
	a := &Authority{
		store: cfg.Store, ca: cfg.CA, log: cfg.Log, domain: cfg.Store.State().TrustDomain,
		admitter: cfg.Store, onEvent: cfg.OnEvent, onTrust: cfg.OnTrust, now: cfg.Now, logger: cfg.Logger,
		patience: 2 * time.Second, presence: presence, slowest: 10 * time.Second,
		proxies: map[spiffeid.ID]*proxy{}, news: make(chan struct{}), answers: map[uint64]answer{}, cuts: map[uint64]*api.Cut{}, streams: map[spiffeid.ID]*stream{},
		strangers: crowd.NewRoom(maxStrangers), enrolling: make(chan struct{}, maxEnrolling), leaves: map[net.Conn]func(){},
	}
	if a.onTrust == nil {
		a.onTrust = func() {}
	}
	if a.now == nil {
		a.now = time.Now
	}
	a.started = a.now()
	a.begun = a.started
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	id, err := a.domain.ID(Path)
	if err != nil {
		return nil, err
	}
	a.meters = newMeters(a)
	if err := a.checkLog(cfg.AcceptLog); err != nil {
		return nil, err
	}
	if err := a.recall(); err != nil {
		return nil, err
	}
	a.own = ownCertificate{id: id, ca: a.ca, now: a.now, issued: a.issued}
	a.signer = ownCertificate{id: id, ca: a.ca, now: a.now, issued: a.issued, signs: true}
	a.server, err = a.newServer()
	return a, err
}

// newServer returns a server of those who are believed at present.
func (a *Authority) newServer() (*signet.Server, error) {
	anchors, err := a.ca.Stored().Anchors()
	if err != nil {
		return nil, err
	}
	roots, err := verify.ForTrustDomain(a.domain, anchors...)
	if err != nil {
		return nil, err
	}
	a.trusted.Store(&roots)
	members := &signet.Server{
		Identity:  &a.own,
		Roots:     roots,
		Name:      verify.Member(a.domain),
		Authorize: a.authorize,
		ALPN:      []string{"h2", "http/1.1"},
		Now:       a.now,
		Logger:    a.logger,
	}
	// One port for both: who has no certificate asks for a name that is nobody's.
	return &signet.Server{Hosts: map[string]*signet.Server{"*": members, api.EnrollHost: a.enrolment()}, Now: a.now, Logger: a.logger}, nil
}

// Listen binds the authority's address, so that Run cannot fail on it.
func (a *Authority) Listen(ctx context.Context, address string) (err error) {
	if a.listener, err = a.server.Listen(ctx, address); err != nil {
		return err
	}
	a.listener.Listener = bind.Limit(a.listener.Listener, maxConns)
	return nil
}

// Addr returns where the authority listens.
func (a *Authority) Addr() net.Addr { return a.listener.Addr() }

// Advertise says where hosts reach the authority, HOST:PORT: tokens carry it. It is
// called before Run.
func (a *Authority) Advertise(address string) { a.address = address }

// Close lets go of the address again, for who listened and does not Run.
func (a *Authority) Close() {
	if a.listener != nil {
		a.listener.Close()
	}
}

// Bounds of what peers can make the authority hold.
const (
	maxConns   = 4096 // connections, strangers' handshakes included
	maxHeader  = 64 << 10
	maxStreams = 32 // requests at once on one connection
)

// Run serves, and keeps the log's tiles, until ctx ends, and returns when every
// handler has.
func (a *Authority) Run(ctx context.Context) error {
	var keeping sync.WaitGroup
	defer keeping.Wait()
	keep, stop := context.WithCancel(ctx)
	defer stop()
	log := a.log
	keeping.Go(func() { log.Run(keep) })
	server := a.server.HTTP(a.handler())
	server.BaseContext = func(net.Listener) context.Context { return ctx } // so that its end is every request's
	server.ErrorLog = slog.NewLogLogger(a.logger.Handler(), slog.LevelDebug)
	server.MaxHeaderBytes = maxHeader
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	server.ReadTimeout = a.slowest
	server.WriteTimeout = a.slowest + lineTimeout
	known := server.ConnContext
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context { return a.welcome(known(ctx, conn), conn) }
	server.ConnState = a.gone
	a.mu.Lock()
	a.serving = true
	a.mu.Unlock()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(a.listener.TLS()) }()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	a.mu.Lock()
	a.closing = true
	a.mu.Unlock()
	server.Close() // an error here is the listener's, which is closed already
	if err == nil {
		<-failed
	}
	a.handlers.Wait()
	a.rememberNow()
	return err
}

// authorize keeps strangers and the revoked out, at every handshake.
func (a *Authority) authorize(_ context.Context, peer *signet.Peer) error {
	_, err := a.known(peer)
	return err
}

// known returns what the truth says about a peer right now. A connection may be
// older than a revocation, so each request asks again.
func (a *Authority) known(peer *signet.Peer) (control.Identity, error) {
	id, state := peer.ID, a.store.State()
	if err := a.notRevoked(state, id); err != nil {
		return control.Identity{}, err
	}
	for _, cert := range peer.Chain {
		if _, retired := state.CA.Retired[cert.Serial()]; retired {
			return control.Identity{}, fault.New(ca.IssuerRetired, "the certificate of %s is by an intermediate that is retired", id.Short(a.domain)).
				WithHint("signet token new %s --again | signet enroll", id.Short(a.domain))
		}
	}
	known, ok := state.Identities[id]
	if !ok {
		return control.Identity{}, fault.New(api.IdentityUnknown, "%s is not enrolled", id.Short(a.domain)).
			WithHint("enroll it, or use an identity that is")
	}
	return known, nil
}

// notRevoked refuses an identity that was revoked.
func (a *Authority) notRevoked(state *control.State, id spiffeid.ID) error {
	if revocation, revoked := state.Revocations[id]; revoked {
		return fault.New(api.IdentityRevoked, "%s was revoked in revision %d", id.Short(a.domain), revocation.Revision).
			WithHint("signet restore %s      # if it may come back, with a new key", id.Short(a.domain))
	}
	return nil
}

// withdrawn refuses a certificate that counts no longer though its identity does.
func (a *Authority) withdrawn(r *http.Request, state *control.State) error {
	cause, dead := state.Dead(signet.PeerOf(r.Context()).Chain[0].Serial())
	if !dead {
		return nil
	}
	return fault.New(api.CertificateWithdrawn, "this certificate of %s counts no longer, by %s in revision %d: %s", caller(r).Short(a.domain),
		cause.By.Short(a.domain), cause.Revision, api.Withdrawn(string(cause.Cause))).
		WithHint("where nobody told you, ask who did that; then join again: signet token new %s --again | signet enroll", caller(r).Path())
}

// Status returns what the status port tells.
func (a *Authority) Status() api.Status {
	state := a.store.State()
	out := api.Status{TrustDomain: a.domain, Revision: state.Revision, Identities: len(state.Identities),
		Rules: state.RuleCount(), Revoked: len(state.Revocations), Proxies: []api.ProxyStatus{}}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range enrolled(state) {
		status := api.ProxyStatus{ID: id}
		if session := a.proxies[id]; session != nil {
			status.Connected, status.Revision = session.connected(), session.applied
		}
		out.Proxies = append(out.Proxies, status)
	}
	return out
}
