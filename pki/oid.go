package pki

import (
	"encoding/asn1"
	"math/big"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
)

// OID is an object identifier, as its contents in DER: two are equal if they
// are equal as strings. String has its dotted form.
type OID string

// maxOID is the longest object identifier that is read, in bytes; the longest
// in use have about 30.
const maxOID = 128

// ParseOID reads the dotted form, such as 2.5.29.17.
func ParseOID(text string) (OID, error) {
	var arcs []*big.Int
	for part := range strings.SplitSeq(text, ".") {
		if part == "" || len(part) > maxOID || strings.Trim(part, "0123456789") != "" || len(part) > 1 && part[0] == '0' {
			return "", badOID(text)
		}
		arc, _ := new(big.Int).SetString(part, 10)
		arcs = append(arcs, arc)
	}
	if len(arcs) < 2 || arcs[0].Cmp(big.NewInt(2)) > 0 || arcs[0].Cmp(big.NewInt(2)) < 0 && arcs[1].Cmp(big.NewInt(39)) > 0 {
		return "", badOID(text)
	}
	arcs[1].Add(arcs[1], new(big.Int).Mul(arcs[0], big.NewInt(40)))
	var content []byte
	for _, arc := range arcs[1:] {
		content = appendArc(content, arc)
	}
	if len(content) > maxOID {
		return "", badOID(text)
	}
	return OID(content), nil
}

func badOID(text string) error {
	return fault.New(OIDInvalid, "%q is not an object identifier", fault.Printable(text, 64)).
		WithHint("write it as numbers with dots, such as 1.3.6.1.5.5.7.3.1")
}

// oidOf returns the OID that encoding/asn1 has split into its arcs.
func oidOf(id asn1.ObjectIdentifier) OID {
	content := make([]byte, 0, 16)
	for i, arc := range id[1:] {
		if i == 0 {
			arc += 40 * id[0]
		}
		at := len(content)
		for content = append(content, byte(arc&0x7f)); arc >= 0x80; {
			arc >>= 7
			content = slices.Insert(content, at, byte(arc&0x7f|0x80))
		}
	}
	return intern(content)
}

// appendArc appends one arc in base 128, high digits first (X.690, section 8.19).
func appendArc(content []byte, arc *big.Int) []byte {
	digits := max(1, (arc.BitLen()+6)/7)
	for i := digits - 1; i >= 0; i-- {
		digit := byte(new(big.Int).Rsh(arc, uint(7*i)).Uint64() & 0x7f)
		if i > 0 {
			digit |= 0x80
		}
		content = append(content, digit)
	}
	return content
}

// isOID reports whether content is that of an object identifier: every arc in
// the fewest bytes, and none cut short.
func isOID(content []byte) bool {
	if len(content) == 0 || len(content) > maxOID || content[len(content)-1] >= 0x80 {
		return false
	}
	begins := true
	for _, octet := range content {
		if begins && octet == 0x80 {
			return false
		}
		begins = octet < 0x80
	}
	return true
}

// String returns the dotted form.
func (o OID) String() string {
	var out strings.Builder
	arc, first := new(big.Int), true
	for _, octet := range []byte(o) {
		arc.Lsh(arc, 7).Or(arc, big.NewInt(int64(octet&0x7f)))
		if octet >= 0x80 {
			continue
		}
		if first {
			top := int64(2)
			if arc.Cmp(big.NewInt(80)) < 0 {
				top = arc.Int64() / 40
			}
			out.WriteString(big.NewInt(top).String())
			arc.Sub(arc, big.NewInt(40*top))
			first = false
		}
		out.WriteString("." + arc.String())
		arc.SetInt64(0)
	}
	return out.String()
}

// intern returns the OID with these contents without a copy if it is one that
// has a name.
func intern(content []byte) OID {
	if known, ok := oidNames[OID(content)]; ok {
		return known.oid
	}
	return OID(content)
}
