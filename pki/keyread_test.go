package pki_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

const ecKey, p256, p384, edKey, rsaKey = "1.2.840.10045.2.1", "1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.101.112", "1.2.840.113549.1.1.1"

// pkcs8 is a PrivateKeyInfo with these parts behind its version.
func pkcs8(version int64, algorithm, key []byte, more ...[]byte) []byte {
	return sequence(append([][]byte{number(version), algorithm, octets(key)}, more...)...)
}

// one is the EC key of the scalar 1, whose public half is the base point.
func one(more ...[]byte) []byte {
	return sequence(append([][]byte{number(1), octets(append(make([]byte, 31), 1))}, more...)...)
}

func basePoint(curve elliptic.Curve) []byte {
	params := curve.Params()
	size := (params.BitSize + 7) / 8
	return append(append([]byte{4}, params.Gx.FillBytes(make([]byte, size))...), params.Gy.FillBytes(make([]byte, size))...)
}

func compressed(curve elliptic.Curve) []byte {
	params := curve.Params()
	return append([]byte{2 + byte(params.Gy.Bit(0))}, params.Gx.FillBytes(make([]byte, (params.BitSize+7)/8))...)
}

func big1(n *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1BigInt(n)
	return b.BytesOrPanic()
}

// explicitCurve is P-256 by its numbers, of which change may alter some.
func explicitCurve(change func(p, a, b, order, cofactor *big.Int, base *[]byte)) []byte {
	params := elliptic.P256().Params()
	p, b, order := new(big.Int).Set(params.P), new(big.Int).Set(params.B), new(big.Int).Set(params.N)
	a, cofactor, base := new(big.Int).Sub(p, big.NewInt(3)), big.NewInt(1), basePoint(elliptic.P256())
	change(p, a, b, order, cofactor, &base)
	return sequence(number(1), sequence(objectID("1.2.840.10045.1.1"), big1(p)), sequence(octets(a.Bytes()), octets(b.Bytes()), bitString(make([]byte, 20))),
		octets(base), big1(order), big1(cofactor))
}

func TestReadPrivateKeys(t *testing.T) {
	ec := sequence(objectID(ecKey), objectID(p256))
	ed := sequence(objectID(edKey))
	seed := bytes.Repeat([]byte{5}, 32)
	edPublic := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	edContent := octets(seed)
	short := sequence(number(1), octets([]byte{1}))
	long := sequence(number(1), octets(append(make([]byte, 40), 1)))
	tests := []struct {
		name string
		der  []byte
		says string // "" if it is read
	}{
		{"EC", pkcs8(0, ec, one()), ""},
		{"EC, version 2 with attributes", pkcs8(1, ec, one(), explicit(0, sequence())), ""},
		{"EC, the curve inside too", pkcs8(0, ec, one(explicit(0, objectID(p256)))), ""},
		{"EC, its public half", pkcs8(0, ec, one(explicit(1, bitString(basePoint(elliptic.P256()))))), ""},
		{"EC, its public half compressed", pkcs8(0, ec, one(explicit(1, bitString(compressed(elliptic.P256()))))), ""},
		{"EC without leading zeros", pkcs8(0, ec, short), ""},
		{"EC with more leading zeros", pkcs8(0, ec, long), ""},
		{"EC in SEC 1", one(explicit(0, objectID(p256))), ""},
		{"EC by its numbers", one(explicit(0, explicitCurve(func(_, _, _, _, _ *big.Int, _ *[]byte) {}))), ""},
		{"EC by its numbers, compressed base", one(explicit(0, explicitCurve(func(_, _, _, _, _ *big.Int, base *[]byte) { *base = compressed(elliptic.P256()) }))), ""},
		{"Ed25519", pkcs8(0, ed, edContent), ""},
		{"Ed25519 with its public half", pkcs8(1, ed, edContent, append([]byte{0x81, 33, 0}, edPublic...)), ""},

		{"version 3", pkcs8(2, ec, one()), "version 2 of PKCS#8"},
		{"EC, version 2", pkcs8(0, ec, sequence(number(2), octets(seed))), "version 2 of an EC key"},
		{"EC, version 0", pkcs8(0, ec, sequence(number(0), octets(seed))), "version 0 of an EC key"},
		{"EC on two curves", pkcs8(0, ec, one(explicit(0, objectID(p384)))), "on two curves, P-256 and P-384"},
		{"EC without a curve", one(), "an EC key without its curve"},
		{"EC, zero", pkcs8(0, ec, sequence(number(1), octets(make([]byte, 32)))), "no number between 0 and the order of P-256"},
		{"EC, the order", pkcs8(0, ec, sequence(number(1), octets(elliptic.P256().Params().N.Bytes()))), "no number between 0 and the order of P-256"},
		{"EC, too long", pkcs8(0, ec, sequence(number(1), octets(bytes.Repeat([]byte{1}, 33)))), "an EC key of 33 bytes"},
		{"EC, another's public half", pkcs8(0, ec, sequence(number(1), octets([]byte{2}), explicit(1, bitString(basePoint(elliptic.P256()))))), "not this private key's"},
		{"EC, an odd public half", pkcs8(0, ec, one(explicit(1, sequence()))), "no valid public key"},
		{"EC, a public half of odd bits", pkcs8(0, ec, one(explicit(1, append([]byte{3, 66, 1}, append(basePoint(elliptic.P256())[:64], 0)...)))), "no whole bytes"},
		{"EC, something behind", pkcs8(0, ec, one(number(1))), "goes on where it should end"},
		{"Ed25519, short", pkcs8(0, ed, octets(seed[:31])), "an Ed25519 key of 31 bytes"},
		{"Ed25519, long", pkcs8(0, ed, octets(append(seed, 0))), "an Ed25519 key of 33 bytes"},
		{"Ed25519, bare", pkcs8(0, ed, seed), "no valid Ed25519 key"},
		{"Ed25519, another's public half", pkcs8(1, ed, edContent, append([]byte{0x81, 33, 0}, make([]byte, 32)...)), "not this private key's"},
		{"no key", sequence(number(0), objectID(edKey)), "no private key of a known form"},
		{"a version alone", sequence(number(0)), "no private key of a known form"},
		{"something behind", append(pkcs8(0, ed, edContent), 0), "goes on where it should end"},
		{"a public key", sequence(ed, bitString(edPublic)), "no private key but a public one"},
		{"cut short", pkcs8(0, ed, edContent)[:20], "no valid private key at byte 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			key, err := pki.ParsePrivateKey(test.der, unasked(t))
			if test.says != "" {
				wantFault(t, err, pki.KeyUnreadable, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			switch signer := testpki.Must(key.Signer()).(type) {
			case *ecdsa.PrivateKey:
				if !bytes.Equal(testpki.Must(signer.PublicKey.Bytes()), basePoint(elliptic.P256())) {
					t.Error("have the key of another scalar")
				}
			case ed25519.PrivateKey:
				if !signer.Public().(ed25519.PublicKey).Equal(edPublic) {
					t.Error("have the key of another seed")
				}
			}
		})
	}
}

// TestDSAKeys: in their own form they are described, and refused for use.
func TestDSAKeys(t *testing.T) {
	domain := dsaParameters(t)
	form := func(version int64, more ...[]byte) []byte {
		return sequence(append([][]byte{number(version), big1(domain.P), big1(domain.Q), big1(domain.G), number(4)}, more...)...)
	}
	key := testpki.Must(pki.ParsePrivateKey(form(0, number(2)), unasked(t)))
	if key.Container != "DSA" || key.Public().Kind() != "DSA" || key.Public().Size() != domain.P.BitLen() {
		t.Errorf("have %s, %s of %d bits", key.Container, key.Public().Kind(), key.Public().Size())
	}
	_, err := key.Signer()
	wantFault(t, err, pki.KeyUnsupported, "a DSA key")
	for name, data := range map[string][]byte{"version 1 of a DSA key": form(1, number(2)), "a number that is not above 0, the number of the DSA key": form(0, number(-2))} {
		_, err := pki.ParsePrivateKey(data, unasked(t))
		wantFault(t, err, pki.KeyUnreadable, name)
	}
}

// TestForgedCurves: a curve that differs from P-256 in one number is not P-256.
func TestForgedCurves(t *testing.T) {
	add := func(n *big.Int) { n.Add(n, big.NewInt(2)) }
	tests := map[string]func(p, a, b, order, cofactor *big.Int, base *[]byte){
		"field":    func(p, _, _, _, _ *big.Int, _ *[]byte) { add(p) },
		"a":        func(_, a, _, _, _ *big.Int, _ *[]byte) { add(a) },
		"b":        func(_, _, b, _, _ *big.Int, _ *[]byte) { add(b) },
		"order":    func(_, _, _, order, _ *big.Int, _ *[]byte) { add(order) },
		"cofactor": func(_, _, _, _, cofactor *big.Int, _ *[]byte) { add(cofactor) },
		"base": func(_, _, _, _, _ *big.Int, base *[]byte) {
			x, y := elliptic.P256().ScalarBaseMult([]byte{2}) //lint:ignore SA1019 a point to forge with
			*base = append(append([]byte{4}, x.FillBytes(make([]byte, 32))...), y.FillBytes(make([]byte, 32))...)
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			err := wantRefused(t, one(explicit(0, explicitCurve(change))))
			wantFault(t, err, pki.KeyUnsupported, "a key on a curve given by its own numbers cannot be used")
		})
	}
}

// TestRSAThatDoesNotFit alters each number of a key by two.
func TestRSAThatDoesNotFit(t *testing.T) {
	key := sharedRSA(2048)
	numbers := func() []*big.Int {
		pre := key.Precomputed
		all := []*big.Int{big.NewInt(0), key.N, big.NewInt(int64(key.E)), key.D, key.Primes[0], key.Primes[1], pre.Dp, pre.Dq, pre.Qinv}
		for i, n := range all {
			all[i] = new(big.Int).Set(n)
		}
		return all
	}
	encode := func(all []*big.Int, more ...[]byte) []byte {
		var parts [][]byte
		for _, n := range all {
			parts = append(parts, big1(n))
		}
		return sequence(append(parts, more...)...)
	}
	if !bytes.Equal(encode(numbers()), x509.MarshalPKCS1PrivateKey(key)) {
		t.Fatal("the test encodes another key")
	}
	for i, name := range []string{"version", "modulus", "public exponent", "private exponent", "p", "q", "d mod p-1", "d mod q-1", "1/q mod p"} {
		if i == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			all := numbers()
			all[i].Add(all[i], big.NewInt(2))
			_, err := pki.ParsePrivateKey(encode(all), unasked(t))
			wantFault(t, err, pki.KeyUnreadable, "whose numbers do not belong together")
			all[i].SetInt64(0)
			_, err = pki.ParsePrivateKey(encode(all), unasked(t))
			wantFault(t, err, pki.KeyUnreadable, "a number that is not above 0")
			all[i].SetInt64(-1)
			_, err = pki.ParsePrivateKey(encode(all), unasked(t))
			wantFault(t, err, pki.KeyUnreadable, "a number that is not above 0")
		})
	}
	_, err := pki.ParsePrivateKey(encode(numbers(), number(1)), unasked(t))
	wantFault(t, err, pki.KeyUnreadable, "the RSA key goes on where it should end")
	several := numbers()
	several[0].SetInt64(1)
	wantFault(t, wantRefused(t, encode(several, sequence())), pki.KeyUnsupported, "it has more than two primes")
	several[0].SetInt64(2)
	_, err = pki.ParsePrivateKey(encode(several), unasked(t))
	wantFault(t, err, pki.KeyUnreadable, "version 2 of an RSA key")
}

// TestKindsThatAreDescribed has OpenSSL make what Go's cryptography lacks.
func TestKindsThatAreDescribed(t *testing.T) {
	ec := func(curve string) []string {
		return []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:" + curve}
	}
	tests := []struct {
		name string
		args []string
		kind string
		size int
		says string
	}{
		{"Ed448", []string{"genpkey", "-algorithm", "ED448"}, "Ed448", 456, "an Ed448 key of 456 bits cannot be used: Go's cryptography does not have it"},
		{"X25519", []string{"genpkey", "-algorithm", "X25519"}, "X25519", 256, "it is for key exchange"},
		{"X448", []string{"genpkey", "-algorithm", "X448"}, "X448", 448, "it is for key exchange"},
		{"DH", []string{"genpkey", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048"}, "DH", 2048, "a DH key of 2048 bits cannot be used: it is for key exchange"},
		{"RSA-PSS", []string{"genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"}, "RSA-PSS", 2048, "an RSA-PSS key of 2048 bits cannot be used: it is bound to RSASSA-PSS"},
		{"secp256k1", ec("secp256k1"), "secp256k1", 256, "Go's cryptography does not have its curve"},
		{"brainpoolP256r1", ec("brainpoolP256r1"), "brainpoolP256r1", 256, "Go's cryptography does not have its curve"},
		{"brainpoolP512t1", ec("brainpoolP512t1"), "brainpoolP512t1", 512, "Go's cryptography does not have its curve"},
		{"sect571r1", ec("sect571r1"), "sect571r1", 571, "Go's cryptography does not have its curve"},
		{"P-192", ec("prime192v1"), "P-192", 192, "Go's cryptography does not have its curve"},
		{"SM2", []string{"genpkey", "-algorithm", "SM2"}, "SM2", 256, "does not have"},
		{"secp256k1 by its numbers", append(ec("secp256k1"), "-pkeyopt", "ec_param_enc:explicit"), "on a curve given by its own numbers", 256, "a key on a curve given by its own numbers"},
		{"sect163k1 by its numbers", append(ec("sect163k1"), "-pkeyopt", "ec_param_enc:explicit"), "on a curve given by its own numbers", 0, "a key on a curve given by its own numbers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := openssl(t, nil, test.args...)
			wantFault(t, wantRefused(t, data), pki.KeyUnsupported, test.says)
			private := testpki.Must(pki.ParsePrivateKey(data, nil)).Public()
			public := testpki.Must(pki.ParsePublicKey(openssl(t, data, "pkey", "-pubout")))
			for _, key := range []*pki.PublicKey{private, public} {
				if key.Kind() != test.kind || key.Size() != test.size {
					t.Errorf("have %s of %d bits, want %s of %d", key.Kind(), key.Size(), test.kind, test.size)
				}
			}
			_, err := public.Key()
			wantFault(t, err, pki.KeyUnsupported, test.says)
		})
	}
	dsaParameters := openssl(t, nil, "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt", "dsa_paramgen_bits:1024")
	made := openssl(t, dsaParameters, "genpkey", "-paramfile", "/dev/stdin")
	for _, data := range [][]byte{made, openssl(t, made, "dsa"), openssl(t, made, "dsa", "-outform", "DER")} {
		wantFault(t, wantRefused(t, data), pki.KeyUnsupported, "a DSA key of 1024 bits cannot be used: NIST has withdrawn it")
	}
	public := testpki.Must(pki.ParsePublicKey(openssl(t, made, "pkey", "-pubout")))
	if public.Kind() != "DSA" || public.Size() != 1024 {
		t.Errorf("have %s", public.Title())
	}
	wantFault(t, wantRefused(t, pkcs8(0, sequence(objectID("2.16.840.1.101.3.4.3.18")), nil)), pki.KeyUnsupported, "an ML-DSA-65 key cannot be used")
	wantFault(t, wantRefused(t, pkcs8(0, sequence(objectID("1.2.3")), nil)), pki.KeyUnsupported, "a key of the algorithm 1.2.3 cannot be used: the algorithm is not known")
	wantFault(t, wantRefused(t, one(explicit(0, objectID("1.2.3")))), pki.KeyUnsupported, "a key on the curve 1.2.3 cannot be used")
}

func TestPrivateKeyFiles(t *testing.T) {
	good := testpki.Must(pki.MarshalKey(testpki.Must(pki.NewKey()), pki.PKCS8))
	label := func(label string) []byte { return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: good.Bytes}) }
	filler := sequence(number(0), sequence(objectID(edKey)), octets(make([]byte, 64<<10)))
	tests := []struct {
		name string
		data []byte
		code fault.Code
		says string
	}{
		{"its own label", label("PRIVATE KEY"), "", ""},
		{"another's label", label("RSA PRIVATE KEY"), "", ""},
		{"behind other blocks", append(label("CERTIFICATE"), label("PRIVATE KEY")...), "", ""},
		{"OpenSSH's label", label("OPENSSH PRIVATE KEY"), pki.KeyUnsupported, "block 1 (OPENSSH PRIVATE KEY) is in OpenSSH's own form"},
		{"no key", label("CERTIFICATE"), pki.KeyMissing, "there is no private key"},
		{"empty", nil, pki.KeyMissing, "there is no private key"},
		{"text", []byte("hello"), pki.KeyMissing, "there is no private key"},
		{"too long", filler, pki.InputTooLarge, "a key of 655"},
		{"too large", make([]byte, pki.MaxInput+1), pki.InputTooLarge, "16777217 bytes"},
		{"hostile label", []byte("-----BEGIN \x1b[2J PRIVATE KEY-----\nAA==\n-----END \x1b[2J PRIVATE KEY-----\n"), pki.KeyUnreadable, "block 1 (?[2J PRIVATE KEY)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParsePrivateKey(test.data, unasked(t))
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := pki.ParsePrivateKey([]byte(strings.Repeat("x", 10)+string(label("PRIVATE KEY"))), nil); err != nil {
		t.Errorf("text in front: %v", err)
	}
}
