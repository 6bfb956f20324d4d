package pkcs7

import (
	"bytes"
	"encoding/pem"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// NewBundle returns a bundle of certificates and revocation lists (in DER) as
// PKCS#7 has it: signed data that nobody has signed (RFC 5652, section 5.1). It is
// DER, so that both are sets, in the order of their bytes (X.690, section 11.6):
// whose leaf is whose is for the reader to find out. In another order strict
// readers refuse them.
func NewBundle(certs []*pki.Certificate, crls ...[]byte) ([]byte, error) {
	if len(certs)+len(crls) == 0 {
		return nil, fault.New(pki.NoCertificate, "there is no certificate to put into the bundle").
			WithHint("name a file with a certificate")
	}
	var raw [][]byte
	for _, cert := range certs {
		raw = append(raw, cert.Raw())
	}
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, oidSignedData)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(asn1.SET, func(*cryptobyte.Builder) {}) // digests
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addOID(b, oidData) })
				addSet(b, explicit(0), raw)
				addSet(b, explicit(1), crls)
				b.AddASN1(asn1.SET, func(*cryptobyte.Builder) {}) // signers
			})
		})
	})
	return b.Bytes()
}

// addSet adds the elements in the order of DER, or nothing if there are none.
func addSet(b *cryptobyte.Builder, tag asn1.Tag, elements [][]byte) {
	if len(elements) == 0 {
		return
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, element := range slices.SortedFunc(slices.Values(elements), bytes.Compare) {
			b.AddBytes(element)
		}
	})
}

func addOID(b *cryptobyte.Builder, id pki.OID) {
	b.AddASN1(asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes([]byte(id)) })
}

// PEM returns a message in PEM.
func PEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der})
}
