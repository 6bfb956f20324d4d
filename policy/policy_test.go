package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/spiffeid"
)

// id parses "web" as an identity of demo.signet, and a whole ID as itself.
func id(t testing.TB, text string) spiffeid.ID {
	t.Helper()
	parsed, err := spiffeid.Parse(text)
	if err != nil {
		parsed, err = spiffeid.Parse("spiffe://demo.signet/" + text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func pair(t testing.TB, from, to string) Pair {
	t.Helper()
	return Pair{From: id(t, from), To: id(t, to)}
}

// mustNew returns the set of rules.
func mustNew(t testing.TB, rules ...Rule) *Set {
	t.Helper()
	set, err := New(rules)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestPairRuleText(t *testing.T) {
	web := pair(t, "web", "orders")
	want := Rule{Name: "allow-web-orders", Text: `@id("allow-web-orders")
permit (
  principal == Identity::"spiffe://demo.signet/web",
  action == Action::"connect",
  resource == Service::"spiffe://demo.signet/orders"
);
`}
	if diff := cmp.Diff(want, Allow(web)); diff != "" {
		t.Errorf("Allow (-want +got):\n%s", diff)
	}
	want = Rule{Name: "deny-web-orders", Text: `@id("deny-web-orders")
forbid (
  principal == Identity::"spiffe://demo.signet/web",
  action == Action::"connect",
  resource == Service::"spiffe://demo.signet/orders"
);
`}
	if diff := cmp.Diff(want, Deny(web)); diff != "" {
		t.Errorf("Deny (-want +got):\n%s", diff)
	}
}

func TestPairRuleNames(t *testing.T) {
	for _, test := range []struct{ name, from, to, want string }{
		{"plain", "web", "orders", "allow-web-orders"},
		{"path", "team/web", "team/orders", "allow-team.web-team.orders"},
		{"dash in from", "web-api", "orders", "allow-web-api:orders"},
		{"dash in to", "web", "api-orders", "allow-web:api-orders"},
		{"two trust domains", "web", "spiffe://prod.example/orders", "allow-web@demo.signet-orders@prod.example"},
		{"dash in trust domain", "web", "spiffe://my-prod/orders", "allow-web@demo.signet:orders@my-prod"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rule := Allow(pair(t, test.from, test.to))
			if rule.Name != test.want {
				t.Errorf("name is %s, want %s", rule.Name, test.want)
			}
			mustNew(t, rule)
		})
	}
}

// A pair's rule covers its pair and none of its neighbours.
func TestPairRuleCoversExactlyItsPair(t *testing.T) {
	set := mustNew(t, Allow(pair(t, "web", "orders")))
	for _, test := range []struct {
		name string
		pair Pair
		want bool
	}{
		{"the pair", pair(t, "web", "orders"), true},
		{"the other direction", pair(t, "orders", "web"), false},
		{"another client", pair(t, "batch", "orders"), false},
		{"another service", pair(t, "web", "billing"), false},
		{"a longer path", pair(t, "web/2", "orders"), false},
		{"another trust domain", pair(t, "spiffe://evil.example/web", "orders"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := set.Decide(test.pair, noon); got.Allowed != test.want {
				t.Errorf("allowed is %t, want %t: %s", got.Allowed, test.want, got.Reason())
			}
		})
	}
}

// noon is when the tests ask.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
