package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// nameOf makes a Name of relative names of one attribute each.
func madeName(attributes ...pkix.AttributeTypeAndValue) pki.Name {
	var sequence pkix.RDNSequence
	for _, attribute := range attributes {
		sequence = append(sequence, pkix.RelativeDistinguishedNameSET{attribute})
	}
	return subjectOf(testpki.Must(asn1.Marshal(sequence)))
}

// subjectOf makes a Name of DER, by way of a certificate.
func subjectOf(der []byte) pki.Name {
	return testpki.Must(testpki.Forge(&x509.Certificate{RawSubject: der}, nil)).Leaf().Subject()
}

func attribute(kind asn1.ObjectIdentifier, value any) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: kind, Value: value}
}

var (
	commonName   = asn1.ObjectIdentifier{2, 5, 4, 3}
	country      = asn1.ObjectIdentifier{2, 5, 4, 6}
	organization = asn1.ObjectIdentifier{2, 5, 4, 10}
)

// server is a Spec that nothing is wrong with, changed.
func server(change func(*pki.Spec)) pki.Spec {
	spec := pki.Spec{Profile: pki.Server, DNS: []string{"a.example"}, Now: now}
	change(&spec)
	return spec
}

func client(change func(*pki.Spec)) pki.Spec {
	return server(func(s *pki.Spec) { s.Profile = pki.Client; change(s) })
}

func authority(change func(*pki.Spec)) pki.Spec {
	spec := pki.Spec{Profile: pki.Intermediate, Name: "I", Now: now}
	change(&spec)
	return spec
}

func subtree(text string) pki.Subtree { return testpki.Must(pki.ParseSubtree(text)) }

var private = testpki.Must(pki.ParseOID("1.3.6.1.4.1.99999.1"))

func extra(id pki.OID, critical bool, value string) func(*pki.Spec) {
	return func(s *pki.Spec) { s.Extra = []pki.Extension{{ID: id, Critical: critical, Value: []byte(value)}} }
}

func many(count int, text string) []string {
	list := make([]string, count)
	for i := range list {
		list[i] = text
	}
	return list
}

// TestSpec holds each field's bounds, from both sides: what is refused says
// which rule, and what is not says nothing.
func TestSpec(t *testing.T) {
	root := testpki.Must(testpki.New(now)).Root
	long := strings.Repeat("a", 64)
	tree := &pki.NameConstraints{Permitted: []pki.Subtree{subtree("DNS:example.com")}}
	urls := func(text string) func(*pki.Spec) { return func(s *pki.Spec) { s.CRLs = []string{text} } }
	mail := func(text string) pki.Spec { return client(func(s *pki.Spec) { s.Emails = []string{text} }) }
	uri := func(text string) pki.Spec { return client(func(s *pki.Spec) { s.URIs = []string{text} }) }
	subject := func(attributes ...pkix.AttributeTypeAndValue) pki.Spec {
		return server(func(s *pki.Spec) { s.Subject = madeName(attributes...) })
	}
	tests := []struct {
		name string
		spec pki.Spec
		says string // "" for good
	}{
		{"longest life of a server", server(func(s *pki.Spec) { s.Lifetime = 397 * 24 * time.Hour }), ""},
		{"a server beyond it", server(func(s *pki.Spec) { s.Lifetime = 397*24*time.Hour + 1 }), "397 are the most: Apple's and Google's"},
		{"longest life of a client", client(func(s *pki.Spec) { s.Lifetime = 397 * 24 * time.Hour }), ""},
		{"a client beyond it", client(func(s *pki.Spec) { s.Lifetime = 398 * 24 * time.Hour }), "397 are the most"},
		{"longest life of a workload", pki.Spec{Profile: pki.Workload, ID: web, Now: now, Lifetime: 31 * 24 * time.Hour}, ""},
		{"a workload beyond it", pki.Spec{Profile: pki.Workload, ID: web, Now: now, Lifetime: 32 * 24 * time.Hour}, "31 are the most"},
		{"longest life of an intermediate", authority(func(s *pki.Spec) { s.Lifetime = 3650 * 24 * time.Hour }), ""},
		{"an intermediate beyond it", authority(func(s *pki.Spec) { s.Lifetime = 3651 * 24 * time.Hour }), "3650 are the most"},
		{"longest backdating", server(func(s *pki.Spec) { s.Backdate = 24 * time.Hour }), ""},
		{"backdating beyond it", server(func(s *pki.Spec) { s.Backdate = 24*time.Hour + 1 }), "24h0m0s are the most"},
		{"beginning later", server(func(s *pki.Spec) { s.Backdate = -1 }), "cannot begin"},
		{"unknown profile", server(func(s *pki.Spec) { s.Profile = 6 }), "no profile 6"},
		{"profile below all", server(func(s *pki.Spec) { s.Profile = -1 }), "no profile -1"},

		{"subject", subject(attribute(country, "KR"), attribute(organization, "서울"), attribute(commonName, long)), ""},
		{"subject and name", server(func(s *pki.Spec) { s.Name, s.Subject = "a", madeName(attribute(commonName, "b")) }), "a common name beside"},
		{"country in small letters", subject(attribute(country, "kr")), "two capital letters"},
		{"country of three letters", subject(attribute(country, "KOR")), "two capital letters"},
		{"country of digits", subject(attribute(country, "82")), "two capital letters"},
		{"long organisation", subject(attribute(organization, long+"a")), "of 65 characters; 64 are the most"},
		{"empty value", subject(attribute(organization, "")), "organizationName has no value"},
		{"space before", subject(attribute(organization, " a")), "begins or ends with a space"},
		{"space behind", subject(attribute(organization, "a ")), "begins or ends with a space"},
		{"control character", subject(attribute(organization, "a\tb")), "control character"},
		{"BMPString", subject(attribute(organization, asn1.RawValue{Tag: asn1.TagBMPString, Bytes: []byte("\x00a")})), "BMPString; UTF8String is wanted"},
		{"not UTF-8", subject(attribute(organization, asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("\xff")})), "not text of the encoding"},
		{"at sign in a PrintableString", subject(attribute(organization, asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte("a@b")})), "a PrintableString does not have"},
		{"very long subject", server(func(s *pki.Spec) {
			s.Subject = madeName(attribute(asn1.ObjectIdentifier{2, 5, 4, 13}, strings.Repeat("a", 4<<10)))
		}), "4096 are the most"},
		{"name with a space behind", server(func(s *pki.Spec) { s.Name = "a " }), "begins or ends with a space"},
		{"authority by its subject", authority(func(s *pki.Spec) { s.Name, s.Subject = "", madeName(attribute(organization, "O")) }), ""},

		{"e-mail for a server", server(func(s *pki.Spec) { s.Emails = []string{"a@a.example"} }), "neither e-mail addresses nor URIs"},
		{"URI for a server", server(func(s *pki.Spec) { s.URIs = []string{"https://a.example"} }), "neither e-mail addresses nor URIs"},
		{"e-mail for a workload", pki.Spec{Profile: pki.Workload, ID: web, Emails: []string{"a@a.example"}, Now: now}, "exactly one name"},
		{"e-mail for an authority", authority(func(s *pki.Spec) { s.Emails = []string{"a@a.example"} }), "no subject alternative names"},
		{"client without a name", client(func(s *pki.Spec) { s.DNS = nil }), "needs a DNS name, an IP address, an e-mail address or a URI"},
		{"SPIFFE ID for a client", client(func(s *pki.Spec) { s.ID = web }), "into a workload's certificate alone"},
		{"most names", server(func(s *pki.Spec) { s.DNS = many(100, "a.example") }), ""},
		{"too many names", server(func(s *pki.Spec) { s.DNS, s.IPs = many(100, "a.example"), []netip.Addr{netip.IPv6Loopback()} }), "101 names; 100 are the most"},
		{"mailbox", mail("jane.doe+x=1@mail.example"), ""},
		{"no mailbox: nobody", mail("@a.example"), "not an e-mail address"},
		{"no mailbox: no host", mail("jane"), "not an e-mail address"},
		{"no mailbox: two", mail("jane@joe@a.example"), "not an e-mail address"},
		{"no mailbox: quotes", mail(`"jane doe"@a.example`), "not an e-mail address"},
		{"no mailbox: a space", mail("jane doe@a.example"), "not an e-mail address"},
		{"no mailbox: a line end", mail("jane@a.example\r\n"), "not an e-mail address"},
		{"no mailbox: dots", mail("jane..doe@a.example"), "not an e-mail address"},
		{"no mailbox: a dot before", mail(".jane@a.example"), "not an e-mail address"},
		{"no mailbox: a dot behind", mail("jane.@a.example"), "not an e-mail address"},
		{"no mailbox: not ASCII", mail("제인@a.example"), "not an e-mail address"},
		{"mailbox of 64 characters", mail(long + "@a.example"), ""},
		{"mailbox of 65 characters", mail(long + "a@a.example"), "not an e-mail address"},
		{"URI", uri("https://a.example/jane?x=%20"), ""},
		{"URI with an address", uri("https://[::1]/jane"), ""},
		{"URI without a scheme", uri("//a.example/jane"), "not a URI with a scheme and a host"},
		{"URI without a host", uri("urn:jane"), "not a URI with a scheme and a host"},
		{"URI that is not ASCII", uri("https://a.example/제인"), "not a URI with a scheme and a host"},
		{"URI that is written oddly", uri("HTTPS://a.example"), "not a URI with a scheme and a host"},
		{"URI with a control character", uri("https://a.example/\n"), "not a URI with a scheme and a host"},
		{"longest URI", uri("https://a.example/" + strings.Repeat("a", 2048-18)), ""},
		{"longer URI", uri("https://a.example/" + strings.Repeat("a", 2048-17)), "not a URI with a scheme and a host"},
		{"SPIFFE ID as a URI", uri("spiffe://demo.signet/web"), "into a workload's certificate alone"},

		{"path length", authority(func(s *pki.Spec) { s.PathLen = 8 }), ""},
		{"longer path", authority(func(s *pki.Spec) { s.PathLen = 9 }), "between 0 and 8"},
		{"negative path length", authority(func(s *pki.Spec) { s.PathLen = -1 }), "between 0 and 8"},
		{"path length of a leaf", server(func(s *pki.Spec) { s.PathLen = 1 }), "an intermediate's certificate alone"},
		{"constraints", authority(func(s *pki.Spec) { s.Constraints = tree }), ""},
		{"constraints of a leaf", server(func(s *pki.Spec) { s.Constraints = tree }), "an authority's certificate alone"},
		{"no constraint", authority(func(s *pki.Spec) { s.Constraints = &pki.NameConstraints{} }), "0 name constraints"},
		{"most constraints", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Excluded: slicesRepeat(tree.Permitted[0], 100)}
		}), ""},
		{"more constraints", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: tree.Permitted, Excluded: slicesRepeat(tree.Permitted[0], 100)}
		}), "101 name constraints"},
		{"constraint with a minimum", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{{Base: tree.Permitted[0].Base, Minimum: 1, Maximum: -1}}}
		}), "a minimum or maximum"},
		{"constraint with a maximum", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{{Base: tree.Permitted[0].Base}}}
		}), "a minimum or maximum"},
		{"range with a minimum", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{{Base: subtree("IP:10.0.0.0/8").Base, Minimum: 1, Maximum: -1}}}
		}), "not a name to constrain names by"},
		{"range with a maximum", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{{Base: subtree("IP:10.0.0.0/8").Base}}}
		}), "not a name to constrain names by"},
		{"constraint by a directory name", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{{Base: pki.GeneralName{Kind: pki.DirectoryName, Raw: madeName().DER()}, Maximum: -1}}}
		}), "not a name to constrain names by"},
		{"constraint by an odd mask", authority(func(s *pki.Spec) {
			s.Constraints = &pki.NameConstraints{Permitted: []pki.Subtree{{Base: pki.GeneralName{Kind: pki.IPName, Raw: []byte{10, 0, 0, 0, 255, 0, 255, 0}}, Maximum: -1}}}
		}), "not a name to constrain names by"},

		{"revocation list", server(urls("http://crl.example/1.crl")), ""},
		{"revocation list by https", server(urls("https://crl.example/1.crl")), "not an http URL of the revocation list"},
		{"revocation list by LDAP", server(urls("ldap://crl.example/cn=1")), "not an http URL"},
		{"most URLs", server(func(s *pki.Spec) { s.Issuers = many(8, "http://a.example/i.crt") }), ""},
		{"more URLs", server(func(s *pki.Spec) { s.OCSP = many(9, "http://a.example/") }), "9 URLs of the OCSP responder; 8"},
		{"must staple", server(func(s *pki.Spec) { s.OCSP, s.MustStaple = []string{"http://o.example"}, true }), ""},
		{"must staple what", server(func(s *pki.Spec) { s.MustStaple = true }), "only a server with an OCSP responder"},
		{"must staple as a client", client(func(s *pki.Spec) { s.OCSP, s.MustStaple = []string{"http://o.example"}, true }), "only a server with an OCSP responder"},

		{"further extension", server(extra(private, false, "\x05\x00")), ""},
		{"critical further extension", server(extra(private, true, "\x05\x00")), ""},
		{"policies", server(extra(pki.OIDCertificatePolicies, false, "\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00")), ""},
		{"broken policies", server(extra(pki.OIDCertificatePolicies, false, "\x30\x00")), "nothing in certificate policies"},
		{"extension of the profile", server(extra(pki.OIDKeyUsage, true, "\x03\x02\x01\x06")), "written by the profile"},
		{"must-staple as an extension", server(extra(pki.OIDTLSFeature, false, "\x30\x00")), "written by the profile"},
		{"policy constraints", authority(extra(pki.OIDPolicyConstraints, true, "\x30\x03\x80\x01\x05")), ""},
		{"policy constraints, not critical", authority(extra(pki.OIDPolicyConstraints, false, "\x30\x03\x80\x01\x05")), "has to be critical"},
		{"subject's information, critical", server(extra(pki.OIDSubjectInfo, true, "\x30\x00")), "has to be not critical"},
		{"extension that is not DER", server(extra(private, false, "\x05")), "not DER"},
		{"extension with more behind", server(extra(private, false, "\x05\x00\x00")), "not DER"},
		{"extension without an identifier", server(extra("", false, "\x05\x00")), "without a valid identifier"},
		{"longest extension", server(extra(private, false, "\x04\x82\x1f\xfc"+strings.Repeat("a", 8188))), ""},
		{"longer extension", server(extra(private, false, "\x04\x82\x1f\xfd"+strings.Repeat("a", 8189))), "too long"},
		{"extension twice", server(func(s *pki.Spec) {
			s.Extra = slicesRepeat(pki.Extension{ID: private, Value: []byte{5, 0}}, 2)
		}), "is there twice"},
		{"too many extensions", server(func(s *pki.Spec) {
			s.Extra = slicesRepeat(pki.Extension{ID: private, Value: []byte{5, 0}}, 17)
		}), "17 further extensions; 16"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			made, err := root.New(test.spec)
			if test.says != "" {
				wantFault(t, err, pki.SpecInvalid, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := made.Leaf().Malformed(); err != nil {
				t.Error(err)
			}
		})
	}
	_, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Now: now, Lifetime: 9132 * 24 * time.Hour})
	wantFault(t, err, pki.SpecInvalid, "9131 are the most")
	_, err = pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Now: now, CRLs: []string{"http://a.example"}})
	wantFault(t, err, pki.SpecInvalid, "a root is trusted by itself")
}

func slicesRepeat[T any](value T, count int) []T {
	list := make([]T, count)
	for i := range list {
		list[i] = value
	}
	return list
}

// TestSpecIsWritten reads back what a Spec with everything has asked for.
func TestSpecIsWritten(t *testing.T) {
	root := testpki.Must(testpki.New(now)).Root
	subject := madeName(attribute(country, "KR"), attribute(organization, "서울"))
	spec := client(func(s *pki.Spec) {
		s.Subject, s.Emails, s.URIs, s.IPs = subject, []string{"jane@a.example"}, []string{"https://a.example/jane"}, []netip.Addr{netip.IPv6Loopback()}
		s.CRLs, s.OCSP, s.Issuers = []string{"http://a.example/1.crl", "http://b.example/1.crl"}, []string{"http://o.example"}, []string{"http://i.example"}
		s.Backdate = time.Hour
		s.Extra = []pki.Extension{{ID: private, Critical: true, Value: []byte{5, 0}}}
	})
	cert := testpki.Must(root.New(spec)).Leaf()
	have := map[string]any{
		"subject": cert.Subject().String(), "names": cert.NamesOf(pki.DNSName, pki.IPName, pki.EmailName, pki.URIName),
		"begin": cert.NotBefore(), "private": cert.Extensions()[len(cert.Extensions())-1],
	}
	points := testpki.Must(cert.DistributionPoints())
	have["lists"] = []string{points[0].Name.Full[0].String(), points[1].Name.Full[0].String()}
	var places []string
	for _, place := range testpki.Must(cert.AuthorityInfo()) {
		places = append(places, place.Method.Name()+" "+place.Location.String())
	}
	have["places"] = places
	want := map[string]any{
		"subject": `O=서울,C=KR`, "names": []string{"a.example", "::1", "jane@a.example", "https://a.example/jane"},
		"begin": now.Add(-time.Hour), "private": spec.Extra[0],
		"lists":  []string{"URI:http://a.example/1.crl", "URI:http://b.example/1.crl"},
		"places": []string{"OCSP URI:http://o.example", "CA Issuers URI:http://i.example"},
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
	stapled := testpki.Must(root.New(server(func(s *pki.Spec) { s.OCSP, s.MustStaple = []string{"http://o.example"}, true }))).Leaf()
	if features := testpki.Must(stapled.TLSFeatures()); len(features) != 1 || features[0] != 5 {
		t.Errorf("have the TLS features %v, want status_request", features)
	}
}

// TestSignatureMatchesTheIssuersKey makes a chain with each kind of key.
func TestSignatureMatchesTheIssuersKey(t *testing.T) {
	curve := func(curve elliptic.Curve) crypto.Signer { return testpki.Must(ecdsa.GenerateKey(curve, rand.Reader)) }
	_, edwards, _ := ed25519.GenerateKey(rand.Reader)
	tests := []struct {
		name string
		key  crypto.Signer
		want string
	}{
		{"RSA", sharedRSA(2048), "sha256WithRSAEncryption"},
		{"P-256", curve(elliptic.P256()), "ecdsa-with-SHA256"},
		{"P-384", curve(elliptic.P384()), "ecdsa-with-SHA384"},
		{"P-521", curve(elliptic.P521()), "ecdsa-with-SHA512"},
		{"Ed25519", edwards, "ED25519"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Key: test.key, Now: now}))
			leaf := testpki.Must(root.New(server(func(*pki.Spec) {})))
			for _, cert := range []*pki.Certificate{root.Leaf(), leaf.Leaf()} {
				if have := cert.SignatureAlgorithm().String(); have != test.want {
					t.Errorf("have %s, want %s", have, test.want)
				}
				if err := cert.CheckSignatureBy(root.Leaf().PublicKey()); err != nil {
					t.Error(err)
				}
			}
			if _, err := pki.NewCredential(root.Chain, test.key); err != nil {
				t.Error(err)
			}
		})
	}
	for name, weak := range map[string]crypto.Signer{"an RSA key of 1024 bits": sharedRSA(1024), "an ECDSA key of 224 bits": curve(elliptic.P224())} {
		_, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "R", Key: weak, Now: now})
		wantFault(t, err, pki.SpecInvalid, name)
	}
}
