package proxy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// world is a whole control plane with one inbound and one outbound proxy, all
// of it real: etcd on a temporary folder, TCP on loopback.
type world struct {
	t         *testing.T
	domain    spiffeid.TrustDomain
	store     *control.Store
	log       *audit.Log
	ca        *ca.CA
	roots     verify.Roots
	authority string
	agents    map[spiffeid.ID]*agent.Agent // by the proxy that each works for
	started   *authority.Authority
	operator  *http.Client
	backend   *backend // nil if the setup has its own
	service   string   // the inbound proxy's port
	doors     []string // the outbound proxy's ports, in the order of the names
	inbound   *proxy.Proxy
	outbound  *proxy.Proxy
	events    *eventLog
	stop      func() // ends both proxies, and returns when they have ended
	stopLast  func() // ends the authority
}

// setup is what is particular about a world.
type setup struct {
	names   []string                    // a door for each
	backend proxy.Address               // instead of the one that echoes
	between func(service string) string // what doors dial instead of the service
	now     func() time.Time            // the proxies' clock
	late    bool                        // the authority starts only when the test says so
}

type eventLog struct {
	mu     sync.Mutex
	events []api.Event // guarded by mu
}

func (l *eventLog) add(e api.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

func (l *eventLog) count(want func(api.Event) bool) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if want(e) {
			n++
		}
	}
	return n
}

// last describes the latest event.
func (l *eventLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.events) == 0 {
		return "none"
	}
	last := l.events[len(l.events)-1]
	return string(last.Kind) + " " + last.Code + ": " + last.Reason
}

// newWorld has a door for each name, and a service "orders".
func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	return newWorldOf(t, setup{names: names})
}

func newWorldOf(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{agents: map[spiffeid.ID]*agent.Agent{}, t: t, domain: testpki.Must(spiffeid.ParseTrustDomain("test.signet")), events: &eventLog{}, stopLast: func() {}}
	var err error
	if w.store, err = control.Open(t.Context(), control.Config{Dir: t.TempDir(), TrustDomain: w.domain}); err != nil {
		t.Fatal(err)
	}
	w.log = testpki.Must(audit.Open(audit.Config{Dir: t.TempDir(), Origin: audit.Origin(w.domain.String())}))
	t.Cleanup(func() {
		if err := w.log.Close(); err != nil {
			t.Errorf("closing the log: %v", err)
		}
		if err := w.store.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	w.ca = testpki.Must(ca.New(w.domain, time.Now().Add(-24*time.Hour))) // so that it can have signed before
	w.roots = testpki.Must(verify.ForTrustDomain(w.domain, w.ca.Root()))
	w.populate(s.names)
	w.authority = peers.FreeAddress(t)
	client := &signet.Client{Roots: w.roots, Name: verify.ID(w.id(authority.Path)), Identity: identity.Static(w.credential("operator/ann"))}
	w.operator = client.HTTP()
	t.Cleanup(w.operator.CloseIdleConnections)
	t.Cleanup(func() { w.stopLast() })
	w.startProxies(s)
	if !s.late {
		w.start()
	}
	return w
}

// start starts the authority and waits until both proxies have heard it.
func (w *world) start() {
	w.t.Helper()
	a, err := authority.New(authority.Config{Store: w.store, CA: w.ca, Log: w.log, OnEvent: w.events.add})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := a.Listen(w.t.Context(), w.authority); err != nil {
		w.t.Fatal(err)
	}
	w.started = a
	w.stopLast = background(func(ctx context.Context) {
		if err := a.Run(ctx); err != nil {
			w.t.Errorf("authority: %v", err)
		}
	})
	w.until("both proxies are up to date", func() bool {
		status := a.Status()
		return len(status.Proxies) == 2 && !slices.ContainsFunc(status.Proxies, func(p api.ProxyStatus) bool {
			return !p.Connected || p.Revision < status.Revision
		}) && w.certified()
	})
}

// certified reports whether the proxies have a certificate for every identity
// that they may hold.
func (w *world) certified() bool {
	state := w.store.State()
	for grant := range state.Grants {
		held := w.agents[grant.Proxy]
		if _, revoked := state.Revocations[grant.Identity]; revoked || held == nil {
			continue
		}
		if _, err := held.Source(grant.Identity).Credential(); err != nil {
			return false
		}
	}
	return true
}

func (w *world) startProxies(s setup) {
	w.t.Helper()
	if s.backend.Address == "" {
		w.backend = newBackend(w.t)
		s.backend = proxy.Address{Network: "tcp", Address: w.backend.listener.Addr().String()}
	}
	inbound := w.proxy("proxy/in", s.now, proxy.Config{Services: []proxy.Service{{ID: w.id("orders"), Address: "127.0.0.1:0", Backend: s.backend}}})
	w.inbound = inbound
	w.service = inbound.Addresses()[0].String()
	target := w.service
	if s.between != nil {
		target = s.between(w.service)
	}
	var doors []proxy.Door
	for _, name := range s.names {
		doors = append(doors, proxy.Door{From: w.id(name), To: w.id("orders"), Address: "127.0.0.1:0", Targets: []string{target}})
	}
	outbound := w.proxy("proxy/out", s.now, proxy.Config{Doors: doors})
	w.outbound = outbound
	for _, address := range outbound.Addresses() {
		w.doors = append(w.doors, address.String())
	}
	run := func(p *proxy.Proxy) func() {
		return background(func(ctx context.Context) {
			if err := p.Run(ctx); err != nil {
				w.t.Errorf("proxy: %v", err)
			}
		})
	}
	stops := []func(){run(inbound), run(outbound)}
	w.stop = func() {
		var wg sync.WaitGroup
		for _, stop := range stops {
			wg.Go(stop)
		}
		wg.Wait()
	}
	w.t.Cleanup(w.stop)
}

// background runs something until stop is called, which returns when it has
// ended.
func background(run func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// find returns the first event that is wanted, once it comes.
func (w *world) find(what string, want func(api.Event) bool) (found api.Event) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if w.events.count(func(e api.Event) bool {
			if !want(e) {
				return false
			}
			found = e
			return true
		}) > 0 {
			return found
		}
	}
	w.t.Fatalf("timed out until %s; the last event is %s", what, w.events.last())
	return found
}

// populate makes the first revision: everybody, and who may hold whom.
func (w *world) populate(names []string) {
	w.t.Helper()
	w.change(func(tx *control.Tx) {
		tx.PutIdentity(control.Identity{ID: w.id("operator/ann"), Kind: control.Operator})
		in, out := w.id("proxy/in"), w.id("proxy/out")
		tx.PutIdentity(control.Identity{ID: in, Kind: control.Proxy})
		tx.PutIdentity(control.Identity{ID: out, Kind: control.Proxy})
		tx.PutIdentity(control.Identity{ID: w.id("orders"), Kind: control.Service})
		tx.PutGrant(control.Grant{Proxy: in, Identity: w.id("orders")})
		for _, name := range names {
			tx.PutIdentity(control.Identity{ID: w.id(name), Kind: control.Service})
			tx.PutGrant(control.Grant{Proxy: out, Identity: w.id(name)})
		}
	})
}

// change makes one in the store itself.
func (w *world) change(stage func(*control.Tx)) {
	w.t.Helper()
	_, err := w.store.Change(w.t.Context(), func(tx *control.Tx) error {
		stage(tx)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) id(path string) spiffeid.ID {
	id, err := w.domain.ID(path)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// credential issues and records a certificate, as the authority does.
func (w *world) credential(path string) *pki.Credential {
	w.t.Helper()
	return w.credentialOf(path, time.Now())
}

// credentialOf is credential, at another time.
func (w *world) credentialOf(path string, now time.Time) *pki.Credential {
	w.t.Helper()
	key, err := pki.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	chain, err := w.ca.Issue(w.id(path), key.Public(), now)
	if err != nil {
		w.t.Fatal(err)
	}
	leaf := chain[0]
	err = w.store.RecordCertificate(w.t.Context(), control.Certificate{Serial: leaf.Serial(), ID: w.id(path), NotAfter: leaf.NotAfter()})
	if err != nil {
		w.t.Fatal(err)
	}
	credential, err := pki.NewCredential(chain, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return credential
}

// proxy returns one that listens.
func (w *world) proxy(path string, now func() time.Time, cfg proxy.Config) *proxy.Proxy {
	w.t.Helper()
	cfg.Now, cfg.DataPath = now, dataPath
	keeper, err := agent.New(agent.Config{Authority: w.authority, Self: w.credential(path), Roots: w.roots, Now: now})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg.Truth, w.agents[w.id(path)] = keeper, keeper
	made := proxy.New(cfg)
	if err := made.Listen(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return made
}

// ask is an operator's request; a refusal is the test's end.
func ask[T any](w *world, method, path string, body any) (answer T) {
	w.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(w.t.Context(), method, "https://"+w.authority+path, bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	response, err := w.operator.Do(request)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		var refusal api.Error
		json.NewDecoder(response.Body).Decode(&refusal)
		w.t.Fatalf("%s %s: %s %+v", method, path, response.Status, refusal)
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func (w *world) allow(from string) api.Change {
	return ask[api.Change](w, "POST", api.PathAllow, api.PairRequest{From: from, To: "orders"})
}

func (w *world) deny(from string) api.Change {
	return ask[api.Change](w, "POST", api.PathDeny, api.PairRequest{From: from, To: "orders"})
}

func (w *world) revoke(who string) api.Change {
	return ask[api.Change](w, "POST", api.PathRevoke, api.RevokeRequest{Who: who, Because: "a test"})
}

func (w *world) conns() api.Conns { return ask[api.Conns](w, "GET", api.PathConns, nil) }

// until waits for what happens soon, and fails the test if it does not.
func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("timed out until %s", what)
		}
	}
}

// backend is the service behind the inbound proxy: it echoes, and notes when
// each connection's end was seen. A connection's first line is its name.
type backend struct {
	listener net.Listener

	mu    sync.Mutex
	open  int              // guarded by mu; connections, of which several may have one name
	ended map[string]ended // guarded by mu
}

type ended struct {
	at    time.Time
	clean bool // the stream came to its proper end
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{listener: listener, ended: map[string]ended{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return b
}

func (b *backend) serve(conn net.Conn) {
	defer conn.Close()
	var name string
	if _, err := fmt.Fscanln(conn, &name); err != nil {
		return
	}
	b.mu.Lock()
	b.open++
	b.mu.Unlock()
	fmt.Fprintln(conn, name)
	_, err := conn.Read(make([]byte, 1)) // clients send nothing more
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open--
	b.ended[name] = ended{time.Now(), err != nil && err.Error() == "EOF"}
}

func (b *backend) opened() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.open
}

func (b *backend) end(name string) (ended, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.ended[name]
	return e, ok
}
