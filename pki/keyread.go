package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"math/big"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// plainKey reads the contents of a private key that is not encrypted, in
// whichever form. All forms begin with a version.
func (d *der) plainKey() *PrivateKey {
	version := d.small("version of the private key")
	switch {
	case d.has(asn1.SEQUENCE):
		return d.pkcs8(version)
	case d.has(asn1.OCTET_STRING):
		key := &PrivateKey{Container: "SEC 1"}
		key.signer = d.sec1(version, curve{}, &key.facts)
		return key
	case d.has(asn1.INTEGER):
		return d.numbers(version)
	}
	d.fail("no private key of a known form")
	return nil
}

// pkcs8 reads the rest of a PrivateKeyInfo or OneAsymmetricKey (RFC 5958,
// section 2). Its attributes are passed over.
func (d *der) pkcs8(version int) *PrivateKey {
	if version > 1 {
		d.fail("version %d of PKCS#8", version)
	}
	algorithm := d.algorithm("algorithm of the private key")
	content := d.read(asn1.OCTET_STRING, "private key")
	if d.has(constructed(0)) {
		d.read(constructed(0), "attributes of the private key")
	}
	var stated []byte
	if d.has(primitive(1)) {
		bits := d.read(primitive(1), "public key")
		stated, _ = bits.bitsContent("public key")
	}
	d.end("the private key")
	key := &PrivateKey{Container: "PKCS#8"}
	on := key.facts.describe(algorithm, d)
	if d.err() != nil {
		return nil
	}
	switch {
	case algorithm.ID == oidRSA || algorithm.ID == oidRSAPSS:
		numbers := content.sequence("RSA key")
		content.end("the RSA key")
		key.signer = numbers.rsaPrivateKey(numbers.small("version of the RSA key"), &key.facts)
		if algorithm.ID == oidRSAPSS {
			key.signer, key.facts.key, key.facts.reason = nil, nil, algorithms[oidRSAPSS].reason
		}
	case on.curve != nil:
		inner := content.sequence("EC key")
		content.end("the EC key")
		key.signer = inner.sec1(inner.small("version of the EC key"), on, &key.facts)
	case algorithm.ID == oidEd25519:
		key.signer = content.ed25519(stated, &key.facts)
	}
	return key
}

// sec1 reads the rest of an ECPrivateKey (RFC 5915, section 3). The curve stands
// in it, or around it, or in both.
func (d *der) sec1(version int, around curve, f *keyFacts) crypto.Signer {
	if version != 1 {
		d.fail("version %d of an EC key", version)
	}
	scalar := d.read(asn1.OCTET_STRING, "EC key")
	on := around
	if d.has(constructed(0)) {
		inner := d.read(constructed(0), "curve of the key")
		on = inner.curve("curve of the key")
		inner.end("the curve of the key")
	}
	var point []byte
	if d.has(constructed(1)) {
		inner := d.read(constructed(1), "public key")
		unused := 0
		if point, unused = inner.bits("public key"); unused != 0 {
			inner.fail("a public key that is no whole bytes,")
		}
		inner.end("the public key")
	}
	d.end("the EC key")
	switch {
	case d.err() != nil:
		return nil
	case on.name == "":
		d.fail("an EC key without its curve")
		return nil
	case around.name != "" && around != on:
		d.fail("an EC key on two curves, %s and %s,", around.name, on.name)
		return nil
	}
	f.setCurve(on)
	if on.curve == nil {
		return nil
	}
	return d.ecdsa(on, scalar.String, point, f)
}

// ecdsa makes the key of a scalar, which some writers give without its leading
// zeros, others with more of them.
func (d *der) ecdsa(on curve, scalar, point []byte, f *keyFacts) crypto.Signer {
	full := make([]byte, (on.bits+7)/8)
	short := bytes.TrimLeft(scalar, "\x00")
	if len(short) > len(full) {
		d.failAt(scalar, "an EC key of %d bytes", len(short))
		return nil
	}
	copy(full[len(full)-len(short):], short)
	private, err := ecdsa.ParseRawPrivateKey(on.curve, full)
	if err != nil {
		d.failAt(scalar, "no number between 0 and the order of %s", on.name)
		return nil
	}
	if point != nil {
		if stated, err := parsePoint(on.curve, point); err != nil || !stated.Equal(&private.PublicKey) {
			d.failAt(point, "a public key that is not this private key's")
			return nil
		}
	}
	f.key = &private.PublicKey
	return private
}

// ed25519 reads a CurvePrivateKey (RFC 8410, section 7).
func (d *der) ed25519(stated []byte, f *keyFacts) crypto.Signer {
	seed := d.read(asn1.OCTET_STRING, "Ed25519 key")
	d.end("the Ed25519 key")
	if d.err() != nil {
		return nil
	}
	if len(seed.String) != ed25519.SeedSize {
		d.failAt(seed.String, "an Ed25519 key of %d bytes", len(seed.String))
		return nil
	}
	private := ed25519.NewKeyFromSeed(seed.String)
	public := private.Public().(ed25519.PublicKey)
	if stated != nil && !bytes.Equal(stated, public) {
		d.failAt(stated, "a public key that is not this private key's")
		return nil
	}
	f.key = public
	return private
}

// numbers reads the forms that are a row of numbers behind the version: PKCS#1's
// RSAPrivateKey (RFC 8017, appendix A.1.2), and p, q, g, y, x of OpenSSL's DSA.
func (d *der) numbers(version int) *PrivateKey {
	rest := *d
	length := 0
	for ; rest.has(asn1.INTEGER) && length < 8; length++ {
		rest.integer("number of the private key")
	}
	if length != 5 {
		key := &PrivateKey{Container: "PKCS#1", facts: keyFacts{kind: "RSA"}}
		key.signer = d.rsaPrivateKey(version, &key.facts)
		return key
	}
	if version != 0 {
		d.fail("version %d of a DSA key", version)
	}
	key := &PrivateKey{Container: "DSA", facts: keyFacts{kind: "DSA", reason: withdrawn}}
	key.facts.size = d.positive("DSA modulus").BitLen()
	for range 4 {
		d.positive("number of the DSA key")
	}
	d.end("the DSA key")
	return key
}

// rsaPrivateKey reads the numbers behind the version of an RSAPrivateKey, and
// checks that they belong together.
func (d *der) rsaPrivateKey(version int, f *keyFacts) crypto.Signer {
	if version > 1 {
		d.fail("version %d of an RSA key", version)
	}
	var numbers [8]*big.Int // n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p
	for i := range numbers {
		numbers[i] = d.positive("number of the RSA key")
	}
	if d.err() != nil {
		return nil
	}
	f.modulus, f.exponent = numbers[0], numbers[1]
	f.setRSA()
	if version == 1 {
		f.key, f.reason = nil, "it has more than two primes, and nobody makes such keys any more"
		return nil
	}
	d.end("the RSA key")
	if d.err() != nil || f.key == nil || f.size > maxRSA {
		return nil
	}
	private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: f.modulus, E: int(f.exponent.Int64())}, D: numbers[2], Primes: numbers[3:5]}
	private.Precomputed.Dp, private.Precomputed.Dq, private.Precomputed.Qinv = numbers[5], numbers[6], numbers[7]
	if err := private.Validate(); err != nil {
		if _, weak := f.refusal(); !weak {
			d.fail("an RSA key whose numbers do not belong together")
		}
		return nil
	}
	private.Precompute()
	return private
}
