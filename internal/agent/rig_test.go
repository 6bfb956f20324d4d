package agent

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/authority"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

var domain = testpki.Must(spiffeid.ParseTrustDomain("test.signet"))

func id(path string) spiffeid.ID { return testpki.Must(domain.ID(path)) }

// self is the proxy whose agent is tested; it may hold web.
const self = "proxy/edge"

// rig is a real store, and an authority on it that can be stopped and started.
type rig struct {
	t       *testing.T
	store   *control.Store
	log     *audit.Log
	ca      *ca.CA
	address string
	stop    func()

	mu     sync.Mutex
	events []api.Event // guarded by mu; as the authority heard them
}

func newRig(t *testing.T) *rig {
	t.Helper()
	store, err := control.Open(t.Context(), control.Config{Dir: t.TempDir(), TrustDomain: domain})
	if err != nil {
		t.Fatal(err)
	}
	log := testpki.Must(audit.Open(audit.Config{Dir: t.TempDir(), Origin: audit.Origin(domain.String())}))
	r := &rig{t: t, store: store, log: log, ca: testpki.Must(ca.New(domain, time.Now())), stop: func() {}}
	t.Cleanup(func() {
		r.stop()
		if err := log.Close(); err != nil {
			t.Errorf("closing the log: %v", err)
		}
		if err := store.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	r.change(func(tx *control.Tx) {
		for path, kind := range map[string]control.Kind{self: control.Proxy, "web": control.Service, "orders": control.Service} {
			tx.PutIdentity(control.Identity{ID: id(path), Kind: kind})
		}
		tx.PutGrant(control.Grant{Proxy: id(self), Identity: id("web")})
	})
	r.address = "127.0.0.1:0"
	return r
}

func (r *rig) change(stage func(*control.Tx)) int64 {
	r.t.Helper()
	state, err := r.store.Change(r.t.Context(), func(tx *control.Tx) error {
		stage(tx)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return state.Revision
}

func (r *rig) allow(from, to string) int64 {
	r.t.Helper()
	rule := policy.Allow(policy.Pair{From: id(from), To: id(to)})
	return r.change(func(tx *control.Tx) {
		tx.PutRule(control.Rule{Name: rule.Name, Text: rule.Text, From: id(from), To: id(to)})
	})
}

// start starts an authority, at the address of the last one if there was one.
func (r *rig) start() *authority.Authority {
	r.t.Helper()
	a, err := authority.New(authority.Config{Store: r.store, CA: r.ca, Log: r.log, OnEvent: r.hear})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.address == "127.0.0.1:0" {
		r.address = peers.FreeAddress(r.t)
	}
	if err := a.Listen(r.t.Context(), r.address); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Errorf("the authority: %v", err)
		}
		r.stop = func() {}
	}
	return a
}

func (r *rig) hear(event api.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event)
}

func (r *rig) heard() []api.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]api.Event(nil), r.events...)
}

func (r *rig) agent() *Agent {
	r.t.Helper()
	credential := newCredential(r.t, r.ca, id(self), time.Now())
	roots := testpki.Must(verify.ForTrustDomain(domain, r.ca.Root()))
	a, err := New(Config{Authority: r.address, Self: credential, Roots: roots})
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func newCredential(t testing.TB, ca *ca.CA, id spiffeid.ID, now time.Time) *pki.Credential {
	t.Helper()
	key := testpki.Must(pki.NewKey())
	chain, err := ca.Issue(id, key.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	return testpki.Must(pki.NewCredential(chain, key))
}

// run runs an agent until stop is called or the test ends.
func run(t *testing.T, a *Agent, enforcer Enforcer) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx, enforcer)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	t.Cleanup(stop)
	return stop
}

// enforcer notes the views that are put in force.
type enforcer struct {
	onEnforce func(*View) // nil does nothing

	mu   sync.Mutex
	view *View // guarded by mu; the one in force
}

func (e *enforcer) Enforce(view *View) api.Applied {
	if e.onEnforce != nil {
		e.onEnforce(view)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.view = view
	return api.Applied{Revision: view.Revision}
}

func (e *enforcer) Cut(api.Cut) {}

func (e *enforcer) Live() []api.Conn {
	return []api.Conn{{ID: "c0123456789abcdef0123456789abcdef", From: id("web"), To: id("orders")}}
}

func (e *enforcer) current() *View {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.view
}

func (e *enforcer) revision() int64 {
	if view := e.current(); view != nil {
		return view.Revision
	}
	return 0
}

// until waits for what happens soon.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out until %s", what)
		}
	}
}
