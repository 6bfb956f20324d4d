package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signet-tls/signet/spiffeid"
)

// On random sets a decision is cedar.Authorize's, in answer, reasons and
// errors, but for the one rule of ours: any error denies.
func TestDecideAgreesWithCedar(t *testing.T) {
	const sets, pairsPerSet = 400 + 1600/share, 4
	random := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range sets {
		rules, groups := randomRules(random), randomGroups(t, random)
		set, err := New(rules, groups...)
		if err != nil {
			t.Fatal(err)
		}
		plain := plainly(t, rules, groups)
		for range pairsPerSet {
			p := Pair{id(t, randomName(random)), id(t, randomName(random))}
			at := noon.Add(time.Duration(random.IntN(10)-5) * time.Hour)
			want, got := plain.decide(p, at), set.Decide(p, at)
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Decision{}, "Pair", "Cause", "Until", "Nearest")); diff != "" {
				t.Fatalf("%s → %s (-cedar +got):\n%s\nrules: %v", p.From, p.To, diff, rules)
			}
			seen[string(want.Code)]++
			checkUntil(t, plain, got, at, seen)
			checkNearest(t, rules, groups, got, at, seen)
		}
	}
	for _, code := range []string{"", string(NoRule), string(DeniedByRule), string(RuleFailed), "until", "ends", "near from", "near to", "near now"} {
		if seen[code] < 15 {
			t.Errorf("only %d of %q: the rules are not random enough", seen[code], code)
		}
	}
}

// plain is the same rules and groups without anything of ours: all policies, and
// every identity and service as an entity.
type plain struct {
	policies *cedar.PolicySet
	entities cedar.EntityMap
}

func plainly(t testing.TB, rules []Rule, groups []Group) plain {
	t.Helper()
	p := plain{cedar.NewPolicySet(), cedar.EntityMap{}}
	for _, r := range rules {
		var policy cedar.Policy
		if err := policy.UnmarshalCedar([]byte(r.Text)); err != nil {
			t.Fatal(err)
		}
		p.policies.Add(cedar.PolicyID(r.Name), &policy)
	}
	above := map[cedar.EntityUID][]cedar.EntityUID{}
	for _, g := range groups {
		for _, member := range g.Members {
			for _, kind := range []cedar.EntityType{"Identity", "Service"} {
				uid := cedar.NewEntityUID(kind, cedar.String(member.String()))
				above[uid] = append(above[uid], cedar.NewEntityUID("Group", cedar.String(g.Name)))
			}
		}
	}
	for uid, parents := range above {
		p.entities[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(parents...)}
	}
	return p
}

func (p plain) decide(pair Pair, at time.Time) Decision {
	verdict, diagnostic := cedar.Authorize(p.policies, p.entities, cedar.Request{
		Principal: cedar.NewEntityUID("Identity", cedar.String(pair.From.String())),
		Action:    cedar.NewEntityUID("Action", "connect"),
		Resource:  cedar.NewEntityUID("Service", cedar.String(pair.To.String())),
		Context:   cedar.NewRecord(cedar.RecordMap{"now": cedar.NewDatetime(at)}),
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

// checkUntil asks Cedar at every later half hour: what is allowed stays so until
// the decision's end, and for good where it has none.
func checkUntil(t *testing.T, p plain, d Decision, at time.Time, seen map[string]int) {
	t.Helper()
	if !d.Until.IsZero() {
		seen["until"]++
	}
	if !d.Allowed {
		return
	}
	for then := at; then.Before(at.Add(12 * time.Hour)); then = then.Add(30 * time.Minute) {
		switch allowed := p.decide(d.Pair, then).Allowed; {
		case !d.Until.IsZero() && !then.Before(d.Until):
			if !allowed {
				seen["ends"]++
			}
			return
		case !allowed:
			t.Fatalf("%s → %s at %s is allowed until %s, but not at %s\n%s", d.Pair.From, d.Pair.To, at, d.Until, then, p.policies.MarshalCedar())
		}
	}
}

// checkNearest mends the one clause that is said not to fit: then the rule alone
// allows the pair.
func checkNearest(t *testing.T, rules []Rule, groups []Group, d Decision, at time.Time, seen map[string]int) {
	t.Helper()
	if d.Nearest == nil {
		return
	}
	if d.Code != NoRule {
		t.Fatalf("a decision by %s has a nearest miss", d.Code)
	}
	seen["near "+d.Nearest.Clause]++
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == d.Nearest.Rule })
	set, err := New(rules[i:i+1], groups...)
	if err != nil {
		t.Fatal(err)
	}
	pair := d.Pair
	member := func(group string, says spiffeid.ID) spiffeid.ID {
		for _, g := range groups {
			if g.Name == group && len(g.Members) > 0 {
				return g.Members[0]
			}
		}
		return says
	}
	switch d.Nearest.Clause {
	case "from":
		pair.From = member(d.Nearest.Group, d.Nearest.Says)
	case "to":
		pair.To = member(d.Nearest.Group, d.Nearest.Says)
	case "now":
		at = d.Nearest.Since
		if at.IsZero() {
			at = d.Nearest.Until.Add(-time.Millisecond)
		}
	case "when":
		return
	}
	if pair.From.IsZero() || pair.To.IsZero() {
		return // a group of nobody
	}
	if set.rules[0].rest != nil && d.Nearest.Clause != "now" {
		return // its conditions were true of this pair, and may not be of that one
	}
	if got := set.Decide(pair, at); !got.Allowed {
		t.Fatalf("%s; mended it is %+v\n%s", d.Near(), got, rules[i].Text)
	}
}

// randomGroups has the groups that the random rules name.
func randomGroups(t *testing.T, random *rand.Rand) (groups []Group) {
	for _, name := range []string{"ops", "shops"} {
		g := Group{Name: name}
		for range random.IntN(4) {
			g.Members = append(g.Members, id(t, randomName(random)))
		}
		groups = append(groups, g)
	}
	return groups
}

func randomName(random *rand.Rand) string {
	return []string{"web", "orders", "batch", "ops", "proxy/edge-3"}[random.IntN(5)]
}

// randomRules returns up to eight rules with distinct names in random order.
func randomRules(random *rand.Rand) []Rule {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	from := func() string { return fmt.Sprintf(`Identity::"spiffe://demo.signet/%s"`, randomName(random)) }
	to := func() string { return fmt.Sprintf(`Service::"spiffe://demo.signet/%s"`, randomName(random)) }
	group := func() string { return pick(`Group::"ops"`, `Group::"shops"`) }
	moment := func() string {
		at := noon.Add(time.Duration(random.IntN(12)-6) * time.Hour).Format(time.RFC3339)
		return fmt.Sprintf("context.now %s datetime(%q)", pick("<", "<=", ">", ">="), at)
	}
	var rules []Rule
	for i := range random.IntN(9) {
		text := fmt.Sprintf("%s (%s, %s, %s) %s;",
			pick("permit", "permit", "forbid"),
			pick("principal", "principal is Identity", "principal == "+from(), "principal == "+from(), "principal in "+from(), "principal is Identity in "+from(), "principal in "+group(), "principal is Identity in "+group()),
			pick("action", `action == Action::"connect"`, `action in [Action::"connect"]`),
			pick("resource", "resource is Service", "resource == "+to(), "resource == "+to(), "resource in "+to(), "resource is Service in "+to(), "resource in "+group()),
			pick("", "", "",
				"when { principal == "+from()+" }",
				"when { principal == "+from()+" || resource == "+to()+" }",
				"unless { ["+from()+", "+from()+"].contains(principal) }",
				"unless { resource == "+to()+" } when { principal != "+from()+" }",
				"when { if principal is Identity then resource in ["+to()+"] else false }",
				"when { "+moment()+" }", "when { "+moment()+" }",
				"when { "+moment()+" && "+moment()+" && principal != "+from()+" }",
				"when { "+moment()+" && 9223372036854775807 + 1 > 0 } unless { resource in "+group()+" }",
				"when { resource in "+group()+" && (principal in "+group()+" || principal in "+group()+") }",
				"when { resource == "+to()+" && 9223372036854775807 + 1 > 0 } when { "+moment()+" }",
				"when { 9223372036854775807 + 1 > 0 && principal == "+from()+" }",
				"unless { principal == "+from()+" } when { resource == "+to()+" }",
				"when { "+moment()+" && principal in "+group()+" } when { resource == "+to()+" }",
				"when { principal == "+from()+" } when { principal in "+group()+" && resource in "+group()+" }",
				"when { principal == "+from()+" && 9223372036854775807 + 1 > 0 }"))
		rules = append(rules, Rule{fmt.Sprintf("r%d", i), text})
	}
	random.Shuffle(len(rules), func(i, j int) { rules[i], rules[j] = rules[j], rules[i] })
	return rules
}
