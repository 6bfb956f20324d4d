package member_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
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
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/member"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// world is a whole control plane, all of it real, and members of its trust domain,
// each with a host folder of its own.
type world struct {
	t         *testing.T
	domain    spiffeid.TrustDomain
	store     *control.Store
	ca        *ca.CA
	authority string
	operator  *http.Client
	stop      func() // ends the authority

	mu     sync.Mutex
	events []api.Event // guarded by mu; that the authority heard
}

// newWorld has the identities orders and web, and ops, whom nobody holds.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, domain: testpki.Must(spiffeid.ParseTrustDomain("test.signet"))}
	w.store = testpki.Must(control.Open(t.Context(), control.Config{Dir: t.TempDir(), TrustDomain: w.domain}))
	log := testpki.Must(audit.Open(audit.Config{Dir: t.TempDir(), Origin: audit.Origin(w.domain.String())}))
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	w.ca = testpki.Must(ca.New(w.domain, time.Now()))
	w.change(func(tx *control.Tx) {
		tx.PutIdentity(control.Identity{ID: w.id("operator/ann"), Kind: control.Operator})
		tx.PutIdentity(control.Identity{ID: w.id("ops"), Kind: control.Service})
		for _, name := range []string{"orders", "web"} {
			tx.PutIdentity(control.Identity{ID: w.id(name), Kind: control.Service})
			tx.PutIdentity(control.Identity{ID: w.id("proxy/" + name), Kind: control.Proxy})
			tx.PutGrant(control.Grant{Proxy: w.id("proxy/" + name), Identity: w.id(name)})
		}
	})
	a := testpki.Must(authority.New(authority.Config{Store: w.store, CA: w.ca, Log: log, OnEvent: func(e api.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, e)
	}}))
	w.authority = peers.FreeAddress(t)
	if err := a.Listen(t.Context(), w.authority); err != nil {
		t.Fatal(err)
	}
	w.stop = background(t, "authority", a.Run)
	roots := testpki.Must(verify.ForTrustDomain(w.domain, w.ca.Root()))
	w.operator = (&signet.Client{Roots: roots, Name: verify.ID(w.id(authority.Path)), Identity: identity.Static(w.credential("operator/ann"))}).HTTP()
	t.Cleanup(w.operator.CloseIdleConnections)
	return w
}

// background runs something until stop is called, or the test has ended.
func background(t *testing.T, what string, run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := run(ctx); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func (w *world) id(path string) spiffeid.ID { return testpki.Must(w.domain.ID(path)) }

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

// credential issues and records a certificate, as the authority does.
func (w *world) credential(path string) *pki.Credential {
	w.t.Helper()
	key := testpki.Must(pki.NewKey())
	chain := testpki.Must(w.ca.Issue(w.id(path), key.Public(), time.Now()))
	err := w.store.RecordCertificate(w.t.Context(), control.Certificate{Serial: chain[0].Serial(), ID: w.id(path), NotAfter: chain[0].NotAfter()})
	if err != nil {
		w.t.Fatal(err)
	}
	return testpki.Must(pki.NewCredential(chain, key))
}

// home makes the host folder of a proxy's name, as "signet enroll" does.
func (w *world) home(name string) string {
	w.t.Helper()
	dir := w.t.TempDir()
	err := agent.SaveHome(dir, agent.Home{Credential: w.credential(name), Anchors: []*pki.Certificate{w.ca.Root()}, Authority: w.authority})
	if err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// member is one that runs and is ready, by a folder of its own.
func (w *world) member(name string) (m *member.Member, stop func()) {
	w.t.Helper()
	return w.run(member.Config{Name: name})
}

// run is member for one with settings of its own.
func (w *world) run(cfg member.Config) (m *member.Member, stop func()) {
	w.t.Helper()
	cfg.Host = w.home("proxy/" + cfg.Name)
	m, err := member.Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	stop = background(w.t, cfg.Name, m.Run)
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	if err := m.Ready(ctx); err != nil {
		w.t.Fatal(err)
	}
	return m, stop
}

// ask is an operator's request; a refusal is the test's end.
func ask[T any](w *world, method, path string, body any) (answer T) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, "https://"+w.authority+path, bytes.NewReader(testpki.Must(json.Marshal(body))))
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

func (w *world) allow(from, to string) api.Change {
	return ask[api.Change](w, "POST", api.PathAllow, api.PairRequest{From: from, To: to})
}

func (w *world) deny(from, to string) api.Change {
	return ask[api.Change](w, "POST", api.PathDeny, api.PairRequest{From: from, To: to})
}

func (w *world) conns() api.Conns { return ask[api.Conns](w, "GET", api.PathConns, nil) }

// wantEvent waits until the authority has heard of one.
func (w *world) wantEvent(kind api.Kind, side api.Side, code string) {
	w.t.Helper()
	w.until(string(kind)+" "+string(side)+" "+code, func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.ContainsFunc(w.events, func(e api.Event) bool { return e.Kind == kind && e.Side == side && e.Code == code })
	})
}

// until waits for what happens soon, and fails the test if it does not.
func (w *world) until(what string, true func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("timed out until %s", what)
		}
	}
}

// serve echoes on every connection of a member's listener, and returns where it is.
func (w *world) serve(m *member.Member) *member.Listener {
	w.t.Helper()
	listener, err := m.Listen(w.t.Context(), "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { echo(conn) })
		}
	})
	w.t.Cleanup(func() {
		listener.Close()
		all.Wait()
	})
	return listener
}

func echo(conn net.Conn) {
	defer conn.Close()
	io.Copy(conn, conn) // to whatever end
}
