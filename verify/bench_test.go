package verify_test

import (
	"crypto/x509"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// BenchmarkCold parses a chain of three certificates and verifies it, by us and
// by crypto/x509.
func BenchmarkCold(b *testing.B) {
	fixture := testpki.Must(testpki.New(now))
	server := testpki.Must(fixture.Server(testpki.Host))
	leaf, intermediate, root := server.Chain[0].Raw(), server.Chain[1].Raw(), fixture.Root.Leaf().Raw()
	b.Run("signet", func(b *testing.B) {
		for b.Loop() {
			roots := testpki.Must(verify.NewRoots("ca.pem", testpki.Must(pki.ParseCertificate(root))))
			chain := []*pki.Certificate{testpki.Must(pki.ParseCertificate(leaf)), testpki.Must(pki.ParseCertificate(intermediate))}
			testpki.Must(verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Host(testpki.Host), Now: now}))
		}
	})
	b.Run("x509", func(b *testing.B) {
		for b.Loop() {
			roots, others := x509.NewCertPool(), x509.NewCertPool()
			roots.AddCert(testpki.Must(x509.ParseCertificate(root)))
			others.AddCert(testpki.Must(x509.ParseCertificate(intermediate)))
			testpki.Must(testpki.Must(x509.ParseCertificate(leaf)).Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: testpki.Host, CurrentTime: now}))
		}
	})
}
