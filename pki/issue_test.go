package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

var now = time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)

var web = testpki.Must(spiffeid.Parse("spiffe://demo.signet/web"))

// wantFault holds an error against the rules for all of them.
func wantFault(t *testing.T, err error, code fault.Code, says string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) || !strings.Contains(err.Error(), says) {
		t.Fatalf("have %v, want a fault with the code %s that says %q", err, code, says)
	}
	if e.Hint == "" {
		t.Errorf("%v has no next step", err)
	}
	if e.Message != fault.Printable(e.Message, 500) {
		t.Errorf("%q has more than a line of printable text", e.Message)
	}
}

// extensions of a certificate by their short names, marked "!" if critical.
func extensions(cert *x509.Certificate) []string {
	names := map[string]string{"2.5.29.14": "SKI", "2.5.29.15": "KU", "2.5.29.17": "SAN", "2.5.29.19": "BC", "2.5.29.35": "AKI", "2.5.29.37": "EKU"}
	var have []string
	for _, extension := range cert.Extensions {
		name, ok := names[extension.Id.String()]
		if !ok {
			name = extension.Id.String()
		}
		if extension.Critical {
			name += "!"
		}
		have = append(have, name)
	}
	slices.Sort(have)
	return have
}

func TestProfiles(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	authority := x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	tests := []struct {
		name       string
		spec       pki.Spec
		signer     *pki.Credential // nil: itself
		extensions []string
		usage      x509.KeyUsage
		extended   []x509.ExtKeyUsage
		pathLen    int // -1: none
		lifetime   time.Duration
	}{
		{"root", pki.Spec{Profile: pki.Root, Name: "R"}, nil,
			[]string{"AKI", "BC!", "KU!", "SKI"}, authority, nil, -1, 3650 * 24 * time.Hour},
		{"intermediate", pki.Spec{Profile: pki.Intermediate, Name: "I"}, fixture.Root,
			[]string{"AKI", "BC!", "KU!", "SKI"}, authority, nil, 0, 730 * 24 * time.Hour},
		{"intermediate of the root's name", pki.Spec{Profile: pki.Intermediate, Name: "Demo Root"}, fixture.Root,
			[]string{"AKI", "BC!", "KU!", "SKI"}, authority, nil, 0, 730 * 24 * time.Hour},
		{"server without a common name", pki.Spec{Profile: pki.Server, DNS: []string{"a.example", "*.b.example"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}}, fixture.Intermediate,
			[]string{"AKI", "BC!", "EKU", "KU!", "SAN!", "SKI"}, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{server}, -1, 90 * 24 * time.Hour},
		{"server with a common name", pki.Spec{Profile: pki.Server, Name: "서버", DNS: []string{"a.example"}}, fixture.Intermediate,
			[]string{"AKI", "BC!", "EKU", "KU!", "SAN", "SKI"}, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{server}, -1, 90 * 24 * time.Hour},
		{"client", pki.Spec{Profile: pki.Client, DNS: []string{"a.example"}, Lifetime: time.Hour}, fixture.Intermediate,
			[]string{"AKI", "BC!", "EKU", "KU!", "SAN!", "SKI"}, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{client}, -1, time.Hour},
		{"workload", pki.Spec{Profile: pki.Workload, ID: web}, fixture.Intermediate,
			[]string{"AKI", "BC!", "EKU", "KU!", "SAN!", "SKI"}, x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{server, client}, -1, 24 * time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.spec.Now = now
			var made *pki.Credential
			var err error
			signer := test.signer
			if signer == nil {
				made, err = pki.SelfSigned(test.spec)
				signer = made
			} else {
				made, err = signer.New(test.spec)
			}
			if err != nil {
				t.Fatal(err)
			}
			cert := testpki.Must(made.Leaf().X509())
			if cert.Version != 3 {
				t.Errorf("have version %d, want 3", cert.Version)
			}
			if diff := cmp.Diff(test.extensions, extensions(cert)); diff != "" {
				t.Errorf("extensions (-want +have):\n%s", diff)
			}
			if cert.KeyUsage != test.usage {
				t.Errorf("have key usage %b, want %b", cert.KeyUsage, test.usage)
			}
			if diff := cmp.Diff(test.extended, cert.ExtKeyUsage); diff != "" {
				t.Errorf("extended key usage (-want +have):\n%s", diff)
			}
			if cert.MaxPathLen != test.pathLen {
				t.Errorf("have path length %d, want %d", cert.MaxPathLen, test.pathLen)
			}
			if isAuthority := test.extended == nil; made.Leaf().IsAuthority() != isAuthority {
				t.Errorf("have authority %v, want %v", made.Leaf().IsAuthority(), isAuthority)
			}
			if begin, end := cert.NotBefore, cert.NotAfter; !begin.Equal(now.Add(-pki.Backdate)) || !end.Equal(now.Add(test.lifetime)) {
				t.Errorf("valid from %v until %v, want %v and %v", begin, end, now.Add(-pki.Backdate), now.Add(test.lifetime))
			}
			if diff := cmp.Diff(keyID(t, cert.PublicKey), cert.SubjectKeyId); diff != "" {
				t.Errorf("subject key identifier (-want +have):\n%s", diff)
			}
			if diff := cmp.Diff(testpki.Must(signer.Leaf().X509()).SubjectKeyId, cert.AuthorityKeyId); diff != "" {
				t.Errorf("authority key identifier (-want +have):\n%s", diff)
			}
			if err := cert.CheckSignatureFrom(testpki.Must(signer.Leaf().X509())); err != nil {
				t.Error(err)
			}
		})
	}
}

// keyID is RFC 7093, section 2, method 1, by another way than the code's.
func keyID(t *testing.T, public crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	var info asn1.RawValue
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		t.Fatal(err)
	}
	var algorithm asn1.RawValue
	rest, err := asn1.Unmarshal(info.Bytes, &algorithm)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(rest[3:]) // tag, one byte of length, no unused bits
	return sum[:20]
}

func TestNames(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	cert := testpki.Must(testpki.Must(fixture.Server("a.example", "*.b.example", "10.0.0.1", "::1")).Leaf().X509())
	var addresses []string
	for _, ip := range cert.IPAddresses {
		addresses = append(addresses, ip.String())
	}
	if diff := cmp.Diff([]string{"a.example", "*.b.example"}, cert.DNSNames); diff != "" {
		t.Errorf("DNS names (-want +have):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.1", "::1"}, addresses); diff != "" {
		t.Errorf("addresses (-want +have):\n%s", diff)
	}
	if id := testpki.Must(fixture.Workload(web.String())).Leaf().ID(); id != web {
		t.Errorf("have the ID %q, want %q", id, web)
	}
}

func TestSerialNumbers(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	key := testpki.Must(pki.NewKey())
	seen := map[string]bool{}
	for range 64 {
		cert := testpki.Must(fixture.Intermediate.Issue(pki.Spec{Profile: pki.Workload, ID: web, Now: now}, key.Public()))
		serial := testpki.Must(cert.X509()).SerialNumber
		if serial.Sign() <= 0 || serial.BitLen() != 159 || len(cert.Serial()) != 40 {
			t.Fatalf("have %x, want a positive number of 20 bytes", serial)
		}
		if seen[cert.Serial()] {
			t.Fatalf("%s occurs twice", cert.Serial())
		}
		seen[cert.Serial()] = true
	}
}

func TestLifetimeIsClippedToTheIssuers(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Now: now, Lifetime: time.Hour}))
	tests := []struct {
		name       string
		at         time.Time
		lifetime   time.Duration
		begin, end time.Time
	}{
		{"in the middle", now.Add(30 * time.Minute), time.Minute, now.Add(25 * time.Minute), now.Add(31 * time.Minute)},
		{"at the root's first moment", now.Add(-pki.Backdate), time.Minute, now.Add(-pki.Backdate), now.Add(-pki.Backdate + time.Minute)},
		{"longer than the root", now, 24 * time.Hour, now.Add(-pki.Backdate), now.Add(time.Hour)},
		{"in the root's last second", now.Add(time.Hour - time.Second), time.Minute, now.Add(55*time.Minute - time.Second), now.Add(time.Hour)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			made, err := root.New(pki.Spec{Profile: pki.Workload, ID: web, Now: test.at, Lifetime: test.lifetime})
			if err != nil {
				t.Fatal(err)
			}
			cert := testpki.Must(made.Leaf().X509())
			if !cert.NotBefore.Equal(test.begin) || !cert.NotAfter.Equal(test.end) {
				t.Errorf("valid from %v until %v, want %v and %v", cert.NotBefore, cert.NotAfter, test.begin, test.end)
			}
		})
	}
}

// unable is a key whose store refuses to sign.
type unable struct{ crypto.Signer }

func (unable) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the token was removed")
}

func TestRefusedToIssue(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	leaf := testpki.Must(fixture.Server("a.example"))
	removed := &pki.Credential{Chain: fixture.Root.Chain, Key: unable{fixture.Root.Key}}
	exchange := testpki.Must(ecdh.X25519().GenerateKey(rand.Reader))
	strange := testpki.Must(testpki.Forge(&x509.Certificate{BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageDigitalSignature, NotAfter: now.AddDate(1, 0, 0)}, nil))
	good := pki.Spec{Profile: pki.Server, DNS: []string{"a.example"}, Now: now}
	with := func(change func(*pki.Spec)) pki.Spec {
		spec := good
		change(&spec)
		return spec
	}
	tests := []struct {
		name   string
		signer *pki.Credential
		spec   pki.Spec
		public crypto.PublicKey // nil: a good one
		code   fault.Code
		says   string
	}{
		{"by a leaf", leaf, good, nil, pki.NotAnAuthority, "a.example is not an authority"},
		{"by an authority whose key usage forbids it", strange, good, nil, pki.NotAnAuthority, "serial 01 is not an authority"},
		{"an intermediate by an intermediate", fixture.Intermediate, pki.Spec{Profile: pki.Intermediate, Name: "Sub", Now: now}, nil, pki.NotAnAuthority, "signs leaves only"},
		{"a root", fixture.Root, pki.Spec{Profile: pki.Root, Name: "Sub", Now: now}, nil, pki.SpecInvalid, "a root signs itself"},
		{"by a root that is over", fixture.Root, with(func(s *pki.Spec) { s.Now = now.AddDate(20, 0, 0) }), nil, pki.AuthorityIsOver, "until 2036-01-19 10:00:00 UTC"},
		{"by a root that ended a minute ago", fixture.Root, with(func(s *pki.Spec) { s.Now = testpki.Must(fixture.Root.Leaf().X509()).NotAfter.Add(time.Minute) }), nil, pki.AuthorityIsOver, "Demo Root is valid from"},
		{"by a root of the future", fixture.Root, with(func(s *pki.Spec) { s.Now = now.AddDate(-2, 0, 0) }), nil, pki.AuthorityIsOver, "Demo Root is valid from"},
		{"by a key that is gone", removed, good, nil, pki.SigningFailed, "the token was removed"},
		{"for a key that cannot sign", fixture.Root, good, exchange, pki.SpecInvalid, "no certificate can carry a key of type *ecdh.PrivateKey"},
		{"for the authority's own key", fixture.Root, good, fixture.Root.Key.Public(), pki.KeyShared, "is that of Demo Root itself"},
		{"no such profile", fixture.Root, with(func(s *pki.Spec) { s.Profile = 99 }), nil, pki.SpecInvalid, "there is no profile 99"},
		{"no name", fixture.Root, with(func(s *pki.Spec) { s.DNS, s.Name = nil, "a.example" }), nil, pki.SpecInvalid, "a common name alone"},
		{"a server with a SPIFFE ID", fixture.Root, with(func(s *pki.Spec) { s.ID = web }), nil, pki.SpecInvalid, "belongs into a workload's"},
		{"a workload without an ID", fixture.Root, pki.Spec{Profile: pki.Workload, Now: now}, nil, pki.SpecInvalid, "exactly one name"},
		{"a workload with a DNS name", fixture.Root, with(func(s *pki.Spec) { s.Profile, s.ID = pki.Workload, web }), nil, pki.SpecInvalid, "exactly one name"},
		{"an authority without a name", fixture.Root, pki.Spec{Profile: pki.Intermediate, Now: now}, nil, pki.SpecInvalid, "needs a name"},
		{"an authority with a DNS name", fixture.Root, with(func(s *pki.Spec) { s.Profile, s.Name = pki.Intermediate, "I" }), nil, pki.SpecInvalid, "no subject alternative names"},
		{"an authority with an ID", fixture.Root, pki.Spec{Profile: pki.Intermediate, Name: "I", ID: web, Now: now}, nil, pki.SpecInvalid, "no subject alternative names"},
		{"a negative lifetime", fixture.Root, with(func(s *pki.Spec) { s.Lifetime = -1 }), nil, pki.SpecInvalid, "negative"},
		{"a name of 65 characters", fixture.Root, with(func(s *pki.Spec) { s.Name = strings.Repeat("ü", 65) }), nil, pki.SpecInvalid, "more than 64 characters"},
		{"a name with an escape", fixture.Root, with(func(s *pki.Spec) { s.Name = "a\x1b[31m" }), nil, pki.SpecInvalid, "cannot be printed"},
		{"a URL for a DNS name", fixture.Root, with(func(s *pki.Spec) { s.DNS = []string{"https://a.example"} }), nil, pki.SpecInvalid, "is not a DNS name"},
		{"a wildcard in the middle", fixture.Root, with(func(s *pki.Spec) { s.DNS = []string{"a.*.example"} }), nil, pki.SpecInvalid, "is not a DNS name"},
		{"an empty DNS name", fixture.Root, with(func(s *pki.Spec) { s.DNS = []string{""} }), nil, pki.SpecInvalid, "is not a DNS name"},
		{"no address", fixture.Root, with(func(s *pki.Spec) { s.IPs = []netip.Addr{{}} }), nil, pki.SpecInvalid, "not an IP address"},
		{"an address with a zone", fixture.Root, with(func(s *pki.Spec) { s.IPs = []netip.Addr{netip.MustParseAddr("fe80::1%eth0")} }), nil, pki.SpecInvalid, "not an IP address"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			public := test.public
			if public == nil {
				public = testpki.Must(pki.NewKey()).Public()
			}
			_, err := test.signer.Issue(test.spec, public)
			wantFault(t, err, test.code, test.says)
		})
	}
}

func TestRefusedToSignItself(t *testing.T) {
	tests := []struct {
		name string
		spec pki.Spec
		says string
	}{
		{"an intermediate", pki.Spec{Profile: pki.Intermediate, Name: "I"}, "only a root, a server or a client"},
		{"a workload", pki.Spec{Profile: pki.Workload, ID: web}, "only a root, a server or a client"},
		{"a server without a name", pki.Spec{Profile: pki.Server}, "needs a DNS name"},
		{"a root without a name", pki.Spec{Profile: pki.Root}, "needs a name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.SelfSigned(test.spec)
			wantFault(t, err, pki.SpecInvalid, test.says)
		})
	}
	_, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Now: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)})
	wantFault(t, err, pki.SpecInvalid, "until 10008-12-29")
	_, err = testpki.Must(testpki.New(now)).Intermediate.New(pki.Spec{Profile: pki.Server, Now: now})
	wantFault(t, err, pki.SpecInvalid, "needs a DNS name")
}

// TestAsCryptoX509Writes holds what is signed, byte by byte, against what crypto/x509
// makes of the same fields.
func TestAsCryptoX509Writes(t *testing.T) {
	key := testpki.Must(pki.NewKey()).Public()
	tree := func(text string) pki.Subtree { return testpki.Must(pki.ParseSubtree(text)) }
	urls := pki.Spec{CRLs: []string{"http://a.example/1.crl", "http://b.example/1.crl"}, OCSP: []string{"http://a.example/ocsp"},
		Issuers: []string{"http://a.example/ca.der", "http://b.example/ca.der"}}
	far := time.Date(2049, 12, 31, 12, 0, 0, 123, time.FixedZone("", 3600))
	specs := map[string]pki.Spec{
		"workload":   {Profile: pki.Workload, ID: web},
		"signer":     {Profile: pki.Signer, ID: web, Serial: pki.NewSerial()},
		"server":     {Profile: pki.Server, DNS: []string{"a.example", "*.B.example", "b.example", "a.example"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}},
		"everywhere": {Profile: pki.Server, DNS: []string{"a.example"}, CRLs: urls.CRLs, OCSP: urls.OCSP, Issuers: urls.Issuers, MustStaple: true},
		"client":     {Profile: pki.Client, Name: "Zoë & Söhne", Emails: []string{"zoe@a.example"}, URIs: []string{"https://a.example/zoe?x=1"}},
		"extra":      {Profile: pki.Client, DNS: []string{"a.example"}, Extra: []pki.Extension{{ID: testpki.Must(pki.ParseOID("1.2.3.4")), Critical: true, Value: []byte{5, 0}}}},
		"between":    {Profile: pki.Intermediate, Name: "I", PathLen: 0},
		"deep":       {Profile: pki.Intermediate, Name: "I", PathLen: 3, Serial: pki.NewSerial()},
		"constrained": {Profile: pki.Intermediate, Name: "I", Constraints: &pki.NameConstraints{
			Permitted: []pki.Subtree{tree("DNS:a.example"), tree("IP:10.0.0.0/8"), tree("IP:2001:db8::/32"), tree("email:.a.example"), tree("URI:demo.signet")},
			Excluded:  []pki.Subtree{tree("DNS:b.example"), tree("email:jane@a.example"), tree("URI:.a.example")}}},
		"past 2050": {Profile: pki.Workload, ID: web, Now: far},
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			if spec.Now.IsZero() {
				spec.Now = now
			}
			issuer := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Änne's Root", Now: spec.Now}))
			cert, err := issuer.IssueAlike(spec, key)
			if err != nil {
				t.Fatal(err)
			}
			sameAsCryptoX509(t, cert, issuer.Leaf(), issuer.Key)
			sameAsCryptoX509(t, issuer.Leaf(), issuer.Leaf(), issuer.Key)
		})
	}
}

func sameAsCryptoX509(t *testing.T, cert, issuer *pki.Certificate, key crypto.Signer) {
	t.Helper()
	template := testpki.Must(x509.ParseCertificate(cert.Raw()))
	for _, id := range []string{"1.2.3.4", "1.3.6.1.5.5.7.1.24"} { // those that crypto/x509 has no fields for
		for _, e := range template.Extensions {
			if e.Id.String() == id {
				template.ExtraExtensions = append(template.ExtraExtensions, e)
			}
		}
	}
	der := testpki.Must(x509.CreateCertificate(rand.Reader, template, testpki.Must(issuer.X509()), testpki.Must(cert.PublicKey().Key()), key))
	if want := testpki.Must(x509.ParseCertificate(der)).RawTBSCertificate; !bytes.Equal(cert.RawTBS(), want) {
		t.Errorf("have %x\nwant %x", cert.RawTBS(), want)
	}
	if err := cert.CheckSignatureBy(issuer.PublicKey()); err != nil {
		t.Error(err)
	}
}

// foreign is a key outside this process, which may sign wrongly.
type foreign struct {
	crypto.Signer
	wrong bool
}

func (f foreign) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if f.wrong {
		digest = slices.Concat(digest[1:], []byte{digest[0] ^ 1})
	}
	return f.Signer.Sign(random, digest, opts)
}

func TestForeignKeys(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	issuer := *fixture.Intermediate
	spec := pki.Spec{Profile: pki.Workload, ID: web, Now: now}
	key := testpki.Must(pki.NewKey()).Public()
	issuer.Key = foreign{fixture.Intermediate.Key, false}
	if _, err := issuer.IssueAlike(spec, key); err != nil {
		t.Error(err)
	}
	issuer.Key = foreign{fixture.Intermediate.Key, true}
	_, err := issuer.IssueAlike(spec, key)
	wantFault(t, err, pki.SigningFailed, "the key's store made a wrong signature")
	issuer.Key = fixture.Root.Key
	_, err = issuer.IssueAlike(spec, key)
	wantFault(t, err, pki.KeyMismatch, "the private key is not the key of")
}

// TestChain holds the sent chain against what an intermediate that has the
// root's name could do to it.
func TestChain(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Same", Now: now}))
	intermediate := testpki.Must(root.New(pki.Spec{Profile: pki.Intermediate, Name: "Same", Now: now}))
	leaf := testpki.Must(intermediate.New(pki.Spec{Profile: pki.Workload, ID: web, Now: now}))
	if len(leaf.Chain) != 2 || !leaf.Chain[1].Equal(intermediate.Leaf()) {
		t.Errorf("the chain has %d certificates, want the leaf and the intermediate", len(leaf.Chain))
	}
	if below := testpki.Must(root.New(pki.Spec{Profile: pki.Workload, ID: web, Now: now})); len(below.Chain) != 1 {
		t.Errorf("a chain of %d certificates right below the root, want the leaf alone", len(below.Chain))
	}
}

// TestPresent covers specs without a time.
func TestPresent(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R"}))
	cert := testpki.Must(root.Leaf().X509())
	if age := time.Since(cert.NotBefore); age < pki.Backdate || age > pki.Backdate+time.Hour {
		t.Errorf("the root begins %v ago, want %v", age, pki.Backdate)
	}
}

// TestPlanned: with a serial number the same is made again, with every kind of key
// that signs; anything but a number of NewSerial's is refused.
func TestPlanned(t *testing.T) {
	public := testpki.Must(pki.NewKey()).Public()
	for kind, key := range strongSigners(t) {
		root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Key: key, Now: now}))
		spec := pki.Spec{Profile: pki.Workload, ID: web, Now: now, Serial: pki.NewSerial()}
		first, again := testpki.Must(root.Issue(spec, public)), testpki.Must(root.Issue(spec, public))
		if !first.Equal(again) || first.Serial() != spec.Serial {
			t.Errorf("%s: %s became %s and %s", kind, spec.Serial, first.Serial(), again.Serial())
		}
	}
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Now: now}))
	for _, serial := range []string{"1", "xyz", strings.Repeat("f", 40), strings.Repeat("0", 40), "4" + strings.Repeat("A", 39), strings.Repeat("4", 42)} {
		_, err := root.Issue(pki.Spec{Profile: pki.Workload, ID: web, Now: now, Serial: serial}, public)
		wantFault(t, err, pki.SpecInvalid, "serial number")
	}
}
