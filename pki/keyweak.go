package pki

import (
	"math/big"
	"slices"
	"strconv"
)

// KeyProblem is something about a key that its owner should know.
type KeyProblem struct {
	Name    string // in snake_case; never renamed
	Text    string // one line
	Refused bool   // such a key is not used
}

func (f *keyFacts) problems() []KeyProblem {
	if f.modulus == nil {
		return nil
	}
	var problems []KeyProblem
	add := func(found bool, name, text string, refused bool) {
		if found {
			problems = append(problems, KeyProblem{name, text, refused})
		}
	}
	e := f.exponent
	small, one, usual := e.BitLen() <= 16, e.BitLen() == 1, e.Cmp(big.NewInt(65537)) == 0
	even := e.Bit(0) == 0
	add(f.size < minRSA, "rsa_short", "an RSA key of "+strconv.Itoa(f.size)+" bits; "+strconv.Itoa(minRSA)+" are the least (NIST SP 800-131A)", true)
	add(f.size > maxRSA, "rsa_long", "an RSA key of "+strconv.Itoa(f.size)+" bits; "+strconv.Itoa(maxRSA)+" are the most, since a larger key costs its verifier seconds", true)
	add(f.modulus.Bit(0) == 0, "rsa_modulus_even", "an even modulus is no product of two primes", true)
	add(even, "rsa_exponent_even", "an even exponent cannot be one (RFC 8017, section 3.1)", true)
	add(one, "rsa_exponent_one", "with an exponent of 1 a signature is the message itself", true)
	add(small && !even && !one, "rsa_exponent_small", "the exponent "+e.String()+" is safe only with perfect padding; 65537 is usual", false)
	add(e.BitLen() > 31, "rsa_exponent_large", "an exponent of "+strconv.Itoa(e.BitLen())+" bits is refused by Go (31 bits are the most) and by Windows (32)", true)
	add(!small && !even && e.BitLen() <= 31 && !usual, "rsa_exponent_unusual", "the exponent "+e.String()+" is allowed, but hardly anybody uses another than 65537", false)
	add(hasROCA(f.modulus), "rsa_roca", "the modulus has the fingerprint of ROCA (CVE-2017-15361): it can be factored", true)
	return problems
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
