package policy

import (
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
)

// Any text is either refused with a coded error whose place lies in the text,
// or is a rule that decides as Cedar does.
func FuzzNew(f *testing.F) {
	f.Add("allow-web-orders", Allow(pair(f, "web", "orders")).Text)
	f.Add("deny-web-orders", Deny(pair(f, "web", "orders")).Text)
	for _, text := range []string{
		"", "permit", "permit (principal, action, resource)", "/* ", "\xff", "?principal",
		"permit (principal, action, resource); forbid (principal, action, resource);",
		`permit (principal is Identity in Identity::"spiffe://a/b", action in [Action::"connect"], resource == User::"x");`,
		`permit (principal, action, resource) when { [1, "a", {b: ip("::1")}].contains(context.x.y) || "\u{41}" like "\**" };`,
		`forbid (principal, action, resource) unless { if principal has a.b then -1 * 9223372036854775807 < 2 else decimal("1.5").lessThan(decimal("a")) };`,
		`forbid (principal, action, resource) when { principal.getTag("a") == datetime("2024-01-01").offset(duration("1h")) && !!--1 };`,
		`forbid (principal, action, resource) when { ((principal has a.b) has c.d.e) has "f" };`,
		`permit (principal, action, resource) when { context.now < datetime("2027-01-31") && context.now >= datetime("2026-01-31T12:00:00.5Z") };`,
		`permit (principal, action, resource) unless { context.now < datetime("2027") || context has now };`,
		"@id(\"r\")\npermit (principal,\n\taction,\r\n resource) when { 99999999999999999999 == `1` };",
	} {
		f.Add("r", text)
	}
	web := pair(f, "web", "orders")
	f.Fuzz(func(t *testing.T, name, text string) {
		set, err := New([]Rule{{name, text}})
		if err != nil {
			refused, ok := fault.Of(err)
			if !ok || refused.Hint == "" || len(refused.Message) > 2000+len(name) || strings.ContainsAny(refused.Message, "\n\x1b") {
				t.Fatalf("error is %q", err)
			}
			if at, ok := refused.Detail.(Position); !ok || at.Line > 1+strings.Count(text, "\n") || at.Line < 0 || at.Column < 0 || at.Column > len(text)+1 {
				t.Fatalf("position is %v in %q", refused.Detail, text)
			}
			return
		}
		want, got := plainly(t, []Rule{{name, text}}, nil).decide(web, noon), set.Decide(web, noon)
		if got.Allowed != want.Allowed || got.Code != want.Code || len(got.Rules) != len(want.Rules) {
			t.Fatalf("decision is %+v, by Cedar %+v", got, want)
		}
		if got.Reason() == "" || (got.Err() == nil) != got.Allowed {
			t.Fatalf("decision %+v has the reason %q and the error %v", got, got.Reason(), got.Err())
		}
	})
}
