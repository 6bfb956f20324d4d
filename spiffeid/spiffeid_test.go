package spiffeid_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

func TestParseTrustDomain(t *testing.T) {
	tests := []struct {
		name, text string
		ok         bool
	}{
		{"letters, digits and marks", "prod-1.example_x", true},
		{"one byte", "a", true},
		{"255 bytes", strings.Repeat("a", 255), true},
		{"256 bytes", strings.Repeat("a", 256), false},
		{"empty", "", false},
		{"upper case", "Prod.example", false},
		{"port", "prod.example:443", false},
		{"scheme", "spiffe://prod.example", false},
		{"user", "a@prod.example", false},
		{"slash", "prod/example", false},
		{"percent", "prod%2eexample", false},
		{"space", "prod example", false},
		{"NUL", "prod\x00example", false},
		{"not ASCII", "pröd.example", false},
		{"full-width letter", "ｐrod", false},
		{"not UTF-8", "prod\xff", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			td, err := spiffeid.ParseTrustDomain(test.text)
			if ok := err == nil; ok != test.ok {
				t.Fatalf("have error %v, want ok %v", err, test.ok)
			}
			if test.ok && (td.String() != test.text || td.IsZero()) {
				t.Errorf("have %q, want %q", td, test.text)
			}
			if !test.ok {
				wantFault(t, err, spiffeid.InvalidTrustDomain)
				if !td.IsZero() {
					t.Errorf("have %q beside the error, want the zero value", td)
				}
			}
		})
	}
}

func TestParse(t *testing.T) {
	const long = "spiffe://td/"
	tests := []struct {
		name, text string
		path       string // of a valid ID
		says       string // in the message of an invalid one
	}{
		{"one segment", "spiffe://prod.example/web", "web", ""},
		{"more segments, upper case, marks", "spiffe://prod.example/ns/A-b_c.d/9", "ns/A-b_c.d/9", ""},
		{"three dots are a name", "spiffe://td/...", "...", ""},
		{"2,048 bytes", long + strings.Repeat("a", 2048-len(long)), strings.Repeat("a", 2048-len(long)), ""},
		{"2,049 bytes", long + strings.Repeat("a", 2049-len(long)), "", "at most 2048 bytes, this has 2049"},
		{"empty", "", "", "does not begin with spiffe://"},
		{"other scheme", "https://td/web", "", "does not begin with spiffe://"},
		{"scheme in upper case", "SPIFFE://td/web", "", "does not begin with spiffe://"},
		{"no path", "spiffe://td", "", "no path"},
		{"empty path", "spiffe://td/", "", "no path"},
		{"no trust domain", "spiffe:///web", "", "a trust domain has 1 to 255 bytes"},
		{"trust domain in upper case", "spiffe://TD/web", "", "'T' in the trust domain"},
		{"port", "spiffe://td:443/web", "", "':' in the trust domain"},
		{"user", "spiffe://root@td/web", "", "'@' in the trust domain"},
		{"trailing slash", "spiffe://td/web/", "", "empty or a dot segment"},
		{"double slash", "spiffe://td//web", "", "empty or a dot segment"},
		{"dot", "spiffe://td/./web", "", "empty or a dot segment"},
		{"dots", "spiffe://td/web/../orders", "", "empty or a dot segment"},
		{"percent encoding", "spiffe://td/%77eb", "", "'%' in the path"},
		{"query", "spiffe://td/web?x", "", "'?' in the path"},
		{"fragment", "spiffe://td/web#x", "", "'#' in the path"},
		{"NUL", "spiffe://td/web\x00", "", `'\x00' in the path`},
		{"newline", "spiffe://td/web\n", "", `'\n' in the path`},
		{"homoglyph", "spiffe://td/wеb", "", "'е' in the path"}, // Cyrillic
		{"bidirectional control", "spiffe://td/w\u202eb", "", `'\u202e' in the path`},
		{"not UTF-8", "spiffe://td/\xff", "", "in the path"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id, err := spiffeid.Parse(test.text)
			if test.says != "" {
				wantFault(t, err, spiffeid.InvalidID)
				if !strings.Contains(err.Error(), test.says) || !id.IsZero() {
					t.Errorf("have %v and ID %q, want the zero ID and an error with %q", err, id, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.String() != test.text || id.Path() != test.path || id.IsZero() || id.URL().String() != test.text {
				t.Errorf("have %q with path %q and URL %s; want %q with path %q", id, id.Path(), id.URL(), test.text, test.path)
			}
		})
	}
}

// wantFault holds an error against the rules for all of them.
func wantFault(t *testing.T, err error, code fault.Code) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) {
		t.Fatalf("have %v, want a fault with the code %s", err, code)
	}
	if e.Hint == "" {
		t.Errorf("%v has no next step", err)
	}
	if e.Message != fault.Printable(e.Message, 500) {
		t.Errorf("%q has more than a line of printable text", e.Message)
	}
}

func TestID(t *testing.T) {
	prod, err := spiffeid.ParseTrustDomain("prod.example")
	if err != nil {
		t.Fatal(err)
	}
	web, err := prod.ID("proxy/edge-3")
	if err != nil {
		t.Fatal(err)
	}
	if web.TrustDomain() != prod || web.Short(prod) != "proxy/edge-3" || web.Short(spiffeid.TrustDomain{}) != "spiffe://prod.example/proxy/edge-3" {
		t.Errorf("have %q of %q, short %q and %q", web, web.TrustDomain(), web.Short(prod), web.Short(spiffeid.TrustDomain{}))
	}
	for _, td := range []spiffeid.TrustDomain{prod, {}} {
		if id, err := prod.Named(web.Short(td)); id != web || err != nil {
			t.Errorf("of %q came %q, %v", web.Short(td), id, err)
		}
	}
	for _, text := range []string{"https://prod.example/web", "spiffe://prod.example", "../orders", ""} {
		if id, err := prod.Named(text); err == nil {
			t.Errorf("%q was made of %q", id, text)
		}
	}
	if id, err := prod.ID("../orders"); err == nil {
		t.Errorf("%q was made of a dot segment", id)
	}
	var zero spiffeid.TrustDomain
	if id, err := zero.ID("web"); err == nil {
		t.Errorf("%q was made in no trust domain", id)
	}
	if got := (spiffeid.ID{}).String(); got != "" {
		t.Errorf("the zero ID reads %q, want nothing", got)
	}
}

func TestJSON(t *testing.T) {
	type both struct {
		ID     spiffeid.ID
		Domain spiffeid.TrustDomain
	}
	tests := []struct {
		name, text string
		code       fault.Code
	}{
		{"set", `{"ID":"spiffe://prod.example/web","Domain":"prod.example"}`, ""},
		{"zero", `{"ID":"","Domain":""}`, ""},
		{"bad ID", `{"ID":"web","Domain":""}`, spiffeid.InvalidID},
		{"bad trust domain", `{"ID":"","Domain":"X"}`, spiffeid.InvalidTrustDomain},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var value both
			err := json.Unmarshal([]byte(test.text), &value)
			if test.code != "" {
				wantFault(t, err, test.code)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(value)
			if err != nil || string(again) != test.text {
				t.Errorf("have %s, %v; want %s", again, err, test.text)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"spiffe://prod.example/web", "spiffe://td/a/b.c", "spiffe:///", "spiffe://td/%2e", "https://td/a", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := spiffeid.Parse(text)
		if err != nil {
			wantFault(t, err, spiffeid.InvalidID)
			return
		}
		if id.String() != text {
			t.Fatalf("%q became %q", text, id)
		}
		again, err := id.TrustDomain().ID(id.Path())
		if err != nil || again != id {
			t.Errorf("%q in parts gives %q, %v", text, again, err)
		}
		parsed, err := url.Parse(text)
		if err != nil || *parsed != *id.URL() {
			t.Errorf("as a URL %q is %+v, %v; want %+v", text, parsed, err, id.URL())
		}
	})
}
