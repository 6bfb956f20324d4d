package pki

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// keyFacts is what a key says about itself, a public or a private one.
type keyFacts struct {
	kind     string
	size     int              // in bits, 0 if unknown
	modulus  *big.Int         // of RSA
	exponent *big.Int         // of RSA
	key      crypto.PublicKey // as Go's cryptography has it
	reason   string           // why key is nil
	damaged  bool             // because it is not what its kind says
}

// describe sets what the algorithm alone says, and returns the curve, if that
// is part of it.
func (f *keyFacts) describe(a Algorithm, d *der) curve {
	known := algorithmOf(a.ID)
	f.kind, f.size, f.reason = known.name, known.bits, known.reason
	params := der{a.Parameters, d.problem}
	switch a.ID {
	case oidEC:
		on := params.curve("curve of the key")
		if d.err() == nil {
			f.setCurve(on)
		}
		return on
	case oidDSA, oidDH, oidDHX:
		if params.has(asn1.SEQUENCE) { // DSA may inherit its parameters
			numbers := params.sequence("parameters of the key")
			f.size = numbers.positive("parameters of the key").BitLen()
		}
	}
	return curve{}
}

func (f *keyFacts) setCurve(on curve) {
	f.kind, f.size, f.reason = on.name, on.bits, ""
	if on.curve == nil {
		f.reason = "Go's cryptography does not have its curve"
	}
}

// publicBits reads the key out of the bits of its SubjectPublicKeyInfo.
func (d *der) publicBits(k *PublicKey, f *keyFacts) {
	on := f.describe(k.algorithm, d)
	content := der{k.bits, d.problem}
	if d.err() != nil {
		return
	}
	switch {
	case k.algorithm.ID == oidRSA || k.algorithm.ID == oidRSAPSS:
		numbers := content.sequence("RSA key")
		content.end("the RSA key")
		numbers.rsaPublicKey(f)
		if k.algorithm.ID == oidRSAPSS {
			f.key, f.reason = nil, algorithms[oidRSAPSS].reason
		}
	case k.algorithm.ID == oidEd25519:
		if len(k.bits) != ed25519.PublicKeySize {
			content.fail("an Ed25519 key of %d bytes", len(k.bits))
			return
		}
		f.key = ed25519.PublicKey(k.bits)
	case on.curve != nil:
		point, err := parsePoint(on.curve, k.bits)
		if err != nil {
			content.fail("no point of %s that is in use", f.kind)
			return
		}
		f.key = point
	}
}

// rsaPublicKey reads the two numbers of an RSA key, which are all of d.
func (d *der) rsaPublicKey(f *keyFacts) {
	f.modulus = d.positive("RSA modulus")
	f.exponent = d.positive("RSA exponent")
	d.end("the RSA key")
	if d.err() == nil {
		f.setRSA()
	}
}

// setRSA makes a key of crypto/rsa, where that can hold one.
func (f *keyFacts) setRSA() {
	f.size = f.modulus.BitLen()
	if f.exponent.BitLen() > 31 {
		f.reason = "its exponent has " + strconv.Itoa(f.exponent.BitLen()) + " bits, and crypto/rsa takes 31"
		return
	}
	f.key = &rsa.PublicKey{N: f.modulus, E: int(f.exponent.Int64())}
}

// positive reads an INTEGER above 0.
func (d *der) positive(what string) *big.Int {
	n := bigInt(d.integer(what))
	if d.err() == nil && n.Sign() <= 0 {
		d.fail("a number that is not above 0, the %s,", what)
	}
	return n
}

const usableHint = "use an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key"

func (f *keyFacts) unsupported() error {
	code := KeyUnsupported
	if f.damaged {
		code = KeyMalformed
	}
	return fault.New(code, "%s cannot be used: %s", f.title(), f.reason).WithHint(usableHint)
}

func (f *keyFacts) title() string {
	size := " key of " + strconv.Itoa(f.size) + " bits"
	switch {
	case usableCurves[KeyKind(f.kind)] != nil:
		return "an ECDSA" + size
	case strings.HasPrefix(f.kind, "o"): // on a curve, of an algorithm
		return "a key " + f.kind
	case f.size == 0:
		size = " key"
	}
	if strings.ContainsRune("AEIOULMNRSX", rune(f.kind[0])) { // as the letter is spoken
		return "an " + f.kind + size
	}
	return "a " + f.kind + size
}
