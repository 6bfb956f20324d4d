package verify_test

import (
	"crypto"
	"crypto/x509"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// rawChain is a chain of three certificates in DER, leaf first, with keys of a
// kind.
func rawChain(kind pki.KeyKind) [3][]byte {
	key := func() crypto.Signer { return testpki.Must(pki.GenerateKey(kind)) }
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "Root", Now: now, Key: key()}))
	intermediate := testpki.Must(root.New(pki.Spec{Profile: pki.Intermediate, Name: "Intermediate", Now: now, Key: key()}))
	leaf := testpki.Must(intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, Now: now, Key: key()}))
	return [3][]byte{leaf.Leaf().Raw(), intermediate.Leaf().Raw(), root.Leaf().Raw()}
}

// BenchmarkVerify parses a chain of three certificates and verifies it: without
// a memory; with an intermediate that came before, under a leaf that did not;
// and again, with nothing new but the time or the roots.
func BenchmarkVerify(b *testing.B) {
	for _, kind := range []pki.KeyKind{pki.P256, pki.RSA(2048)} {
		raw := rawChain(kind)
		parse := func(i int) *pki.Certificate { return testpki.Must(pki.ParseCertificate(raw[i])) }
		opts := func() verify.Options {
			return verify.Options{Roots: roots(parse(2)), Name: verify.Host(testpki.Host), Now: now}
		}
		b.Run(string(kind)+"/x509", func(b *testing.B) {
			for b.Loop() {
				roots, others := x509.NewCertPool(), x509.NewCertPool()
				roots.AddCert(testpki.Must(x509.ParseCertificate(raw[2])))
				others.AddCert(testpki.Must(x509.ParseCertificate(raw[1])))
				testpki.Must(testpki.Must(x509.ParseCertificate(raw[0])).Verify(x509.VerifyOptions{Roots: roots, Intermediates: others, DNSName: testpki.Host, CurrentTime: now}))
			}
		})
		b.Run(string(kind)+"/cold", func(b *testing.B) {
			for b.Loop() {
				testpki.Must(verify.Verify([]*pki.Certificate{parse(0), parse(1)}, opts()))
			}
		})
		b.Run(string(kind)+"/roots changed", func(b *testing.B) {
			var v verify.Verifier
			chain, asked := []*pki.Certificate{parse(0), parse(1)}, opts()
			testpki.Must(v.Verify(chain, asked))
			anchor := parse(2)
			for b.Loop() {
				asked.Roots = roots(anchor)
				testpki.Must(v.Verify(chain, asked))
			}
		})
		b.Run(string(kind)+"/again", func(b *testing.B) {
			var v verify.Verifier
			chain, asked := []*pki.Certificate{parse(0), parse(1)}, opts()
			for b.Loop() {
				asked.Now = asked.Now.Add(1)
				testpki.Must(v.Verify(chain, asked))
			}
		})
	}
}

// BenchmarkAdopt takes over a chain of two certificates from crypto/tls: one that is not
// remembered, and one that is.
func BenchmarkAdopt(b *testing.B) {
	raw := rawChain(pki.P256)
	shown := []*x509.Certificate{testpki.Must(x509.ParseCertificate(raw[0])), testpki.Must(x509.ParseCertificate(raw[1]))}
	opts := verify.Options{Roots: roots(testpki.Must(pki.ParseCertificate(raw[2]))), Name: verify.Host(testpki.Host), Now: now}
	for name, times := range map[string]int{"new": 0, "again": 2} {
		b.Run(name, func(b *testing.B) {
			var v verify.Verifier
			for range times {
				testpki.Must(v.Verify(v.Adopt(shown), opts))
			}
			b.ReportAllocs()
			for b.Loop() {
				v.Adopt(shown)
			}
		})
	}
}
