package verify_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// TestURIMatch asks a certificate with one URI for another.
func TestURIMatch(t *testing.T) {
	tests := []struct {
		name, shown, asked string
		want               bool
	}{
		{"same", "https://api.example.com/orders", "https://api.example.com/orders", true},
		{"case of the scheme", "HTTPS://api.example.com/orders", "https://api.example.com/orders", true},
		{"case of the host", "https://API.example.com/orders", "https://api.EXAMPLE.com/orders", true},
		{"case of the path", "https://api.example.com/Orders", "https://api.example.com/orders", false},
		{"another path", "https://api.example.com/orders", "https://api.example.com/", false},
		{"host alone", "https://api.example.com", "https://api.example.com/orders", false},
		{"no path, root", "https://api.example.com", "https://api.example.com/", true},
		{"no path, root, unknown scheme", "coap://api.example.com", "coap://api.example.com/", false},
		{"trailing slash", "https://api.example.com/orders/", "https://api.example.com/orders", false},
		{"default port", "https://api.example.com:443/", "https://api.example.com/", true},
		{"empty port", "https://api.example.com:/", "https://api.example.com/", true},
		{"another scheme's port", "https://api.example.com:80/", "https://api.example.com/", false},
		{"a port of an unknown scheme", "coap://api.example.com:5683/", "coap://api.example.com/", false},
		{"LDAP's port", "ldap://ldap.example.com:389/o=Acme", "ldap://ldap.example.com/o=Acme", true},
		{"another scheme", "http://api.example.com/", "https://api.example.com/", false},
		{"needless escapes", "https://api.example.com/%6frders/%7Ejane", "https://api.example.com/orders/~jane", true},
		{"needless escapes of the first and last letters and digits", "https://api.example.com/%41%5A%61%7A%30%39", "https://api.example.com/AZaz09", true},
		{"escapes of their neighbours", "https://api.example.com/%40%2F%3A", "https://api.example.com/@/:", false},
		{"escapes in small letters", "https://api.example.com/a%2fb", "https://api.example.com/a%2Fb", true},
		{"an escaped slash is none", "https://api.example.com/a%2Fb", "https://api.example.com/a/b", false},
		{"an escaped percent sign", "https://api.example.com/%2541", "https://api.example.com/%41", false},
		{"dot segments", "https://api.example.com/a/./b/../c", "https://api.example.com/a/c", true},
		{"escaped dot segments", "https://api.example.com/a/%2e%2E/c", "https://api.example.com/c", true},
		{"dots at the end", "https://api.example.com/a/b/..", "https://api.example.com/a/", true},
		{"dots above the root", "https://api.example.com/../../c", "https://api.example.com/c", true},
		{"two slashes are not one", "https://api.example.com/a//b", "https://api.example.com/a/b", false},
		{"query", "https://api.example.com/?a=1", "https://api.example.com/", false},
		{"same query", "https://api.example.com?a=/../%31", "https://api.example.com/?a=/../1", true},
		{"fragment", "https://api.example.com/#a", "https://api.example.com/#b", false},
		{"user", "https://jane@api.example.com/", "https://api.example.com/", false},
		{"case of the user", "https://Jane@api.example.com/", "https://jane@api.example.com/", false},
		{"IPv6", "https://[2001:DB8::1]:443/", "https://[2001:db8::1]/", true},
		{"URN", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "URN:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", true},
		{"URN, another", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf7", false},
		{"shown without a scheme", "//api.example.com/", "https://api.example.com/", false},
		{"shown with a half escape", "https://api.example.com/%4", "https://api.example.com/", false},
		{"shown with a space", "https://api.example.com/a b", "https://api.example.com/a%20b", false},
		{"shown with NUL", "https://api.example.com/\x00", "https://api.example.com/", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wantNamed(t, "URI:"+test.shown, verify.URI(test.asked), test.want)
		})
	}
	for _, shown := range []string{"DNS:api.example.com", "email:jane@api.example.com", "utf8:https://api.example.com/"} {
		wantNamed(t, shown, verify.URI("https://api.example.com/"), false)
	}
	wantNamed(t, "URI:https://api.example.com/", verify.Host("api.example.com"), false)
}

// wantNamed shows a certificate with one name, and asks for another.
func wantNamed(t *testing.T, shown string, asked verify.Name, want bool) {
	t.Helper()
	root := authority("Root")
	anchor := roots(strange(root, root))
	report, err := judged(chainOf(strange(named(general(shown)), root)), verify.Options{Roots: anchor, Name: asked, Now: now, Profile: verify.Path})
	if report == nil {
		t.Fatal(err)
	}
	wantWhole(t, report, err)
	if (err == nil) != want || err != nil && !errors.Is(err, verify.NameMismatch) && !errors.Is(err, verify.NameMalformed) {
		t.Errorf("a certificate for %s, asked for %s: have %v, want trust %v", shown, asked, err, want)
	}
}

func TestCheckURI(t *testing.T) {
	hosts := roots(testpki.Must(testpki.New(now)).Roots()...)
	for _, good := range []string{"https://api.example.com", "urn:x:y", "HTTP://A.example:80/../x%41", "ldap://h/o=x?cn", "x://h?q#f"} {
		if err := verify.URI(good).Check(hosts); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"", "api.example.com", "/x", "//h/x", "https://", "https:///x", "https://h/%", "https://h/%zz", "https://h/ x", "https://h/\x7f", "https://h/ü",
		"https://bücher.example/", "https://h\\x", "spiffe://demo.signet/web", "SPIFFE://demo.signet/web", "1http://h/", "https://h:x/", "https://h/\"", "https://h/?%zz", "https://h/?%4", "urn:x:%", "https://h/?a b", strings.Repeat("/", 1<<16)} {
		wantFault(t, verify.URI(bad).Check(hosts), verify.NameInvalid, "is no absolute URI, or is a SPIFFE ID")
	}
	name := verify.URI("HTTPS://A.example:443")
	if name.String() != "https://a.example/" || name.ServerName() != "" || !name.TrustDomain().IsZero() || name.AcceptsAny() || name.IsZero() {
		t.Errorf("have %q with the SNI %q", name, name.ServerName())
	}
	wantFault(t, name.Check(rootsOf("demo.signet", testpki.Must(testpki.New(now)).Roots()...)), verify.RootsDoNotFit, "cannot vouch for https://a.example/")
}

// TestURICanonical: writing a URI another way names the same, and a canonical one
// stays as it is.
func TestURICanonical(t *testing.T) {
	hosts := roots(testpki.Must(testpki.New(now)).Roots()...)
	rapid.Check(t, func(t *rapid.T) {
		segment := rapid.StringMatching(`[a-z0-9._~:@-]{0,4}`)
		path := "/" + strings.Join(rapid.SliceOfN(segment, 0, 5).Draw(t, "path"), "/")
		uri := rapid.SampledFrom([]string{"http", "https", "coap"}).Draw(t, "scheme") + "://" + rapid.StringMatching(`[a-z]{1,5}\.test`).Draw(t, "host") + path
		name := verify.URI(uri)
		if err := name.Check(hosts); err != nil {
			t.Fatalf("%s: %v", uri, err)
		}
		if again := verify.URI(name.String()); again != name {
			t.Fatalf("%s is %s, which is %s", uri, name, again)
		}
		resolved := testpki.Must(url.Parse(uri))
		if want := resolved.ResolveReference(&url.URL{Path: resolved.Path}); !strings.Contains(path, ":") && !strings.Contains(path, "//") && want.String() != name.String() {
			t.Fatalf("%s is %s, and by net/url %s", uri, name, want)
		}
		var other strings.Builder // the same with needless escapes and capitals
		for i, c := range []byte(uri) {
			switch {
			case i < strings.IndexByte(uri, ':') && rapid.Bool().Draw(t, "capital"):
				other.WriteString(strings.ToUpper(string(c)))
			case i >= len(uri)-len(path) && c >= 'a' && c <= 'z' && rapid.Bool().Draw(t, "escape"):
				other.WriteString("%" + string("0123456789abcdef"[c>>4]) + string("0123456789ABCDEF"[c&15]))
			default:
				other.WriteByte(c)
			}
		}
		if verify.URI(other.String()) != name {
			t.Fatalf("%s is %s, and %s is %s", uri, name, other.String(), verify.URI(other.String()))
		}
	})
}
