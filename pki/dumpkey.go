package pki

import (
	"cmp"
	"math/big"
	"strings"
)

// orderBits are the sizes of the orders of curves whose fields are larger; a dump
// has the order's.
var orderBits = map[string]int{
	"sect233k1": 232, "sect283k1": 281, "sect283r1": 282, "sect409k1": 407, "sect571k1": 570, "sect571r1": 570,
}

// dumpCurve returns what a dump says of a curve: its name, what NIST calls it, or
// "", and the size of its order.
func dumpCurve(id OID) (name, nist string, bits int, ok bool) {
	known, ok := curves[id]
	name = known.name
	switch {
	case strings.HasPrefix(name, "P-"):
		name, nist = id.short(), name
	case strings.HasPrefix(name, "sect") && strings.HasSuffix(name, "k1"):
		nist = "K-" + name[4:7]
	case strings.HasPrefix(name, "sect"):
		nist = "B-" + name[4:7]
	}
	return name, nist, cmp.Or(orderBits[name], known.bits), ok
}

// publicKey writes the key's numbers.
func (d *dump) publicKey(indent int, k *PublicKey) {
	d.line(indent, "Subject Public Key Info:")
	indent += 4
	d.line(indent, "Public Key Algorithm: %s", k.algorithm.ID.dumpName())
	switch name := k.algorithm.ID.short(); {
	case k.algorithm.ID == oidRSA && d.rsaKey(indent+4, k):
	case k.algorithm.ID == oidRSAPSS && d.rsaKey(indent+4, k):
		d.pssRestrictions(indent+4, k.algorithm.Parameters)
	case k.algorithm.ID == oidEC && d.ecKey(indent+4, k):
	case k.algorithm.ID == oidDSA && d.dsaKey(indent+4, k):
	case name == "ED25519" || name == "ED448" || name == "X25519" || name == "X448":
		d.line(indent+4, "%s Public-Key:", name)
		d.line(indent+4, "pub:")
		d.octets(indent+8, 15, k.bits)
	default:
		d.line(indent, "Unable to load Public Key")
	}
}

func (d *dump) rsaKey(indent int, k *PublicKey) bool {
	content := newDER(k.bits)
	pair := content.sequence("RSA key")
	modulus, exponent := bigInt(pair.integer("modulus")), bigInt(pair.integer("exponent"))
	pair.end("the RSA key")
	if content.end("the RSA key") != nil || modulus.Sign() <= 0 || exponent.Sign() <= 0 {
		return false
	}
	d.line(indent, "Public-Key: (%d bit)", modulus.BitLen())
	d.number(indent, "Modulus:", modulus)
	d.number(indent, "Exponent:", exponent)
	return true
}

func (d *dump) ecKey(indent int, k *PublicKey) bool {
	parameters := newDER(k.algorithm.Parameters)
	id := parameters.oid("curve")
	name, nist, bits, ok := dumpCurve(id)
	if parameters.end("the curve") != nil || !ok {
		return false
	}
	d.line(indent, "Public-Key: (%d bit)", bits)
	d.line(indent, "pub:")
	d.octets(indent+4, 15, k.bits)
	d.line(indent, "ASN1 OID: %s", name)
	if nist != "" {
		d.line(indent, "NIST CURVE: %s", nist)
	}
	return true
}

func (d *dump) dsaKey(indent int, k *PublicKey) bool {
	content := newDER(k.bits)
	public := bigInt(content.integer("DSA key"))
	parameters := newDER(k.algorithm.Parameters)
	domain := parameters.sequence("DSA parameters")
	var numbers [3]*big.Int
	for i := range numbers {
		numbers[i] = bigInt(domain.integer("DSA parameters"))
	}
	domain.end("the DSA parameters")
	if content.end("the DSA key") != nil || parameters.end("the DSA parameters") != nil || numbers[0].Sign() <= 0 {
		return false
	}
	d.line(indent, "Public-Key: (%d bit)", numbers[0].BitLen())
	d.number(indent, "pub: ", public)
	for i, label := range []string{"P:   ", "Q:   ", "G:   "} {
		d.number(indent, label, numbers[i])
	}
	return true
}

// pssSignature writes the parameters behind a signature's algorithm.
func (d *dump) pssSignature(raw []byte) {
	p, err := readPSS(raw)
	if err != nil {
		d.line(8, "(INVALID PSS PARAMETERS)")
		return
	}
	d.line(8, "")
	note := func(i int) string {
		if p.given[i] {
			return ""
		}
		return " (default)"
	}
	d.line(8, "Hash Algorithm: %s%s", p.hash.dumpName(), note(0))
	d.line(8, "Mask Algorithm: %s with %s%s", oidMGF1.dumpName(), p.maskHash.dumpName(), note(1))
	d.line(9, "Salt Length: 0x%s%s", upperHex(big.NewInt(int64(p.salt))), note(2))
	d.line(8, "Trailer Field: 0x%s%s", upperHex(big.NewInt(int64(p.trailer))), note(3))
}

// pssRestrictions writes the parameters that a key is bound to.
func (d *dump) pssRestrictions(indent int, raw []byte) {
	if raw == nil {
		d.line(indent, "No PSS parameter restrictions")
		return
	}
	p, _ := readPSS(raw)
	note := func(is bool) string {
		if is {
			return " (default)"
		}
		return ""
	}
	digest := func(id OID) string {
		if id == oidSHA1 {
			return "SHA1"
		}
		return "SHA2-" + strings.TrimPrefix(id.short(), "SHA")
	}
	d.line(indent, "PSS parameter restrictions:")
	d.line(indent+2, "Hash Algorithm: %s%s", digest(p.hash), note(p.hash == oidSHA1))
	d.line(indent+2, "Mask Algorithm: MGF1 with %s%s", digest(p.maskHash), note(p.maskHash == oidSHA1))
	d.line(indent+2, "Minimum Salt Length: %d%s", p.salt, note(p.salt == 20))
	d.line(indent+2, "Trailer Field: 0x%x%s", p.trailer, note(p.trailer == 1))
}
