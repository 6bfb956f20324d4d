package pki

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"math/big"
	"time"

	"github.com/signet-tls/signet/fault"
)

// SelfSigned makes a root and its key.
func SelfSigned(spec Spec) (*Credential, error) {
	if spec.Profile != Root {
		return nil, specInvalid("only a root signs itself")
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	template, err := spec.template(key.Public())
	if err != nil {
		return nil, err
	}
	template.AuthorityKeyId = template.SubjectKeyId
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &Credential{[]*Certificate{cert}, key}, nil
}

// Issue signs a certificate for the public key, with c as the issuer. What it
// signs ends with its issuer at the latest.
func (c *Credential) Issue(spec Spec, public crypto.PublicKey) (*Certificate, error) {
	if err := c.maySign(spec); err != nil {
		return nil, err
	}
	template, err := spec.template(public)
	if err != nil {
		return nil, err
	}
	issuer, err := c.Leaf().X509()
	if err != nil {
		return nil, err
	}
	template.AuthorityKeyId = issuer.SubjectKeyId
	if template.NotAfter.After(issuer.NotAfter) {
		template.NotAfter = issuer.NotAfter
	}
	if template.NotBefore.Before(issuer.NotBefore) {
		template.NotBefore = issuer.NotBefore
	}
	return sign(template, issuer, public, c.Key)
}

// maySign reports whether a certificate that c signs could be valid at all.
func (c *Credential) maySign(spec Spec) error {
	issuer := c.Leaf()
	constraints, err := issuer.BasicConstraints()
	switch {
	case err != nil:
		return err
	case spec.Profile == Root:
		return specInvalid("a root signs itself")
	case !issuer.IsAuthority():
		return fault.New(NotAnAuthority, "%s is not an authority and can sign nothing", issuer.Title()).
			WithHint("sign with a root or an intermediate certificate")
	case spec.Profile == Intermediate && constraints.PathLen == 0:
		return fault.New(NotAnAuthority, "%s signs leaves only, no further authority", issuer.Title()).
			WithHint("sign the intermediate with a root")
	}
	return c.validAt(spec.now())
}

// validAt reports whether what c signs at a time could be valid.
func (c *Credential) validAt(now time.Time) error {
	if issuer := c.Leaf(); now.Before(issuer.NotBefore()) || !now.Before(issuer.NotAfter()) {
		return fault.New(AuthorityIsOver, "%s is valid from %s until %s, so nothing can be signed at %s",
			issuer.Title(), instant(issuer.NotBefore()), instant(issuer.NotAfter()), instant(now)).
			WithHint("renew the authority's certificate, or set this machine's clock")
	}
	return nil
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// New makes a key and issues its certificate. The chain is the new certificate,
// then the issuer's without its root.
func (c *Credential) New(spec Spec) (*Credential, error) {
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	cert, err := c.Issue(spec, key.Public())
	if err != nil {
		return nil, err
	}
	return &Credential{append([]*Certificate{cert}, c.chainBelowRoot()...), key}, nil
}

// chainBelowRoot is what a leaf signed by c has to send with it.
func (c *Credential) chainBelowRoot() []*Certificate {
	var below []*Certificate
	for _, cert := range c.Chain {
		if !cert.signedItself() {
			below = append(below, cert)
		}
	}
	return below
}

// newSerial returns 158 random bits below a one: a positive number of exactly
// 20 bytes (RFC 5280, section 4.1.2.2).
func newSerial() *big.Int {
	serial := make([]byte, 20)
	rand.Read(serial) // never fails
	serial[0] = serial[0]&0x7f | 0x40
	return new(big.Int).SetBytes(serial)
}

// subjectKeyID is method 1 of RFC 7093, section 2: the leftmost 160 bits of the
// SHA-256 of the public key's bits.
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	key, err := newPublicKey(public)
	if err != nil {
		return nil, err
	}
	return key.id(), nil
}

func (k *PublicKey) id() []byte {
	sum := sha256.Sum256(k.bits)
	return sum[:20]
}

func sign(template, issuer *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, key)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "signing").WithHint(signingHint)
	}
	return ParseCertificate(der)
}

const signingHint = "look at the key that signs: it must be able to, and its store within reach"
