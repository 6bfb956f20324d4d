package authority

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/policy"
)

// TestRulesForATime: what holds for good stays under a rule for a time, and is back
// when that is over.
func TestRulesForATime(t *testing.T) {
	const allow, deny = api.PathAllow, api.PathDeny
	type word struct {
		path  string
		span  time.Duration // 0: for good
		stays string        // what the answer says is back afterwards
		code  string
	}
	for _, test := range []struct {
		name  string
		words []word
		now   bool // allowed in half an hour
		then  bool // in three hours
	}{
		{"deny over allow", []word{{allow, 0, "", ""}, {deny, time.Hour, "allow-web-orders", ""}}, false, true},
		{"allow over deny", []word{{deny, 0, "", ""}, {allow, time.Hour, "deny-web-orders", ""}}, true, false},
		{"allow over nothing", []word{{allow, time.Hour, "", ""}}, true, false},
		{"allow over allow", []word{{allow, 0, "", ""}, {allow, time.Hour, "", string(RuleForGood)}}, true, true},
		{"deny over deny", []word{{deny, 0, "", ""}, {deny, time.Hour, "", string(RuleForGood)}}, false, false},
		{"longer", []word{{deny, 0, "", ""}, {allow, time.Hour, "deny-web-orders", ""}, {allow, 4 * time.Hour, "deny-web-orders", ""}}, true, true},
		{"shorter", []word{{deny, 0, "", ""}, {allow, 4 * time.Hour, "deny-web-orders", ""}, {allow, time.Hour, "deny-web-orders", ""}}, true, false},
		{"for good again", []word{{deny, 0, "", ""}, {allow, 4 * time.Hour, "deny-web-orders", ""}, {deny, 0, "", ""}}, false, false},
		{"for good, otherwise", []word{{allow, 0, "", ""}, {deny, 4 * time.Hour, "allow-web-orders", ""}, {allow, 0, "", ""}}, true, true},
		{"the same while the other stands back", []word{{deny, 0, "", ""}, {allow, 4 * time.Hour, "deny-web-orders", ""}, {deny, time.Hour, "", string(RuleForGood)}}, true, true},
		{"one for a time after another", []word{{allow, 4 * time.Hour, "", ""}, {deny, time.Hour, "", ""}}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, func(a *Authority) { a.patience = 0 })
			ann := r.as("operator/ann")
			made := int64(0)
			for _, word := range test.words {
				request := api.PairRequest{From: "web", To: "orders", For: word.span}
				if word.code != "" {
					_, refusal := ann.try("POST", word.path, jsonBody(request))
					wantRefusal(t, refusal, RuleForGood)
					continue
				}
				before := r.allowed(0)
				change := ask[api.Change](ann, "POST", word.path, request)
				if change.Stays != word.stays || change.Until.IsZero() != (word.span == 0) {
					t.Errorf("%s %v: %+v", word.path, word.span, change)
				}
				// It can be taken back, and done again.
				undone := ask[api.Change](ann, "POST", api.PathUndo, api.UndoRequest{Revision: change.Revision})
				if r.allowed(0) != before {
					t.Errorf("undone is not as before: %+v", undone)
				}
				made = ask[api.Change](ann, "POST", api.PathUndo, api.UndoRequest{Revision: undone.Revision}).Revision
			}
			if now, then := r.allowed(30*time.Minute), r.allowed(3*time.Hour); now != test.now || then != test.then {
				t.Errorf("allowed: in half an hour %v, in three %v; want %v and %v (revision %d)", now, then, test.now, test.then, made)
			}
		})
	}
}

// allowed decides web → orders at a later time, as the state stands.
func (r *rig) allowed(later time.Duration) bool {
	r.t.Helper()
	state := r.store.State()
	set := testpki.Must(r.compile(rulesOf(state), groupsOf(state)))
	return set.Decide(policy.Pair{From: id("web"), To: id("orders")}, time.Now().Add(later)).Allowed
}

// TestHandWrittenRule: what an operator wrote for a pair is not bent.
func TestHandWrittenRule(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = 0 })
	ann := r.as("operator/ann")
	text := `@id("mine") forbid (principal == Identity::"spiffe://test.signet/web", action == Action::"connect", resource == Service::"spiffe://test.signet/orders") when { context.now > datetime("2026-01-01") };`
	ask[api.Change](ann, "POST", api.PathPolicy, api.Policy{Rules: []api.PolicyRule{{Rule: api.Rule{Name: "mine", Text: text}}}})
	_, refusal := ann.try("POST", api.PathAllow, jsonBody(api.PairRequest{From: "web", To: "orders", For: time.Hour}))
	wantRefusal(t, refusal, RuleForGood, "mine is a rule of its own", "signet policy show")
	if change := ask[api.Change](ann, "POST", api.PathDeny, api.PairRequest{From: "web", To: "orders", For: time.Hour}); change.Stays != "mine" {
		t.Errorf("denied for a time: %+v", change)
	}
}
