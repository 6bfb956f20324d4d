package spelling

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"up", "connect", "conns", "verify", "revoke", "allow", "why"}
	for typed, want := range map[string]string{
		"vrify":      "verify", // a letter left out
		"verrify":    "verify", // one too many
		"verufy":     "verify", // another one
		"evrify":     "verify", // two swapped
		"vreifi":     "verify", // two mistakes
		"vrfy":       "verify", // two of four letters
		"vrefi":      "",       // three
		"con":        "",       // two of three letters
		"conn":       "conns",
		"connec":     "connect", // rather than conns
		"wyh":        "why",
		"key":        "",
		"ls":         "",
		"":           "",
		"vérify":     "verify",
		"ab\xff\xfe": "",
	} {
		if have := Nearest(typed, words); have != want {
			t.Errorf("%q is taken for %q, want %q", typed, have, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"same", "same", 0}, {"ab", "ba", 1}, {"abc", "ca", 3}, {"abcd", "badc", 2}, {"a", "abcd", 3},
	} {
		if have := distance(test.a, test.b); have != test.want {
			t.Errorf("%q and %q are %d apart, want %d", test.a, test.b, have, test.want)
		}
		if have := distance(test.b, test.a); have != test.want {
			t.Errorf("%q and %q are %d apart, want %d", test.b, test.a, have, test.want)
		}
	}
}
