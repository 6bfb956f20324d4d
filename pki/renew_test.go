package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// lasting is what a certificate has in common with its renewal: all but serial
// number, key, dates and signature.
func lasting(t *testing.T, cert *pki.Certificate) map[string]any {
	t.Helper()
	facts := map[string]any{"subject": cert.Subject().String(), "life": cert.NotAfter().Sub(cert.NotBefore()).String()}
	for _, e := range cert.Extensions() {
		if e.ID != pki.OIDSubjectKeyID && e.ID != pki.OIDAuthorityKeyID {
			facts[e.ID.Name()] = e
		}
	}
	return facts
}

func TestRenew(t *testing.T) {
	root := testpki.Must(testpki.New(now)).Root
	names := &pki.NameConstraints{Permitted: []pki.Subtree{subtree("DNS:example.com")}, Excluded: []pki.Subtree{subtree("IP:0.0.0.0/0")}}
	later := now.Add(20 * 24 * time.Hour)
	tests := []struct {
		name string
		spec pki.Spec
	}{
		{"server", server(func(s *pki.Spec) { s.Name, s.IPs = "a", []netip.Addr{netip.IPv6Loopback()} })},
		{"server with URLs", server(func(s *pki.Spec) {
			s.Lifetime = 397 * 24 * time.Hour
			s.CRLs, s.OCSP, s.Issuers, s.MustStaple = []string{"http://c.example"}, []string{"http://o.example"}, []string{"http://i.example"}, true
		})},
		{"client", client(func(s *pki.Spec) {
			s.Subject = madeName(attribute(country, "KR"), attribute(organization, "O"))
			s.Emails, s.URIs = []string{"jane@a.example"}, []string{"https://a.example"}
		})},
		{"workload", pki.Spec{Profile: pki.Workload, ID: web, Now: now}},
		{"intermediate", authority(func(s *pki.Spec) { s.PathLen, s.Constraints = 1, names })},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			old := testpki.Must(root.New(test.spec))
			made, err := root.Renew(old.Leaf(), later)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lasting(t, old.Leaf()), lasting(t, made.Leaf())); diff != "" {
				t.Errorf("(-old +new)\n%s", diff)
			}
			if begin := made.Leaf().NotBefore(); !begin.Equal(later.Add(-pki.Backdate)) {
				t.Errorf("begins at %v, want %v", begin, later.Add(-pki.Backdate))
			}
			if made.Leaf().Serial() == old.Leaf().Serial() || made.Leaf().PublicKey().Pin() == old.Leaf().PublicKey().Pin() {
				t.Error("serial number or key are the old ones")
			}
		})
	}
	for _, old := range []*pki.Credential{root, testpki.Must(pki.SelfSigned(server(func(*pki.Spec) {})))} {
		spec := testpki.Must(pki.Renewal(old.Leaf()))
		spec.Now = old.Leaf().NotBefore().Add(pki.Backdate)
		if diff := cmp.Diff(lasting(t, old.Leaf()), lasting(t, testpki.Must(pki.SelfSigned(spec)).Leaf())); diff != "" {
			t.Errorf("%s (-old +new)\n%s", old.Leaf().Title(), diff)
		}
	}
}

// TestRenewalOfOthers renews what other programs made, where it can.
func TestRenewalOfOthers(t *testing.T) {
	const day = 24 * time.Hour
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	serverOnly := both[:1]
	raw := func(id asn1.ObjectIdentifier, value ...byte) []pkix.Extension {
		return []pkix.Extension{{Id: id, Value: value}}
	}
	points := asn1.ObjectIdentifier{2, 5, 29, 31}
	altNames := asn1.ObjectIdentifier{2, 5, 29, 17}
	tests := []struct {
		name     string
		template x509.Certificate
		says     string
	}{
		{"a server's", x509.Certificate{DNSNames: []string{"a.example"}, ExtKeyUsage: serverOnly}, ""},
		{"both ends'", x509.Certificate{DNSNames: []string{"a.example"}, ExtKeyUsage: both}, "its purposes are not those of a new certificate of the kind server"},
		{"anybody's", x509.Certificate{DNSNames: []string{"a.example"}}, "its purposes are not those of a new certificate of the kind client"},
		{"a name of another form", x509.Certificate{ExtKeyUsage: serverOnly, ExtraExtensions: raw(altNames, 0x30, 4, 0x88, 2, 42, 3)}, "a name of the form RegisteredID"},
		{"short-lived", x509.Certificate{NotAfter: now.Add(5 * time.Minute), DNSNames: []string{"a.example"}, ExtKeyUsage: serverOnly}, "it was good for less than 5m0s"},
		{"an unbounded intermediate", x509.Certificate{Subject: pkix.Name{CommonName: "I"}, BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1}, "it has no path length"},
		{"another's revocation list", x509.Certificate{DNSNames: []string{"a.example"}, ExtKeyUsage: serverOnly,
			ExtraExtensions: raw(points, 0x30, 8, 0x30, 6, 0xa2, 4, 0x82, 2, 'a', 'b')}, "its revocation list is another authority's"},
		{"a broken extension", x509.Certificate{DNSNames: []string{"a.example"}, ExtKeyUsage: serverOnly, ExtraExtensions: raw(points, 0x30, 0)}, "CRL Distribution Points"},
	}
	root := testpki.Must(testpki.New(now)).Root
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.template.NotBefore = now
			if test.template.NotAfter.IsZero() {
				test.template.NotAfter = now.Add(3000 * day)
			}
			made, err := root.Renew(testpki.Must(testpki.Forge(&test.template, root)).Leaf(), now)
			if test.says != "" {
				if err == nil {
					t.Fatalf("renewed as %v", lasting(t, made.Leaf()))
				}
				wantAnyFault(t, err)
				if !strings.Contains(err.Error(), test.says) {
					t.Errorf("have %v, want %q", err, test.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if life := made.Leaf().NotAfter().Sub(now); life != 397*day {
				t.Errorf("it lives for %v, want the longest of its profile", life)
			}
		})
	}
	uri := testpki.Must(url.Parse("https://a.example"))
	other := testpki.Must(testpki.Forge(&x509.Certificate{NotBefore: now, NotAfter: now.Add(day), URIs: []*url.URL{uri}, ExtKeyUsage: serverOnly}, root))
	_, err := root.Renew(other.Leaf(), now)
	wantFault(t, err, pki.SpecInvalid, "neither e-mail addresses nor URIs")
}
