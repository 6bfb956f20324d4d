package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// wish asks for one of everything.
func wish() pki.RequestSpec {
	return pki.RequestSpec{
		Name: "a.example", DNS: []string{"a.example", "*.b.example"},
		IPs:    []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")},
		Emails: []string{"jane@a.example"}, URIs: []string{"https://a.example/x", web.String()},
		Challenge:  "비밀",
		Extensions: []pki.Extension{{ID: pki.OIDTLSFeature, Value: []byte{0x30, 3, 2, 1, 5}}, {ID: pki.OIDKeyUsage, Critical: true, Value: []byte{3, 2, 7, 0x80}}},
	}
}

// strongSigners makes one key of each kind that we sign with.
func strongSigners(t *testing.T) map[string]crypto.Signer {
	keys := signers(t)
	delete(keys, "P-224")
	return keys
}

// signatureNames are the algorithms that those keys sign with.
var signatureNames = map[string]string{"P-256": "ecdsa-with-SHA256", "P-384": "ecdsa-with-SHA384", "P-521": "ecdsa-with-SHA512", "RSA": "sha256WithRSAEncryption", "Ed25519": "ED25519"}

// texts are names as text.
func texts(names []pki.GeneralName) []string {
	var all []string
	for _, name := range names {
		all = append(all, name.String())
	}
	return all
}

var wishNames = []string{"DNS:a.example", "DNS:*.b.example", "IP:10.0.0.1", "IP:::1", "email:jane@a.example", "URI:https://a.example/x", "URI:" + web.String()}

func TestRequestSign(t *testing.T) {
	for name, key := range strongSigners(t) {
		t.Run(name, func(t *testing.T) {
			request, err := wish().Sign(key)
			if err != nil {
				t.Fatal(err)
			}
			x, err := x509.ParseCertificateRequest(request.Raw())
			if err != nil || x.CheckSignature() != nil {
				t.Fatalf("crypto/x509 does not take it: %v, %v", err, x.CheckSignature())
			}
			if x.Subject.String() != "CN=a.example" || request.Subject().String() != "CN=a.example" {
				t.Errorf("the subject is %q and %q", x.Subject, request.Subject())
			}
			if diff := cmp.Diff(wishNames, texts(testpki.Must(request.SubjectAltNames()))); diff != "" {
				t.Errorf("names (-want +have):\n%s", diff)
			}
			if diff := cmp.Diff(wish().DNS, x.DNSNames); diff != "" {
				t.Errorf("DNS names to crypto/x509 (-want +have):\n%s", diff)
			}
			if have := request.SignatureAlgorithm().String(); have != signatureNames[name] {
				t.Errorf("signed by %s, want %s", have, signatureNames[name])
			}
			if have := testpki.Must(request.ChallengePassword()); have != "비밀" {
				t.Errorf("the challenge is %q", have)
			}
			if usage := testpki.Must(request.KeyUsage()); usage == nil || *usage != pki.DigitalSignature {
				t.Errorf("key usage %v", usage)
			}
			var critical []bool
			for _, e := range request.Extensions() {
				critical = append(critical, e.Critical)
			}
			if diff := cmp.Diff([]bool{false, false, true}, critical); diff != "" {
				t.Errorf("critical extensions (-want +have):\n%s", diff)
			}
			if len(request.Attributes()) != 2 || request.Version() != 1 || request.Malformed() != nil || request.CheckSignature() != nil {
				t.Errorf("%d attributes, version %d, %v, %v", len(request.Attributes()), request.Version(), request.Malformed(), request.CheckSignature())
			}
			if !bytes.Equal(request.RawTBS(), x.RawTBSCertificateRequest) || !bytes.Equal(request.Signature(), x.Signature) {
				t.Error("another signed part, or signature, than crypto/x509 has")
			}
		})
	}
}

func TestRequestWithoutNames(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	request := testpki.Must(pki.RequestSpec{}.Sign(key))
	names, err := request.SubjectAltNames()
	if !request.Subject().IsEmpty() || names != nil || err != nil || request.Attributes() != nil || request.Extensions() != nil {
		t.Errorf("it asks for %q, %v, %v", request.Subject(), names, request.Attributes())
	}
	if secret, err := request.ChallengePassword(); secret != "" || err != nil {
		t.Errorf("the challenge is %q, %v", secret, err)
	}
	usage, _ := request.KeyUsage()
	extended, _ := request.ExtKeyUsage()
	constraints, _ := request.BasicConstraints()
	if usage != nil || extended != nil || constraints != nil {
		t.Errorf("it asks for %v, %v, %v", usage, extended, constraints)
	}
	only := testpki.Must(pki.RequestSpec{DNS: []string{"a.example"}}.Sign(key))
	if list := only.Extensions(); len(list) != 1 || !list[0].Critical {
		t.Errorf("names without a subject are not critical: %v", list)
	}
	subject := testpki.Must(testpki.New(now)).Root.Leaf().Subject()
	if whole := testpki.Must(pki.RequestSpec{Subject: subject}.Sign(key)); !whole.Subject().Equal(subject) {
		t.Errorf("the subject is %q, want %q", whole.Subject(), subject)
	}
}

func TestRequestSpecRefused(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	weak := sharedRSA(1024)
	tests := []struct {
		name   string
		change func(*pki.RequestSpec)
		key    crypto.Signer
		code   fault.Code
		says   string
	}{
		{"longest name", func(s *pki.RequestSpec) { s.Name = strings.Repeat("ü", 64) }, key, "", ""},
		{"longer", func(s *pki.RequestSpec) { s.Name = strings.Repeat("ü", 65) }, key, pki.SpecInvalid, "more than 64 characters"},
		{"two subjects", func(s *pki.RequestSpec) { s.Subject = testpki.Must(testpki.New(now)).Root.Leaf().Subject() }, key, pki.SpecInvalid, "a common name beside the whole subject"},
		{"longest challenge", func(s *pki.RequestSpec) { s.Challenge = strings.Repeat("a", 255) }, key, "", ""},
		{"longer challenge", func(s *pki.RequestSpec) { s.Challenge = strings.Repeat("a", 256) }, key, pki.SpecInvalid, "at most 255"},
		{"challenge of two lines", func(s *pki.RequestSpec) { s.Challenge = "a\nb" }, key, pki.SpecInvalid, "can be printed"},
		{"no DNS name", func(s *pki.RequestSpec) { s.DNS = []string{"a b"} }, key, pki.SpecInvalid, "is not a DNS name"},
		{"address of IPv4 in IPv6", func(s *pki.RequestSpec) { s.IPs = []netip.Addr{netip.MustParseAddr("::ffff:10.0.0.1")} }, key, pki.SpecInvalid, "::ffff:10.0.0.1 is an address of IPv4"},
		{"no address", func(s *pki.RequestSpec) { s.IPs = []netip.Addr{{}} }, key, pki.SpecInvalid, "not an IP address"},
		{"no mailbox", func(s *pki.RequestSpec) { s.Emails = []string{"@a.example"} }, key, pki.SpecInvalid, "not an e-mail address"},
		{"no at", func(s *pki.RequestSpec) { s.Emails = []string{"a.example"} }, key, pki.SpecInvalid, "not an e-mail address"},
		{"no host of a mailbox", func(s *pki.RequestSpec) { s.Emails = []string{"jane@"} }, key, pki.SpecInvalid, "not an e-mail address"},
		{"mailbox with a space", func(s *pki.RequestSpec) { s.Emails = []string{"j ane@a.example"} }, key, pki.SpecInvalid, "not an e-mail address"},
		{"mailbox with ~", func(s *pki.RequestSpec) { s.Emails = []string{"~!@a.example"} }, key, "", ""},
		{"mailbox with DEL", func(s *pki.RequestSpec) { s.Emails = []string{"\x7f@a.example"} }, key, pki.SpecInvalid, "not an e-mail address"},
		{"relative URI", func(s *pki.RequestSpec) { s.URIs = []string{"/a"} }, key, pki.SpecInvalid, "not a URI"},
		{"URI that is not ASCII", func(s *pki.RequestSpec) { s.URIs = []string{"https://ü.example"} }, key, pki.SpecInvalid, "not a URI"},
		{"broken URI", func(s *pki.RequestSpec) { s.URIs = []string{"https://[a"} }, key, pki.SpecInvalid, "not a URI"},
		{"names twice", func(s *pki.RequestSpec) { s.Extensions = []pki.Extension{{ID: pki.OIDSubjectAltName}} }, key, pki.SpecInvalid, "twice for the extension Subject Alternative Name"},
		{"an extension twice", func(s *pki.RequestSpec) { s.Extensions = append(s.Extensions, s.Extensions[0]) }, key, pki.SpecInvalid, "twice for the extension TLS Feature"},
		{"weak key", func(*pki.RequestSpec) {}, weak, pki.SigningFailed, "an RSA key of 1024 bits"},
		{"key that is gone", func(*pki.RequestSpec) {}, unable{key}, pki.SigningFailed, "the token was removed"},
		{"store that signs wrongly", func(*pki.RequestSpec) {}, faulty{key}, pki.SigningFailed, "made a wrong signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := wish()
			test.change(&spec)
			_, err := spec.Sign(test.key)
			if test.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantFault(t, err, test.code, test.says)
		})
	}
}

// faulty is a key whose store signs something else.
type faulty struct{ crypto.Signer }

func (f faulty) Sign(random io.Reader, digest []byte, options crypto.SignerOpts) ([]byte, error) {
	other := bytes.Clone(digest)
	other[0] ^= 1
	return f.Signer.Sign(random, other, options)
}

func TestParseRequests(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	one, two := testpki.Must(wish().Sign(key)), testpki.Must(pki.RequestSpec{}.Sign(key))
	old := pem.EncodeToMemory(&pem.Block{Type: "NEW CERTIFICATE REQUEST", Bytes: two.Raw()})
	cert := testpki.Must(testpki.New(now)).Root.Leaf()
	join := func(parts ...[]byte) string { return string(bytes.Join(parts, nil)) }
	tests := []struct {
		name, data string
		want       int
		code       fault.Code
		says       string
	}{
		{"PEM", join(one.PEM()), 1, "", ""},
		{"PEM of both labels, a certificate between", join(one.PEM(), cert.PEM(), old), 2, "", ""},
		{"DER", join(one.Raw()), 1, "", ""},
		{"DER, two", join(one.Raw(), two.Raw()), 2, "", ""},
		{"empty", "", 0, pki.NoRequest, "there is no certificate request: the input is empty"},
		{"text", "hello", 0, pki.NoRequest, "neither PEM nor DER"},
		{"a certificate", join(cert.PEM()), 0, pki.NoRequest, "no certificate request among its 1 PEM blocks"},
		{"a certificate in DER", join(cert.Raw()), 0, pki.RequestInvalid, "unreadable certificate request"},
		{"a byte too many", join(one.Raw(), []byte{0}), 0, pki.RequestInvalid, "at byte "},
		{"a byte too many in PEM", join(one.PEM(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: append(bytes.Clone(two.Raw()), 0)})), 0, pki.RequestInvalid, "of the input): unreadable certificate request: the certificate request goes on"},
		{"cut short", join(one.PEM()[:100]), 0, pki.RequestInvalid, "block 1 (line 1, byte 0 of the input) is a certificate request, but not valid PEM"},
		{"too large", strings.Repeat("a", pki.MaxInput+1), 0, pki.InputTooLarge, "16777217 bytes are more than the 16777216"},
		{"as large as may be", strings.Repeat("a", pki.MaxInput), 0, pki.NoRequest, "neither"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			found, err := pki.ParseRequests([]byte(test.data))
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
				return
			}
			if err != nil || len(found) != test.want {
				t.Fatalf("have %d requests, %v, want %d", len(found), err, test.want)
			}
			for _, request := range found {
				if !bytes.Equal(request.Raw(), one.Raw()) && !bytes.Equal(request.Raw(), two.Raw()) || request.CheckSignature() != nil {
					t.Errorf("another request, or %v", request.CheckSignature())
				}
			}
		})
	}
}

// oddRequest is a request that crypto/x509 makes and we do not.
func oddRequest(t *testing.T, attributes ...asn1.RawValue) *pki.Request {
	key := testpki.Must(pki.NewKey())
	info := struct {
		Version    int
		Subject    pkix.RDNSequence
		Key        asn1.RawValue
		Attributes []asn1.RawValue `asn1:"tag:0,set"`
	}{Key: asn1.RawValue{FullBytes: testpki.Must(x509.MarshalPKIXPublicKey(key.Public()))}, Attributes: attributes}
	der, err := asn1.Marshal(struct {
		Info      any
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{info, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, asn1.BitString{Bytes: []byte{0x30, 0}, BitLength: 16}})
	if err != nil {
		t.Fatal(err)
	}
	found, err := pki.ParseRequests(der)
	if err != nil {
		t.Fatal(err)
	}
	return found[0]
}

func TestRequestAttributes(t *testing.T) {
	attribute := func(id string, values ...string) asn1.RawValue {
		oid := string(testpki.Must(pki.ParseOID(id)))
		set := tlv(0x31, strings.Join(values, ""))
		return asn1.RawValue{FullBytes: []byte(tlv(0x30, tlv(6, oid)+set))}
	}
	const extensions, microsoft, challenge = "1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14", "1.2.840.113549.1.9.7"
	usage := tlv(0x30, tlv(0x30, "\x06\x03\x55\x1d\x0f"+tlv(4, "\x03\x02\x07\x80")))
	badUsage := tlv(0x30, tlv(0x30, "\x06\x03\x55\x1d\x0f"+tlv(4, "\x05\x00")))
	tests := []struct {
		name       string
		attributes []asn1.RawValue
		code       fault.Code // of Malformed
		says       string
		challenge  fault.Code
		count      int // of extensions
	}{
		{"none", nil, "", "", "", 0},
		{"of Microsoft", []asn1.RawValue{attribute(microsoft, usage)}, "", "", "", 1},
		{"another", []asn1.RawValue{attribute("1.2.3", usage, usage), attribute(extensions, usage)}, "", "", "", 1},
		{"both", []asn1.RawValue{attribute(microsoft, usage), attribute(extensions, usage)}, pki.RequestInvalid, "Extension Request has more or less than one value", "", 0},
		{"two values", []asn1.RawValue{attribute(extensions, usage, usage)}, pki.RequestInvalid, "more or less than one value", "", 0},
		{"no value", []asn1.RawValue{attribute(extensions)}, pki.RequestInvalid, "more or less than one value", "", 0},
		{"no extensions", []asn1.RawValue{attribute(extensions, "\x05\x00")}, pki.RequestInvalid, "the extensions that the request asks for: no valid", "", 0},
		{"broken extension", []asn1.RawValue{attribute(extensions, badUsage)}, pki.ExtensionInvalid, "the value of the extension Key Usage is not as it must be", "", 1},
		{"challenge of no text", []asn1.RawValue{attribute(challenge, "\x05\x00")}, "", "", pki.RequestInvalid, 0},
		{"two challenges", []asn1.RawValue{attribute(challenge, "\x0c\x01a"), attribute(challenge, "\x0c\x01a")}, "", "", pki.RequestInvalid, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := oddRequest(t, test.attributes...)
			_, usageErr := request.KeyUsage()
			if err := request.Malformed(); test.code != "" {
				wantFault(t, err, test.code, test.says)
				wantFault(t, usageErr, test.code, test.says)
			} else if err != nil || usageErr != nil {
				t.Errorf("%v, %v", err, usageErr)
			}
			if len(request.Extensions()) != test.count {
				t.Errorf("%d extensions, want %d", len(request.Extensions()), test.count)
			}
			if _, err := request.ChallengePassword(); test.challenge != "" {
				wantFault(t, err, test.challenge, "challenge")
			} else if err != nil {
				t.Error(err)
			}
			wantFault(t, request.CheckSignature(), pki.SignatureWrong, "not made by this key")
		})
	}
}

// tlv is one element in DER.
func tlv(tag byte, content string) string {
	switch n := len(content); {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + content
	case n < 0x100:
		return string([]byte{tag, 0x81, byte(n)}) + content
	default:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + content
	}
}

func TestRequestSpecOf(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	request := testpki.Must(wish().Sign(key))
	all := func(pki.GeneralName) bool { return true }
	tests := []struct {
		name    string
		profile pki.Profile
		allow   func(pki.GeneralName) bool
		want    pki.Spec
		refused []string
	}{
		{"all for a server", pki.Server, all, pki.Spec{Profile: pki.Server, Name: "a.example", DNS: []string{"a.example", "*.b.example"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}}, wishNames[4:]},
		{"all for a client", pki.Client, all, pki.Spec{Profile: pki.Client, Name: "a.example", DNS: []string{"a.example", "*.b.example"}, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("::1")}, Emails: []string{"jane@a.example"}, URIs: []string{"https://a.example/x"}}, wishNames[6:]},
		{"the common name is not listed", pki.Server, pki.AllowNames("*.b.example", "::1", "jane@a.example"), pki.Spec{Profile: pki.Server, DNS: []string{"*.b.example"}, IPs: []netip.Addr{netip.MustParseAddr("::1")}}, []string{"DNS:a.example", "IP:10.0.0.1", wishNames[4], wishNames[5], wishNames[6]}},
		{"an ID", pki.Workload, pki.AllowNames(web.String(), "a.example"), pki.Spec{Profile: pki.Workload, ID: web}, wishNames[:6]},
		{"nothing", pki.Server, pki.AllowNames(), pki.Spec{Profile: pki.Server}, wishNames},
		{"an authority", pki.Intermediate, all, pki.Spec{Profile: pki.Intermediate}, wishNames},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec, public, refused, err := request.Spec(test.profile, test.allow)
			if err != nil || !key.Public().(*ecdsa.PublicKey).Equal(public) {
				t.Fatalf("have %v, %v", public, err)
			}
			if diff := cmp.Diff(test.want, spec, cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(pki.Name.Equal), cmp.Comparer(func(a, b spiffeid.ID) bool { return a == b })); diff != "" {
				t.Errorf("spec (-want +have):\n%s", diff)
			}
			if diff := cmp.Diff(test.refused, texts(refused)); diff != "" {
				t.Errorf("refused (-want +have):\n%s", diff)
			}
		})
	}
	ids := testpki.Must(pki.RequestSpec{URIs: []string{web.String(), "spiffe://demo.signet/other"}}.Sign(key))
	if spec, _, refused, err := ids.Spec(pki.Workload, all); err != nil || spec.ID != web || len(refused) != 1 {
		t.Errorf("of two IDs: %v, %v, %v", spec.ID, refused, err)
	}
	_, _, _, err := oddRequest(t).Spec(pki.Server, all)
	wantFault(t, err, pki.RequestInvalid, "signature is not its key's")
	broken := testpki.Must(pki.RequestSpec{Extensions: []pki.Extension{{ID: pki.OIDSubjectAltName, Value: []byte{5, 0}}}}.Sign(key))
	_, _, _, err = broken.Spec(pki.Server, all)
	wantFault(t, err, pki.ExtensionInvalid, "Subject Alternative Name")

	fixture := testpki.Must(testpki.New(now))
	spec, public, _, err := request.Spec(pki.Server, pki.AllowNames("a.example"))
	if err != nil {
		t.Fatal(err)
	}
	spec.Now = now
	cert := testpki.Must(fixture.Intermediate.Issue(spec, public))
	if diff := cmp.Diff([]string{"DNS:a.example"}, texts(testpki.Must(cert.SubjectAltNames()))); diff != "" {
		t.Errorf("names of the certificate (-want +have):\n%s", diff)
	}
}
