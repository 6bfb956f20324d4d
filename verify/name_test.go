package verify_test

import (
	"crypto/x509"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

func TestCheckHost(t *testing.T) {
	hosts := roots(testpki.Must(testpki.New(now)).Roots()...)
	tests := []struct {
		name, host string
		hint       string // of a refusal
	}{
		{"DNS name", "api.example.com", ""},
		{"upper case", "API.Example.COM", ""},
		{"trailing dot", "api.example.com.", ""},
		{"one label", "localhost", ""},
		{"underscore", "_sip.example.com", ""},
		{"punycode", "xn--bcher-kva.example", ""},
		{"IPv4", "10.0.0.1", ""},
		{"IPv6", "::1", ""},
		{"IPv6 in brackets", "[::1]", ""},
		{"IPv6 with a zone", "fe80::1%eth0", ""},
		{"IPv4 with a trailing dot", "10.0.0.1.", "is not a number"},
		{"IPv4 in short", "127.1", "is not a number"},
		{"IPv4 as one number", "2130706433", "is not a number"},
		{"number at the end", "a.1", "is not a number"},
		{"label of 64 bytes", strings.Repeat("a", 64) + ".example", "at most 63"},
		{"empty", "", "without scheme"},
		{"two trailing dots", "a.example..", "without scheme"},
		{"empty label", "a..example", "without scheme"},
		{"wildcard", "*.example.com", "without scheme, port and wildcard"},
		{"scheme", "https://a.example", "without scheme"},
		{"port", "a.example:443", "without scheme, port"},
		{"IPv6 with a port", "[::1]:443", "without scheme, port"},
		{"open bracket", "[::1", "without scheme"},
		{"name in brackets", "[a.example]", "without scheme"},
		{"not ASCII", "bücher.example", "ASCII form, which begins with xn--"},
		{"space", "a example", "without scheme"},
		{"NUL", "a.example\x00.evil.example", "without scheme"},
		{"escape", "\x1b[31m", "without scheme"},
		{"SPIFFE ID", "spiffe://td/web", "without scheme"},
		{"254 bytes", strings.Repeat("a.", 126) + "bc", "253 in all"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := verify.Host(test.host).Check(hosts)
			if test.hint == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, verify.NameInvalid, "is neither a host name nor an IP address")
			e, _ := fault.Of(err)
			if !strings.Contains(e.Hint, test.hint) {
				t.Errorf("the next step is %q, want %q", e.Hint, test.hint)
			}
			if clipped := strconv.Quote(fault.Printable(test.host, 80)); !strings.Contains(e.Message, clipped) {
				t.Errorf("the message is %q, want %s in it", e.Message, clipped)
			}
		})
	}
}

func TestCheckRoots(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	hosts, home := roots(fixture.Roots()...), rootsOf("demo.signet", fixture.Roots()...)
	var nobody verify.Roots
	host, web := verify.Host("a.example"), verify.ID(id("spiffe://demo.signet/web"))
	foreign := verify.ID(id("spiffe://other.example/web"))
	anyone := verify.Any("a test")
	tests := []struct {
		name  string
		who   verify.Name
		roots verify.Roots
		code  fault.Code
		says  string
	}{
		{"host, roots for hosts", host, hosts, "", ""},
		{"ID, its trust domain's roots", web, home, "", ""},
		{"member, its trust domain's roots", verify.Member(domain("demo.signet")), home, "", ""},
		{"anybody, roots for hosts", anyone, hosts, "", ""},
		{"anybody, a trust domain's roots", anyone, home, "", ""},
		{"host, a trust domain's roots", host, home, verify.RootsDoNotFit, "Demo Root (demo.signet) cannot vouch for a.example"},
		{"ID, roots for hosts", web, hosts, verify.RootsDoNotFit, "Demo Root (ca.pem) cannot vouch for spiffe://demo.signet/web"},
		{"member, roots for hosts", verify.Member(domain("demo.signet")), hosts, verify.RootsDoNotFit, "cannot vouch for any identity of demo.signet"},
		{"ID, another trust domain's roots", foreign, home, verify.RootsDoNotFit, "cannot vouch for spiffe://other.example/web"},
		{"member, another trust domain's roots", verify.Member(domain("other.example")), home, verify.RootsDoNotFit, "cannot vouch"},
		{"no name", verify.Name{}, hosts, verify.NameMissing, "who the peer must be"},
		{"neither name nor roots", verify.Name{}, nobody, verify.NameMissing, "who the peer must be"},
		{"host, no roots", host, nobody, verify.RootsMissing, "whom to trust"},
		{"ID, no roots", web, nobody, verify.RootsMissing, "whom to trust"},
		{"anybody, no roots", anyone, nobody, verify.RootsMissing, "whom to trust"},
		{"anybody, no reason", verify.Any(""), hosts, verify.NameInvalid, "needs a reason"},
		{"anybody, blank reason", verify.Any(" \t"), hosts, verify.NameInvalid, "needs a reason"},
		{"zero ID", verify.ID(spiffeid.ID{}), home, verify.NameInvalid, "is empty"},
		{"zero ID, roots for hosts", verify.ID(spiffeid.ID{}), hosts, verify.NameInvalid, "is empty"},
		{"zero member", verify.Member(spiffeid.TrustDomain{}), hosts, verify.NameInvalid, "is empty"},
	}
	chain := testpki.Must(fixture.Server("a.example")).Chain
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.who.Check(test.roots)
			report, verifyErr := judged(chain, verify.Options{Roots: test.roots, Name: test.who, Now: now})
			if test.code == "" {
				if err != nil || report == nil {
					t.Errorf("have %v and the report %v", err, report)
				}
				return
			}
			wantFault(t, err, test.code, test.says)
			wantFault(t, verifyErr, test.code, test.says)
			if report != nil {
				t.Errorf("have the report %+v of a question that cannot be asked", report)
			}
		})
	}
}

func TestNameTexts(t *testing.T) {
	tests := []struct {
		name             verify.Name
		text, serverName string
		domain           string
	}{
		{verify.Host("api.example.com."), "api.example.com.", "api.example.com", ""},
		{verify.Host("10.0.0.1"), "10.0.0.1", "", ""},
		{verify.Host("[::1]"), "::1", "", ""},
		{verify.Host("fe80::1%eth0"), "fe80::1", "", ""},
		{verify.ID(id("spiffe://demo.signet/web")), "spiffe://demo.signet/web", "", "demo.signet"},
		{verify.Member(domain("demo.signet")), "any identity of demo.signet", "", "demo.signet"},
		{verify.Any("a test"), "any name (a test)", "", ""},
		{verify.Name{}, "no name", "", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			if test.name.String() != test.text || test.name.ServerName() != test.serverName || test.name.TrustDomain().String() != test.domain {
				t.Errorf("have %q, SNI %q, trust domain %q; want %q, %q, %q", test.name, test.name.ServerName(), test.name.TrustDomain(), test.text, test.serverName, test.domain)
			}
			if zero := test.text == "no name"; test.name.IsZero() != zero {
				t.Errorf("have zero %v, want %v", test.name.IsZero(), zero)
			}
			if anybody := strings.HasPrefix(test.text, "any name"); test.name.AcceptsAny() != anybody {
				t.Errorf("have any %v, want %v", test.name.AcceptsAny(), anybody)
			}
		})
	}
}

// TestHostMatch asks a certificate with one name for another.
func TestHostMatch(t *testing.T) {
	root := forge(authority("Root"), nil)
	tests := []struct {
		name, shown, asked string
		want               fault.Code
	}{
		{"same", "api.example.com", "api.example.com", ""},
		{"case", "API.example.com", "api.EXAMPLE.com", ""},
		{"trailing dot asked", "api.example.com", "api.example.com.", ""},
		{"trailing dot shown", "api.example.com.", "api.example.com", verify.NameMalformed},
		{"wildcard", "*.example.com", "api.example.com", ""},
		{"wildcard is one label", "*.example.com", "a.b.example.com", verify.NameMismatch},
		{"wildcard is not none", "*.example.com", "example.com", verify.NameMismatch},
		{"wildcard in the middle", "a.*.example.com", "a.b.example.com", verify.NameMalformed},
		{"part of a label", "a*.example.com", "ab.example.com", verify.NameMalformed},
		{"empty", "", "api.example.com", verify.NameMalformed},
		{"bare wildcard", "*", "localhost", verify.NameMalformed},
		{"suffix", "example.com", "evilexample.com", verify.NameMismatch},
		{"prefix", "example.com", "example.com.evil.example", verify.NameMismatch},
		{"NUL", "api.example.com\x00.evil.example", "api.example.com", verify.NameMalformed},
		{"IPv4", "10.0.0.1", "10.0.0.1", ""},
		{"IPv4 mapped into IPv6 asked", "10.0.0.1", "::ffff:10.0.0.1", verify.NameMismatch},
		{"IPv4 mapped into IPv6 shown", "::ffff:10.0.0.1", "10.0.0.1", verify.NameMismatch},
		{"IPv4 mapped into IPv6, both", "::ffff:10.0.0.1", "::ffff:10.0.0.1", ""},
		{"IPv6 forms", "2001:db8::1", "2001:0db8:0:0::1", ""},
		{"IPv6 with a zone", "fe80::1", "fe80::1%eth0", ""},
		{"another address", "10.0.0.1", "10.0.0.2", verify.NameMismatch},
		{"punycode", "xn--bcher-kva.example", "xn--bcher-kva.example", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			template := leaf()
			template.DNSNames = []string{test.shown}
			if strings.ContainsAny(test.shown, ":") || strings.HasPrefix(test.shown, "10.") {
				template = named(general("IP:" + test.shown))
				template.Subject.CommonName = "a host"
			}
			report, err := judged(forge(template, root).Chain, verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(test.asked), Now: now})
			wantWhole(t, report, err)
			if report.Code != test.want {
				t.Errorf("have %v, want the code %q", err, test.want)
			}
		})
	}
	// An address as text in a DNS name is nobody's address.
	template := with(leaf(), func(c *x509.Certificate) { c.DNSNames = []string{"10.0.0.1"} })
	report, _ := judged(forge(template, root).Chain, verify.Options{Roots: roots(root.Leaf()), Name: verify.Host("10.0.0.1"), Now: now})
	if report.Trusted {
		t.Error("a DNS name was taken for an address")
	}
}

func TestSpan(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0 s"},
		{0, "0 s"},
		{59 * time.Second, "59 s"},
		{time.Minute, "1 min"},
		{59*time.Minute + 59*time.Second, "59 min"},
		{time.Hour, "1 h"},
		{47 * time.Hour, "47 h"},
		{48 * time.Hour, "2 days"},
		{61 * 24 * time.Hour, "61 days"},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			if got := verify.Span(test.d); got != test.want {
				t.Errorf("have %q, want %q", got, test.want)
			}
			if got := verify.Ago(test.d); got != test.want+" ago" {
				t.Errorf("have %q, want %q", got, test.want+" ago")
			}
		})
	}
}
