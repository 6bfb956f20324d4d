package pki_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"regexp"
	"strings"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// wantAnyFault holds a refusal of hostile input against the rules.
func wantAnyFault(t *testing.T, err error) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || e.Code == "" {
		t.Fatalf("have %v, want a fault", err)
	}
	wantFault(t, err, e.Code, "")
}

func FuzzParseCertificates(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := pki.ParseCertificates(data)
		// crypto/x509 does not look behind the last field (RFC 5280, section 4.1, has no more).
		if x, refused := x509.ParseCertificate(data); refused == nil && err != nil && !strings.Contains(err.Error(), "goes on where it should end") {
			t.Errorf("crypto/x509 reads the certificate of %s: %v", x.Subject, err)
		}
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if len(certs) == 0 {
			t.Fatal("neither a certificate nor an error")
		}
		for _, cert := range certs {
			if title := cert.Title(); title == "" || title != fault.Printable(title, 100) {
				t.Errorf("the title %q is empty or not printable", title)
			}
			if id := cert.ID(); !id.IsZero() && len(cert.NamesOf(pki.URIName)) != 1 {
				t.Errorf("the ID %s of a certificate with the URIs %q", id, cert.NamesOf(pki.URIName))
			}
			// Nor at extensions of versions that have none.
			if x, err := cert.X509(); err == nil && (cert.Version() == 3 || len(cert.Extensions()) == 0) {
				wantSame(t, cert, pki.Adopt(x))
			} else if err != nil {
				wantAnyFault(t, err)
			}
			again, err := pki.ParseCertificates(cert.PEM())
			if err != nil || len(again) != 1 || !again[0].Equal(cert) {
				t.Errorf("the certificate does not survive PEM: %v", err)
			}
		}
	})
}

func FuzzParseCredential(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		credential, err := pki.ParseCredential(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		again, err := pki.ParseCredential(testpki.Must(credential.PEM()))
		if err != nil || !again.Leaf().Equal(credential.Leaf()) {
			t.Errorf("the credential does not survive PEM: %v", err)
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := pki.ParseKey(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if _, err := pki.NewRequest(key); err != nil {
			t.Errorf("the key was taken, but does not sign: %v", err)
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	message := []byte("a message")
	f.Fuzz(func(t *testing.T, data []byte) {
		described, errLocked := pki.ParsePrivateKey(data, nil)
		if errLocked == nil && costly.MatchString(described.Encryption) {
			return // allowed, but it would keep the fuzzer from all else
		}
		asked := 0
		key, err := pki.ParsePrivateKey(data, func() ([]byte, error) { asked++; return []byte("secret"), nil })
		if err != nil {
			wantAnyFault(t, err)
			if asked == 0 && errLocked == nil {
				t.Errorf("without a passphrase it is described as %q, with one: %v", described.Encryption, err)
			}
			return
		}
		if errLocked != nil {
			t.Fatalf("with a passphrase it is read, without: %v", errLocked)
		}
		if asked > 1 || asked > 0 && (!described.Locked() || key.Locked()) {
			t.Errorf("asked %d times, locked %v, then %v", asked, described.Locked(), key.Locked())
		}
		signer, err := key.Signer()
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		public := testpki.Must(pki.ParsePublicKey(key.Public().Raw()))
		signature, err := pki.SignFile(signer, bytes.NewReader(message))
		if err != nil {
			t.Fatalf("%s does not sign: %v", public.Title(), err)
		}
		if err := pki.VerifyFile(public, bytes.NewReader(message), signature); err != nil {
			t.Errorf("%s does not check what it signed: %v", public.Title(), err)
		}
		again := testpki.Must(pki.ParsePrivateKey(testpki.Must(pki.MarshalKey(signer, pki.PKCS8)).Bytes, nil))
		if !sameKey(testpki.Must(again.Signer()), signer) {
			t.Error("the key does not survive PKCS#8")
		}
	})
}

// costly is an encryption that takes longer than a thousand rounds of a hash.
var costly = regexp.MustCompile(`[0-9]{4} rounds|(N|r|p) = [0-9]{2}`)

func FuzzParsePublicKey(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := pki.ParsePublicKey(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		if title := key.Title(); title == "" || title != fault.Printable(title, 300) {
			t.Errorf("the title %q is empty or not printable", title)
		}
		key.Problems()
		wantAnyFault(t, pki.VerifyFile(key, bytes.NewReader(data), make([]byte, 64)))
		public, err := key.Key()
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		again := testpki.Must(pki.ParsePublicKey(testpki.Must(pki.MarshalPublicKey(public)).Bytes))
		if !public.(interface{ Equal(crypto.PublicKey) bool }).Equal(testpki.Must(again.Key())) {
			t.Error("the key does not survive its encoding")
		}
	})
}

func FuzzParseRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, der []byte) {
		public, err := pki.ParseRequest(der)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		fixture := testpki.Must(testpki.New(now))
		if _, err := fixture.Intermediate.Issue(pki.Spec{Profile: pki.Workload, ID: web, Now: now}, public); err != nil {
			t.Errorf("the request was taken, but no certificate can carry its key: %v", err)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		name, err := pki.ParseName(text)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		again, err := pki.ParseName(name.String())
		if err != nil || again.String() != name.String() || !again.Match(name) {
			t.Errorf("%q is %q, and that %q, %v", text, name, again, err)
		}
	})
}

// wantText holds the text of an object in DER to its bound.
func wantText(t *testing.T, text string, der []byte) {
	t.Helper()
	wantPlain(t, text)
	if limit := 20*len(der) + 64<<10; len(text) > limit {
		t.Errorf("%d bytes of text for %d of DER", len(text), len(der))
	}
}

func FuzzCertificateText(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		cert, err := pki.ParseCertificate(data)
		if err != nil {
			wantAnyFault(t, err)
			return
		}
		wantText(t, cert.Text(), data)
	})
}
