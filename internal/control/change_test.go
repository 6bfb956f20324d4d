package control

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/spiffeid"
)

// beside opens a second store on the same etcd, as another process of a cluster
// would be.
func beside(t testing.TB, s *Store) *Store {
	t.Helper()
	other := newStore(Config{})
	other.client, other.cluster, other.stop = s.client, s.cluster, func() error { return nil }
	if err := other.begin(t.Context(), demo); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, other) })
	return other
}

func TestRevisions(t *testing.T) {
	s := open(t, t.TempDir())
	if r := s.State().Revision; r != 0 {
		t.Errorf("a new store is at revision %d, want 0", r)
	}
	for want := int64(1); want <= 3; want++ {
		var staged int64
		state := change(t, s, func(tx *Tx) {
			staged = tx.Revision()
			tx.PutRule(rule("web", "orders"))
		})
		got := state.Rules[Pair{id("web"), id("orders")}]
		if state.Revision != want || staged != want || got.Revision != want || s.State().Revision != want {
			t.Errorf("change %d: revision %d, foretold %d, in the rule %d, of the store %d", want, state.Revision, staged, got.Revision, s.State().Revision)
		}
	}
	before := s.State()
	if state := change(t, s, func(tx *Tx) {}); state != before {
		t.Error("a change that stages nothing made another state")
	}
	if state := change(t, s, func(tx *Tx) { tx.DeleteRule(Pair{id("no"), id("such")}) }); state != before {
		t.Error("deleting a rule that is not there made another state")
	}
	issue(t, s, Certificate{Serial: "1", ID: identified(t, s, "web"), NotAfter: time.Now().Add(time.Hour)})
	if r := s.State().Revision; r != 4 {
		t.Errorf("a certificate took the revision from 4 to %d", r)
	}
}

// identified adds a service.
func identified(t testing.TB, s *Store, name string) spiffeid.ID {
	t.Helper()
	change(t, s, func(tx *Tx) { tx.PutIdentity(Identity{ID: id(name), Kind: Service}) })
	return id(name)
}

func TestChangeIsWholeOrNothing(t *testing.T) {
	s := open(t, t.TempDir())
	before := fill(t, s)
	own := errors.New("the caller's own")
	for _, test := range []struct {
		name  string
		stage func(tx *Tx) error
		want  error
	}{
		{"error of the caller", func(tx *Tx) error { tx.PutRule(rule("a", "b")); return own }, own},
		{"identity of another domain", func(tx *Tx) error {
			tx.PutRule(rule("a", "b"))
			tx.PutIdentity(Identity{ID: must(spiffeid.Parse("spiffe://other.example/web")), Kind: Service})
			return nil
		}, ChangeInvalid},
		{"identity without ID", func(tx *Tx) error { tx.PutIdentity(Identity{Kind: Service}); return nil }, ChangeInvalid},
		{"unknown kind", func(tx *Tx) error { tx.PutIdentity(Identity{ID: id("x"), Kind: "robot"}); return nil }, ChangeInvalid},
		{"half a grant", func(tx *Tx) error { tx.PutGrant(Grant{Proxy: id("x")}); return nil }, ChangeInvalid},
		{"rule without text", func(tx *Tx) error { tx.PutRule(Rule{Name: "x", From: id("a"), To: id("b")}); return nil }, ChangeInvalid},
		{"revocation of nobody", func(tx *Tx) error { tx.Revoke(Revocation{}); return nil }, ChangeInvalid},
		{"too long", func(tx *Tx) error {
			r := rule("a", "b")
			r.Text = strings.Repeat("x", requestBytes)
			tx.PutRule(r)
			return nil
		}, ChangeTooLarge},
		{"too many", func(tx *Tx) error {
			for i := range maxOps + 1 {
				tx.PutRule(rule("a", fmt.Sprint("b", i)))
			}
			return nil
		}, ChangeTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.Change(t.Context(), test.stage)
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if test.want == own && err != own {
				t.Error("the caller's error was wrapped")
			}
			if s.State() != before {
				t.Error("the state changed")
			}
		})
	}
	full := change(t, s, func(tx *Tx) {
		for i := range maxOps {
			tx.PutRule(rule("a", fmt.Sprint("b", i)))
		}
	})
	if len(full.Rules) != maxOps+2 {
		t.Errorf("%d rules, want %d: as many as one change may hold", len(full.Rules), maxOps+2)
	}
}

// TestChangers lets many goroutines of two stores on one etcd count together,
// each change reading what it writes: a lost conflict would lose a count.
func TestChangers(t *testing.T) {
	s := open(t, t.TempDir())
	stores := []*Store{s, beside(t, s)}
	const changers, each = 8, 10
	var calls atomic.Int64
	seen := sync.Map{}
	var group sync.WaitGroup
	for n := range changers {
		group.Go(func() {
			for range each {
				state, err := stores[n%2].Change(t.Context(), func(tx *Tx) error {
					calls.Add(1)
					count := len(tx.State.Rules)
					tx.PutRule(rule("counter", fmt.Sprint(count)))
					tx.PutIdentity(Identity{ID: id(fmt.Sprint("identity-", count)), Kind: Service})
					return nil
				})
				if err != nil {
					t.Error(err)
					return
				}
				if len(state.Rules) != int(state.Revision) {
					t.Errorf("%d rules at revision %d", len(state.Rules), state.Revision)
				}
				seen.Store(state.Revision, true)
			}
		})
	}
	group.Wait()
	last := max(stores[0].State().head, stores[1].State().head)
	for i, store := range stores {
		state, err := store.replica.await(t.Context(), last)
		if err != nil || state.Revision != changers*each || len(state.Rules) != changers*each || len(state.Identities) != changers*each {
			t.Errorf("store %d: %v; revision %d, %d rules, %d identities; want %d of each", i, err, state.Revision, len(state.Rules), len(state.Identities), changers*each)
		}
	}
	t.Logf("%d changes took %d calls", changers*each, calls.Load())
	if calls.Load() <= changers*each {
		t.Error("no conflict happened: the test shows nothing")
	}
}

// TestConflictCallsAgain makes a conflict on purpose.
func TestConflictCallsAgain(t *testing.T) {
	s := open(t, t.TempDir())
	other := beside(t, s)
	var saw []int64
	state, err := s.Change(t.Context(), func(tx *Tx) error {
		if saw = append(saw, tx.State.Revision); len(saw) == 1 {
			change(t, other, func(tx *Tx) { tx.PutRule(rule("first", "x")) })
		}
		tx.PutRule(rule("second", "x"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{0, 1}, saw); diff != "" {
		t.Errorf("revisions that the change saw (-want +have):\n%s", diff)
	}
	if state.Revision != 2 || len(state.Rules) != 2 {
		t.Errorf("revision %d with %d rules, want 2 with both", state.Revision, len(state.Rules))
	}
}

func TestLastWordOnAPair(t *testing.T) {
	s := open(t, t.TempDir())
	change(t, s, func(tx *Tx) { tx.PutRule(rule("web", "orders")) })
	deny := rule("web", "orders")
	deny.Name, deny.Text = "deny-web-orders", "forbid (principal, action, resource);"
	state := change(t, s, func(tx *Tx) {
		tx.PutRule(rule("web", "orders"))
		tx.PutRule(deny)
	})
	if r := state.Rules[deny.Pair()]; len(state.Rules) != 1 || r.Name != deny.Name {
		t.Errorf("rules %v: want %s alone", state.Rules, deny.Name)
	}
	anyone := Rule{Name: "allow-ops-any", Text: "permit (principal, action, resource);", From: id("ops")}
	if state = change(t, s, func(tx *Tx) { tx.DeleteRule(deny.Pair()); tx.PutRule(anyone) }); len(state.Rules) != 1 || state.Rules[anyone.Pair()].Name != anyone.Name {
		t.Errorf("rules %v: want %s alone", state.Rules, anyone.Name)
	}
}

func TestStatesNeverChange(t *testing.T) {
	s := open(t, t.TempDir())
	old := fill(t, s)
	rules, revocations := len(old.Rules), len(old.Revocations)
	change(t, s, func(tx *Tx) {
		tx.PutRule(rule("new", "rule"))
		tx.DeleteRule(rule("web", "orders").Pair())
		tx.Revoke(Revocation{ID: id("orders")})
	})
	if len(old.Rules) != rules || len(old.Revocations) != revocations || old.Revision == s.State().Revision {
		t.Error("a later change altered an earlier state")
	}
}
