package pkcs7_test

import (
	"bytes"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs7"
)

const content = "to be signed\r\n"

// TestVerify has openssl sign in all its ways.
func TestVerify(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	dir := folder(t, server)
	openssl(t, dir, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=rsa", "-keyout", "rsakey.pem", "-out", "rsa.pem")
	ec := []string{"-signer", "chain.pem", "-inkey", "key.pem"}
	rsa := []string{"-signer", "rsa.pem", "-inkey", "rsakey.pem"}
	tests := []struct {
		name     string
		args     []string
		detached string
		code     fault.Code // "" if the signature is right
		says     string
	}{
		{"ECDSA", append(ec, "-nodetach"), "", "", ""},
		{"RSA", append(rsa, "-nodetach"), "", "", ""},
		{"SHA-512", append(rsa, "-nodetach", "-md", "sha512"), "", "", ""},
		{"BER, indefinite lengths and pieces", append(rsa, "-nodetach", "-stream"), "", "", ""},
		{"without signed attributes", append(rsa, "-nodetach", "-noattr"), "", "", ""},
		{"detached", ec, content, "", ""},
		{"detached, another content", ec, "another", pki.SignatureWrong, "the signature of signer 1 is wrong"},
		{"without attributes, another content", append(rsa, "-noattr"), "another", pki.SignatureWrong, "the signature of signer 1 is wrong"},
		{"two signers", append(append([]string{"-nodetach"}, ec...), rsa...), "", "", ""},
		{"SHA-1", append(rsa, "-nodetach", "-md", "sha1"), "", pki.SignatureWeak, "made with SHA-1"},
		{"SHA-224", append(rsa, "-nodetach", "-md", "sha224"), "", pki.SignatureUnsupported, "the digest"},
		{"PSS", append(rsa, "-nodetach", "-keyopt", "rsa_padding_mode:pss"), "", pki.SignatureUnsupported, "it is made by"},
		{"without the certificate", append(rsa, "-nodetach", "-nocerts"), "", pki.SignatureUnsupported, "its certificate is not in the message"},
		{"by key identifier", append(rsa, "-nodetach", "-keyid"), "", pki.SignatureUnsupported, "its key's identifier"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			signed := openssl(t, dir, append([]string{"cms", "-sign", "-binary", "-in", "content", "-outform", "DER"}, test.args...)...)
			m := testpki.Must(pkcs7.Parse(signed))
			if test.detached == "" && string(m.Content()) != content {
				t.Errorf("the content is %q", m.Content())
			}
			if test.detached != "" && m.Content() != nil {
				t.Errorf("the content is %q, though it is detached", m.Content())
			}
			err := m.Verify([]byte(test.detached))
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSigner reads who has signed, and when.
func TestSigner(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	dir := folder(t, server)
	sign := []string{"cms", "-sign", "-binary", "-nodetach", "-in", "content", "-outform", "DER", "-signer", "chain.pem", "-inkey", "key.pem"}
	m := testpki.Must(pkcs7.Parse(openssl(t, dir, sign...)))
	if len(m.Signers) != 1 {
		t.Fatalf("have %d signers", len(m.Signers))
	}
	s := m.Signers[0]
	if s.Certificate == nil || !s.Certificate.Equal(server.Leaf()) || s.Serial.Cmp(server.Leaf().SerialNumber()) != 0 || s.KeyID != nil {
		t.Errorf("have %+v", s)
	}
	if s.Digest.String() != "2.16.840.1.101.3.4.2.1" || s.Algorithm.ID.String() != "1.2.840.10045.4.3.2" || s.SigningTime.IsZero() {
		t.Errorf("have %s, %s, %s", s.Digest, s.Algorithm.ID, s.SigningTime)
	}
	m = testpki.Must(pkcs7.Parse(openssl(t, dir, append(sign, "-keyid")...)))
	if id := testpki.Must(server.Leaf().SubjectKeyID()); !bytes.Equal(m.Signers[0].KeyID, id) || m.Signers[0].Serial != nil || !m.Signers[0].Certificate.Equal(server.Leaf()) {
		t.Errorf("have %+v", m.Signers[0])
	}
}

// TestVerifyAltered changes one byte of a signed message, each in turn: no
// change of what is signed, of the signature or of the signer goes unnoticed.
func TestVerifyAltered(t *testing.T) {
	server := testpki.Must(fixture.Server("a.example"))
	dir := folder(t, server)
	signed := openssl(t, dir, "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-in", "content", "-outform", "DER", "-signer", "chain.pem", "-inkey", "key.pem")
	at := bytes.Index(signed, []byte(content))
	refused := 0
	for i := range signed {
		altered := bytes.Clone(signed)
		altered[i] ^= 1
		m, err := pkcs7.Parse(altered)
		if err != nil {
			continue
		}
		err = m.Verify(nil)
		if err != nil {
			refused++
		}
		if err == nil && (string(m.Content()) != content || i >= at && i < at+len(content)) {
			t.Errorf("byte %d altered, and verified, with the content %q", i, m.Content())
		}
	}
	if refused < len(content)+64 { // the content, and the signature's two numbers
		t.Errorf("only %d alterations were refused by the signature", refused)
	}
}

// TestVerifyContentType: what was signed as data, without signed attributes, is
// not taken for signed content of another type, nor attributes of one type for
// another (RFC 5652, section 5.3).
func TestVerifyContentType(t *testing.T) {
	dir := folder(t, testpki.Must(fixture.Server("a.example")))
	sign := []string{"cms", "-sign", "-binary", "-nodetach", "-in", "content", "-outform", "DER", "-signer", "chain.pem", "-inkey", "key.pem"}
	data, digested := []byte("\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0"), []byte("\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05\xa0")
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"with attributes":    {sign, "for another type of content"},
		"without attributes": {append(sign, "-noattr"), "no signed attributes"},
	} {
		t.Run(name, func(t *testing.T) {
			signed := openssl(t, dir, test.args...)
			if err := testpki.Must(pkcs7.Parse(signed)).Verify(nil); err != nil {
				t.Fatal(err)
			}
			altered := bytes.Replace(signed, data, digested, 1)
			wantFault(t, testpki.Must(pkcs7.Parse(altered)).Verify(nil), pki.SignatureUnsupported, test.says)
		})
	}
}
