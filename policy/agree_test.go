package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cedar-policy/cedar-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// On random sets a decision is cedar.Authorize's, in answer, reasons and
// errors, but for the one rule of ours: any error denies.
func TestDecideAgreesWithCedar(t *testing.T) {
	const sets, pairsPerSet = 2000, 4
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range sets {
		rules := randomRules(random)
		set := mustNew(t, rules...)
		plain := cedar.NewPolicySet()
		for _, r := range rules {
			var p cedar.Policy
			if err := p.UnmarshalCedar([]byte(r.Text)); err != nil {
				t.Fatal(err)
			}
			plain.Add(cedar.PolicyID(r.Name), &p)
		}
		for range pairsPerSet {
			p := Pair{id(t, randomName(random)), id(t, randomName(random))}
			want := decideByCedar(plain, p)
			got := set.Decide(p)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Decision{}, "Pair", "Cause")); diff != "" {
				t.Fatalf("%s → %s (-cedar +got):\n%s\nrules: %v", p.From, p.To, diff, rules)
			}
			seen[string(want.Code)]++
		}
	}
	for _, code := range []string{"", string(NoRule), string(DeniedByRule), string(RuleFailed)} {
		if seen[code] < 200 {
			t.Errorf("only %d decisions have the code %q: the rules are not random enough", seen[code], code)
		}
	}
}

func decideByCedar(plain *cedar.PolicySet, p Pair) Decision {
	verdict, diagnostic := cedar.Authorize(plain, cedar.EntityMap{}, cedar.Request{
		Principal: cedar.NewEntityUID("Identity", cedar.String(p.From.String())),
		Action:    cedar.NewEntityUID("Action", "connect"),
		Resource:  cedar.NewEntityUID("Service", cedar.String(p.To.String())),
		Context:   cedar.NewRecord(nil),
	})
	var d Decision
	switch {
	case len(diagnostic.Errors) > 0:
		d.Code = RuleFailed
		for _, e := range diagnostic.Errors {
			d.Rules = append(d.Rules, string(e.PolicyID))
		}
	case verdict == cedar.Allow:
		d.Allowed = true
	case len(diagnostic.Reasons) > 0:
		d.Code = DeniedByRule
	default:
		d.Code = NoRule
	}
	if d.Code != RuleFailed {
		for _, r := range diagnostic.Reasons {
			d.Rules = append(d.Rules, string(r.PolicyID))
		}
	}
	slices.Sort(d.Rules)
	return d
}

func randomName(random *rand.Rand) string {
	return []string{"web", "orders", "batch", "ops", "proxy/edge-3"}[random.IntN(5)]
}

// randomRules returns up to eight rules with distinct names in random order.
func randomRules(random *rand.Rand) []Rule {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	from := func() string { return fmt.Sprintf(`Identity::"spiffe://demo.signet/%s"`, randomName(random)) }
	to := func() string { return fmt.Sprintf(`Service::"spiffe://demo.signet/%s"`, randomName(random)) }
	var rules []Rule
	for i := range random.IntN(9) {
		text := fmt.Sprintf("%s (%s, %s, %s) %s;",
			pick("permit", "permit", "forbid"),
			pick("principal", "principal is Identity", "principal == "+from(), "principal == "+from(), "principal in "+from(), "principal is Identity in "+from()),
			pick("action", `action == Action::"connect"`, `action in [Action::"connect"]`, "action in []"),
			pick("resource", "resource is Service", "resource == "+to(), "resource == "+to(), "resource in "+to(), "resource is Service in "+to()),
			pick("", "", "",
				"when { principal == "+from()+" }",
				"when { principal == "+from()+" || resource == "+to()+" }",
				"unless { ["+from()+", "+from()+"].contains(principal) }",
				"unless { resource == "+to()+" } when { principal != "+from()+" }",
				"when { if principal is Identity then resource in ["+to()+"] else false }",
				"when { context has hour && context.hour < 9 }",
				"when { resource == "+to()+" && context.hour < 9 }",
				"unless { principal == "+from()+" || principal.team == \"ops\" }",
				"when { principal == "+from()+" && 9223372036854775807 + 1 > 0 }"))
		rules = append(rules, Rule{fmt.Sprintf("r%d", i), text})
	}
	random.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	return rules
}
