package policy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
)

func TestNewRefusesRule(t *testing.T) {
	const all = "permit (principal, action, resource)"
	for _, test := range []struct {
		name, text   string
		code         fault.Code
		line, column int
		message      string // a part of it
	}{
		{"empty", "", InvalidRule, 0, 0, "it is empty"},
		{"comment only", "// later", InvalidRule, 0, 0, "it is empty"},
		{"not Cedar", "allow web orders", InvalidRule, 1, 7, "unexpected effect: allow"},
		{"unfinished", all, InvalidRule, 1, 37, "want ;"},
		{"error on the second line", "permit (principal,\n  acton, resource);", InvalidRule, 2, 8, "got acton want action"},
		{"string not closed", all + ` when { "a };`, InvalidRule, 1, 45, "literal not terminated"},
		{"comment not closed", all + "; /*", InvalidRule, 1, 39, "comment not terminated"},
		{"not UTF-8", all + "\nwhen { \xff };", InvalidRule, 2, 8, "invalid UTF-8"},
		{"not UTF-8 in a last comment", all + "; // \xff", InvalidRule, 1, 39, "invalid UTF-8"},
		{"NUL", all + "\nwhen { \x00 };", InvalidRule, 2, 8, "invalid character NUL"},
		{"number out of range", all + "\nwhen { 1 == 99999999999999999999 };", InvalidRule, 2, 13, "out of range"},
		{"escape out of range", all + "\nwhen { \"\\u{110000}\" == \"\" };", InvalidRule, 2, 8, "bad unicode escape"},
		{"unknown function", all + "\nwhen { now() };", InvalidRule, 2, 12, "`now` is not a function"},
		{"two policies", all + ";\nforbid (principal, action, resource);", InvalidRule, 2, 1, "more follows the policy"},
		{"not Cedar after the policy", all + "; }", InvalidRule, 1, 39, "more follows the policy"},
		{"question mark at the end", "permit (principal ?", InvalidRule, 1, 20, "got ? want ,"},
		{"question mark before another word", "permit (principal == ?somebody, action, resource);", InvalidRule, 1, 23, "expected ident"},
		{"template principal", "permit (principal == ?principal, action, resource);", InvalidRule, 1, 22, "?principal makes this a template"},
		{"template resource", "permit (principal, action, resource in ?resource);", InvalidRule, 1, 40, "?resource makes this a template"},
		{"another id", "@id(\"b\")\n" + all + ";", InvalidRule, 1, 1, `@id("b"), want @id("a")`},

		{"unknown type in principal", "permit (\n  principal == User::\"spiffe://demo.signet/web\",\n  action, resource);", UnknownEntity, 2, 16, "User is not an entity type"},
		{"unknown type in resource", `permit (principal, action, resource is Host);`, UnknownEntity, 1, 40, "Host is not an entity type"},
		{"unknown type in is-in", `permit (principal is Identity in Group::"ops", action, resource);`, UnknownEntity, 1, 34, "there is no group ops"},
		{"unknown namespace", `permit (principal == Demo::Identity::"spiffe://demo.signet/web", action, resource);`, UnknownEntity, 1, 22, "Demo::Identity is not an entity type"},
		{"unknown type in condition", all + ` when { principal == User::"ann" };`, UnknownEntity, 1, 58, "User is not an entity type"},
		{"unknown type in set", all + ` unless { [User::"ann"].contains(principal) };`, UnknownEntity, 1, 48, "User is not an entity type"},
		{"unknown type in condition's is", all + ` when { principal is User };`, UnknownEntity, 1, 58, "User is not an entity type"},
		{"unknown type in condition's is-in", all + ` when { principal is User in principal };`, UnknownEntity, 1, 58, "User is not an entity type"},
		{"unknown type in nested condition", all + ` when { if true then {a: [1]}.a == [2] else principal has x || resource in Host::"h" };`, UnknownEntity, 1, 112, "Host is not an entity type"},
		{"unknown action", `permit (principal, action == Action::"read", resource);`, UnknownEntity, 1, 30, `Action::"read" is not an action`},
		{"unknown action in list", `permit (principal, action in [Action::"connect", Action::"read"], resource);`, UnknownEntity, 1, 50, `Action::"read" is not an action`},
		{"unknown action in condition", all + ` when { action == Action::"read" };`, UnknownEntity, 1, 55, `Action::"read" is not an action`},
		{"unknown action with an escape", "\n" + `permit (principal, action == Action::"re\u{61}d", resource);`, UnknownEntity, 2, 1, `Action::"read" is not an action`},
		{"service as principal", `forbid (principal == Service::"spiffe://demo.signet/web", action, resource);`, UnknownEntity, 1, 22, "is never the principal, whose type is Identity"},
		{"principal of type Service", `forbid (principal is Service, action, resource);`, UnknownEntity, 1, 22, "is never the type of the principal, which is Identity"},
		{"identity as resource", `forbid (principal, action, resource == Identity::"spiffe://demo.signet/web");`, UnknownEntity, 1, 40, "is never the resource, whose type is Service"},
		{"identity as action", `forbid (principal, action == Identity::"spiffe://demo.signet/web", resource);`, UnknownEntity, 1, 30, "is never the action, whose type is Action"},
		{"short name", `forbid (principal == Identity::"web", action, resource);`, UnknownEntity, 1, 22, `write Identity::"spiffe://<trust domain>/<path>"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New([]Rule{Allow(pair(t, "web", "orders")), {"a", test.text}})
			got, ok := fault.Of(err)
			if !ok {
				t.Fatalf("error is %v, want %s", err, test.code)
			}
			if got.Code != test.code || !strings.Contains(got.Message, test.message) {
				t.Errorf("error is %v, want %q [%s]", err, test.message, test.code)
			}
			if diff := cmp.Diff(Position{"a", test.line, test.column}, got.Detail); diff != "" {
				t.Errorf("position (-want +got):\n%s", diff)
			}
			place := "rule a: "
			if test.line > 0 {
				place = fmt.Sprintf("rule a, line %d, column %d: ", test.line, test.column)
			}
			if !strings.HasPrefix(got.Message, place) {
				t.Errorf("message %q does not begin with %q", got.Message, place)
			}
			if got.Hint != "correct rule a" {
				t.Errorf("hint is %q", got.Hint)
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	for _, test := range []struct{ name, text string }{
		{"no @id", `permit (principal, action, resource);`},
		{"its own @id and another annotation", `@id("a") @because("INC-1") permit (principal, action, resource);`},
		{"a question mark in a string and a comment", "@because(\"why ?principal\") permit (principal, action, resource); // ?resource"},
		{"is", `permit (principal is Identity, action, resource is Service);`},
		{"in", `permit (principal in Identity::"spiffe://demo.signet/web", action in [Action::"connect"], resource is Service in Service::"spiffe://demo.signet/orders");`},
		{"condition", `forbid (principal, action, resource) unless { [Identity::"spiffe://demo.signet/web"].contains(principal) && principal is Identity };`},
		{"trailing comma and comments", "// a rule\npermit (principal, /* any */ action, resource,); // end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New([]Rule{{"a", test.text}}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNewRefusesName(t *testing.T) {
	const text = "permit (principal, action, resource);"
	for _, test := range []struct{ name, rule, message string }{
		{"empty", "", "1 to 4200 bytes"},
		{"too long", strings.Repeat("a", maxNameBytes+1), "has 4201"},
		{"space", "let web in", "' ' in the name"},
		{"escape sequence", "a\x1b[31m", `'\x1b' in the name`},
		{"not ASCII", "wéb", "'é' in the name"},
		{"slash", "a/b", "'/' in the name"},
		{"not UTF-8", "a\xff", "in the name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New([]Rule{{test.rule, text}})
			if !errors.Is(err, InvalidRule) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error is %v, want %q [%s]", err, test.message, InvalidRule)
			}
		})
	}
	mustNew(t, Rule{strings.Repeat("a", maxNameBytes), text})
}

func TestNewRefusesTwoRulesOfOneName(t *testing.T) {
	web := pair(t, "web", "orders")
	_, err := New([]Rule{Allow(web), Deny(web), Allow(web)})
	if !errors.Is(err, DuplicateRule) || !strings.Contains(err.Error(), "two rules are called allow-web-orders") {
		t.Errorf("error is %v, want %s", err, DuplicateRule)
	}
}

func TestNewBounds(t *testing.T) {
	const text = "permit (principal, action, resource);"
	padded := func(size int) string { return text + strings.Repeat(" ", size-len(text)) }
	// Each "!" is one token more than the 13 of the rest.
	deep := func(tokens int) string {
		return "permit (principal, action, resource) when { " + strings.Repeat("!", tokens-13) + "true };"
	}
	// Each test writes what stands before it twice.
	doubled := func(n int) string {
		return "permit (principal, action, resource) when { " + strings.Repeat("({a: {b: ", n) + "true" + strings.Repeat("}} has a.b)", n) + " };"
	}
	many := func(n int, text string) []Rule {
		rules := make([]Rule, n)
		for i := range rules {
			rules[i] = Rule{fmt.Sprintf("r%d", i), text}
		}
		return rules
	}
	for _, test := range []struct {
		name    string
		rules   []Rule
		message string // "" if accepted
	}{
		{"rules at the bound", many(maxRules, text), ""},
		{"a rule too many", many(maxRules+1, text), "has 20001 rules, the most is 20000"},
		{"bytes at the bound", many(maxBytes/maxRuleBytes, padded(maxRuleBytes)), ""},
		{"a byte too many", append(many(maxBytes/maxRuleBytes, padded(maxRuleBytes)), Rule{"x", " "}), "has 16777217 bytes, the most is 16777216"},
		{"a rule's byte too many", many(1, padded(maxRuleBytes+1)), "rule r0: it has 16385 bytes, the most is 16384"},
		{"a rule's tokens at the bound", many(1, deep(maxRuleTokens)), ""},
		{"a rule that unfolds", many(1, doubled(7)), ""},
		{"a rule that unfolds too far", many(1, doubled(20)), "rule r0, line 1, column 1: its conditions unfold to more than 4200 expressions"},
		{"a rule's token too many", many(1, deep(maxRuleTokens+1)), "rule r0: it has more than 4096 words and signs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.rules)
			if test.message == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.Is(err, TooLarge) || !strings.Contains(err.Error(), test.message) {
				t.Errorf("error is %v, want %q [%s]", err, test.message, TooLarge)
			}
		})
	}
}

// Hostile text reaches a message in one printable line of bounded length.
func TestNewCleansMessages(t *testing.T) {
	for _, text := range []string{
		"\x1b[31m",
		`permit (principal == X::"` + strings.Repeat("y", 5000) + `", action, resource);`,
		"@id(\"\\u{1b}[31m\\n\") permit (principal, action, resource);",
		"permit (principal == ?" + strings.Repeat("y", 5000) + ", action, resource);",
	} {
		_, err := New([]Rule{{"a", text}})
		if err == nil {
			t.Fatalf("%.40q is accepted", text)
		}
		if message := err.Error(); len(message) > 1000 || strings.ContainsAny(message, "\n\x1b") {
			t.Errorf("%.40q gives the message %q", text, message)
		}
	}
}

func TestCodesAreComplete(t *testing.T) {
	want := []fault.Code{NoRule, DeniedByRule, RuleFailed, InvalidRule, UnknownEntity, UnknownAttribute, InvalidType, TimeForm, DuplicateRule, TooLarge}
	var got []fault.Code
	for _, entry := range Codes() {
		got = append(got, entry.Code)
		if entry.Meaning == "" || entry.Cause == "" || entry.Next == "" {
			t.Errorf("%s lacks a text", entry.Code)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}
