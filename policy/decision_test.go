package policy

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Rules that cannot be evaluated, for a reason that only evaluation finds.
const (
	product  = `(principal, action, resource) when { 9223372036854775807 * 2 < 9 };`
	sum      = `(principal, action, resource) when { principal is Identity && 9223372036854775807 + 1 == 0 };`
	overflow = `(principal, action, resource) unless { 9223372036854775807 + 1 == 0 };`
	negative = `(principal, action, resource) when { -9223372036854775807 - 2 == 0 };`
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
			Decision{Code: NoRule, Nearest: &Miss{Rule: "allow-web-orders", Clause: "from", Says: web.From}}, "no rule allows it"},
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

		{"errored forbid", []Rule{allow, {"f", "forbid " + product}}, web,
			Decision{Code: RuleFailed, Rules: []string{"f"}, Cause: "integer overflow while attempting to multiply `9223372036854775807` by `2`"},
			"rule f could not be evaluated: integer overflow while attempting to multiply `9223372036854775807` by `2`"},
		{"errored permit", []Rule{allow, {"p", "permit " + sum}}, web,
			Decision{Code: RuleFailed, Rules: []string{"p"}, Cause: "integer overflow while attempting to add `9223372036854775807` with `1`"},
			"rule p could not be evaluated: integer overflow while attempting to add `9223372036854775807` with `1`"},
		{"errored unless", []Rule{allow, {"f", "forbid " + overflow}}, web,
			Decision{Code: RuleFailed, Rules: []string{"f"}, Cause: "integer overflow while attempting to add `9223372036854775807` with `1`"},
			"rule f could not be evaluated: integer overflow while attempting to add `9223372036854775807` with `1`"},
		{"condition that fails", []Rule{allow, {"f", "forbid " + negative}}, web,
			Decision{Code: RuleFailed, Rules: []string{"f"}, Cause: "integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
			"rule f could not be evaluated: integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
		{"errored permit alone", []Rule{{"p", "permit " + negative}}, web,
			Decision{Code: RuleFailed, Rules: []string{"p"}, Cause: "integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
			"rule p could not be evaluated: integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
		{"error beside a forbid", []Rule{deny, {"p", "permit " + negative}}, web,
			Decision{Code: RuleFailed, Rules: []string{"p"}, Cause: "integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
			"rule p could not be evaluated: integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
		{"two errors", []Rule{{"z", "permit " + product}, allow, {"b", "forbid " + negative}}, web,
			Decision{Code: RuleFailed, Rules: []string{"b", "z"}, Cause: "integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
			"rules b, z could not be evaluated: integer overflow while attempting to subtract `2` from `-9223372036854775807`"},
		{"error outside the rule's scope", []Rule{allow, {"f", `forbid (principal == Identity::"spiffe://demo.signet/ops", action, resource) when { -9223372036854775807 - 2 == 0 };`}}, web,
			Decision{Allowed: true, Rules: []string{"allow-web-orders"}}, "allow-web-orders allows it"},

		{"nobody from", []Rule{everyone}, Pair{To: id(t, "orders")},
			Decision{Code: NoRule}, "no rule allows it"},
		{"nobody to", []Rule{everyone}, Pair{From: id(t, "web")},
			Decision{Code: NoRule}, "no rule allows it"},
		{"many permits", []Rule{{"d", everyone.Text}, {"c", everyone.Text}, {"b", everyone.Text}, {"a", everyone.Text}, {"e", everyone.Text}}, web,
			Decision{Allowed: true, Rules: []string{"a", "b", "c", "d", "e"}}, "a, b, c and 2 more allow it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := mustNew(t, test.rules...).Decide(test.pair, noon)
			test.want.Pair = test.pair
			if diff := cmp.Diff(test.want, got, cmp.Comparer(func(a, b spiffeid.ID) bool { return a == b })); diff != "" {
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
	if got := set.Decide(pair(t, "web", "orders"), noon); got.Allowed || got.Code != NoRule {
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
		{"failed", []Rule{Allow(web), {"f", "forbid " + negative}}, web,
			"web may not talk to orders: rule f could not be evaluated: integer overflow while attempting to subtract `2` from `-9223372036854775807` [policy_error]",
			"correct or remove f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			decision := mustNew(t, test.rules...).Decide(test.pair, noon)
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
	if err := mustNew(t, Allow(web)).Decide(web, noon).Err(); err != nil {
		t.Errorf("an allowed connection has the error %v", err)
	}
}

// A rule that can only fail is refused in words that are fit for a terminal,
// whatever the rule says.
func TestRefusalIsClean(t *testing.T) {
	text := `forbid (principal, action, resource) when { {a: 1}["\u{1b}[31m\n` + strings.Repeat("x", 5000) + `"] };`
	_, err := New([]Rule{{"f", text}})
	if !errors.Is(err, InvalidType) || len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\n\x1b") {
		t.Errorf("error is %v", err)
	}
}

// The race detector watches this; the decisions must not depend on each other,
// nor on what callers do with what they were given.
func TestDecideConcurrently(t *testing.T) {
	web, batch := pair(t, "web", "orders"), pair(t, "batch", "orders")
	rules := []Rule{
		Allow(web), Deny(batch),
		{"sets", `permit (principal, action, resource) when { [resource].contains(resource) && {a: [principal]}.a.containsAny([principal]) };`},
		{"like", `forbid (principal, action, resource) when { ip("10.0.0.1").isInRange(ip("10.0.0.0/8")) && "a" like "b*" };`},
	}
	set := mustNew(t, rules...)
	clear(rules)
	wantWeb, wantBatch := set.Decide(web, noon), set.Decide(batch, noon)
	if !wantWeb.Allowed || wantBatch.Allowed {
		t.Fatalf("decisions are %v and %v", wantWeb, wantBatch)
	}
	same := cmp.Comparer(func(a, b spiffeid.ID) bool { return a == b })
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				gotWeb, gotBatch := set.Decide(web, noon), set.Decide(batch, noon)
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
