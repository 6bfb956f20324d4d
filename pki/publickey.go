package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"sync"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// PublicKey is a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7) of any kind,
// those that cannot be used among them. It is immutable and safe for concurrent
// use.
type PublicKey struct {
	raw       []byte // nil where a private key did not have it
	algorithm Algorithm
	bits      []byte

	parse sync.Once
	facts keyFacts // through look

	examine  sync.Once
	problems []KeyProblem // through Problems

	hash sync.Once
	sum  [sha256.Size]byte // through Pin
}

func (d *der) publicKey() *PublicKey {
	k := new(PublicKey)
	var content der
	k.raw, content = d.whole(asn1.SEQUENCE, "public key")
	k.algorithm = content.algorithm("algorithm of the public key")
	k.bits = content.octets("public key")
	content.end("the public key")
	return k
}

// described returns a public key of which the facts are known already, as
// those of a private key are.
func described(facts keyFacts) *PublicKey {
	k := &PublicKey{facts: facts}
	if facts.key != nil {
		der, err := x509.MarshalPKIXPublicKey(facts.key)
		if err != nil {
			panic(err) // it has every kind that is read
		}
		d := newDER(der)
		k = d.publicKey()
		k.facts = facts
	}
	k.parse.Do(func() {})
	return k
}

// look reads the key itself, once.
func (k *PublicKey) look() *keyFacts {
	k.parse.Do(func() { k.facts = k.read() })
	return &k.facts
}

// adopt spares look reading a point that crypto/x509 has read from the same bits.
func (k *PublicKey) adopt(point *ecdsa.PublicKey) {
	k.parse.Do(func() {
		d := newDER(nil)
		k.facts.describe(k.algorithm, &d)
		k.facts.key = point
	})
}

func (k *PublicKey) read() keyFacts {
	var facts keyFacts
	d := newDER(k.raw)
	d.publicBits(k, &facts)
	if err := d.err(); err != nil {
		facts.key, facts.damaged, facts.reason = nil, true, "it is damaged: "+err.Error()
	}
	return facts
}

// newPublicKey returns the PublicKey of one that Go has made or parsed.
func newPublicKey(public crypto.PublicKey) (*PublicKey, error) {
	raw, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, specInvalid("no certificate can carry a key of type %T", public)
	}
	d := newDER(raw)
	k := d.publicKey()
	return k, d.end("the public key")
}

// Raw returns the SubjectPublicKeyInfo in DER, or nil where a private key of a
// kind that is only described did not have it. The caller must not change it.
func (k *PublicKey) Raw() []byte { return k.raw }

// Algorithm returns the identifier of the key's kind, and for elliptic curves
// of the curve.
func (k *PublicKey) Algorithm() Algorithm { return k.algorithm }

// Bits returns the contents of the subjectPublicKey. The caller must not change
// them.
func (k *PublicKey) Bits() []byte { return k.bits }

// Pin returns the SHA-256 of Raw (RFC 7469, section 2.4).
func (k *PublicKey) Pin() [sha256.Size]byte {
	k.hash.Do(func() { k.sum = sha256.Sum256(k.raw) })
	return k.sum
}

// Kind returns the algorithm, or the elliptic curve: RSA, P-256, Ed25519, DSA,
// secp256k1.
func (k *PublicKey) Kind() string { return k.look().kind }

// Size returns the size in bits by which the kind's strength is told, or 0 where
// its name says it.
func (k *PublicKey) Size() int { return k.look().size }

// Title says what the key is, such as: an RSA key of 2048 bits.
func (k *PublicKey) Title() string { return k.look().title() }

// Problems returns what is known to be weak or odd about the key. The caller must
// not change it.
func (k *PublicKey) Problems() []KeyProblem {
	k.examine.Do(func() { k.problems = k.look().problems() })
	return k.problems
}

// Key returns the key as Go's cryptography has it, *rsa.PublicKey,
// *ecdsa.PublicKey or ed25519.PublicKey, or why there is no such. A weak key is
// returned too: Problems tells.
func (k *PublicKey) Key() (crypto.PublicKey, error) {
	facts := k.look()
	if facts.key == nil {
		return nil, facts.unsupported()
	}
	return facts.key, nil
}

// What a signature is checked with, at most; a hostile key could keep its
// verifier busy for hours otherwise.
const (
	maxCheckRSA = 16384   // bits, OpenSSL's bound
	maxCheckDSA = 4 << 10 // bytes of the whole key; one of 4,096 bits has 1.6 KiB
)

// InheritsParameters reports whether the key is one of DSA whose parameters are
// those of its issuer's (RFC 3279, section 2.3.2).
func (k *PublicKey) InheritsParameters() bool {
	return k.algorithm.ID == oidDSA && k.algorithm.Parameters == nil
}

// WithParametersOf returns the key with the issuer's parameters.
func (k *PublicKey) WithParametersOf(issuer *PublicKey) *PublicKey {
	kind := issuer.algorithm
	algorithm := element(byte(asn1.SEQUENCE), append(element(byte(asn1.OBJECT_IDENTIFIER), []byte(kind.ID)), kind.Parameters...))
	bits := element(byte(asn1.BIT_STRING), append([]byte{0}, k.bits...))
	d := newDER(element(byte(asn1.SEQUENCE), append(algorithm, bits...)))
	return d.publicKey()
}

// verifier returns the key for checking a signature: that of Key, or one of DSA,
// which nothing else is done with.
func (k *PublicKey) verifier() (crypto.PublicKey, error) {
	facts := k.look()
	if facts.size > maxCheckRSA {
		return nil, fault.New(KeyUnsupported, "%s is too large to check a signature with; %d bits are the most", facts.title(), maxCheckRSA).
			WithHint(usableHint)
	}
	if k.algorithm.ID == oidDSA && len(k.raw) <= maxCheckDSA {
		if key, err := x509.ParsePKIXPublicKey(k.raw); err == nil {
			return key, nil
		}
	}
	return k.Key()
}

// maxKey is the longest key file that is read, in DER, in bytes. A private RSA
// key of 16,384 bits has 9.4 KiB, a private SLH-DSA or ML-DSA key less.
const maxKey = 64 << 10

// ParsePublicKey reads a public key, the first of PEM data or one in DER: a
// SubjectPublicKeyInfo (RFC 5280, section 4.1) or PKCS#1's (RFC 8017, appendix
// A.1.1). Keys that cannot be used are described too, and Key says why.
func ParsePublicKey(data []byte) (*PublicKey, error) {
	if len(data) > MaxInput {
		return nil, tooLarge(len(data))
	}
	if !bytes.Contains(data, pemBegin) {
		if len(data) == 0 || data[0] != byte(asn1.SEQUENCE) {
			return nil, noPublicKey()
		}
		return parsePublicDER(data, "the public key")
	}
	for number, section := range sections(data) {
		if section.label != "PUBLIC KEY" && section.label != "RSA PUBLIC KEY" {
			continue
		}
		if section.block == nil {
			return nil, badPublicKey("block %d is a public key, but not valid PEM", number)
		}
		return parsePublicDER(section.block.Bytes, blockName(number, section.label))
	}
	return nil, noPublicKey()
}

// parsePublicDER tells by the first element which form data has; the label of its
// PEM block is often wrong.
func parsePublicDER(data []byte, where string) (*PublicKey, error) {
	if len(data) > maxKey {
		return nil, keyTooLong(len(data))
	}
	d := newDER(bytes.Clone(data))
	inside := d
	content := inside.sequence("public key")
	var key *PublicKey
	if content.has(asn1.SEQUENCE) {
		key = d.publicKey()
		content.algorithm("algorithm of the public key")
		if _, unused := content.bits("public key"); unused != 0 {
			content.fail("a public key that is no whole bytes,")
		}
		d.publicBits(key, new(keyFacts))
	} else {
		d = inside
		facts := keyFacts{kind: "RSA"}
		content.rsaPublicKey(&facts)
		if facts.exponent.IsInt64() && facts.exponent.Int64() == 2 {
			content.fail("the parameters of a DH key, not a key,")
		}
		if d.err() == nil {
			key = described(facts)
		}
	}
	if err := d.end("the public key"); err != nil {
		return nil, badPublicKey("%s cannot be read: %v", where, err)
	}
	return key, nil
}

// MarshalPublicKey returns the SubjectPublicKeyInfo of a key of Go's
// cryptography: the block's Bytes are the DER.
func MarshalPublicKey(public crypto.PublicKey) (*pem.Block, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fault.New(KeyUnsupported, "a public key of type %T cannot be written", public).WithHint(usableHint)
	}
	return &pem.Block{Type: "PUBLIC KEY", Bytes: der}, nil
}

func badPublicKey(format string, args ...any) error {
	return fault.New(KeyUnreadable, format, args...).
		WithHint("openssl pkey -pubout -in key.pem -out public.pem    # writes it anew from the private key")
}

func noPublicKey() error {
	return fault.New(KeyMissing, "there is no public key").
		WithHint("name a file with a -----BEGIN PUBLIC KEY----- block, or a public key in DER")
}
