package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

func TestParseSubtree(t *testing.T) {
	tests := []struct{ text, want string }{
		{"DNS:example.com", "DNS:example.com"},
		{"IP:10.0.0.0/8", "IP:10.0.0.0/255.0.0.0"},
		{"IP:0.0.0.0/0", "IP:0.0.0.0/0.0.0.0"},
		{"IP:2001:db8::/32", "IP:2001:db8::/ffff:ffff::"},
		{"email:example.com", "email:example.com"},
		{"email:.example.com", "email:.example.com"},
		{"email:jane@example.com", "email:jane@example.com"},
		{"URI:demo.signet", "URI:demo.signet"},
		{"URI:.demo.signet", "URI:.demo.signet"},
		{"DNS:.example.com", ""}, // RFC 5280 gives it no meaning
		{"DNS:*.example.com", ""},
		{"DNS:", ""},
		{"example.com", ""},
		{"IP:10.0.0.1/8", ""},
		{"IP:10.0.0.1", ""},
		{"IP:10.0.0.0/33", ""},
		{"email:@example.com", ""},
		{"URI:https://demo.signet", ""},
		{"DirName:CN=a", ""},
		{"", ""},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			tree, err := pki.ParseSubtree(test.text)
			if test.want == "" {
				wantFault(t, err, pki.SpecInvalid, "not a name to constrain names by")
				return
			}
			if err != nil || tree.Base.String() != test.want || tree.Minimum != 0 || tree.Maximum != -1 {
				t.Errorf("have %s from %d to %d, %v; want %s", tree.Base, tree.Minimum, tree.Maximum, err, test.want)
			}
		})
	}
}

// TestAuthoritysRules lets constrained authorities sign what they may and what
// they may not.
func TestAuthoritysRules(t *testing.T) {
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Now: now}))
	below := func(signer *pki.Credential, change func(*pki.Spec)) *pki.Credential {
		return testpki.Must(signer.New(authority(change)))
	}
	names := &pki.NameConstraints{
		Permitted: []pki.Subtree{subtree("DNS:example.com"), subtree("IP:10.0.0.0/8"), subtree("email:example.com"), subtree("URI:demo.signet")},
		Excluded:  []pki.Subtree{subtree("DNS:secret.example.com"), subtree("IP:10.66.0.0/16"), subtree("email:root@example.com"), subtree("URI:x.demo.signet")},
	}
	narrow := below(root, func(s *pki.Spec) { s.Constraints, s.PathLen = names, 1 })
	underNarrow := below(narrow, func(*pki.Spec) {})
	two := below(root, func(s *pki.Spec) { s.PathLen = 2 })
	one := below(two, func(s *pki.Spec) { s.PathLen = 1 })
	clients := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Clients"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, root))
	anything := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Anything"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1, KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}, root))
	over := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Over"}, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1, KeyUsage: x509.KeyUsageCertSign}, nil))
	underOver := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Under Over"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1, KeyUsage: x509.KeyUsageCertSign}, over))
	dns := func(name string) pki.Spec { return server(func(s *pki.Spec) { s.DNS = []string{name} }) }
	ip := func(address string) pki.Spec {
		return server(func(s *pki.Spec) { s.DNS, s.IPs = nil, []netip.Addr{netip.MustParseAddr(address)} })
	}
	mail := func(address string) pki.Spec {
		return client(func(s *pki.Spec) { s.DNS, s.Emails = nil, []string{address} })
	}
	uri := func(text string) pki.Spec {
		return client(func(s *pki.Spec) { s.DNS, s.URIs = nil, []string{text} })
	}
	workload := pki.Spec{Profile: pki.Workload, ID: web, Now: now}
	tests := []struct {
		name   string
		signer *pki.Credential
		spec   pki.Spec
		code   fault.Code
		says   string
	}{
		{"permitted name", narrow, dns("a.example.com"), "", ""},
		{"name that is not permitted", narrow, dns("a.example.org"), pki.BeyondAuthority, `a name constraint: DNS name "a.example.org" is not permitted`},
		{"excluded name", narrow, dns("a.secret.example.com"), pki.BeyondAuthority, `a name constraint: DNS name "a.secret.example.com" is excluded`},
		{"name that is not permitted two above", underNarrow, dns("a.example.org"), pki.BeyondAuthority, "a name constraint"},
		{"permitted address", narrow, ip("10.1.2.3"), "", ""},
		{"address that is not permitted", narrow, ip("11.1.2.3"), pki.BeyondAuthority, "a name constraint"},
		{"excluded address", narrow, ip("10.66.2.3"), pki.BeyondAuthority, "a name constraint"},
		{"permitted mailbox", narrow, mail("jane@example.com"), "", ""},
		{"mailbox that is not permitted", narrow, mail("jane@example.org"), pki.BeyondAuthority, "a name constraint"},
		{"excluded mailbox", narrow, mail("root@example.com"), pki.BeyondAuthority, "a name constraint"},
		{"permitted trust domain", narrow, workload, "", ""},
		{"URI that is not permitted", narrow, uri("https://demo.example/web"), pki.BeyondAuthority, "a name constraint"},
		{"excluded URI", narrow, uri("https://x.demo.signet/web"), pki.BeyondAuthority, "a name constraint"},

		{"path length below", one, authority(func(s *pki.Spec) { s.PathLen = 0 }), "", ""},
		{"the same path length", one, authority(func(s *pki.Spec) { s.PathLen = 1 }), pki.BeyondAuthority, "a path length of 1 below I, whose own is 1"},
		{"no path left", narrow, authority(func(s *pki.Spec) { s.PathLen = 1 }), pki.BeyondAuthority, "a path length of 1 below I"},
		{"leaves only", underNarrow, authority(func(*pki.Spec) {}), pki.NotAnAuthority, "signs leaves only"},

		{"client by clients' authority", clients, client(func(*pki.Spec) {}), "", ""},
		{"server by clients' authority", clients, server(func(*pki.Spec) {}), pki.BeyondAuthority, "Clients does not sign for what a server needs, TLS Web Server Authentication"},
		{"workload by clients' authority", clients, workload, pki.BeyondAuthority, "Clients does not sign for what a workload needs"},
		{"server below clients' authority", below(clients, func(*pki.Spec) {}), server(func(*pki.Spec) {}), pki.BeyondAuthority, "Clients does not sign"},
		{"server by one for anything", anything, server(func(*pki.Spec) {}), "", ""},
		{"an authority above is over", underOver, server(func(*pki.Spec) {}), pki.BeyondAuthority, "expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			made, err := test.signer.New(test.spec)
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
				if made != nil {
					t.Error("a refused certificate is handed out")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	for _, e := range narrow.Leaf().Extensions() {
		if e.ID == pki.OIDNameConstraints && !e.Critical {
			t.Error("the name constraints are not critical")
		}
	}
}

// TestIssuerWithoutKeyID: what it signs has the identifier that its key gives.
func TestIssuerWithoutKeyID(t *testing.T) {
	// crypto/x509 gives an identifier to every authority that says so by its field.
	isAuthority := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}
	template := x509.Certificate{Subject: pkix.Name{CommonName: "R"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		ExtraExtensions: []pkix.Extension{isAuthority}}
	root := testpki.Must(testpki.Forge(&template, nil))
	if id := testpki.Must(root.Leaf().SubjectKeyID()); id != nil {
		t.Fatalf("the root has the key identifier %x", id)
	}
	made := testpki.Must(root.New(server(func(*pki.Spec) {})))
	id := testpki.Must(made.Leaf().AuthorityKeyID())
	if want := keyID(t, root.Key.Public()); id == nil || string(id.KeyID) != string(want) {
		t.Errorf("have the authority key identifier %v, want %x", id, want)
	}
}

// TestIssueAlike signs what Issue would: nothing but the chain's own rules is left to
// whoever has shown before that they hold.
func TestIssueAlike(t *testing.T) {
	within := testpki.Must(pki.ParseSubtree("URI:demo.signet"))
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Now: now}))
	signer := testpki.Must(root.New(pki.Spec{Profile: pki.Intermediate, Name: "I", Now: now, Constraints: &pki.NameConstraints{Permitted: []pki.Subtree{within}}}))
	key := testpki.Must(pki.NewKey())
	spec := func(domain string) pki.Spec {
		return pki.Spec{Profile: pki.Workload, ID: testpki.Must(testpki.Must(spiffeid.ParseTrustDomain(domain)).ID("web")), Now: now}
	}
	if _, err := signer.Issue(spec("other.signet"), key.Public()); !errors.Is(err, pki.BeyondAuthority) {
		t.Errorf("Issue: %v", err)
	}
	cert, err := signer.IssueAlike(spec("demo.signet"), key.Public())
	if err != nil || cert.ID() != spec("demo.signet").ID {
		t.Errorf("IssueAlike: %v", err)
	}
	if _, err := signer.IssueAlike(spec("demo.signet"), signer.Key.Public()); !errors.Is(err, pki.KeyShared) {
		t.Errorf("IssueAlike for the authority's own key: %v", err)
	}
	late := spec("demo.signet")
	late.Now = now.AddDate(200, 0, 0)
	if _, err := signer.IssueAlike(late, key.Public()); !errors.Is(err, pki.AuthorityIsOver) {
		t.Errorf("IssueAlike when the authority is over: %v", err)
	}
}
