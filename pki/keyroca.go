package pki

import "math/big"

// hasROCA reports whether a modulus has the fingerprint of the keys that
// Infineon's chips made until 2017 (Nemec and others, "The Return of
// Coppersmith's Attack", CCS 2017, section 2): modulo the product of the first
// primes, their primes are powers of 65537, and so is the modulus. A random one
// is with a probability of about 2⁻¹⁵⁴, and is told by the first few primes.
func hasROCA(modulus *big.Int) bool {
	var known []logarithm
	for _, primes := range rocaPrimes {
		product := int64(1)
		for _, prime := range primes {
			product *= prime
		}
		rest := new(big.Int).Mod(modulus, big.NewInt(product)).Int64()
		for _, prime := range primes {
			l, ok := logarithmOf(rest%prime, prime)
			if !ok {
				return false
			}
			known = append(known, l)
		}
	}
	// There is one exponent for all primes if there is one for every two (the
	// Chinese remainder theorem).
	for i, a := range known {
		for _, b := range known[:i] {
			if (a.exponent-b.exponent)%gcd(a.order, b.order) != 0 {
				return false
			}
		}
	}
	return true
}

// rocaPrimes are the first 39, whose product the chips used for keys of up to
// 960 bits, and whose multiples for all larger; in parts whose product is a word.
var rocaPrimes = [][]int64{
	{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47},
	{53, 59, 61, 67, 71, 73, 79, 83, 89, 97},
	{101, 103, 107, 109, 113, 127, 131, 137},
	{139, 149, 151, 157, 163, 167},
}

// logarithm is an exponent to which 65537 is taken modulo a prime, and the number
// of exponents after which the powers come again.
type logarithm struct{ exponent, order int64 }

// logarithmOf returns the logarithm of n, if n is a power of 65537 at all.
func logarithmOf(n, prime int64) (l logarithm, ok bool) {
	for power := int64(1); l.order == 0 || power != 1; l.order++ {
		if power == n {
			l.exponent, ok = l.order, true
		}
		power = power * 65537 % prime
	}
	return l, ok
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
