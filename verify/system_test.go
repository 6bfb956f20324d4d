package verify

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
)

// TestSystemAnchors: what the system's list has is not held against the form that
// RFC 5280 wants of authorities; an anchor that the caller names is.
func TestSystemAnchors(t *testing.T) {
	now := time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Old Root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		SubjectKeyId: []byte("root"), KeyUsage: x509.KeyUsageCertSign, ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 19}, Value: []byte{0x30, 3, 1, 1, 0xff}}}} // basic constraints, not critical
	root := testpki.Must(testpki.Forge(template, nil))
	leaf := testpki.Must(testpki.Forge(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"a.example"}, Subject: pkix.Name{CommonName: "a.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}, root))
	pool := x509.NewCertPool()
	pool.AddCert(testpki.Must(root.Leaf().X509()))
	opts := Options{Name: Host("a.example"), Now: now}
	opts.Roots = systemRoots(pool)
	if _, err := Verify(leaf.Chain[:1], opts); err != nil {
		t.Errorf("by the system's anchor: %v", err)
	}
	asked := opts
	asked.Name, asked.Profile = Any("it has none"), Path
	if proof, err := Verify(root.Chain, asked); err != nil || len(proof.Path()) != 1 {
		t.Errorf("the system's anchor itself: %v", err)
	}
	// What a certificate below is refused for is ours to say, not crypto/x509's.
	strange := testpki.Must(testpki.Forge(&x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"a.example"}, Subject: pkix.Name{CommonName: "a.example"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtraExtensions: []pkix.Extension{{Id: []int{1, 3, 6, 1, 4, 1, 99999, 7}, Critical: true, Value: []byte{5, 0}}}}, root))
	if _, err := Verify(strange.Chain[:1], opts); !errors.Is(err, CriticalUnknown) {
		t.Errorf("a critical extension by the system's anchor: %v", err)
	}
	opts.Roots = testpki.Must(NewRoots("old.pem", root.Leaf()))
	if _, err := Verify(leaf.Chain[:1], opts); !errors.Is(err, ExtensionCriticality) {
		t.Errorf("by an anchor that was named: %v", err)
	}
}
