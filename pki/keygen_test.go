package pki_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func TestGenerateKey(t *testing.T) {
	for _, kind := range []pki.KeyKind{pki.P224, pki.P256, pki.P384, pki.P521, pki.Ed25519, pki.RSA(2048), pki.RSA(2112)} {
		t.Run(string(kind), func(t *testing.T) {
			var have pki.KeyKind
			switch key := testpki.Must(pki.GenerateKey(kind)).(type) {
			case *rsa.PrivateKey:
				have = pki.RSA(key.N.BitLen())
			case *ecdsa.PrivateKey:
				have = pki.KeyKind(key.Params().Name)
			case ed25519.PrivateKey:
				have = pki.Ed25519
			}
			if have != kind {
				t.Errorf("have a key of the kind %q", have)
			}
		})
	}
}

func TestGenerateKeyRefused(t *testing.T) {
	for _, kind := range []pki.KeyKind{"", "RSA", "RSA-", "rsa-2048", "RSA-02048", "RSA-+2048", pki.RSA(1024), pki.RSA(2047),
		pki.RSA(1984), pki.RSA(2049), pki.RSA(2080), pki.RSA(8256), pki.RSA(-2048), "P-192", "secp256k1", "Ed448", "DSA"} {
		t.Run(string(kind), func(t *testing.T) {
			_, err := pki.GenerateKey(kind)
			wantFault(t, err, pki.KeyUnsupported, "no key of the kind")
		})
	}
	if key := testpki.Must(pki.NewKey()).(*ecdsa.PrivateKey); key.Params().Name != string(pki.P256) {
		t.Errorf("the usual key is on %s, want P-256", key.Params().Name)
	}
}
