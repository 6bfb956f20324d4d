package pki

import (
	"crypto"
	"encoding/pem"

	"github.com/signet-tls/signet/fault"
)

// Credential is a certificate chain, leaf first and without its root, and the
// leaf's private key: what a peer proves itself with, or an authority signs
// with.
type Credential struct {
	Chain  []*Certificate
	Key    crypto.Signer
	Staple []byte // an OCSP response about the leaf, in DER, that a server sends along (RFC 6066, section 8); nil: none
}

// Leaf returns the chain's first certificate.
func (c *Credential) Leaf() *Certificate { return c.Chain[0] }

// NewKey makes an ECDSA P-256 key.
func NewKey() (crypto.Signer, error) { return GenerateKey(P256) }

// NewCredential pairs a chain with its key, or says that they do not belong
// together.
func NewCredential(chain []*Certificate, key crypto.Signer) (*Credential, error) {
	if len(chain) == 0 {
		return nil, noCertificate("there is no certificate for the key")
	}
	if key == nil {
		return nil, noKey()
	}
	leaf := chain[0]
	if isKeyOf(key, leaf) {
		return &Credential{Chain: chain, Key: key}, nil
	}
	mismatch := fault.New(KeyMismatch, "the private key is not the key of %s", leaf.Title()).
		WithHint("pair %s with the key that its request was made with", leaf.Title())
	for i, cert := range chain {
		if isKeyOf(key, cert) {
			return nil, mismatch.WithHint("put %s first: it is the key's certificate, and stands at place %d of the chain", cert.Title(), i+1)
		}
	}
	return nil, mismatch
}

func isKeyOf(key crypto.Signer, cert *Certificate) bool {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	certified, err := cert.PublicKey().Key()
	return ok && err == nil && public.Equal(certified)
}

// ParseCredential reads a PEM chain, leaf first, and its unencrypted private
// key, in any order of blocks.
func ParseCredential(data []byte) (*Credential, error) {
	chain, err := ParseCertificates(data)
	if err != nil {
		return nil, err
	}
	key, err := ParseKey(data)
	if err != nil {
		return nil, err
	}
	return NewCredential(chain, key)
}

// ParseKey reads the first private key of PEM data, or one in DER, for use in
// TLS: PKCS#8, PKCS#1 or SEC 1, not encrypted; RSA of 2,048 to 8,192 bits, ECDSA
// of at least 256, or Ed25519. ParsePrivateKey reads all others.
func ParseKey(data []byte) (crypto.Signer, error) {
	key, err := ParsePrivateKey(data, nil)
	if err != nil {
		return nil, err
	}
	signer, err := key.Signer()
	if err != nil {
		return nil, err
	}
	if problem := keyProblem(&key.facts); problem != "" {
		return nil, fault.New(KeyWeak, "%s", problem).WithHint(weakHint)
	}
	return signer, nil
}

const weakHint = "make a new key, and have its certificates issued anew"

// keyProblem says what keeps a key out of TLS, and so out of a certificate, or "".
func keyProblem(key *keyFacts) string {
	if problem, weak := key.refusal(); weak {
		return problem.Text
	}
	if key.key == nil {
		return key.title() + ", which cannot be used: " + key.reason
	}
	if key.kind == string(P224) { // crypto/tls has no signature scheme for it
		return "an ECDSA key of 224 bits; 256 are the least"
	}
	return ""
}

func badKey(format string, args ...any) error {
	return fault.New(KeyUnreadable, format, args...).
		WithHint("use an unencrypted PKCS#8, PKCS#1 or SEC 1 key: RSA, ECDSA or Ed25519")
}

func noKey() error {
	return fault.New(KeyMissing, "there is no private key").
		WithHint("put the key's PEM block in the same file as its certificate, readable by its owner alone")
}

// PEM returns the chain, leaf first, and the private key in PKCS#8. It is a
// secret: files that hold it are readable by their owner alone.
func (c *Credential) PEM() ([]byte, error) {
	block, err := MarshalKey(c.Key, PKCS8)
	if err != nil {
		return nil, err
	}
	return append(c.ChainPEM(), pem.EncodeToMemory(block)...), nil
}

// ChainPEM returns the chain, leaf first, without the key.
func (c *Credential) ChainPEM() []byte {
	var out []byte
	for _, cert := range c.Chain {
		out = append(out, cert.PEM()...)
	}
	return out
}
