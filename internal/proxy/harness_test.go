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
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/proxy"
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
	ca        *ca.CA
	roots     verify.Roots
	authority string
	operator  *http.Client
	backend   *backend
	service   string   // the inbound proxy's port
	doors     []string // the outbound proxy's ports, in the order of the names
	events    *eventLog
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

// newWorld has a door for each name, and a service "orders".
func newWorld(t *testing.T, names ...string) *world {
	t.Helper()
	domain, err := spiffeid.ParseTrustDomain("test.signet")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, domain: domain, events: &eventLog{}}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	if w.store, err = control.Open(ctx, control.Config{Dir: t.TempDir(), TrustDomain: domain}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := w.store.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	if w.ca, err = ca.New(domain, time.Now()); err != nil {
		t.Fatal(err)
	}
	if w.roots, err = verify.ForTrustDomain(domain, w.ca.Root()); err != nil {
		t.Fatal(err)
	}
	w.populate(names)
	a, err := authority.New(authority.Config{Store: w.store, CA: w.ca, OnEvent: w.events.add})
	if err != nil {
		t.Fatal(err)
	}
	w.authority = freePort(t)
	if err := a.Listen(ctx, w.authority); err != nil {
		t.Fatal(err)
	}
	wg.Go(func() { a.Run(ctx) })
	client := &signet.Client{Roots: w.roots, Name: verify.ID(w.id(authority.Path)), Identity: identity.Static(w.credential("operator/ann"))}
	w.operator = client.HTTP()
	t.Cleanup(w.operator.CloseIdleConnections)

	w.backend = newBackend(t)
	inbound := w.proxy("proxy/in", proxy.Config{Services: []proxy.Service{
		{ID: w.id("orders"), Address: "127.0.0.1:0", Backend: proxy.Address{Network: "tcp", Address: w.backend.listener.Addr().String()}}}})
	if err := inbound.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	w.service = inbound.Addresses()[0].String()
	var doors []proxy.Door
	for _, name := range names {
		doors = append(doors, proxy.Door{From: w.id(name), To: w.id("orders"), Address: "127.0.0.1:0", Target: w.service})
	}
	outbound := w.proxy("proxy/out", proxy.Config{Doors: doors})
	if err := outbound.Listen(ctx); err != nil {
		t.Fatal(err)
	}
	for _, address := range outbound.Addresses() {
		w.doors = append(w.doors, address.String())
	}
	for _, p := range []*proxy.Proxy{inbound, outbound} {
		wg.Go(func() {
			if err := p.Run(ctx); err != nil {
				t.Errorf("proxy: %v", err)
			}
		})
	}
	w.until("both proxies are up to date", func() bool {
		status := a.Status()
		return len(status.Proxies) == 2 && !slices.ContainsFunc(status.Proxies, func(p api.ProxyStatus) bool {
			return !p.Connected || p.Revision < status.Revision
		})
	})
	return w
}

// populate makes the first revision: everybody, and who may hold whom.
func (w *world) populate(names []string) {
	w.t.Helper()
	_, err := w.store.Change(w.t.Context(), func(tx *control.Tx) error {
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
	key, err := pki.NewKey()
	if err != nil {
		w.t.Fatal(err)
	}
	chain, err := w.ca.Issue(w.id(path), key.Public(), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	leaf := chain[0]
	err = w.store.RecordCertificate(w.t.Context(), control.Certificate{Serial: leaf.Serial(), ID: w.id(path), NotAfter: leaf.X509().NotAfter})
	if err != nil {
		w.t.Fatal(err)
	}
	credential, err := pki.NewCredential(chain, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return credential
}

func (w *world) proxy(path string, cfg proxy.Config) *proxy.Proxy {
	w.t.Helper()
	var err error
	cfg.Agent, err = agent.New(agent.Config{Authority: w.authority, Self: w.credential(path), Roots: w.roots})
	if err != nil {
		w.t.Fatal(err)
	}
	return proxy.New(cfg)
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
	open  map[string]bool  // guarded by mu
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
	b := &backend{listener: listener, open: map[string]bool{}, ended: map[string]ended{}}
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
	b.open[name] = true
	b.mu.Unlock()
	fmt.Fprintln(conn, name)
	_, err := conn.Read(make([]byte, 1)) // clients send nothing more
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.open, name)
	b.ended[name] = ended{time.Now(), err != nil && err.Error() == "EOF"}
}

func (b *backend) opened() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.open)
}

func (b *backend) end(name string) (ended, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	e, ok := b.ended[name]
	return e, ok
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
