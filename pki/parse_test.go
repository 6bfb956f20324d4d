package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func TestParseCertificates(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	server := testpki.Must(fixture.Server("a.example"))
	leaf, intermediate := server.Chain[0], server.Chain[1]
	two := string(server.ChainPEM())
	key := string(testpki.Must(server.PEM()))[len(two):]
	broken := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("no certificate")}))
	bad64 := strings.Replace(string(leaf.PEM()), "MII", "!!!", 1)
	tests := []struct {
		name string
		data string
		want []*pki.Certificate
		code fault.Code
		says string
	}{
		{"PEM chain", two, []*pki.Certificate{leaf, intermediate}, "", ""},
		{"PEM with text around", "subject: a\n" + two + "the end", []*pki.Certificate{leaf, intermediate}, "", ""},
		{"PEM with CRLF", strings.ReplaceAll(two, "\n", "\r\n"), []*pki.Certificate{leaf, intermediate}, "", ""},
		{"PEM after a byte order mark", "\ufeff" + two, []*pki.Certificate{leaf, intermediate}, "", ""},
		{"PEM without a last line end", strings.TrimSpace(two), []*pki.Certificate{leaf, intermediate}, "", ""},
		{"key between the certificates", string(leaf.PEM()) + key + string(intermediate.PEM()), []*pki.Certificate{leaf, intermediate}, "", ""},
		{"DER", string(leaf.Raw()), []*pki.Certificate{leaf}, "", ""},
		{"DER, two in a row", string(leaf.Raw()) + string(intermediate.Raw()), []*pki.Certificate{leaf, intermediate}, "", ""},
		{"empty", "", nil, pki.NoCertificate, "the input is empty"},
		{"neither PEM nor DER", "hello", nil, pki.NoCertificate, "neither PEM nor DER"},
		{"key only", key, nil, pki.NoCertificate, "no certificate among its 1 PEM blocks"},
		{"DER cut short", string(leaf.Raw()[:100]), nil, pki.CertUnreadable, "unreadable certificate"},
		{"DER with a byte too many", string(leaf.Raw()) + "\x00", nil, pki.CertUnreadable, "unreadable certificate"},
		{"third block is no certificate", two + broken, nil, pki.CertUnreadable, "block 3 (line "},
		{"block number counts keys", key + two + broken, nil, pki.CertUnreadable, "block 4 (line "},
		{"first block is not base64", bad64 + two, nil, pki.CertUnreadable, "block 1 (line 1, byte 0 of the input) is a certificate, but not valid PEM"},
		{"second block is cut short", string(leaf.PEM()) + string(intermediate.PEM()[:200]), nil, pki.CertUnreadable, "block 2 (line "},
		{"cut short, another follows", string(leaf.PEM()[:200]) + string(intermediate.PEM()), nil, pki.CertUnreadable, "block 1 (line 1, byte 0 of the input) is a certificate, but not valid PEM"},
		{"labels differ", strings.Replace(two, "END CERTIFICATE", "END X509 CRL", 1), nil, pki.CertUnreadable, "block 1 (line 1, byte 0 of the input) is a certificate, but not valid PEM"},
		{"begin only", "-----BEGIN ", nil, pki.NoCertificate, "among its 1 PEM blocks"},
		{"one too large", "\x30\x83\x10\x00\x00" + strings.Repeat("\x00", pki.MaxCertificate), nil, pki.CertUnreadable, "a certificate of 1048581 bytes; 1048576 are the most"},
		{"as many as are read, and one", strings.Repeat(string(leaf.PEM()), pki.MaxCertificates+1), nil, pki.InputTooLarge, "more than 4096 of the kind certificate"},
		{"the same in DER", strings.Repeat(string(leaf.Raw()), pki.MaxCertificates+1), nil, pki.InputTooLarge, "more than 4096 of the kind certificate"},
		{"too large", strings.Repeat("a", pki.MaxInput+1), nil, pki.InputTooLarge, "16777217 bytes are more than the 16777216"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			certs, err := pki.ParseCertificates([]byte(test.data))
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(certs, test.want, (*pki.Certificate).Equal) {
				t.Errorf("have %d certificates, want %d, or they differ", len(certs), len(test.want))
			}
		})
	}
}

func TestCredentialRoundTrip(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	made := testpki.Must(fixture.Server("a.example"))
	text := testpki.Must(made.PEM())
	chain := string(made.ChainPEM())
	tests := []struct{ name, data string }{
		{"chain, key", string(text)},
		{"key, chain", strings.TrimPrefix(string(text), chain) + chain},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			read, err := pki.ParseCredential([]byte(test.data))
			if err != nil {
				t.Fatal(err)
			}
			if again := testpki.Must(read.PEM()); !bytes.Equal(again, text) {
				t.Errorf("have\n%s, want\n%s", again, text)
			}
		})
	}
}

func TestCredentialRefused(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	one, two := testpki.Must(fixture.Server("one.example")), testpki.Must(fixture.Server("two.example"))
	_, oneKey, _ := strings.Cut(string(testpki.Must(one.PEM())), string(one.ChainPEM()))
	reversed := string(one.Chain[1].PEM()) + string(one.Chain[0].PEM())
	tests := []struct {
		name, data string
		code       fault.Code
		says, hint string
	}{
		{"another's key", string(two.ChainPEM()) + oneKey, pki.KeyMismatch, "not the key of two.example", "pair two.example with the key"},
		{"the leaf is not first", reversed + oneKey, pki.KeyMismatch, "not the key of Demo Intermediate", "put one.example first: it is the key's certificate, and stands at place 2 of the chain"},
		{"no key", string(one.ChainPEM()), pki.KeyMissing, "no private key", "in the same file"},
		{"no certificate", oneKey, pki.NoCertificate, "no certificate", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseCredential([]byte(test.data))
			wantFault(t, err, test.code, test.says)
			if e, _ := fault.Of(err); !strings.Contains(e.Hint, test.hint) {
				t.Errorf("the next step is %q, want %q", e.Hint, test.hint)
			}
		})
	}
	_, err := pki.NewCredential(nil, one.Key)
	wantFault(t, err, pki.NoCertificate, "no certificate for the key")
	_, err = pki.NewCredential(one.Chain, nil)
	wantFault(t, err, pki.KeyMissing, "no private key")
	_, err = (&pki.Credential{Chain: one.Chain, Key: unable{one.Key}}).PEM()
	wantFault(t, err, pki.KeyUnreadable, "does not leave its store")
}

// keyPEM is a private key as its kind of file has it.
func keyPEM(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

func TestParseKey(t *testing.T) {
	small := sharedRSA(1024)
	strong := sharedRSA(2048)
	p224 := testpki.Must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	p384 := testpki.Must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(key any) string {
		return keyPEM("PRIVATE KEY", testpki.Must(x509.MarshalPKCS8PrivateKey(key)))
	}
	sec1 := keyPEM("EC PRIVATE KEY", testpki.Must(x509.MarshalECPrivateKey(p384)))
	legacy := strings.Replace(keyPEM("RSA PRIVATE KEY", []byte("sixteen of secret")[:16]), "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n", 1)
	sealed := testpki.Must(pki.EncryptKey(p384, []byte("secret")))
	tests := []struct {
		name, data string
		want       crypto.Signer
		code       fault.Code
		says       string
	}{
		{"RSA, PKCS#8", pkcs8(strong), strong, "", ""},
		{"RSA, PKCS#1", keyPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(strong)), strong, "", ""},
		{"ECDSA, PKCS#8", pkcs8(p384), p384, "", ""},
		{"ECDSA, SEC1, behind its parameters", keyPEM("EC PARAMETERS", []byte{5, 0}) + sec1, p384, "", ""},
		{"Ed25519", pkcs8(edwards), edwards, "", ""},
		{"the first of two", pkcs8(edwards) + sec1, edwards, "", ""},
		{"RSA of 1,024 bits", pkcs8(small), nil, pki.KeyWeak, "an RSA key of 1024 bits"},
		{"ECDSA P-224", pkcs8(p224), nil, pki.KeyWeak, "an ECDSA key of 224 bits"},
		{"an exchange key", keyPEM("PRIVATE KEY", x25519PKCS8), nil, pki.KeyUnsupported, "it is for key exchange"},
		{"encrypted PKCS#8", string(pem.EncodeToMemory(sealed)), nil, pki.KeyEncrypted, "the private key is encrypted"},
		{"encrypted PKCS#1", legacy, nil, pki.KeyEncrypted, "the private key is encrypted"},
		{"encrypted SEC1", strings.ReplaceAll(legacy, "RSA", "EC"), nil, pki.KeyEncrypted, "the private key is encrypted"},
		{"DER", string(x509.MarshalPKCS1PrivateKey(strong)), strong, "", ""},
		{"damaged PKCS#8", keyPEM("PRIVATE KEY", []byte("secret")), nil, pki.KeyUnreadable, "block 1 (PRIVATE KEY) cannot be read"},
		{"damaged PKCS#1", keyPEM("RSA PRIVATE KEY", []byte("secret")), nil, pki.KeyUnreadable, "block 1 (RSA PRIVATE KEY) cannot be read"},
		{"damaged SEC1", keyPEM("EC PARAMETERS", nil) + keyPEM("EC PRIVATE KEY", []byte("secret")), nil, pki.KeyUnreadable, "block 2 (EC PRIVATE KEY) cannot be read"},
		{"cut short", sec1[:80], nil, pki.KeyUnreadable, "block 1 is a private key, but not valid PEM"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := pki.ParseKey([]byte(test.data))
			if test.says != "" {
				wantFault(t, err, test.code, test.says)
				if strings.Contains(err.Error(), "secret") {
					t.Errorf("%v quotes the key", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !key.(interface{ Equal(crypto.PrivateKey) bool }).Equal(test.want) {
				t.Errorf("have another key of type %T", key)
			}
		})
	}
	_, err = pki.ParseKey(nil)
	wantFault(t, err, pki.KeyMissing, "there is no private key")
	_, err = pki.ParseKey(make([]byte, pki.MaxInput+1))
	wantFault(t, err, pki.InputTooLarge, "16777217 bytes")
}

func TestParseRequest(t *testing.T) {
	key := testpki.Must(pki.NewKey())
	good := testpki.Must(pki.NewRequest(key))
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	demanding := testpki.Must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "admin"}, DNSNames: []string{"bank.example"}}, key))
	weak := sharedRSA(1024)
	tests := []struct {
		name string
		der  []byte
		code fault.Code
		says string
	}{
		{"good", good, "", ""},
		{"names that it asks for are passed over", demanding, "", ""},
		{"forged", forged, pki.RequestInvalid, "signature is not its key's"},
		{"cut short", good[:50], pki.RequestInvalid, "unreadable certificate request"},
		{"a byte too many", append(bytes.Clone(good), 0), pki.RequestInvalid, "unreadable certificate request"},
		{"a certificate", testpki.Must(testpki.New(now)).Root.Leaf().Raw(), pki.RequestInvalid, "unreadable certificate request"},
		{"empty", nil, pki.RequestInvalid, "unreadable certificate request"},
		{"weak key", testpki.Must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, weak)), pki.RequestInvalid, "an RSA key of 1024 bits"},
		{"enormous key", hugeRequest(t), pki.RequestInvalid, "an RSA key of 240000 bits"},
		{"too large", make([]byte, 64<<10+1), pki.InputTooLarge, "a request of 65537 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			public, err := pki.ParseRequest(test.der)
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
				return
			}
			if err != nil || !key.Public().(*ecdsa.PublicKey).Equal(public) {
				t.Errorf("have %v, %v, want the request's key", public, err)
			}
		})
	}
	_, err := pki.NewRequest(unable{key})
	wantFault(t, err, pki.SigningFailed, "the token was removed")
}

// x25519PKCS8 is a key for key exchange alone (RFC 8410, section 7).
var x25519PKCS8 = append([]byte{0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x6e, 4, 0x22, 4, 0x20}, make([]byte, 32)...)

// hugeRequest is a request whose key would take seconds to compute with.
func hugeRequest(t *testing.T) []byte {
	modulus := new(big.Int).Lsh(big.NewInt(1), 239_999)
	spki := testpki.Must(x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: modulus.SetBit(modulus, 0, 1), E: 65537}))
	info := struct {
		Version    int
		Subject    pkix.RDNSequence
		Key        asn1.RawValue
		Attributes []asn1.RawValue `asn1:"tag:0,set"`
	}{Key: asn1.RawValue{FullBytes: spki}}
	der, err := asn1.Marshal(struct {
		Info      any
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{info, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue},
		asn1.BitString{Bytes: make([]byte, 30_000), BitLength: 240_000}})
	if err != nil {
		t.Fatal(err)
	}
	if len(der) > 64<<10 {
		t.Fatalf("the request has %d bytes and is refused for that alone", len(der))
	}
	return der
}

func TestTitle(t *testing.T) {
	uri := func(text string) []*url.URL { return []*url.URL{testpki.Must(url.Parse(text))} }
	tests := []struct {
		name     string
		template x509.Certificate
		want     string
	}{
		{"common name first", x509.Certificate{Subject: pkix.Name{CommonName: "CN", Organization: []string{"O"}}, DNSNames: []string{"a.example"}}, "CN"},
		{"organisation", x509.Certificate{Subject: pkix.Name{Organization: []string{"", "O"}}, DNSNames: []string{"a.example"}}, "O"},
		{"blank common name", x509.Certificate{Subject: pkix.Name{CommonName: " "}, DNSNames: []string{"a.example"}}, "a.example"},
		{"SPIFFE ID", x509.Certificate{URIs: uri("spiffe://td/web"), DNSNames: []string{"a.example"}}, "spiffe://td/web"},
		{"DNS name", x509.Certificate{DNSNames: []string{"a.example"}}, "a.example"},
		{"address", x509.Certificate{IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, "10.0.0.1"},
		{"serial number", x509.Certificate{SerialNumber: big.NewInt(0xabc)}, "serial 0abc"},
		{"serial number zero", x509.Certificate{SerialNumber: big.NewInt(0), URIs: uri("https://a")}, "serial 00"},
		{"hostile common name", x509.Certificate{Subject: pkix.Name{CommonName: "a\n\u202eb"}}, "a??b"},
		{"hostile DNS name", x509.Certificate{DNSNames: []string{"a\x00.example\x1b[2J"}}, `a\u0000.example\u001b[2J`},
		{"long", x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("a", 100)}}, strings.Repeat("a", 64) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cert := testpki.Must(testpki.Forge(&test.template, nil)).Leaf()
			if got := cert.Title(); got != test.want {
				t.Errorf("have %q, want %q", got, test.want)
			}
		})
	}
	nameless := testpki.Must(testpki.Forge(&x509.Certificate{}, nil)).Leaf()
	if got := nameless.IssuerTitle(); got != "an unnamed issuer" {
		t.Errorf("the issuer without a name is %q", got)
	}
	if got := testpki.Must(testpki.New(now)).Intermediate.Leaf().IssuerTitle(); got != "Demo Root" {
		t.Errorf("the intermediate's issuer is %q, want Demo Root", got)
	}
}

func TestID(t *testing.T) {
	tests := []struct {
		name      string
		uris      []string
		authority bool
		want      string
	}{
		{"one", []string{"spiffe://td/web"}, false, "spiffe://td/web"},
		{"none", nil, false, ""},
		{"two", []string{"spiffe://td/web", "spiffe://td/orders"}, false, ""},
		{"beside another URI", []string{"spiffe://td/web", "https://a.example"}, false, ""},
		{"not SPIFFE", []string{"https://a.example/web"}, false, ""},
		{"percent-encoded", []string{"spiffe://td/%77eb"}, false, ""},
		{"on an authority", []string{"spiffe://td/web"}, true, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			template := &x509.Certificate{BasicConstraintsValid: true, IsCA: test.authority}
			for _, uri := range test.uris {
				template.URIs = append(template.URIs, testpki.Must(url.Parse(uri)))
			}
			if got := testpki.Must(testpki.Forge(template, nil)).Leaf().ID().String(); got != test.want {
				t.Errorf("have %q, want %q", got, test.want)
			}
		})
	}
}

// TestFingerprint compares with the one that OpenSSL prints.
func TestFingerprint(t *testing.T) {
	cert := testpki.Must(testpki.New(now)).Root.Leaf()
	command := exec.Command(peers.OpenSSL(t), "x509", "-noout", "-fingerprint", "-sha256", "-serial")
	command.Stdin = bytes.NewReader(cert.PEM())
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var hex []string
	for _, b := range cert.Fingerprint() {
		hex = append(hex, strings.ToUpper(big.NewInt(int64(b) + 256).Text(16)[1:]))
	}
	for _, want := range []string{strings.Join(hex, ":"), "serial=" + strings.ToUpper(cert.Serial())} {
		if !strings.Contains(string(out), want) {
			t.Errorf("openssl says\n%s, want %s in it", out, want)
		}
	}
}

func TestIsHostname(t *testing.T) {
	tests := []struct {
		name string
		want bool
	}{
		{"a", true},
		{"api.example.com", true},
		{"API.Example.com", true},
		{"xn--bcher-kva.example", true},
		{"_dns.example", true},
		{strings.Repeat("a", 63) + ".example", true},
		{strings.Repeat("a.", 126) + "b", true},
		{strings.Repeat("a.", 127), false},
		{strings.Repeat("a", 64) + ".example", false},
		{"", false},
		{".", false},
		{"1.a1", true},
		{"10.0.0.1", false},
		{"127.1", false},
		{"a..b", false},
		{"a-b.example", true},
		{"-a.example", false},
		{"a.-", false},
		{"a.", false},
		{"*.example.com", false},
		{"bücher.example", false},
		{"a b", false},
		{"a\x00b", false},
		{"a/b", false},
		{"a:443", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := pki.IsHostname(test.name); got != test.want {
				t.Errorf("have %v, want %v", got, test.want)
			}
		})
	}
}
