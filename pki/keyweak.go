package pki

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"strconv"
	"strings"
)

// KeyProblem is something about a key that its owner should know.
type KeyProblem struct {
	Name    string // in snake_case; never renamed
	Text    string // one line
	Refused bool   // such a key is not used
}

func (f *keyFacts) problems() []KeyProblem {
	if key, ok := f.key.(ed25519.PublicKey); ok && hasSmallOrder(key) {
		return []KeyProblem{{"ed25519_small_order", "the key is a point of small order: anybody can sign for it", true}}
	}
	if f.modulus == nil {
		return nil
	}
	var problems []KeyProblem
	add := func(name string, refused bool, text ...string) {
		problems = append(problems, KeyProblem{name, strings.Join(text, ""), refused})
	}
	if f.size < minRSA {
		add("rsa_short", true, "an RSA key of ", strconv.Itoa(f.size), " bits; ", strconv.Itoa(minRSA), " are the least (NIST SP 800-131A)")
	}
	if f.size > maxRSA {
		add("rsa_long", true, "an RSA key of ", strconv.Itoa(f.size), " bits; ", strconv.Itoa(maxRSA), " are the most, since a larger key costs its verifier seconds")
	}
	if f.modulus.Bit(0) == 0 {
		add("rsa_modulus_even", true, "an even modulus is no product of two primes")
	}
	switch e := f.exponent; {
	case e.Bit(0) == 0:
		add("rsa_exponent_even", true, "an even exponent cannot be one (RFC 8017, section 3.1)")
	case e.BitLen() == 1:
		add("rsa_exponent_one", true, "with an exponent of 1 a signature is the message itself")
	case e.BitLen() <= 16:
		add("rsa_exponent_small", false, "the exponent ", e.String(), " is safe only with perfect padding; 65537 is usual")
	case e.BitLen() <= 31 && e.Int64() != 65537:
		add("rsa_exponent_unusual", false, "the exponent ", e.String(), " costs a verifier more than 65537, which nearly everybody uses")
	}
	if bits := f.exponent.BitLen(); bits > 31 {
		add("rsa_exponent_large", true, "an exponent of ", strconv.Itoa(bits), " bits is refused by Go (31 bits are the most) and by Windows (32)")
	}
	if hasROCA(f.modulus) {
		add("rsa_roca", true, "the modulus has the fingerprint of ROCA (CVE-2017-15361): it can be factored")
	}
	return problems
}

// smallOrder has the y coordinates, low byte first, of the points of Curve25519's
// twisted Edwards form whose order is 8 or less, in each of their encodings: a
// signature of such a key fits one message of eight, whoever makes it.
var smallOrder = [][]byte{
	make([]byte, 32),
	slices.Concat([]byte{1}, make([]byte, 31)),
	[]byte("\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"),
	[]byte("\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"),
	slices.Concat([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30), []byte{0x7f}), // p-1
	slices.Concat([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30), []byte{0x7f}), // p, for 0
	slices.Concat([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30), []byte{0x7f}), // p+1, for 1
}

func hasSmallOrder(key ed25519.PublicKey) bool {
	y := bytes.Clone(key)
	y[31] &= 0x7f // the sign of x
	return slices.ContainsFunc(smallOrder, func(low []byte) bool { return bytes.Equal(low, y) })
}

// refusal returns the first problem for which the key is not used.
func (f *keyFacts) refusal() (KeyProblem, bool) {
	for _, problem := range f.problems() {
		if problem.Refused {
			return problem, true
		}
	}
	return KeyProblem{}, false
}

// SharedKeys returns the certificates that share their key with another one, a
// group for each key, in the order of the list.
func SharedKeys(certs []*Certificate) [][]*Certificate {
	groups := map[string][]*Certificate{}
	var order []string
	for _, cert := range certs {
		key := string(cert.PublicKey().Raw())
		if slices.ContainsFunc(groups[key], cert.Equal) {
			continue
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], cert)
	}
	var shared [][]*Certificate
	for _, key := range order {
		if len(groups[key]) > 1 {
			shared = append(shared, groups[key])
		}
	}
	return shared
}
