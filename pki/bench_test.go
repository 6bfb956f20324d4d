package pki_test

import (
	"crypto/x509"
	"testing"

	"github.com/signet-tls/signet/pki"
)

// BenchmarkParse parses the certificates of PKITS, next to crypto/x509, which
// always reads the key and the extensions.
func BenchmarkParse(b *testing.B) {
	var ders [][]byte
	size := 0
	for _, v := range wantPKITS(b) {
		if _, err := x509.ParseCertificate(v.data); err == nil { // so that both do the same work
			ders = append(ders, v.data)
			size += len(v.data)
		}
	}
	parse := func(der []byte) *pki.Certificate {
		cert, err := pki.ParseCertificate(der)
		if err != nil {
			b.Fatal(err)
		}
		return cert
	}
	for _, way := range []struct {
		name string
		do   func(der []byte)
	}{
		{"x509", func(der []byte) {
			if _, err := x509.ParseCertificate(der); err != nil {
				b.Fatal(err)
			}
		}},
		{"pki", func(der []byte) { parse(der) }},
		{"pki+key", func(der []byte) { parse(der).PublicKey().Key() }},
		{"pki+key+extensions", func(der []byte) {
			cert := parse(der)
			cert.PublicKey().Key()
			cert.Malformed()
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, der := range ders {
					way.do(der)
				}
			}
		})
	}
}
