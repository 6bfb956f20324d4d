package pki

import "math/big"

// hasROCA reports whether a modulus has the fingerprint of the keys that
// Infineon's chips made until 2017 (Nemec and others, "The Return of
// Coppersmith's Attack", CCS 2017, section 2): modulo the product of the first
// primes, their primes are powers of 65537, and so is the modulus. A random one
// is with a probability of about 2⁻¹⁵⁴.
func hasROCA(modulus *big.Int) bool {
	if !mayHaveROCA(modulus) {
		return false
	}
	product, order := big.NewInt(1), big.NewInt(1)
	generator := big.NewInt(65537)
	for _, prime := range rocaPrimes {
		product.Mul(product, big.NewInt(prime))
		order = lcm(order, orderOf(65537%prime, prime))
	}
	n := new(big.Int).Mod(modulus, product)
	if !isOne(new(big.Int).Exp(n, order, product)) {
		return false
	}
	// The group is cyclic, so it is enough to look at each of its parts whose
	// order is a prime power (Pohlig and Hellman).
	for _, part := range primePowers(order) {
		exponent := new(big.Int).Div(order, big.NewInt(part))
		g, h := new(big.Int).Exp(generator, exponent, product), new(big.Int).Exp(n, exponent, product)
		if !isPower(h, g, part, product) {
			return false
		}
	}
	return true
}

// mayHaveROCA tells nearly all moduli from those by the first 25 primes: the
// product of the first 15 is a word, and that of the next 10 another.
func mayHaveROCA(modulus *big.Int) bool {
	rest := new(big.Int)
	for _, word := range []struct {
		product int64
		primes  []int64
	}{{614_889_782_588_491_410, rocaPrimes[:15]}, {3_749_562_977_351_496_827, rocaPrimes[15:25]}} {
		rest.Mod(modulus, big.NewInt(word.product))
		for _, prime := range word.primes {
			wanted, power := rest.Int64()%prime, int64(1)
			for range prime {
				if power == wanted {
					break
				}
				power = power * 65537 % prime
			}
			if power != wanted {
				return false
			}
		}
	}
	return true
}

// rocaPrimes are the first 39, whose product the chips used for keys of up to
// 960 bits, and whose multiples for all larger.
var rocaPrimes = []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167}

// orderOf returns the order of g modulo a small prime.
func orderOf(g, prime int64) *big.Int {
	order := int64(1)
	for power := g % prime; power != 1; order++ {
		power = power * g % prime
	}
	return big.NewInt(order)
}

func lcm(a, b *big.Int) *big.Int {
	gcd := new(big.Int).GCD(nil, nil, a, b)
	return gcd.Mul(new(big.Int).Div(a, gcd), b)
}

// primePowers returns the powers of primes that n, a product of small ones, is
// made of.
func primePowers(n *big.Int) []int64 {
	var powers []int64
	for _, prime := range rocaPrimes {
		power, p := int64(1), big.NewInt(prime)
		for {
			quotient, rest := new(big.Int).QuoRem(n, p, new(big.Int))
			if rest.Sign() != 0 {
				break
			}
			power, n = power*prime, quotient
		}
		if power > 1 {
			powers = append(powers, power)
		}
	}
	return powers
}

// isPower reports whether h is one of the powers of g, which is of that order.
func isPower(h, g *big.Int, order int64, modulus *big.Int) bool {
	power := big.NewInt(1)
	for range order {
		if power.Cmp(h) == 0 {
			return true
		}
		power.Mul(power, g).Mod(power, modulus)
	}
	return false
}

func isOne(n *big.Int) bool { return n.IsInt64() && n.Int64() == 1 }
