package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// oidPrimeField is the kind of field that the usable curves are over.
const oidPrimeField OID = "\x2a\x86\x48\xce\x3d\x01\x01" // 1.2.840.10045.1.1

// maxField is the largest field of an elliptic curve that is described, in
// bytes: secp521r1 and sect571r1 need 72.
const maxField = 128

// curve reads ECParameters (RFC 5480, section 2.1.1): a curve's name, or all of
// its numbers, which OpenSSL writes where it is told to. Those are taken for a
// named curve only if every one of them is that curve's: a base point of an
// attacker's choice gives keys that fit foreign certificates (CVE-2020-0601).
func (d *der) curve(what string) curve {
	switch {
	case d.has(asn1.OBJECT_IDENTIFIER):
		return curveOf(d.oid(what))
	case d.has(asn1.SEQUENCE):
		numbers := d.sequence(what)
		return numbers.explicitCurve(what)
	}
	d.fail("no valid %s", what)
	return curve{}
}

func (d *der) explicitCurve(what string) curve {
	version := d.small(what)
	field := d.sequence("field of " + what)
	kind := field.oid("field of " + what)
	if d.err() == nil && kind != oidPrimeField {
		d.String = nil
		return curve{name: "on a curve given by its own numbers"}
	}
	p := field.positive("field of " + what)
	field.end("the field of " + what)
	coefficients := d.sequence("coefficients of " + what)
	a := coefficients.read(asn1.OCTET_STRING, "coefficient of "+what)
	b := coefficients.read(asn1.OCTET_STRING, "coefficient of "+what)
	if coefficients.has(asn1.BIT_STRING) {
		coefficients.bits("seed of " + what)
	}
	coefficients.end("the coefficients of " + what)
	base := d.read(asn1.OCTET_STRING, "base point of "+what)
	order := d.positive("order of " + what)
	cofactor := big.NewInt(1)
	if d.has(asn1.INTEGER) {
		cofactor = d.positive("cofactor of " + what)
	}
	d.end(what)
	if d.err() != nil {
		return curve{}
	}
	if version < 1 || version > 3 || len(a.String) > maxField || len(b.String) > maxField {
		d.fail("no valid %s", what)
		return curve{}
	}
	for _, known := range curves {
		if known.curve == nil {
			continue
		}
		params := known.curve.Params()
		minusThree := new(big.Int).Sub(params.P, big.NewInt(3)) // a of all curves of FIPS 186
		if p.Cmp(params.P) == 0 && new(big.Int).SetBytes(a.String).Cmp(minusThree) == 0 &&
			new(big.Int).SetBytes(b.String).Cmp(params.B) == 0 && order.Cmp(params.N) == 0 &&
			cofactor.IsInt64() && cofactor.Int64() == 1 && isBasePoint(base.String, known.curve) {
			return known
		}
	}
	return curve{name: "on a curve given by its own numbers", bits: p.BitLen()}
}

func isBasePoint(data []byte, on elliptic.Curve) bool {
	point, err := parsePoint(on, data)
	return err == nil && point.Equal(basePoint(on))
}

func basePoint(on elliptic.Curve) *ecdsa.PublicKey {
	params := on.Params()
	point, err := pointOf(on, params.Gx, params.Gy)
	if err != nil {
		panic(err) // the curves are the standard library's own
	}
	return point
}

// parsePoint reads an ECPoint (SEC 1, section 2.3.4), uncompressed or
// compressed. It is on the curve, and not the point at infinity.
func parsePoint(on elliptic.Curve, data []byte) (*ecdsa.PublicKey, error) {
	if len(data) == 0 || data[0] != 2 && data[0] != 3 {
		return ecdsa.ParseUncompressedPublicKey(on, data)
	}
	x, y := elliptic.UnmarshalCompressed(on, data)
	if x == nil {
		return nil, errPoint
	}
	return pointOf(on, x, y)
}

var errPoint = errors.New("the point is not on its curve")

func pointOf(on elliptic.Curve, x, y *big.Int) (*ecdsa.PublicKey, error) {
	size := (on.Params().BitSize + 7) / 8
	data := make([]byte, 1+2*size)
	data[0] = 4
	x.FillBytes(data[1 : 1+size])
	y.FillBytes(data[1+size:])
	return ecdsa.ParseUncompressedPublicKey(on, data)
}
