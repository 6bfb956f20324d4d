package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strconv"
	"strings"

	"github.com/signet-tls/signet/fault"
)

// KeyKind names a kind of key in the words of its standard, such as RSA-3072,
// P-256 or Ed25519. It is what GenerateKey makes.
type KeyKind string

// The kinds of one size. RSA has many: RSA(3072) is RSA-3072.
const (
	P224    KeyKind = "P-224"
	P256    KeyKind = "P-256"
	P384    KeyKind = "P-384"
	P521    KeyKind = "P-521"
	Ed25519 KeyKind = "Ed25519"
)

// RSA returns the kind of an RSA key of so many bits.
func RSA(bits int) KeyKind { return KeyKind("RSA-" + strconv.Itoa(bits)) }

// The sizes of an RSA key that is made, or used: NIST SP 800-131A sets the
// least, crypto/tls the most, since a larger key costs its verifier seconds.
const (
	minRSA = 2048
	maxRSA = 8192
)

// rsaStep divides the size of a new RSA key: Windows takes multiples of 64 bits
// alone (the documented increment of its key storage provider).
const rsaStep = 64

// GenerateKey makes a key. RSA keys have 2,048 to 8,192 bits, in steps of 64.
func GenerateKey(kind KeyKind) (crypto.Signer, error) {
	if kind == Ed25519 {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return made(key, err)
	}
	if curve, ok := usableCurves[kind]; ok {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		return made(key, err)
	}
	bits, ok := rsaBits(kind)
	if !ok {
		return nil, fault.New(KeyUnsupported, "no key of the kind %q is made", fault.Printable(string(kind), 32)).
			WithHint("choose P-256, P-384, P-521, P-224, Ed25519 or RSA-3072; RSA takes %d to %d bits in steps of %d", minRSA, maxRSA, rsaStep)
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	return made(key, err)
}

// rsaBits returns the size that an RSA kind names, if it is one to make.
func rsaBits(kind KeyKind) (bits int, ok bool) {
	digits, ok := strings.CutPrefix(string(kind), "RSA-")
	bits, err := strconv.Atoi(digits)
	ok = ok && err == nil && RSA(bits) == kind
	return bits, ok && bits >= minRSA && bits <= maxRSA && bits%rsaStep == 0
}

func made(key crypto.Signer, err error) (crypto.Signer, error) {
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "making a key").WithHint(signingHint)
	}
	return key, nil
}

// usableCurves are the elliptic curves of crypto/ecdsa.
var usableCurves = map[KeyKind]elliptic.Curve{
	P224: elliptic.P224(), P256: elliptic.P256(), P384: elliptic.P384(), P521: elliptic.P521(),
}
