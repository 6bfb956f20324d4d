package pki_test

import (
	"bytes"
	"crypto/x509"
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
	server := testpki.Must(testpki.Must(testpki.New(now)).Server("a.example"))
	f.Add(server.ChainPEM())
	f.Add(testpki.Must(server.PEM()))
	f.Add(server.Leaf().Raw())
	f.Add(append(bytes.Clone(server.Chain[0].Raw()), server.Chain[1].Raw()...))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"))
	f.Fuzz(func(t *testing.T, data []byte) {
		certs, err := pki.ParseCertificates(data)
		if x, refused := x509.ParseCertificate(data); refused == nil && err != nil {
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
			if x, err := cert.X509(); err == nil {
				wantSame(t, cert, pki.Adopt(x))
			} else {
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
	server := testpki.Must(testpki.Must(testpki.New(now)).Server("a.example"))
	f.Add(testpki.Must(server.PEM()))
	f.Add(server.ChainPEM())
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
	server := testpki.Must(testpki.Must(testpki.New(now)).Server("a.example"))
	f.Add(testpki.Must(server.PEM()))
	f.Add([]byte(keyPEM("PRIVATE KEY", x25519PKCS8)))
	f.Add([]byte(keyPEM("ENCRYPTED PRIVATE KEY", []byte("secret"))))
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

func FuzzParseRequest(f *testing.F) {
	f.Add(testpki.Must(pki.NewRequest(testpki.Must(pki.NewKey()))))
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
