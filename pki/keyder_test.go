package pki_test

import (
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// element encodes one element around its parts.
func element(tag asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		for _, part := range parts {
			b.AddBytes(part)
		}
	})
	return b.BytesOrPanic()
}

func sequence(parts ...[]byte) []byte { return element(asn1.SEQUENCE, parts...) }
func octets(data []byte) []byte       { return element(asn1.OCTET_STRING, data) }
func bitString(data []byte) []byte    { return element(asn1.BIT_STRING, []byte{0}, data) }
func explicit(n uint8, part []byte) []byte {
	return element(asn1.Tag(n).ContextSpecific().Constructed(), part)
}

func objectID(dotted string) []byte {
	return element(asn1.OBJECT_IDENTIFIER, []byte(testpki.Must(pki.ParseOID(dotted))))
}

func number(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

// wantRefused reads a key that is described, but not used.
func wantRefused(t *testing.T, data []byte) error {
	t.Helper()
	key, err := pki.ParsePrivateKey(data, unasked(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = key.Signer()
	return err
}
