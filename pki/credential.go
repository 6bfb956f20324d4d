package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"

	"github.com/signet-tls/signet/fault"
)

// Credential is a certificate chain, leaf first and without its root, and the
// leaf's private key: what a peer proves itself with, or an authority signs
// with.
type Credential struct {
	Chain []*Certificate
	Key   crypto.Signer
}

// Leaf returns the chain's first certificate.
func (c *Credential) Leaf() *Certificate { return c.Chain[0] }

// NewKey makes an ECDSA P-256 key.
func NewKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "making a key")
	}
	return key, nil
}

// NewCredential pairs a chain with its key, or says that they do not belong
// together.
func NewCredential(chain []*Certificate, key crypto.Signer) (*Credential, error) {
	if len(chain) == 0 {
		return nil, fault.New(NoCertificate, "no certificate for the key")
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(chain[0].x.PublicKey) {
		return nil, fault.New(KeyMismatch, "the private key is not the key of %s", chain[0].Title()).
			WithHint("pair %s with the key that its request was made with", chain[0].Title())
	}
	return &Credential{chain, key}, nil
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

// ParseKey reads the first private key of PEM data: PKCS#8, PKCS#1 or SEC1,
// not encrypted; RSA of at least 2,048 bits, ECDSA or Ed25519.
func ParseKey(data []byte) (crypto.Signer, error) {
	if len(data) > MaxInput {
		return nil, fault.New(InputTooLarge, "%d bytes are more than the %d that are read", len(data), MaxInput)
	}
	for rest := data; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fault.New(KeyMissing, "no private key block").
				WithHint("put the key's PEM block in the same file as its certificate, readable by its owner alone")
		}
		if key, found, err := parseKeyBlock(block); found {
			return key, err
		}
	}
}

func parseKeyBlock(block *pem.Block) (key crypto.Signer, found bool, err error) {
	var parsed any
	switch block.Type {
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, true, fault.New(KeyUnreadable, "the private key is encrypted")
		}
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] != "" {
			return nil, true, fault.New(KeyUnreadable, "the private key is encrypted")
		}
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, true, fault.New(KeyUnreadable, "the private key is encrypted")
	default:
		return nil, false, nil
	}
	if err != nil {
		// The cause is left out: it could quote bytes of the key.
		return nil, true, fault.New(KeyUnreadable, "the %s block is not a key that can be read", block.Type)
	}
	switch parsed := parsed.(type) {
	case *rsa.PrivateKey:
		if bits := parsed.N.BitLen(); bits < 2048 {
			return nil, true, fault.New(KeyUnreadable, "an RSA key of %d bits is too weak; 2048 are the least", bits)
		}
		return parsed, true, nil
	case *ecdsa.PrivateKey:
		return parsed, true, nil
	case ed25519.PrivateKey:
		return parsed, true, nil
	}
	return nil, true, fault.New(KeyUnreadable, "TLS does not sign with a %T", parsed)
}

// PEM returns the chain, leaf first, and the private key in PKCS#8. It is a
// secret: files that hold it are readable by their owner alone.
func (c *Credential) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return nil, fault.New(KeyUnreadable, "a key of type %T cannot be written", c.Key)
	}
	return append(c.ChainPEM(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// ChainPEM returns the chain, leaf first, without the key.
func (c *Credential) ChainPEM() []byte {
	var out []byte
	for _, cert := range c.Chain {
		out = append(out, cert.PEM()...)
	}
	return out
}
