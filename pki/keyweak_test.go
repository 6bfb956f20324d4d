package pki_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// rocaModulus is that of a vulnerable key, from the tests of the tool by the
// authors of the attack (crocs-muni/roca, mod03).
const rocaModulus = "9dcd7420e420c270a68060eb8b5aa7457a9f6648f86fafed2775cc1f79ae962f1e63f1b9e51c55f9ea6fdc7332e9b0058c9ff2eb1fc89855029cf6aafe21e689" +
	"feb38ac9ffb12f1ce371bb5d0e9aae64161abce74b4244bf68f1edb4411f756a097c8929c14740245ea355f8332d1aa36bb50c7dcb4505da8de02e4e53d38f8d" +
	"f06097da7524df0df93db48eac8cc4af2d3a16257eb2b2adca6ba464e5974fa92550d31b1babf161e7692d00b86e3dd886ecab4abfbe1a8f8cc263ff4af55cdb" +
	"45f4249a5193925f5e983d762f0b6800943eb0267b08f42ed311ce1f5c86eacbc8ce4d3cb7a2fee1ef5641423a1cf4114e5ecf50034a60a412523af9e6f4aa11"

// rsaPublic is a SubjectPublicKeyInfo of the two numbers.
func rsaPublic(modulus, exponent *big.Int) []byte {
	return sequence(sequence(objectID(rsaKey), []byte{5, 0}), bitString(sequence(big1(modulus), big1(exponent))))
}

// odd is an odd number of so many bits that has no fingerprint.
func odd(bits uint) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return n.SetBit(n, 0, 1)
}

func names(problems []pki.KeyProblem) (all, refused []string) {
	for _, problem := range problems {
		all = append(all, problem.Name)
		if problem.Refused {
			refused = append(refused, problem.Name)
		}
	}
	return all, refused
}

func TestProblems(t *testing.T) {
	f4 := big.NewInt(65537)
	roca, _ := new(big.Int).SetString(rocaModulus, 16)
	tests := []struct {
		name              string
		modulus, exponent *big.Int
		want              []string
		refused           bool
	}{
		{"good", odd(2048), f4, nil, false},
		{"2047 bits", odd(2047), f4, []string{"rsa_short"}, true},
		{"8192 bits", odd(8192), f4, nil, false},
		{"8193 bits", odd(8193), f4, []string{"rsa_long"}, true},
		{"even modulus", new(big.Int).Lsh(big.NewInt(1), 2047), f4, []string{"rsa_modulus_even"}, true},
		{"exponent 1", odd(2048), big.NewInt(1), []string{"rsa_exponent_one"}, true},
		{"exponent 2", odd(2048), big.NewInt(2), []string{"rsa_exponent_even"}, true},
		{"exponent 3", odd(2048), big.NewInt(3), []string{"rsa_exponent_small"}, false},
		{"exponent 65535", odd(2048), big.NewInt(65535), []string{"rsa_exponent_small"}, false},
		{"exponent 65536", odd(2048), big.NewInt(65536), []string{"rsa_exponent_even"}, true},
		{"exponent 65539", odd(2048), big.NewInt(65539), []string{"rsa_exponent_unusual"}, false},
		{"exponent of 31 bits", odd(2048), big.NewInt(1<<31 - 1), []string{"rsa_exponent_unusual"}, false},
		{"exponent of 32 bits", odd(2048), big.NewInt(1<<31 + 1), []string{"rsa_exponent_large"}, true},
		{"exponent beyond 64 bits", odd(2048), odd(80), []string{"rsa_exponent_large"}, true},
		{"ROCA", roca, f4, []string{"rsa_roca"}, true},
		{"all at once", odd(512), big.NewInt(1), []string{"rsa_short", "rsa_exponent_one"}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key := testpki.Must(pki.ParsePublicKey(rsaPublic(test.modulus, test.exponent)))
			all, refused := names(key.Problems())
			if !slices.Equal(all, test.want) || test.refused != (len(refused) > 0) {
				t.Errorf("have %v, refused for %v, want %v, %v", all, refused, test.want, test.refused)
			}
		})
	}
	for _, kind := range everyKind {
		block := testpki.Must(pki.MarshalPublicKey(oneKey(kind).Public()))
		if problems := testpki.Must(pki.ParsePublicKey(block.Bytes)).Problems(); len(problems) > 0 {
			t.Errorf("a fresh %s: %v", kind, problems)
		}
	}
}

// TestSmallOrder: for each of these keys the same signature, made without any
// key, fits some message.
func TestSmallOrder(t *testing.T) {
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1 // R is the neutral point, S is 0
	for _, text := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		raw := testpki.Must(hex.DecodeString(text))
		forged := false
		for i := range 256 {
			forged = forged || ed25519.Verify(raw, []byte{byte(i)}, signature)
		}
		if !forged {
			t.Errorf("%s is not what it should be", text)
		}
		key := testpki.Must(pki.ParsePublicKey(sequence(sequence(objectID(edKey)), bitString(raw))))
		wantFault(t, pki.VerifyFile(key, strings.NewReader("a"), signature), pki.KeyWeak, "a point of small order")
		if all, refused := names(key.Problems()); !slices.Equal(all, []string{"ed25519_small_order"}) || !slices.Equal(all, refused) {
			t.Errorf("%s: %v", text, all)
		}
	}
}

// TestROCAFalseAlarms looks for the fingerprint in the 1,035 products of 46 fresh
// primes; their size does not matter to it.
func TestROCAFalseAlarms(t *testing.T) {
	var primes []*big.Int
	for range 46 {
		primes = append(primes, testpki.Must(rand.Prime(rand.Reader, 128)))
	}
	looked := 0
	for i, p := range primes {
		for _, q := range primes[:i] {
			key := testpki.Must(pki.ParsePublicKey(rsaPublic(new(big.Int).Mul(p, q), big.NewInt(65537))))
			if all, _ := names(key.Problems()); slices.Contains(all, "rsa_roca") {
				t.Errorf("a false alarm for %d", key.Size())
			}
			looked++
		}
	}
	if looked != 46*45/2 {
		t.Errorf("%d moduli were looked at", looked)
	}
}

// TestROCANeighbours: what is no power of 65537 modulo one of the primes alone
// has no fingerprint; what is, to all of them, has.
func TestROCANeighbours(t *testing.T) {
	roca, _ := new(big.Int).SetString(rocaModulus, 16)
	product := big.NewInt(1)
	for p := int64(2); p <= 167; p++ {
		if big.NewInt(p).ProbablyPrime(10) {
			product.Mul(product, big.NewInt(p))
		}
	}
	has := func(modulus *big.Int) bool {
		all, _ := names(testpki.Must(pki.ParsePublicKey(rsaPublic(modulus, big.NewInt(65537)))).Problems())
		return slices.Contains(all, "rsa_roca")
	}
	if !has(new(big.Int).Add(roca, product)) || !has(new(big.Int).Mod(roca, product)) {
		t.Error("the fingerprint is one modulo the product of the primes")
	}
	for _, p := range []int64{11, 13, 17, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} { // 65537 generates a true subgroup
		one := new(big.Int).Div(product, big.NewInt(p)) // 0 modulo all others
		if has(new(big.Int).Add(roca, one)) && has(new(big.Int).Add(roca, new(big.Int).Lsh(one, 1))) && has(new(big.Int).Add(roca, new(big.Int).Mul(one, big.NewInt(3)))) {
			t.Errorf("altered modulo %d alone, it still has the fingerprint", p)
		}
	}
}

// TestWeakKeysAreNotUsed reads private keys with which only reading is right.
func TestWeakKeysAreNotUsed(t *testing.T) {
	small := sharedRSA(1024)
	wantFault(t, wantRefused(t, x509.MarshalPKCS1PrivateKey(small)), pki.KeyWeak, "the private key is not used: an RSA key of 1024 bits; 2048 are the least")
	roca, _ := new(big.Int).SetString(rocaModulus, 16)
	for _, test := range []struct {
		modulus, exponent *big.Int
		says              string
	}{
		{roca, big.NewInt(65537), "has the fingerprint of ROCA"},
		{odd(2048), big.NewInt(1), "with an exponent of 1"},
		{odd(2048), big.NewInt(4), "an even exponent"},
		{odd(2048), odd(40), "an exponent of 40 bits"},
		{odd(8200), big.NewInt(65537), "an RSA key of 8200 bits; 8192 are the most"},
		{odd(100_000), big.NewInt(65537), "an RSA key of 100000 bits"},
	} {
		parts := [][]byte{number(0), big1(test.modulus), big1(test.exponent)}
		for range 6 {
			parts = append(parts, number(1))
		}
		wantFault(t, wantRefused(t, sequence(parts...)), pki.KeyWeak, test.says)
	}
}

func TestSharedKeys(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	one, two := testpki.Must(pki.NewKey()), testpki.Must(pki.NewKey())
	issue := func(key interface{}, name string) *pki.Certificate {
		return testpki.Must(fixture.Intermediate.Issue(pki.Spec{Profile: pki.Server, DNS: []string{name}, Now: now}, key))
	}
	a, b, c := issue(one.Public(), "a.example"), issue(two.Public(), "b.example"), issue(one.Public(), "c.example")
	alone := testpki.Must(fixture.Server("d.example")).Leaf()
	same := func(x, y []*pki.Certificate) bool { return slices.EqualFunc(x, y, (*pki.Certificate).Equal) }
	tests := []struct {
		name string
		list []*pki.Certificate
		want [][]*pki.Certificate
	}{
		{"none", nil, nil},
		{"all apart", []*pki.Certificate{a, b, alone}, nil},
		{"one certificate twice", []*pki.Certificate{a, a, b}, nil},
		{"two of three", []*pki.Certificate{a, alone, b, c}, [][]*pki.Certificate{{a, c}}},
		{"two pairs, in their order", []*pki.Certificate{b, c, a, issue(two.Public(), "e.example"), a}, nil},
	}
	tests[4].want = [][]*pki.Certificate{{tests[4].list[0], tests[4].list[3]}, {c, a}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if have := pki.SharedKeys(test.list); !slices.EqualFunc(have, test.want, same) {
				t.Errorf("have %d groups, want %d, or they differ", len(have), len(test.want))
			}
		})
	}
}
