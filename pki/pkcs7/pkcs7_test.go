package pkcs7_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs7"
)

// fixtures are good now, for openssl's sake.
var fixture = testpki.Must(testpki.New(time.Now()))

// wantFault holds an error against its code and its words.
func wantFault(t *testing.T, err error, code fault.Code, says string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) || !strings.Contains(err.Error(), says) || e.Hint == "" {
		t.Fatalf("have %v, want a fault with the code %s, a hint, and %q", err, code, says)
	}
}

// openssl runs the program in a folder that holds the fixture's files, and
// returns what it prints.
func openssl(t *testing.T, folder string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(peers.OpenSSL(t), args...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// folder has chain.pem with its key, and what is to be signed.
func folder(t *testing.T, credential *pki.Credential) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range map[string][]byte{
		"chain.pem": credential.ChainPEM(), "key.pem": testpki.Must(credential.PEM()), "content": []byte("to be signed\r\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func wantCertificates(t *testing.T, data []byte, want []*pki.Certificate) *pkcs7.Message {
	t.Helper()
	m, err := pkcs7.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	have, err := m.Certificates()
	if err != nil || !slices.EqualFunc(have, want, (*pki.Certificate).Equal) {
		t.Fatalf("have %d certificates, %v; want %d, or they differ", len(have), err, len(want))
	}
	return m
}

// sorted returns certificates in the order of a set in DER.
func sorted(certs []*pki.Certificate) []*pki.Certificate {
	return slices.SortedFunc(slices.Values(certs), func(a, b *pki.Certificate) int { return bytes.Compare(a.Raw(), b.Raw()) })
}

func TestBundleOfOpenSSL(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	dir := folder(t, server)
	openssl(t, dir, "crl2pkcs7", "-nocrl", "-certfile", "chain.pem", "-out", "chain.p7b")
	text := testpki.Must(os.ReadFile(filepath.Join(dir, "chain.p7b")))
	block, _ := pem.Decode(text)
	for name, data := range map[string][]byte{
		"PEM": text, "DER": block.Bytes, "another label": bytes.ReplaceAll(text, []byte("PKCS7"), []byte("CMS")),
		"behind a certificate": append(server.Leaf().PEM(), text...),
	} {
		t.Run(name, func(t *testing.T) {
			m := wantCertificates(t, data, server.Chain)
			if m.Kind != pkcs7.SignedData || len(m.Signers) != 0 || len(m.CRLs) != 0 || m.Skipped != 0 {
				t.Errorf("have %+v", m)
			}
		})
	}
}

func TestNewBundle(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	dir := folder(t, server)
	crl := emptyCRL(t, dir)
	der := testpki.Must(pkcs7.NewBundle(server.Chain, crl))
	m := wantCertificates(t, der, sorted(server.Chain))
	if len(m.CRLs) != 1 || !bytes.Equal(m.CRLs[0], crl) || len(m.Content()) != 0 {
		t.Errorf("have %d revocation lists and %d bytes of content", len(m.CRLs), len(m.Content()))
	}
	if err := os.WriteFile(filepath.Join(dir, "bundle.p7b"), der, 0o600); err != nil {
		t.Fatal(err)
	}
	printed := string(openssl(t, dir, "pkcs7", "-inform", "DER", "-in", "bundle.p7b", "-print_certs"))
	for _, cert := range server.Chain {
		if !strings.Contains(printed, strings.TrimSpace(string(cert.PEM()))) {
			t.Errorf("openssl does not print %s:\n%s", cert.Title(), printed)
		}
	}
	if !strings.Contains(printed, "BEGIN X509 CRL") {
		t.Errorf("openssl does not print the revocation list:\n%s", printed)
	}
	wantCertificates(t, pkcs7.PEM(der), sorted(server.Chain))

	_, err := pkcs7.NewBundle(nil)
	wantFault(t, err, pki.NoCertificate, "no certificate to put into")
	only, err := pkcs7.Parse(testpki.Must(pkcs7.NewBundle(nil, crl)))
	if err != nil || len(only.CRLs) != 1 {
		t.Errorf("a bundle of a list alone: %v", err)
	}
	_, err = only.Certificates()
	wantFault(t, err, pki.NoCertificate, "no certificate in the PKCS#7 message")
}

// emptyCRL has openssl make a revocation list.
func emptyCRL(t *testing.T, dir string) []byte {
	t.Helper()
	for name, text := range map[string]string{"index": "", "number": "01\n", "ca.cnf": "[ca]\ndefault_ca = a\n[a]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\ndefault_crl_days = 1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openssl(t, dir, "ca", "-config", "ca.cnf", "-gencrl", "-cert", "chain.pem", "-keyfile", "key.pem", "-out", "crl.pem")
	block, _ := pem.Decode(testpki.Must(os.ReadFile(filepath.Join(dir, "crl.pem"))))
	return block.Bytes
}

// TestPython has the pinned cryptography read what is written here.
func TestPython(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	file := filepath.Join(t.TempDir(), "bundle.p7b")
	if err := os.WriteFile(file, testpki.Must(pkcs7.NewBundle(server.Chain)), 0o600); err != nil {
		t.Fatal(err)
	}
	const program = `import sys
from cryptography.hazmat.primitives.serialization import pkcs7, Encoding
for cert in pkcs7.load_der_pkcs7_certificates(open(sys.argv[1], "rb").read()):
    sys.stdout.buffer.write(cert.public_bytes(Encoding.PEM))`
	out, err := exec.Command(peers.Python(t), "-c", program, file).CombinedOutput()
	want := pki.Credential{Chain: sorted(server.Chain)}
	if err != nil || string(out) != string(want.ChainPEM()) {
		t.Errorf("have %v\n%s", err, out)
	}
}

func TestOtherKinds(t *testing.T) {
	dir := folder(t, testpki.Must(fixture.Server("a.example")))
	rsa := []string{"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=rsa", "-keyout", "rsakey.pem", "-out", "rsa.pem"}
	openssl(t, dir, rsa...)
	key := "00112233445566778899aabbccddeeff"
	tests := []struct {
		kind pkcs7.Kind
		args []string
		says string
	}{
		{pkcs7.EnvelopedData, []string{"cms", "-encrypt", "-in", "content", "-outform", "DER", "rsa.pem"}, "encrypted for its recipients"},
		{pkcs7.AuthEnvelopedData, []string{"cms", "-encrypt", "-aes-256-gcm", "-in", "content", "-outform", "DER", "rsa.pem"}, "encrypted for its recipients"},
		{pkcs7.EncryptedData, []string{"cms", "-EncryptedData_encrypt", "-aes128", "-secretkey", key, "-in", "content", "-outform", "DER"}, "encrypted"},
		{pkcs7.DigestedData, []string{"cms", "-digest_create", "-in", "content", "-outform", "DER"}, "data with its digest"},
		{pkcs7.Data, []string{"cms", "-data_create", "-in", "content", "-outform", "DER"}, "plain data"},
	}
	for _, test := range tests {
		t.Run(string(test.kind), func(t *testing.T) {
			m, err := pkcs7.Parse(openssl(t, dir, test.args...))
			if err != nil || m.Kind != test.kind {
				t.Fatalf("have %v, %v", m, err)
			}
			_, err = m.Certificates()
			wantFault(t, err, pkcs7.Sealed, string(test.kind)+", "+test.says)
			wantFault(t, m.Verify(nil), pki.SignatureUnsupported, "nobody has signed")
		})
	}
}

func TestUnreadable(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	der := testpki.Must(pkcs7.NewBundle(server.Chain))
	second := bytes.Index(der, sorted(server.Chain)[1].Raw())
	broken := bytes.Clone(der)
	broken[second+4] = 0x31 // the contents become a set
	tests := []struct {
		name string
		data []byte
		code fault.Code
		says string
	}{
		{"empty", nil, pkcs7.Unreadable, "neither PEM nor"},
		{"text", []byte("hello"), pkcs7.Unreadable, "neither PEM nor"},
		{"cut short", der[:len(der)-1], pkcs7.Unreadable, "at byte 0"},
		{"a byte too many", append(bytes.Clone(der), 0), pkcs7.Unreadable, "something behind the end"},
		{"a certificate", server.Leaf().Raw(), pkcs7.Unreadable, "not the shape of a ContentInfo"},
		{"a certificate in PEM", server.Leaf().PEM(), pkcs7.Unreadable, "no valid PKCS7 or CMS block"},
		{"PEM cut short", pkcs7.PEM(der)[:200], pkcs7.Unreadable, "no valid PKCS7 or CMS block"},
		{"another kind", bytes.Replace(der, []byte("\x01\x07\x02"), []byte("\x01\x07\x63"), 1), pkcs7.Unreadable, "a kind of message that is not known"},
		{"a broken certificate", broken, pki.CertUnreadable, "certificate 2: unreadable certificate"},
		{"too large", make([]byte, pki.MaxInput+1), pki.InputTooLarge, "16777217 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pkcs7.Parse(test.data)
			wantFault(t, err, test.code, test.says)
		})
	}
}

// TestBounds meets each bound from both sides.
func TestBounds(t *testing.T) {
	leaf := testpki.Must(fixture.Server("a.example")).Leaf()
	if _, err := pkcs7.Parse(testpki.Must(pkcs7.NewBundle(slices.Repeat([]*pki.Certificate{leaf}, 10_000)))); err != nil {
		t.Error(err)
	}
	_, err := pkcs7.Parse(testpki.Must(pkcs7.NewBundle(slices.Repeat([]*pki.Certificate{leaf}, 10_001))))
	wantFault(t, err, pkcs7.Unreadable, "more than 10000 certificates")
	lists := slices.Repeat([][]byte{{0x30, 0}}, 10_001)
	if _, err := pkcs7.Parse(testpki.Must(pkcs7.NewBundle(nil, lists[1:]...))); err != nil {
		t.Error(err)
	}
	_, err = pkcs7.Parse(testpki.Must(pkcs7.NewBundle(nil, lists...)))
	wantFault(t, err, pkcs7.Unreadable, "more than 10000 revocation lists")
}

func TestSkipped(t *testing.T) {
	leaf := testpki.Must(fixture.Server("a.example")).Leaf()
	// An attribute certificate, version 2 (RFC 5652, section 10.2.2), and an OCSP
	// response (section 10.2.1), both as empty as can be.
	der := testpki.Must(pkcs7.NewBundle([]*pki.Certificate{leaf}, []byte{0xa1, 0}))
	m := wantCertificates(t, der, []*pki.Certificate{leaf})
	if m.Skipped != 1 || len(m.CRLs) != 0 {
		t.Errorf("have %d skipped and %d lists", m.Skipped, len(m.CRLs))
	}
}
