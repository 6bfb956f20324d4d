package policy

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/signet-tls/signet/spiffeid"
)

// What a difference does not touch is decided as before, by Cedar alone, and
// most of what a small change does not concern is not touched.
func TestDifference(t *testing.T) {
	random := rand.New(rand.NewPCG(11, 0))
	names := []string{"web", "orders", "batch", "ops", "proxy/edge-3"}
	changed, touched, spared := 0, 0, 0
	for range 40 + 360/share {
		rules, groups := randomRules(random), randomGroups(t, random)
		before, err := New(rules, groups...)
		if err != nil {
			t.Fatal(err)
		}
		plainBefore := plainly(t, rules, groups)
		rules = slices.Clone(rules)
		switch other := randomRules(random); {
		case random.IntN(3) == 0:
			groups = randomGroups(t, random)
		case len(other) > 0 && len(rules) > 0: // edited
			rules[0].Text = other[0].Text
		case len(rules) > 0: // removed
			rules = rules[1:]
		}
		after, err := before.Revise(rules, groups...)
		if err != nil {
			t.Fatal(err)
		}
		plainAfter, difference := plainly(t, rules, groups), after.Since(before)
		for _, from := range names {
			for _, to := range names {
				p := pair(t, from, to)
				was, is := plainBefore.decide(p, noon), plainAfter.decide(p, noon)
				differs := was.Code != is.Code || !slices.Equal(was.Rules, is.Rules)
				touches := difference.Touches(p)
				switch {
				case differs && !touches:
					t.Fatalf("%s → %s is not touched, and was %+v, is %+v\n%s\n%s", from, to, was, is, plainBefore.policies.MarshalCedar(), plainAfter.policies.MarshalCedar())
				case differs:
					changed++
				}
				if touches {
					touched++
				} else {
					spared++
				}
				if got := after.Decide(p, noon); got.Code != is.Code || !slices.Equal(got.Rules, is.Rules) {
					t.Fatalf("a revised set decides %+v, Cedar %+v", got, is)
				}
			}
		}
	}
	t.Log(changed, touched, spared)
	if changed < 500/share || spared < 3000/share {
		t.Errorf("%d decisions changed and %d were spared: too few to show anything", changed, spared)
	}
}

// TestDifferenceOfOthers has rules for a pair that look at the groups of somebody
// else, who moves.
func TestDifferenceOfOthers(t *testing.T) {
	for name, condition := range map[string]string{
		"somebody named":  `Identity::"spiffe://demo.signet/ann" in Group::"ops"`,
		"one of two":      `(if principal == resource then principal else Identity::"spiffe://demo.signet/ann") in Group::"ops"`,
		"named, and what": `Identity::"spiffe://demo.signet/ann" is Identity in Group::"ops"`,
	} {
		t.Run(name, func(t *testing.T) {
			rules := []Rule{{"all", "permit (principal, action, resource) when { " + condition + " };"}}
			before, err := New(rules, Group{Name: "ops", Members: []spiffeid.ID{id(t, "ann")}})
			if err != nil {
				t.Fatal(err)
			}
			after, err := before.Revise(rules, Group{Name: "ops"})
			if err != nil {
				t.Fatal(err)
			}
			p := pair(t, "web", "orders")
			if was, is := before.Decide(p, noon).Allowed, after.Decide(p, noon).Allowed; !was || is {
				t.Fatalf("it was %v, is %v: the case shows nothing", was, is)
			}
			if !after.Since(before).Touches(p) {
				t.Error("the pair is not touched")
			}
		})
	}
}

// TestDifferenceForEverybody has a rule whose scope is everybody touch those alone of
// whom its first conditions are.
func TestDifferenceForEverybody(t *testing.T) {
	base := Rule{"base", "permit (principal, action, resource);"}
	ann := `principal == Identity::"spiffe://demo.signet/ann"`
	bob := `resource == Service::"spiffe://demo.signet/bob"`
	moment := `context.now < datetime("2030-01-01")`
	ops := Group{Name: "ops", Members: []spiffeid.ID{id(t, "ann")}}
	everybody := []string{"ann", "bob", "carl"}
	for name, test := range map[string]struct {
		before, after string
		want          []string // who is touched as "from"; carl asks for bob
	}{
		"added":               {"", "when { " + ann + " }", []string{"ann"}},
		"removed":             {"when { " + ann + " }", "", []string{"ann"}},
		"edited":              {"when { " + ann + " }", "when { " + bob + " }", []string{"ann", "carl"}},
		"both ends":           {"", "when { " + ann + " } when { " + bob + " }", []string{"ann"}},
		"group":               {"", `when { principal in Group::"ops" }`, []string{"ann"}},
		"not in the group":    {"", `unless { principal in Group::"ops" }`, everybody},
		"for a time":          {"", "when { " + moment + " && " + ann + " }", []string{"ann"}},
		"of two":              {"", "when { " + ann + " || " + bob + " }", everybody},
		"the other way round": {"", `when { Identity::"spiffe://demo.signet/ann" == principal }`, everybody},
		"behind what fails":   {"", "when { 9223372036854775807 + 1 > 0 && " + ann + " }", everybody},
		"behind an unless":    {"", "unless { 9223372036854775807 + 1 > 0 } when { " + ann + " }", everybody},
	} {
		t.Run(name, func(t *testing.T) {
			with := func(condition string) []Rule {
				if condition == "" {
					return []Rule{base}
				}
				return []Rule{base, {"all", "forbid (principal, action, resource) " + condition + ";"}}
			}
			before, err := New(with(test.before), ops)
			if err != nil {
				t.Fatal(err)
			}
			after, err := before.Revise(with(test.after), ops)
			if err != nil {
				t.Fatal(err)
			}
			var touched []string
			for _, who := range everybody {
				to := "orders"
				if who == "carl" {
					to = "bob"
				}
				if after.Since(before).Touches(pair(t, who, to)) {
					touched = append(touched, who)
				}
			}
			if !slices.Equal(touched, test.want) {
				t.Errorf("touched are %v, want %v", touched, test.want)
			}
		})
	}
}
