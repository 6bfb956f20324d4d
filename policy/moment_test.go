package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
)

func TestAllowUntil(t *testing.T) {
	web := pair(t, "web", "orders")
	end := noon.Add(2 * time.Hour)
	rule := AllowUntil(web, end)
	want := Rule{Name: "allow-web-orders", Text: `@id("allow-web-orders")
permit (
  principal == Identity::"spiffe://demo.signet/web",
  action == Action::"connect",
  resource == Service::"spiffe://demo.signet/orders"
)
when { context.now < datetime("2026-11-22T14:00:00Z") };
`}
	if diff := cmp.Diff(want, rule); diff != "" {
		t.Errorf("AllowUntil (-want +got):\n%s", diff)
	}
	set := mustNew(t, rule)
	before := set.Decide(web, end.Add(-time.Millisecond))
	if !before.Allowed || !before.Until.Equal(end) {
		t.Errorf("before its end: %+v", before)
	}
	after := set.Decide(web, end)
	if after.Allowed || !after.Until.IsZero() {
		t.Errorf("at its end: %+v", after)
	}
	if want := `no rule allows it now; allow-web-orders fits but for "now": it held until 2026-11-22T14:00:00Z`; after.Reason() != want {
		t.Errorf("reason is %q, want %q", after.Reason(), want)
	}
}

// TestUntil has one row for each way in which several rules share a deadline.
func TestUntil(t *testing.T) {
	const all = "(principal, action, resource)"
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	now := func(sign string, h int) string {
		return fmt.Sprintf("context.now %s datetime(%q)", sign, at(h).Format(time.RFC3339))
	}
	for _, test := range []struct {
		name  string
		rules []string
		want  time.Time
	}{
		{"no time", []string{"permit" + all}, time.Time{}},
		{"before", []string{"permit" + all + " when { " + now("<", 2) + " }"}, at(2)},
		{"up to", []string{"permit" + all + " when { " + now("<=", 2) + " }"}, at(2).Add(time.Millisecond)},
		{"both", []string{"permit" + all + " when { " + now(">=", -1) + " && " + now("<", 3) + " }"}, at(3)},
		{"two permits: the later end", []string{"permit" + all + " when { " + now("<", 2) + " }", "permit" + all + " when { " + now("<", 5) + " }"}, at(5)},
		{"a permit for good", []string{"permit" + all + " when { " + now("<", 2) + " }", "permit" + all}, time.Time{}},
		{"a forbid that begins", []string{"permit" + all, "forbid" + all + " when { " + now(">=", 4) + " }"}, at(4)},
		{"a forbid that begins after", []string{"permit" + all, "forbid" + all + " when { " + now(">", 4) + " }"}, at(4).Add(time.Millisecond)},
		{"a permit that begins", []string{"permit" + all, "permit" + all + " when { " + now(">=", 4) + " }"}, time.Time{}},
		{"a permit that begins and may fail", []string{"permit" + all, "permit" + all + " when { " + now(">=", 4) + " && 1 + 1 == 2 }"}, at(4)},
		{"a forbid that ends without having held", []string{"permit" + all, "forbid" + all + " when { " + now("<", 4) + " && 1 == 2 }"}, time.Time{}},
		{"a forbid that is over", []string{"permit" + all, "forbid" + all + " when { " + now("<", -4) + " }"}, time.Time{}},
		{"another pair's", []string{"permit" + all, `forbid(principal == Identity::"spiffe://demo.signet/ops", action, resource) when { ` + now(">=", 4) + " }"}, time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rules []Rule
			for i, text := range test.rules {
				rules = append(rules, Rule{fmt.Sprint("r", i), text + ";"})
			}
			got := mustNew(t, rules...).Decide(pair(t, "web", "orders"), noon)
			if !got.Allowed || !got.Until.Equal(test.want) {
				t.Errorf("%+v, want it allowed until %s", got, test.want)
			}
		})
	}
}

func TestNewRefusesCondition(t *testing.T) {
	const all = "permit (principal, action, resource)\n"
	for _, test := range []struct {
		name, condition string
		code            fault.Code
		line, column    int
		message         string // a part of it
	}{
		{"time under unless", `unless { context.now < datetime("2027-01-31") }`, TimeForm, 2, 10, "the time can only be compared"},
		{"time under not", `when { !(context.now < datetime("2027-01-31")) }`, TimeForm, 2, 10, "the time can only be compared"},
		{"time under or", `when { principal is Identity || context.now < datetime("2027-01-31") }`, TimeForm, 2, 33, "the time can only be compared"},
		{"time on the right", `when { datetime("2027-01-31") > context.now }`, TimeForm, 2, 33, "the time can only be compared"},
		{"an exact time", `when { context.now == datetime("2027-01-31") }`, TimeForm, 2, 8, "the time can only be compared"},
		{"a part of the time", `when { context.now.toTime() < duration("9h") }`, TimeForm, 2, 8, "the time can only be compared"},
		{"a computed time", `when { context.now < datetime("2027-01-31").offset(duration("1d")) }`, TimeForm, 2, 8, "the time can only be compared"},
		{"no date", `when { context.now < datetime("tomorrow") }`, TimeForm, 2, 8, "the time can only be compared"},
		{"the whole context", `when { context == context }`, TimeForm, 2, 8, "the time can only be compared"},
		{"second of two", `when { context.now < datetime("2027-01-31") } unless { context has now }`, TimeForm, 2, 56, "the time can only be compared"},
		{"unknown in the context", `when { context.hour < 9 }`, UnknownAttribute, 2, 16, `"hour" is not known`},
		{"attribute of the principal", `when { principal.team == "ops" }`, UnknownAttribute, 2, 18, `"team" is not known`},
		{"asked for", `when { resource has owner }`, UnknownAttribute, 2, 21, `"owner" is not known`},
		{"in brackets", `when { resource["a b"] == 1 }`, UnknownAttribute, 2, 17, `"a b" is not known`},
		{"no boolean", `when { 1 }`, InvalidType, 2, 1, "expected Bool"},
		{"two types", `when { 1 < "a" }`, InvalidType, 2, 1, "Long"},
		{"tags", `when { principal.getTag("a") == "b" }`, InvalidType, 2, 25, "tag"},
		{"unknown group", `when { principal in Group::"ops" }`, UnknownEntity, 2, 21, "there is no group ops"},
		{"no group's name", `when { principal in Group::"o ps" }`, UnknownEntity, 2, 21, "is no group's name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New([]Rule{{"a", all + test.condition + ";"}})
			got, ok := fault.Of(err)
			if !ok || got.Code != test.code || !strings.Contains(got.Message, test.message) {
				t.Fatalf("error is %v, want %q [%s]", err, test.message, test.code)
			}
			if diff := cmp.Diff(Position{"a", test.line, test.column}, got.Detail); diff != "" {
				t.Errorf("position (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := New([]Rule{{"a", "permit (principal, action in [], resource);"}}); !errors.Is(err, UnknownEntity) {
		t.Errorf("an empty list of actions: %v", err)
	}
}
