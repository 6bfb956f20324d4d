package pki

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"sync"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// PublicKey is a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) of any kind,
// those that cannot be used among them. It is immutable and safe for concurrent
// use.
type PublicKey struct {
	raw       []byte
	algorithm Algorithm
	bits      []byte

	parse sync.Once
	key   crypto.PublicKey
	err   error
}

func (d *der) publicKey() *PublicKey {
	k := new(PublicKey)
	var content der
	k.raw, content = d.whole(asn1.SEQUENCE, "public key")
	k.algorithm = content.algorithm("public key")
	k.bits = content.octets("public key")
	content.end("the public key")
	return k
}

// Raw returns the SubjectPublicKeyInfo in DER. The caller must not change it.
func (k *PublicKey) Raw() []byte { return k.raw }

// Algorithm returns the kind of the key, and for elliptic curves which.
func (k *PublicKey) Algorithm() Algorithm { return k.algorithm }

// Bits returns the contents of the subjectPublicKey. The caller must not change
// them.
func (k *PublicKey) Bits() []byte { return k.bits }

// Pin returns the SHA-256 of the SubjectPublicKeyInfo (RFC 7469, section 2.4).
func (k *PublicKey) Pin() [sha256.Size]byte { return sha256.Sum256(k.raw) }

// Key returns an *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey,
// *ecdh.PublicKey (X25519) or *dsa.PublicKey, or why the key cannot be used.
func (k *PublicKey) Key() (crypto.PublicKey, error) {
	k.parse.Do(func() {
		key, err := x509.ParsePKIXPublicKey(k.raw)
		if err != nil {
			k.err = fault.Wrap(err, KeyUnsupported, "a public key of the kind %s cannot be used", k.algorithm).
				WithHint("use an RSA, ECDSA or Ed25519 key")
			return
		}
		k.key = key
	})
	return k.key, k.err
}
