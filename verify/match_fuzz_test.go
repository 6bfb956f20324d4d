package verify

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/signet-tls/signet/pki"
)

// FuzzNameMatch shows one alternative name of any form to every form of wanted
// name: what matches is what was asked for.
func FuzzNameMatch(f *testing.F) {
	for _, seed := range []struct {
		kind         pki.NameKind
		shown, asked string
	}{
		{pki.DNSName, "*.example.com", "a.example.com"}, {pki.DNSName, "A.example", "a.example."}, {pki.IPName, "\x0a\x00\x00\x01", "10.0.0.1"},
		{pki.IPName, "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "2001:db8::1"},
		{pki.URIName, "https://A.example:443/%7e/../x?%2f#y", "https://a.example/x?%2F#y"}, {pki.URIName, "urn:x:%61", "urn:x:a"}, {pki.URIName, "spiffe://a/b", "spiffe://a/b"},
		{pki.EmailName, "jane@EXAMPLE.com", "jane@example.com"},
		{pki.OtherName, "\x06\x08\x2b\x06\x01\x05\x05\x07\x08\x09\xa0\x0c\x0c\x0a\xc3\xbc@a.test\x00", "ü@a.test"},
	} {
		f.Add(int(seed.kind), seed.shown, seed.asked)
	}
	hosts := Roots{&rootSet{origin: "fuzzed"}}
	f.Fuzz(func(t *testing.T, kind int, shown, asked string) {
		if kind < 0 || kind > int(pki.RegisteredID) {
			return
		}
		leaf := &node{names: []pki.GeneralName{{Kind: pki.NameKind(kind), Raw: []byte(shown)}}}
		if name := Host(asked); name.Check(hosts) == nil && isFor(leaf, name.host, &Options{}) {
			want := strings.ToLower(strings.TrimSuffix(asked, "."))
			_, parent, _ := strings.Cut(want, ".")
			have := strings.ToLower(shown)
			address, isAddress := netip.AddrFromSlice([]byte(shown))
			asIP, err := netip.ParseAddr(name.host)
			if !(kind == int(pki.DNSName) && err != nil && (have == want || have == "*."+parent)) && !(kind == int(pki.IPName) && isAddress && address == asIP) {
				t.Errorf("%q of the form %d is taken for the host %q", shown, kind, asked)
			}
		}
		if name := URI(asked); name.Check(hosts) == nil {
			if again := URI(name.host); again != name {
				t.Errorf("%q is %q, which is %q", asked, name.host, again.host)
			}
			if hasURI(leaf, name.host) {
				a, b := mustURL(t, shown), mustURL(t, asked)
				if kind != int(pki.URIName) || !strings.EqualFold(a.Scheme, b.Scheme) || !strings.EqualFold(a.Hostname(), b.Hostname()) || a.Scheme == "spiffe" {
					t.Errorf("%q of the form %d is taken for the URI %q", shown, kind, asked)
				}
			}
		}
		if name := Email(asked); name.Check(hosts) == nil && hasMailbox(leaf, asked) {
			local, host, _ := strings.Cut(asked, "@")
			at := strings.Index(shown, local+"@")
			if at < 0 || !strings.EqualFold(strings.TrimPrefix(shown[at:], local+"@"), host) || kind == int(pki.EmailName) && at > 0 || kind != int(pki.EmailName) && kind != int(pki.OtherName) {
				t.Errorf("%q of the form %d is taken for the address %q", shown, kind, asked)
			}
		}
	})
}

func mustURL(t *testing.T, text string) *url.URL {
	u, err := url.Parse(text)
	if err != nil {
		t.Fatalf("%q was taken for a URI: %v", text, err)
	}
	return u
}

// FuzzNameConstraints holds a name against one subtree: what it permits lies in it
// when it is excluded, too, and a subtree holds no more than one above it.
func FuzzNameConstraints(f *testing.F) {
	for _, seed := range []struct {
		kind       pki.NameKind
		name, tree string
	}{
		{pki.DNSName, "*.a.example.com", "example.com"}, {pki.IPName, "\x0a\x00\x00\x01", "\x0a\x00\x00\x00\xff\x00\x00\x00"},
		{pki.EmailName, "jane@a.example.com", ".example.com"}, {pki.EmailName, "jane@example.com", "jane@example.com"},
		{pki.URIName, "https://u:p@a.example.com:1/x?y#z", ".example.com"}, {pki.URIName, "urn:x", ""}, {pki.OtherName, "", ""},
		{pki.DirectoryName, "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x0a\x0c\x01\x41", "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x0a\x13\x01\x61"},
	} {
		f.Add(int(seed.kind), seed.name, seed.tree)
	}
	f.Fuzz(func(t *testing.T, kind int, name, tree string) {
		if kind < 0 || kind > int(pki.RegisteredID) || kind == int(pki.DirectoryName) && !(isDirectory(name) && isDirectory(tree)) {
			return
		}
		have := pki.GeneralName{Kind: pki.NameKind(kind), Raw: []byte(name)}
		base := pki.GeneralName{Kind: pki.NameKind(kind), Raw: []byte(tree)}
		if kind == int(pki.IPName) && len(tree) != 8 && len(tree) != 32 || !isBase(base) {
			return
		}
		only := []pki.Subtree{{Base: base, Maximum: -1}}
		permitted, _ := allowed(&pki.NameConstraints{Permitted: only}, have)
		free, why := allowed(&pki.NameConstraints{Excluded: only}, have)
		if permitted && free {
			t.Errorf("%q of the form %d is permitted by %q, and not excluded by it", name, kind, tree)
		}
		if free == (why != "") {
			t.Errorf("allowed %v, because %q", free, why)
		}
		if kind == int(pki.DNSName) && permitted {
			if above, _ := allowed(&pki.NameConstraints{Permitted: []pki.Subtree{{Base: pki.GeneralName{Kind: pki.DNSName}}}}, have); !above {
				t.Errorf("%q lies in %q, and not in the subtree of all", name, tree)
			}
			if !strings.HasSuffix(strings.ToLower(name), strings.ToLower(tree)) {
				t.Errorf("%q lies in %q", name, tree)
			}
		}
	})
}

// isDirectory reports whether bytes are a name that parses.
func isDirectory(name string) bool {
	read, ok := pki.GeneralName{Kind: pki.DirectoryName, Raw: []byte(name)}.Directory()
	return ok && len(name) >= 2 && read.IsEmpty() == (name == "\x30\x00")
}

// allowed asks without a path.
func allowed(constraints *pki.NameConstraints, name pki.GeneralName) (bool, string) {
	s := new(search)
	return s.allows(s.limitsOf(constraints), inForm(name))
}
