// Package member makes a Go program a member of a trust domain by itself, without a
// proxy: it proves who it is by certificates that are kept fresh, verifies who the
// other end is, and asks the policy in force about every connection. It follows the
// authority: when an identity is revoked or a rule is changed, exactly the live
// connections that this concerns end, by a reset, and each end is told why.
//
// The other end of a connection is a member, too, or a proxy: nobody can tell.
package member

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Config says who a program is, and by which host folder.
type Config struct {
	// Host is the folder that "signet enroll" made for this program. It is claimed:
	// one process uses it at a time, be it a program, a proxy or an agent. Required.
	Host string
	// Name is who the program is: an identity that the host may hold, by its name in
	// the trust domain, such as "orders", or its SPIFFE ID. Required.
	Name string
	// Advertise is where others reach what Listen listens on, HOST:PORT: the authority
	// tells it to those who ask for Name. "" means the address of each listener itself,
	// unless that is for all addresses of this host.
	Advertise string
	// Addresses are where services listen, by their names: HOST:PORT each, the
	// preferred first. A service that is not there is looked for at the authority.
	Addresses map[string][]string
	// MaxConns is how many connections all listeners have at once; 0 means 8192. One
	// peer has 4096 of them at most.
	MaxConns int
	// ConnectTimeout bounds how long it takes to connect to one address, with its
	// handshake, and how long Dial waits for what it has to know first; 0 means 5 s.
	ConnectTimeout time.Duration
	// StaleAfter is how long the authority may be silent until the program is stale;
	// 0 means 30 s. It shows that it is alive every 5 s.
	StaleAfter time.Duration
	// StaleFor is how long a stale program goes on with what it knows, until all of its
	// connections end; 0 means 12 h.
	StaleFor time.Duration
	// OpenWhenStale goes on for good with what was known last.
	OpenWhenStale bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of what is wrong with the way to the authority; nil discards.
	Logger *slog.Logger
}

// Member is a program's place in its trust domain. It is an identity.Source: the
// program's certificate, whichever is current, for what speaks TLS in another way and
// is then not held to policy. It is safe for concurrent use.
type Member struct {
	id, self  spiffeid.ID // the program's, and its host's
	advertise string
	listed    map[spiffeid.ID][]string
	agent     *agent.Agent
	table     *live.Table
	limits    live.Limits
	servers   *live.Trusting[signet.Server]
	seats     *live.Seats
	http      *http.Client
	release   func() error

	mu        sync.Mutex
	ways      map[spiffeid.ID]*live.Way // guarded by mu
	listeners map[*Listener]string      // guarded by mu; where others reach each; "": that is not known
	over      bool                      // guarded by mu; nothing new is opened
}

// Open reads and claims the host folder. Nothing is asked of the authority before Run
// runs; a Member that does not Run is to be closed.
func Open(cfg Config) (*Member, error) {
	if cfg.Host == "" || cfg.Name == "" {
		return nil, invalid("the program does not say who it is: Host or Name is not set").
			WithHint("set Host to the folder that signet enroll made, and Name to an identity that it may hold")
	}
	home, err := agent.LoadHome(cfg.Host)
	if err != nil {
		return nil, err
	}
	m := &Member{advertise: cfg.Advertise, listed: map[spiffeid.ID][]string{}, ways: map[spiffeid.ID]*live.Way{}, listeners: map[*Listener]string{}, seats: live.NewSeats()}
	if err := m.named(cfg, home); err != nil {
		return nil, err
	}
	if m.release, err = agent.Claim(cfg.Host); err != nil {
		return nil, err
	}
	m.agent, err = agent.New(agent.Config{Authority: home.Authority, Self: home.Credential, Roots: home.Roots, Anchors: home.Anchors, Home: cfg.Host, Now: cfg.Now, Logger: cfg.Logger})
	if err != nil {
		m.release()
		return nil, err
	}
	m.table = live.New(live.Config{Truth: m.agent, Report: m.agent.Report, Now: cfg.Now, Logger: cfg.Logger})
	m.table.SetStaleAfter(cfg.StaleAfter)
	m.limits = live.Limits{Conns: cfg.MaxConns, Connect: cfg.ConnectTimeout, StaleFor: cfg.StaleFor, OpenWhenStale: cfg.OpenWhenStale}.Settled()
	m.seats.Limit(m.limits)
	m.servers = m.table.Servers(m.id)
	m.http = m.newHTTP()
	return m, nil
}

// proxyPath begins the name of every host that carries connections.
const proxyPath = "proxy/"

// named takes the names of a configuration over, which are in the host's trust domain.
func (m *Member) named(cfg Config, home agent.Home) (err error) {
	if m.self = home.ID(); !strings.HasPrefix(m.self.Path(), proxyPath) {
		return invalid("%s is the folder of %s, and a program's own begins with %s", cfg.Host, m.self.Path(), proxyPath).
			WithHint("signet token new %s%s --holds %s | signet enroll --data DIR", proxyPath, cfg.Name, cfg.Name)
	}
	if m.id, err = identityOf(m.self.TrustDomain(), cfg.Name); err != nil {
		return err
	}
	for name, addresses := range cfg.Addresses {
		service, err := identityOf(m.id.TrustDomain(), name)
		if err != nil {
			return err
		}
		m.listed[service] = addresses
	}
	return nil
}

// identityOf is a name, or a whole SPIFFE ID, in a trust domain.
func identityOf(domain spiffeid.TrustDomain, name string) (spiffeid.ID, error) {
	id, err := domain.Named(name)
	if err == nil && id.TrustDomain() != domain {
		err = invalid("%s is not in the trust domain %s", id, domain).WithHint("name one of its identities")
	}
	return id, err
}

func invalid(format string, args ...any) *fault.Error {
	return fault.New(signet.ConfigInvalid, format, args...)
}

// ID returns who the program is.
func (m *Member) ID() spiffeid.ID { return m.id }

// Credential implements identity.Source.
func (m *Member) Credential() (*pki.Credential, error) { return m.agent.Source(m.id).Credential() }

// Roots returns the trust domain's roots that are in force at present.
func (m *Member) Roots() verify.Roots { return m.agent.Roots() }

// Run follows the authority until ctx ends: certificates are renewed, policy and
// revocations put in force, and what happened is reported. Then listeners are closed,
// live connections are reset, the authority hears of their ends as far as it listens,
// and the host folder is let go. Have an http.Server and the like finish before that.
// An authority that is gone is no reason to return. Run it once.
func (m *Member) Run(ctx context.Context) error {
	// The connections outlive ctx, and the agent the connections, to tell of their end.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	watching, end := context.WithCancel(life)
	defer end()
	var follow, watch sync.WaitGroup
	m.agent.Begin(m.table) // before anybody comes in
	follow.Go(func() { m.agent.Run(life, m.table) })
	watch.Go(func() { m.table.Watch(watching) })
	<-ctx.Done()
	m.shut()
	m.table.Close(fault.New(live.ShuttingDown, "its program was stopped").WithHint("start the program again"))
	end()
	watch.Wait()
	stop()
	follow.Wait()
	return m.release()
}

// Close lets go of the host folder, for who opened it and does not Run.
func (m *Member) Close() error {
	m.shut()
	return m.release()
}

// shut closes the listeners, and has nothing opened from then on.
func (m *Member) shut() {
	m.http.CloseIdleConnections()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	for l := range m.listeners {
		l.Listener.Close()
	}
	clear(m.listeners)
}

// often is how often is looked for what the authority has yet to say.
const often = 20 * time.Millisecond

// Ready waits until the program has its certificate and the policy, while Run runs. The
// error says what is missing when ctx ends, or at once where waiting is of no use: the
// identity was revoked, or the host may not hold it.
func (m *Member) Ready(ctx context.Context) error {
	return wait(ctx, func() (bool, error) {
		view := m.table.Current()
		if view == nil {
			_, err := view.Decide(m.id, m.id)
			return true, err
		}
		if err := cmp.Or(view.Revoked(m.self), view.Revoked(m.id), view.Holds(m.id)); err != nil {
			return false, err
		}
		_, err := m.Credential()
		return true, err
	})
}

// wait asks again and again until there is no error, or none that may pass.
func wait(ctx context.Context, ask func() (passes bool, err error)) error {
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		passes, err := ask()
		if err == nil || !passes {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}

// offer tells the authority where the program listens, and whose addresses it wants to
// know. The caller holds mu.
func (m *Member) offer() {
	var offer api.Offer
	for _, at := range m.listeners {
		if at != "" {
			offer.Services = append(offer.Services, api.Endpoint{ID: m.id, Address: at})
		}
	}
	for service := range m.ways {
		if m.listed[service] == nil {
			offer.Wants = append(offer.Wants, service)
		}
	}
	m.agent.Offer(offer)
}

// reached is where others reach a listener, "" if that is not known.
func (m *Member) reached(at net.Addr) string {
	if m.advertise != "" {
		return m.advertise
	}
	if tcp, err := netip.ParseAddrPort(at.String()); err != nil || tcp.Addr().IsUnspecified() {
		return ""
	}
	return at.String()
}
