package testpki

import (
	"crypto"
	_ "crypto/md5" // for signatures that must be refused
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // likewise
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/signet-tls/signet/pki"
)

const (
	sha1 = crypto.SHA1
	md5  = crypto.MD5
)

// hashed reports whether the key signs what a hash function gives.
func hashed(kind pki.KeyKind) bool { return kind != pki.Ed25519 }

func isRSA(kind pki.KeyKind) bool { return strings.HasPrefix(string(kind), "RSA") }

// weakRSA is an RSA key of a size that pki makes none of.
const weakRSA = "RSA-1024"

// hugeRSA is one that is larger than what is computed with.
const hugeRSA = "RSA-9000"

func newKey(kind pki.KeyKind) (crypto.Signer, error) {
	switch kind {
	case weakRSA:
		return rsa.GenerateKey(rand.Reader, 1024)
	case hugeRSA:
		return newHugeRSA()
	}
	return pki.GenerateKey(kind)
}

// newHugeRSA makes a key of two primes that are known, as they stand just below
// powers of two: to look for such large ones takes long.
func newHugeRSA() (crypto.Signer, error) {
	below := func(power uint, by int64) *big.Int {
		return new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), power), big.NewInt(by))
	}
	p, q, e := below(4423, 1), below(4577, 1561), big.NewInt(65537)
	order := new(big.Int).Mul(below(4423, 2), below(4577, 1562))
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).Mul(p, q), E: int(e.Int64())},
		D: new(big.Int).ModInverse(e, order), Primes: []*big.Int{p, q}}
	key.Precompute()
	return key, key.Validate()
}

const strength = "NIST SP 800-131A: 112 bits of strength"

// keyKinds are about the keys of certificates. Those whose key nobody has stand
// on leaves.
var keyKinds = []Kind{
	{Name: "RSA of 1,024 bits", Code: "key_weak", Rule: strength, place: anywhere, make: keyed(weakRSA)},
	{Name: "RSA with an exponent of 1", Code: "key_weak", Rule: "RFC 8017, section 3.1: from 3", place: atLeaf, make: public(rsaKey(modulus(2048, 1), 1))},
	{Name: "RSA with an even exponent", Code: "key_weak", Rule: "RFC 8017, section 3.1: odd", place: atLeaf, make: public(rsaKey(modulus(2048, 1), 65536))},
	{Name: "RSA with a large exponent", Code: "key_weak", Rule: "what Go's cryptography computes with", place: atLeaf, make: public(rsaKey(modulus(2048, 1), 1<<40+1))},
	{Name: "RSA with an even modulus", Code: "key_weak", Rule: "RFC 8017, section 3.1: a product of odd primes", place: atLeaf, make: public(rsaKey(modulus(2048, 0), 65537))},
	{Name: "RSA of a flawed chip", Code: "key_weak", Rule: "CVE-2017-15361: no modulus of ROCA's form", place: atLeaf, make: public(rsaKey(roca(), 65537))},
	{Name: "RSA of 9,000 bits", Code: "key_too_large", Rule: "the bound of what is computed with", place: atLeaf, make: public(rsaKey(modulus(9000, 1), 65537))},
	{Name: "RSA of 9,000 bits of an anchor", Code: "key_too_large", Rule: "the bound of what is computed with", place: atRoot, make: keyed(hugeRSA)},
	{Name: "point that is not on its curve", Code: "key_malformed", Rule: "SEC 1, section 2.3.4: a point of the curve", place: atLeaf,
		make: public(der(sequence, der(sequence, object("2a8648ce3d0201"), object("2a8648ce3d030107")), der(bitString, []byte{0, 4}, make([]byte, 64))))},
	{Name: "Ed25519 of small order", Code: "key_weak", Rule: "RFC 8032, section 5.1.7: a point of the large order", place: atLeaf,
		make: public(der(sequence, der(sequence, object("2b6570")), der(bitString, make([]byte, 33))))},
	{Name: "key on a curve of Bitcoin's", Code: "key_unsupported", Rule: "what Go's cryptography computes with", place: atLeaf,
		make: public(der(sequence, der(sequence, object("2a8648ce3d0201"), object("2b8104000a")), der(bitString, append([]byte{0}, secp256k1...))))},
	{Name: "P-224", Code: "key_not_permitted", Rule: "CA/B Forum, section 6.1.5: P-256 at least", Profile: "web", place: anywhere, make: keyed(pki.P224)},
	{Name: "Ed25519", Code: "key_not_permitted", Rule: "CA/B Forum, section 6.1.5: RSA or ECDSA", Profile: "web", place: anywhere, make: keyed(pki.Ed25519)},
	{Name: "RSA of 2,050 bits", Code: "key_not_permitted", Rule: "CA/B Forum, section 6.1.5: whole bytes", Profile: "web", place: atLeaf, make: public(rsaKey(modulus(2050, 1), 65537))},
}

// keyed gives a certificate another key, which then signs what is below it.
func keyed(kind pki.KeyKind) func(*chain, int) {
	return func(c *chain, at int) { c.Path[at].Key = c.bench.key(kind, 0) }
}

// public gives a certificate a public key whose private key nobody has.
func public(spki []byte) func(*chain, int) {
	return func(c *chain, at int) { c.Path[at].SPKI = spki }
}

// rsaKey is an RSA public key (RFC 3279, section 2.3.1), which may be nonsense.
func rsaKey(n *big.Int, e int64) []byte {
	key := der(sequence, integer(n), integer(big.NewInt(e)))
	return der(sequence, der(sequence, object("2a864886f70d010101"), der(null)), der(bitString, []byte{0}, key))
}

// modulus is a number of so many bits, with this last one.
func modulus(bits int, last uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	n.Sub(n, big.NewInt(38)).SetBit(n, bits-1, 1)
	return n.SetBit(n, 0, last)
}

// roca is 1 modulo each of the first 39 primes, and so a power of 65537.
func roca() *big.Int {
	product := big.NewInt(1)
	for n, count := int64(2), 0; count < 39; n++ {
		if big.NewInt(n).ProbablyPrime(0) {
			product.Mul(product, big.NewInt(n))
			count++
		}
	}
	factor := new(big.Int).Lsh(big.NewInt(1), uint(2048-product.BitLen()))
	return product.Mul(product, factor).Add(product, big.NewInt(1))
}

// secp256k1 is a compressed point of that curve: its generator.
var secp256k1 = Must(hex.DecodeString("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"))
