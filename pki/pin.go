package pki

import (
	"crypto/sha1"
	"encoding/base64"
	"time"
)

// Fingerprints returns the SHA-1 and the SHA-256 of the certificate's DER, as
// OpenSSL and browsers show them: two capital digits a byte, with colons. SHA-1
// is for finding a certificate, never for trusting one.
func (c *Certificate) Fingerprints() (weak, strong string) {
	short, long := sha1.Sum(c.raw), c.Fingerprint()
	return hexColons(short[:]), hexColons(long[:])
}

// Expired reports whether the certificate's life is over at a time; its last
// moment is part of it (RFC 5280, section 4.1.2.5).
func (c *Certificate) Expired(at time.Time) bool { return at.After(c.notAfter) }

// PinText returns the key's pin as curl and browsers have it: sha256// and the
// SHA-256 of the SubjectPublicKeyInfo in base64.
func (k *PublicKey) PinText() string {
	pin := k.Pin()
	return "sha256//" + base64.StdEncoding.EncodeToString(pin[:])
}
