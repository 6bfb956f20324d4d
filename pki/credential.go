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
	"fmt"

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
		return nil, fault.Wrap(err, SigningFailed, "making a key").WithHint(signingHint)
	}
	return key, nil
}

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
		return &Credential{chain, key}, nil
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

// ParseKey reads the first private key of PEM data: PKCS#8, PKCS#1 or SEC1,
// not encrypted; RSA of 2,048 to 8,192 bits, ECDSA of at least 256, or Ed25519.
func ParseKey(data []byte) (crypto.Signer, error) {
	if len(data) > MaxInput {
		return nil, tooLarge(len(data))
	}
	for number, section := range sections(data) {
		parse, ok := keyParsers[section.label]
		if !ok {
			continue
		}
		if section.block == nil {
			return nil, badKey("block %d is a private key, but not valid PEM", number)
		}
		if parse == nil || section.block.Headers["DEK-Info"] != "" {
			return nil, fault.New(KeyUnreadable, "the private key is encrypted").
				WithHint("openssl pkey -in encrypted.pem -out key.pem    # asks for its password; keep key.pem at mode 0600")
		}
		key, err := parse(section.block.Bytes)
		if err != nil {
			// The cause is left out: it could quote bytes of the key.
			return nil, badKey("block %d (%s) cannot be read", number, section.label)
		}
		return signer(key)
	}
	return nil, noKey()
}

// keyParsers holds what each PEM label of a private key is parsed with; an
// encrypted one has no parser.
var keyParsers = map[string]func(der []byte) (any, error){
	"PRIVATE KEY":           x509.ParsePKCS8PrivateKey,
	"RSA PRIVATE KEY":       func(der []byte) (any, error) { return x509.ParsePKCS1PrivateKey(der) },
	"EC PRIVATE KEY":        func(der []byte) (any, error) { return x509.ParseECPrivateKey(der) },
	"ENCRYPTED PRIVATE KEY": nil,
}

// signer returns key as one that TLS can sign with.
func signer(key any) (crypto.Signer, error) {
	s, ok := key.(crypto.Signer)
	if !ok {
		return nil, badKey("TLS does not sign with a %T", key)
	}
	if problem := keyProblem(s.Public()); problem != "" {
		return nil, badKey("%s", problem)
	}
	return s, nil
}

// keyProblem says what keeps a public key out of a certificate, or "". The
// upper bound is that of crypto/tls: a larger key costs its verifier seconds.
func keyProblem(public crypto.PublicKey) string {
	switch public := public.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < 2048 || bits > 8192 {
			return fmt.Sprintf("an RSA key of %d bits; 2048 are the least and 8192 the most", bits)
		}
	case *ecdsa.PublicKey:
		if bits := public.Curve.Params().BitSize; bits < 256 {
			return fmt.Sprintf("an ECDSA key of %d bits; 256 are the least", bits)
		}
	case ed25519.PublicKey:
	default:
		return fmt.Sprintf("TLS does not sign with a %T", public)
	}
	return ""
}

func badKey(format string, args ...any) error {
	return fault.New(KeyUnreadable, format, args...).
		WithHint("use an unencrypted PKCS#8, PKCS#1 or SEC1 key in PEM: RSA, ECDSA or Ed25519")
}

func noKey() error {
	return fault.New(KeyMissing, "there is no private key").
		WithHint("put the key's PEM block in the same file as its certificate, readable by its owner alone")
}

// PEM returns the chain, leaf first, and the private key in PKCS#8. It is a
// secret: files that hold it are readable by their owner alone.
func (c *Credential) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(c.Key)
	if err != nil {
		return nil, badKey("a key of type %T cannot be written: it does not leave its store", c.Key)
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
