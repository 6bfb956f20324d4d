package testpki

import (
	"math/big"
	"math/bits"

	"github.com/signet-tls/signet/pki"
)

// The values of extensions (RFC 5280, section 4.2.1), which may be nonsense.

// basicConstraints has no path length if that is negative.
func basicConstraints(ca bool, pathLen int) []byte {
	var parts [][]byte
	if ca {
		parts = append(parts, der(boolean, []byte{0xff}))
	}
	if pathLen >= 0 {
		parts = append(parts, number(pathLen))
	}
	return der(sequence, parts...)
}

func number(n int) []byte { return integer(big.NewInt(int64(n))) }

// keyUsage has the nine bits in the order of the RFC, the first as the lowest.
func keyUsage(usage pki.KeyUsage) []byte {
	var octets [2]byte
	for i := range 9 {
		if usage>>i&1 == 1 {
			octets[i/8] |= 0x80 >> (i % 8)
		}
	}
	last := 0
	if octets[1] != 0 {
		last = 1
	}
	return der(bitString, []byte{byte(bits.TrailingZeros8(octets[last]) % 8)}, octets[:last+1])
}

func oids(ids ...pki.OID) []byte {
	var parts [][]byte
	for _, id := range ids {
		parts = append(parts, der(objectID, []byte(id)))
	}
	return der(sequence, parts...)
}

// name is a GeneralName: its tag is its form's, a directory's in a wrapping of
// its own.
func name(kind pki.NameKind, raw string) []byte {
	if kind == pki.DirectoryName {
		return der(0xa0|byte(kind), []byte(raw))
	}
	return der(0x80|byte(kind), []byte(raw))
}

func names(list ...[]byte) []byte { return der(sequence, list...) }

// nameConstraints leaves out what is nil.
func nameConstraints(permitted, excluded [][]byte) []byte {
	var parts [][]byte
	for i, bases := range [][][]byte{permitted, excluded} {
		var trees [][]byte
		for _, base := range bases {
			trees = append(trees, der(sequence, base))
		}
		if trees != nil {
			parts = append(parts, der(0xa0|byte(i), trees...))
		}
	}
	return der(sequence, parts...)
}

func policies(ids ...pki.OID) []byte {
	var parts [][]byte
	for _, id := range ids {
		parts = append(parts, oids(id))
	}
	return der(sequence, parts...)
}

// policyMapping calls the first policy the second below.
func policyMapping(issuers, subjects pki.OID) []byte {
	return der(sequence, oids(issuers, subjects))
}

// policyConstraints leaves out what is negative.
func policyConstraints(requireExplicit, inhibitMapping int) []byte {
	var parts [][]byte
	for i, count := range []int{requireExplicit, inhibitMapping} {
		if count >= 0 {
			parts = append(parts, der(0x80|byte(i), []byte{byte(count)}))
		}
	}
	return der(sequence, parts...)
}

func authorityKeyID(id []byte) []byte { return der(sequence, der(0x80, id)) }

// access says where something about the authority or subject is.
func access(method pki.OID, url string) []byte {
	return der(sequence, der(sequence, der(objectID, []byte(method)), name(pki.URIName, url)))
}

// listPoint says where a revocation list is.
func listPoint(url string) []byte {
	return der(sequence, der(sequence, der(0xa0, der(0xa0, name(pki.URIName, url)))))
}

// commonName is a name of one attribute.
func commonName(text string) pki.Name {
	return pki.NewName(Must(pki.NewAttribute(pki.OIDCommonName, text)))
}
