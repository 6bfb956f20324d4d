package pki_test

import (
	"crypto"
	"crypto/dsa" //lint:ignore SA1019 old signatures are checked, and none is made but here
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"math/big"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

const rsaPSS, mgf1, sha256ID, sha384ID = "1.2.840.113549.1.1.10", "1.2.840.113549.1.1.8", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2"

// TestPSSParameters signs by PSS with a salt of 32 bytes, and says so in many
// ways.
func TestPSSParameters(t *testing.T) {
	key, message := sharedRSA(2048), []byte("message")
	digest := sha256.Sum256(message)
	sign := func(salt int) []byte {
		return testpki.Must(rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt}))
	}
	signature := sign(32)
	hash := func(id string) []byte { return sequence(objectID(id), []byte{5, 0}) }
	mask := func(inner []byte, more ...[]byte) []byte {
		return explicit(1, sequence(append([][]byte{objectID(mgf1), inner}, more...)...))
	}
	first, salt := explicit(0, hash(sha256ID)), explicit(2, number(32))
	tests := []struct {
		name       string
		parameters []byte
		ok         bool
	}{
		{"usual", sequence(first, mask(hash(sha256ID)), salt), true},
		{"with the usual trailer", sequence(first, mask(hash(sha256ID)), salt, explicit(3, number(1))), true},
		{"with another trailer", sequence(first, mask(hash(sha256ID)), salt, explicit(3, number(2))), false},
		{"two digests", sequence(first, mask(hash(sha384ID)), salt), false},
		{"another digest", sequence(explicit(0, hash("1.3.14.3.2.26")), mask(hash("1.3.14.3.2.26")), salt), false},
		{"another mask", sequence(first, explicit(1, sequence(objectID("1.2.3"), hash(sha256ID))), salt), false},
		{"more in the mask", sequence(first, explicit(1, sequence(objectID(mgf1), append(hash(sha256ID), 5, 0))), salt), false},
		{"no mask", sequence(first, salt), false},
		{"a long salt", sequence(first, mask(hash(sha256ID)), explicit(2, number(513))), false},
		{"a salt below none", sequence(first, mask(hash(sha256ID)), explicit(2, number(-1))), false},
		{"more in it", sequence(first, mask(hash(sha256ID)), salt, []byte{5, 0}), false},
		{"more behind it", append(sequence(first, mask(hash(sha256ID)), salt), 5, 0), false},
		{"none", nil, false},
	}
	public := testpki.Must(pki.ParsePublicKey(testpki.Must(pki.MarshalPublicKey(key.Public())).Bytes))
	algorithm := func(parameters []byte) pki.Algorithm {
		return pki.Algorithm{ID: testpki.Must(pki.ParseOID(rsaPSS)), Parameters: parameters}
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := public.Verify(algorithm(test.parameters), message, signature)
			if test.ok && err != nil {
				t.Error(err)
			}
			if !test.ok {
				wantFault(t, err, pki.SignatureUnsupported, "RSASSA-PSS with these parameters")
			}
		})
	}
	wantFault(t, public.Verify(algorithm(tests[0].parameters), message, sign(20)), pki.SignatureWrong, "not made by this key")
	wantFault(t, public.Verify(algorithm(sequence(first, mask(hash(sha256ID)), explicit(2, number(512)))), message, signature), pki.SignatureWrong, "not made by this key")
}

// TestPSSKeysAreNotUsed: a key that is bound to PSS is described, and refused.
func TestPSSKeysAreNotUsed(t *testing.T) {
	key := sharedRSA(2048)
	bound := sequence(objectID(rsaPSS))
	block := testpki.Must(pki.MarshalKey(key, pki.PKCS1))
	wantFault(t, wantRefused(t, pkcs8(0, bound, block.Bytes)), pki.KeyUnsupported, "PSS")
	public := testpki.Must(pki.ParsePublicKey(sequence(bound, bitString(sequence(big1(key.N), number(int64(key.E)))))))
	_, err := public.Key()
	wantFault(t, err, pki.KeyUnsupported, "PSS")
	if public.Size() != 2048 {
		t.Errorf("have a size of %d", public.Size())
	}
}

// ofPKITS returns one of NIST's certificates.
func ofPKITS(t *testing.T, name string) *pki.Certificate {
	t.Helper()
	at := slices.IndexFunc(wantPKITS(t), func(v vector) bool { return v.name == "certs/"+name })
	return testpki.Must(pki.ParseCertificate(wantPKITS(t)[at].data))
}

// dsaParameters returns those of NIST's authority.
func dsaParameters(t *testing.T) dsa.Parameters {
	t.Helper()
	whole := cryptobyte.String(ofPKITS(t, "DSACACert.crt").PublicKey().Raw())
	var spki, algorithm, numbers cryptobyte.String
	p := dsa.Parameters{P: new(big.Int), Q: new(big.Int), G: new(big.Int)}
	if !whole.ReadASN1(&spki, asn1.SEQUENCE) || !spki.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.SkipASN1(asn1.OBJECT_IDENTIFIER) ||
		!algorithm.ReadASN1(&numbers, asn1.SEQUENCE) || !numbers.ReadASN1Integer(p.P) || !numbers.ReadASN1Integer(p.Q) || !numbers.ReadASN1Integer(p.G) {
		t.Fatal("NIST's authority has no DSA key")
	}
	return p
}

// TestDSASignatures checks NIST's, and what is put around or into them.
func TestDSASignatures(t *testing.T) {
	key, leaf := ofPKITS(t, "DSACACert.crt").PublicKey(), ofPKITS(t, "ValidDSASignaturesTest4EE.crt")
	signature := cryptobyte.String(leaf.Signature())
	var pair cryptobyte.String
	if !signature.ReadASN1(&pair, asn1.SEQUENCE) {
		t.Fatal("NIST's signature is no pair")
	}
	altered := slices.Clone(leaf.Signature())
	altered[len(altered)-1] ^= 1
	for name, signature := range map[string][]byte{
		"":                    leaf.Signature(),
		"altered":             altered,
		"more in it":          sequence(pair, number(1)),
		"more behind it":      append(slices.Clone(leaf.Signature()), 5, 0),
		"one number":          sequence(number(1)),
		"in another sequence": sequence(leaf.Signature()),
	} {
		err := key.Verify(leaf.SignatureAlgorithm(), leaf.RawTBS(), signature)
		if name == "" {
			wantFault(t, err, pki.SignatureWeak, "proves little")
			continue
		}
		t.Run(name, func(t *testing.T) { wantFault(t, err, pki.SignatureWrong, "not made by this key") })
	}
}

// TestFileDigests: a file's signature is of the digest that fits the curve.
func TestFileDigests(t *testing.T) {
	const message = "message"
	short, middle, long := sha256.Sum256([]byte(message)), sha512.Sum384([]byte(message)), sha512.Sum512([]byte(message))
	for kind, digest := range map[pki.KeyKind][]byte{pki.P224: short[:], pki.P256: short[:], pki.P384: middle[:], pki.P521: long[:]} {
		key := testpki.Must(pki.GenerateKey(kind))
		signature, err := pki.SignFile(key, strings.NewReader(message))
		if err != nil {
			if kind != pki.P224 {
				t.Error(err)
			}
			continue
		}
		if !ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest, signature) {
			t.Errorf("%s signs another digest", kind)
		}
	}
}

// TestDSAOfLongDigests: of a digest longer than the key's order the left part
// counts (FIPS 186-4, section 4.6).
func TestDSAOfLongDigests(t *testing.T) {
	var key dsa.PrivateKey
	key.Parameters = dsaParameters(t)
	if err := dsa.GenerateKey(&key, rand.Reader); err != nil {
		t.Fatal(err)
	}
	algorithm := sequence(objectID("1.2.840.10040.4.1"), sequence(big1(key.P), big1(key.Q), big1(key.G)))
	public := testpki.Must(pki.ParsePublicKey(sequence(algorithm, bitString(big1(key.Y)))))
	digest := sha256.Sum256([]byte("message"))
	r, s, err := dsa.Sign(rand.Reader, &key, digest[:20])
	if err != nil {
		t.Fatal(err)
	}
	with := pki.Algorithm{ID: testpki.Must(pki.ParseOID("2.16.840.1.101.3.4.3.2"))}
	wantFault(t, public.Verify(with, []byte("message"), sequence(big1(r), big1(s))), pki.SignatureWeak, "proves little")
	wantFault(t, public.Verify(with, []byte("massage"), sequence(big1(r), big1(s))), pki.SignatureWrong, "not made by this key")
}
