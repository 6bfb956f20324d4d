package authority

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

func TestRule(t *testing.T) {
	r := newRig(t, nil)
	for _, proxy := range proxies {
		w, _ := r.watchAs(proxy)
		w.obey()
	}
	ann := r.as("operator/ann")
	pair := control.Pair{From: id("web"), To: id("orders")}

	change := ask[api.Change](ann, "POST", api.PathAllow, api.PairRequest{From: "web", To: "orders", Because: "a test"})
	want := api.Change{TrustDomain: domain, Revision: 2, From: pair.From, To: pair.To, Rule: "allow-web-orders", Proxies: 2, InForce: 2,
		Edits: []api.Edit{{What: "rule", Name: "allow-web-orders", How: "added"}}}
	wantChange(t, change, want)
	rule := r.store.State().Rules[pair]
	if rule.By != id("operator/ann") || rule.Because != "a test" || rule.Text != policy.Allow(policy.Pair(pair)).Text {
		t.Errorf("the rule is %+v", rule)
	}

	want.Unchanged, want.Edits = true, nil
	wantChange(t, ann.allow("web", "orders"), want)

	want = api.Change{TrustDomain: domain, Revision: 3, From: pair.From, To: pair.To, Rule: "deny-web-orders", Replaced: "allow-web-orders", Proxies: 2, InForce: 2,
		Edits: []api.Edit{{What: "rule", Name: "deny-web-orders", How: "changed"}}}
	wantChange(t, ask[api.Change](ann, "POST", api.PathDeny, request("spiffe://test.signet/web", "orders")), want)
	if len(r.store.State().Rules) != 1 {
		t.Errorf("there are %d rules, want one: the last word counts", len(r.store.State().Rules))
	}

	want = api.Change{TrustDomain: domain, Revision: 4, Who: id("web"), Proxies: 2, InForce: 2}
	wantChange(t, ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "web"}), want)
	want.Unchanged = true
	wantChange(t, ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "web"}), want)

	for _, pair := range []api.PairRequest{request("web", "orders"), request("orders", "web")} {
		status, refusal := ann.try("POST", api.PathAllow, jsonBody(pair))
		wantRefusal(t, refusal, api.IdentityRevoked, "web was revoked in revision 4", "signet restore web")
		if status != http.StatusForbidden {
			t.Errorf("allow for the revoked: status %d, want 403", status)
		}
	}
	want = api.Change{TrustDomain: domain, Revision: 5, From: pair.To, To: pair.From, Rule: "deny-orders-web", Proxies: 2, InForce: 2, Revoked: []spiffeid.ID{id("web")},
		Edits: []api.Edit{{What: "rule", Name: "deny-orders-web", How: "added"}}}
	wantChange(t, ask[api.Change](ann, "POST", api.PathDeny, request("orders", "web")), want)
}

// wantChange compares all but the time that it took.
func wantChange(t *testing.T, have, want api.Change) {
	t.Helper()
	if !have.Unchanged && have.After <= 0 {
		t.Errorf("after %v, want some time", have.After)
	}
	have.After = 0
	if diff := cmp.Diff(want, have, cmp.Comparer(sameText)); diff != "" {
		t.Errorf("the change (- want, + have):\n%s", diff)
	}
}

func sameText(a, b fmt.Stringer) bool { return a.String() == b.String() }

// TestMissing has one proxy obey, one that is silent, one that left, and one that is
// gone since the authority started. One that never joined is not missing.
func TestMissing(t *testing.T) {
	start := time.Now()
	r := newRig(t, func(a *Authority) { a.patience = 100 * time.Millisecond })
	r.change(func(tx *control.Tx) {
		for _, path := range []string{"proxy/left", "proxy/gone", "proxy/never", "proxy/revoked"} {
			tx.PutIdentity(control.Identity{ID: id(path), Kind: control.Proxy})
		}
	})
	r.joined("proxy/gone")
	r.revokeInStore("proxy/revoked")
	obedient, _ := r.watchAs("proxy/one")
	obedient.obey()
	r.watchAs("proxy/two")
	r.joined("proxy/left")
	left, _ := r.watchAs("proxy/left")
	left.close()
	r.until("its watch has ended", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return !r.proxies[id("proxy/left")].connected()
	})
	change := r.as("operator/ann").allow("web", "orders")
	if change.Proxies != 4 || change.Barred != 1 || change.InForce != 1 || len(change.Missing) != 3 {
		t.Fatalf("in force at %d of %d, %d missing; want 1 of 4, 3: %+v", change.InForce, change.Proxies, len(change.Missing), change)
	}
	for i, want := range []struct {
		path             string
		connected, heard bool
	}{{"proxy/gone", false, false}, {"proxy/left", false, true}, {"proxy/two", true, true}} {
		have := change.Missing[i]
		if have.Proxy != id(want.path) || have.Connected != want.connected || have.Since.After(start) != want.heard {
			t.Errorf("missing %+v, want %+v", have, want)
		}
	}
}

// TestRestartedProxy has a proxy come back: what it had in force before counts
// for nothing.
func TestRestartedProxy(t *testing.T) {
	r := newRig(t, nil)
	w, slice := r.watchAs("proxy/one")
	w.report(api.Applied{Revision: slice.Revision})
	if !r.upToDate(id("proxy/one"), slice.Revision) {
		t.Fatal("it reported, and is not up to date")
	}
	again, _ := r.watchAs("proxy/one")
	if r.upToDate(id("proxy/one"), slice.Revision) {
		t.Error("it was started anew, and counts as up to date")
	}
	if update, ok := w.next(); ok {
		t.Errorf("its older watch goes on with %+v", update)
	}
	again.report(api.Applied{Revision: slice.Revision})
	if !r.upToDate(id("proxy/one"), slice.Revision) {
		t.Error("it reported again, and is not up to date")
	}
}

// TestEnded attributes what ended to the change that ended it: two changes that
// a proxy puts in force at once, and what is not a proxy's to tell.
func TestEnded(t *testing.T) {
	r := newRig(t, nil)
	one, _ := r.watchAs("proxy/one")
	two, _ := r.watchAs("proxy/two")
	ended := []api.EndedConn{
		{ID: connID("1"), From: id("web"), To: id("orders")},
		{ID: connID("2"), From: id("batch"), To: id("orders")},
		{ID: connID("3"), From: id("idle"), To: id("idle")}, // neither proxy holds it
		{ID: "no ID", From: id("web"), To: id("orders")},
	}
	answers := make(chan api.Change, 1)
	ann := r.as("operator/ann")
	go func() { answers <- ask[api.Change](ann, "POST", api.PathDeny, request("web", "orders")) }()
	revision := one.slice().Revision
	one.report(api.Applied{Revision: revision, Ended: ended, Doors: 7})
	two.report(api.Applied{Revision: revision, Ended: ended[:1], Services: 5})
	change := <-answers
	want := []api.EndedConn{{ID: connID("1"), From: id("web"), To: id("orders"), Ends: 2}}
	if diff := cmp.Diff(want, change.Ended, cmp.Comparer(sameText)); diff != "" {
		t.Errorf("ended (- want, + have):\n%s", diff)
	}
	if change.Others != 7 {
		t.Errorf("%d others, want the larger count, 7", change.Others)
	}
}

// TestNamesThatRunTogether has identities whose rules would share a name.
func TestNamesThatRunTogether(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	r.change(func(tx *control.Tx) {
		for _, path := range []string{"a/b", "a.b", "web-api", "api-orders"} {
			tx.PutIdentity(control.Identity{ID: id(path), Kind: control.Service})
		}
	})
	ann := r.as("operator/ann")
	for _, pair := range [][2]string{{"a/b", "web"}, {"a.b", "web"}, {"web-api", "orders"}, {"web", "api-orders"}, {"a.b", "a/b"}, {"a/b", "a.b"}} {
		change := ann.allow(pair[0], pair[1])
		if again := ann.allow(pair[0], pair[1]); !again.Unchanged || again.Rule != change.Rule {
			t.Errorf("%v again: %s, unchanged %v; want %s, true", pair, again.Rule, again.Unchanged, change.Rule)
		}
		if answer := ask[api.Pair](ann, "GET", api.PathPair+"?from="+pair[0]+"&to="+pair[1], nil); !answer.Allowed || answer.Rules[0] != change.Rule {
			t.Errorf("%v: %+v, want it allowed by %s", pair, answer, change.Rule)
		}
	}
	names := map[string]bool{}
	for _, rule := range r.store.State().Rules {
		names[rule.Name] = true
	}
	if len(names) != 6 {
		t.Errorf("six rules have %d names", len(names))
	}
	if again := ask[api.Change](ann, "POST", api.PathDeny, request("a.b", "web")); again.Rule != "deny-a.b-web" || again.Replaced != "allow-a.b-web-2" {
		t.Errorf("the deny is %s in place of %s", again.Rule, again.Replaced)
	}
}

func TestIdentityUnknown(t *testing.T) {
	r := newRig(t, nil)
	ann := r.as("operator/ann")
	_, refusal := ann.try("POST", api.PathAllow, jsonBody(request("ann", "orders")))
	wantRefusal(t, refusal, api.IdentityUnknown, "no identity is called ann", "use the whole name: operator/ann")
	for _, test := range []struct{ name, from, to, text string }{
		{"from", "frontend", "orders", "no identity is called frontend"},
		{"to", "web", "spiffe://test.signet/order", "no identity is called spiffe://test.signet/order"},
		{"of another trust domain", "web", "spiffe://prod.example/orders", "no identity is called spiffe://prod.example/orders"},
		{"very long", "web", strings.Repeat("x", 1000), "no identity is called " + strings.Repeat("x", 60) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			status, refusal := ann.try("POST", api.PathAllow, jsonBody(request(test.from, test.to)))
			wantRefusal(t, refusal, api.IdentityUnknown, test.text, "use one that is known: batch, idle, orders, web")
			if status != 404 {
				t.Errorf("status %d, want 404", status)
			}
		})
	}
	if have := r.store.State().Revision; have != 1 {
		t.Errorf("the revision is %d, want 1", have)
	}
}

func TestList(t *testing.T) {
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprint(i))
	}
	if have, want := list(names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"; have != want {
		t.Errorf("%q, want %q", have, want)
	}
}

func TestPolicyFull(t *testing.T) {
	rules := func(n, size int) map[control.Pair]control.Rule {
		all := map[control.Pair]control.Rule{}
		for i := range n {
			all[control.Pair{From: id(fmt.Sprint("s", i)), To: id("orders")}] = control.Rule{Name: "x", Text: strings.Repeat("x", size-1)}
		}
		return all
	}
	for _, test := range []struct {
		name    string
		n, size int
		full    bool
	}{
		{"none", 0, 1, false},
		{"one less", maxRules - 1, 2, false},
		{"as many as there may be", maxRules, 2, true},
		{"a little less text", 8, maxRuleText/8 - 1, false},
		{"as much text as there may be", 8, maxRuleText / 8, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if have := full(&control.State{Rules: rules(test.n, test.size)}); have != test.full {
				t.Errorf("full is %v, want %v", have, test.full)
			}
		})
	}
}

// TestPolicyFullRefuses fills the policy: another pair's rule is refused, but
// the last word on a pair that has one is not.
func TestPolicyFullRefuses(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	ann.allow("web", "orders")
	for i := range 10 { // each value of the store is bounded
		r.change(func(tx *control.Tx) {
			tx.PutRule(control.Rule{Name: fmt.Sprint("full-", i), Text: strings.Repeat("x", maxRuleText/10), From: id(fmt.Sprint("s", i)), To: id("orders")})
		})
	}
	_, refusal := ann.try("POST", api.PathAllow, jsonBody(request("batch", "orders")))
	wantRefusal(t, refusal, PolicyFull, "no room for another")
	if change := ask[api.Change](ann, "POST", api.PathDeny, request("web", "orders")); change.Replaced != "allow-web-orders" {
		t.Errorf("the last word on a pair is %+v", change)
	}
}

// TestNobodyLeft revokes every proxy: nobody can have a change in force.
func TestNobodyLeft(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = 100 * time.Millisecond })
	ann := r.as("operator/ann")
	for i, proxy := range proxies {
		change := ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: proxy})
		if !change.WhoIsProxy || change.Barred != i+1 || change.Proxies != len(proxies)-i-1 {
			t.Errorf("after %d revocations: %+v", i+1, change)
		}
	}
	change := ask[api.Change](ann, "POST", api.PathDeny, request("web", "orders"))
	if change.Proxies != 0 || change.InForce != 0 || change.Barred != len(proxies) || change.WhoIsProxy {
		t.Errorf("a rule that nobody can enforce: %+v", change)
	}
}
