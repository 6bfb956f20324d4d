package policy

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
)

// Rules that cannot be evaluated, for a reason that only evaluation finds.
const (
	missingContext = `(principal, action, resource) when { context.hour < 9 };`
	missingEntity  = `(principal, action, resource) when { principal.team == "ops" };`
	overflow       = `(principal, action, resource) unless { 9223372036854775807 + 1 == 0 };`
	notBoolean     = `(principal, action, resource) when { 1 };`
)

func TestDecide(t *testing.T) {
	web := pair(t, "web", "orders")
	allow, deny := Allow(web), Deny(web)
	everyone := Rule{"everyone", `permit (principal, action, resource);`}
	lockdown := Rule{"lockdown", `forbid (principal, action, resource) unless { principal == Identity::"spiffe://demo.signet/web" };`}
	nobody := Rule{"nobody", `forbid (principal, action, resource);`}

	for _, test := range []struct {
		name   string
		rules  []Rule
		pair   Pair
		want   Decision // without its Pair
		reason string
	}{
		{"no rules", nil, web,
			Decision{Code: NoRule}, "no rule allows it"},
		{"no rule for the pair", []Rule{allow}, pair(t, "batch", "orders"),
			Decision{Code: NoRule}, "no rule allows it"},
		{"permit", []Rule{allow}, web,
			Decision{Allowed: true, Rules: []string{"allow-web-orders"}}, "allow-web-orders allows it"},
		{"two permits", []Rule{everyone, allow}, web,
			Decision{Allowed: true, Rules: []string{"allow-web-orders", "everyone"}}, "allow-web-orders, everyone allow it"},
		{"forbid", []Rule{deny}, web,
			Decision{Code: DeniedByRule, Rules: []string{"deny-web-orders"}}, "deny-web-orders forbids it"},
		{"forbid beats permit", []Rule{allow, everyone, deny}, web,
			Decision{Code: DeniedByRule, Rules: []string{"deny-web-orders"}}, "deny-web-orders forbids it"},
		{"unscoped forbid beats permit", []Rule{allow, nobody, deny}, web,
			Decision{Code: DeniedByRule, Rules: []string{"deny-web-orders", "nobody"}}, "deny-web-orders, nobody forbid it"},
		{"unless spares the one it names", []Rule{everyone, lockdown}, web,
			Decision{Allowed: true, Rules: []string{"everyone"}}, "everyone allows it"},
		{"unless forbids the others", []Rule{everyone, lockdown}, pair(t, "batch", "orders"),
			Decision{Code: DeniedByRule, Rules: []string{"lockdown"}}, "lockdown forbids it"},
		{"in is the entity itself", []Rule{{"in", `permit (principal in Identity::"spiffe://demo.signet/web", action, resource);`}}, web,
			Decision{Allowed: true, Rules: []string{"in"}}, "in allows it"},
		{"empty list of actions", []Rule{{"none", `permit (principal, action in [], resource);`}}, web,
			Decision{Code: NoRule}, "no rule allows it"},

		{"errored forbid", []Rule{allow, {"f", "forbid " + missingContext}}, web,
			Decision{Code: RuleFailed, Rules: []string{"f"}, Cause: "record does not have the attribute `hour`"},
			"rule f could not be evaluated: record does not have the attribute `hour`"},
		{"errored permit", []Rule{allow, {"p", "permit " + missingEntity}}, web,
			Decision{Code: RuleFailed, Rules: []string{"p"}, Cause: "entity `Identity::\"spiffe://demo.signet/web\"` does not exist"},
			"rule p could not be evaluated: entity `Identity::\"spiffe://demo.signet/web\"` does not exist"},
		{"errored unless", []Rule{allow, {"f", "forbid " + overflow}}, web,
			Decision{Code: RuleFailed, Rules: []string{"f"}, Cause: "integer overflow while attempting to add `9223372036854775807` with `1`"},
			"rule f could not be evaluated: integer overflow while attempting to add `9223372036854775807` with `1`"},
		{"condition that is no boolean", []Rule{allow, {"f", "forbid " + notBoolean}}, web,
			Decision{Code: RuleFailed, Rules: []string{"f"}, Cause: "type error: expected bool, got long"},
			"rule f could not be evaluated: type error: expected bool, got long"},
		{"errored permit alone", []Rule{{"p", "permit " + notBoolean}}, web,
			Decision{Code: RuleFailed, Rules: []string{"p"}, Cause: "type error: expected bool, got long"},
			"rule p could not be evaluated: type error: expected bool, got long"},
		{"error beside a forbid", []Rule{deny, {"p", "permit " + notBoolean}}, web,
			Decision{Code: RuleFailed, Rules: []string{"p"}, Cause: "type error: expected bool, got long"},
			"rule p could not be evaluated: type error: expected bool, got long"},
		{"two errors", []Rule{{"z", "permit " + missingContext}, allow, {"b", "forbid " + notBoolean}}, web,
			Decision{Code: RuleFailed, Rules: []string{"b", "z"}, Cause: "type error: expected bool, got long"},
			"rules b, z could not be evaluated: type error: expected bool, got long"},
		{"error outside the rule's scope", []Rule{allow, {"f", `forbid (principal == Identity::"spiffe://demo.signet/ops", action, resource) when { 1 };`}}, web,
			Decision{Allowed: true, Rules: []string{"allow-web-orders"}}, "allow-web-orders allows it"},

		{"nobody from", []Rule{everyone}, Pair{To: id(t, "orders")},
			Decision{Code: NoRule}, "no rule allows it"},
		{"nobody to", []Rule{everyone}, Pair{From: id(t, "web")},
			Decision{Code: NoRule}, "no rule allows it"},
		{"many permits", []Rule{{"d", everyone.Text}, {"c", everyone.Text}, {"b", everyone.Text}, {"a", everyone.Text}, {"e", everyone.Text}}, web,
			Decision{Allowed: true, Rules: []string{"a", "b", "c", "d", "e"}}, "a, b, c and 2 more allow it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := mustNew(t, test.rules...).Decide(test.pair)
			test.want.Pair = test.pair
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b Pair) bool { return a == b })); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if got.Reason() != test.reason {
				t.Errorf("reason is %q, want %q", got.Reason(), test.reason)
			}
		})
	}
}

func TestZeroSetDenies(t *testing.T) {
	var set Set
	if got := set.Decide(pair(t, "web", "orders")); got.Allowed || got.Code != NoRule {
		t.Errorf("the zero Set decides %+v", got)
	}
}

func TestDecisionErr(t *testing.T) {
	web := pair(t, "web", "orders")
	for _, test := range []struct {
		name          string
		rules         []Rule
		pair          Pair
		message, hint string
	}{
		{"no rule", nil, web,
			"web may not talk to orders: no rule allows it [no_rule]",
			"signet allow web orders"},
		{"no rule across trust domains", nil, pair(t, "web", "spiffe://prod.example/orders"),
			"spiffe://demo.signet/web may not talk to spiffe://prod.example/orders: no rule allows it [no_rule]",
			"signet allow spiffe://demo.signet/web spiffe://prod.example/orders"},
		{"denied", []Rule{Allow(web), Deny(web)}, web,
			"web may not talk to orders: deny-web-orders forbids it [denied_by_rule]",
			"signet allow web orders     # the last word on a pair counts"},
		{"failed", []Rule{Allow(web), {"f", "forbid " + notBoolean}}, web,
			"web may not talk to orders: rule f could not be evaluated: type error: expected bool, got long [policy_error]",
			"correct or remove f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			decision := mustNew(t, test.rules...).Decide(test.pair)
			got, ok := fault.Of(decision.Err())
			if !ok {
				t.Fatalf("error is %v, want a *fault.Error", decision.Err())
			}
			if got.Error() != test.message {
				t.Errorf("error is\n%q, want\n%q", got.Error(), test.message)
			}
			if got.Hint != test.hint {
				t.Errorf("hint is %q, want %q", got.Hint, test.hint)
			}
			if detail, ok := got.Detail.(Decision); !ok || detail.Code != decision.Code {
				t.Errorf("detail is %v", got.Detail)
			}
		})
	}
	if err := mustNew(t, Allow(web)).Decide(web).Err(); err != nil {
		t.Errorf("an allowed connection has the error %v", err)
	}
}

func TestCauseIsClean(t *testing.T) {
	text := `forbid (principal, action, resource) when { {a: 1}["\u{1b}[31m\n` + strings.Repeat("x", 5000) + `"] };`
	got := mustNew(t, Rule{"f", text}).Decide(pair(t, "web", "orders"))
	if got.Code != RuleFailed || len(got.Cause) > 1000 || strings.ContainsAny(got.Cause, "\n\x1b") {
		t.Errorf("decision is %+v", got)
	}
}

// The race detector watches this; the decisions must not depend on each other,
// nor on what callers do with what they were given.
func TestDecideConcurrently(t *testing.T) {
	web, batch := pair(t, "web", "orders"), pair(t, "batch", "orders")
	rules := []Rule{
		Allow(web), Deny(batch),
		{"sets", `permit (principal, action, resource) when { [principal, resource].contains(resource) && {a: [principal]}.a.containsAny([principal]) };`},
		{"like", `forbid (principal, action, resource) when { ip("10.0.0.1").isInRange(ip("10.0.0.0/8")) && "a" like "b*" };`},
	}
	set := mustNew(t, rules...)
	clear(rules)
	wantWeb, wantBatch := set.Decide(web), set.Decide(batch)
	if !wantWeb.Allowed || wantBatch.Allowed {
		t.Fatalf("decisions are %v and %v", wantWeb, wantBatch)
	}
	same := cmp.Comparer(func(a, b Pair) bool { return a == b })
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				gotWeb, gotBatch := set.Decide(web), set.Decide(batch)
				if diff := cmp.Diff([]Decision{wantWeb, wantBatch}, []Decision{gotWeb, gotBatch}, same); diff != "" {
					t.Errorf("decisions (-want +got):\n%s", diff)
					return
				}
				clear(gotWeb.Rules)
				clear(gotBatch.Rules)
			}
		})
	}
	group.Wait()
}
