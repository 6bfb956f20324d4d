package pki_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// facts are what a certificate says, to be compared.
type facts struct {
	Version           int
	Serial            string
	Issuer, Subject   string
	From, Until       time.Time
	Key, Algorithm    string
	Parameters        string
	TBS, Signature    string
	Extensions        []pki.Extension
	Malformed         bool
	Title, IssuerName string
}

func factsOf(c *pki.Certificate) facts {
	return facts{c.Version(), c.Serial(), string(c.Issuer().DER()), string(c.Subject().DER()), c.NotBefore(), c.NotAfter(),
		string(c.PublicKey().Raw()), c.SignatureAlgorithm().ID.String(), string(c.SignatureAlgorithm().Parameters), string(c.RawTBS()), string(c.Signature()),
		c.Extensions(), c.Malformed() != nil, c.Title(), c.IssuerTitle()}
}

func wantSame(t *testing.T, have, want *pki.Certificate) {
	t.Helper()
	if diff := cmp.Diff(factsOf(want), factsOf(have)); diff != "" {
		t.Errorf("-want +have:\n%s", diff)
	}
}

// signers makes one key of each kind that signs.
func signers(t *testing.T) map[string]crypto.Signer {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	return map[string]crypto.Signer{
		"RSA":     sharedRSA(2048),
		"P-224":   testpki.Must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)),
		"P-256":   testpki.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"P-384":   testpki.Must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"P-521":   testpki.Must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		"Ed25519": ed,
	}
}

// TestAgainstX509 holds what we read against what crypto/x509 reads.
func TestAgainstX509(t *testing.T) {
	for name, key := range signers(t) {
		for _, algorithm := range algorithms[name] {
			t.Run(name+"/"+algorithm.String(), func(t *testing.T) {
				template := &x509.Certificate{
					SerialNumber: big.NewInt(0x80), Subject: pkix.Name{Country: []string{"KR"}, CommonName: "서명"},
					NotBefore: time.Date(1949, 12, 31, 23, 59, 59, 0, time.UTC), NotAfter: time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC),
					SignatureAlgorithm: algorithm, DNSNames: []string{"a.example"}, KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
				}
				x := testpki.Must(x509.ParseCertificate(testpki.Must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))))
				c := testpki.Must(pki.ParseCertificate(x.Raw))
				if c.Version() != 3 || c.Serial() != "80" || c.SerialNumber().Cmp(x.SerialNumber) != 0 || !bytes.Equal(c.Raw(), x.Raw) || c.Title() != "서명" ||
					!c.NotBefore().Equal(x.NotBefore) || !c.NotAfter().Equal(x.NotAfter) || !bytes.Equal(c.RawTBS(), x.RawTBSCertificate) || !bytes.Equal(c.Signature(), x.Signature) ||
					!bytes.Equal(c.PublicKey().Raw(), x.RawSubjectPublicKeyInfo) {
					t.Errorf("have %+v", factsOf(c))
				}
				wantSame(t, pki.Adopt(x), c)
				if adopted, err := pki.Adopt(x).X509(); adopted != x || err != nil {
					t.Errorf("an adopted certificate was parsed again: %v", err)
				}
				public := testpki.Must(c.PublicKey().Key()).(interface{ Equal(crypto.PublicKey) bool })
				if !public.Equal(key.Public()) {
					t.Error("the public key is another one")
				}
				if err := c.CheckSignatureBy(c.PublicKey()); err != nil {
					t.Errorf("its own signature: %v", err)
				}
				wantForgedRefused(t, c)
			})
		}
	}
}

var algorithms = map[string][]x509.SignatureAlgorithm{
	"RSA":     {x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS},
	"P-224":   {x509.ECDSAWithSHA256},
	"P-256":   {x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512},
	"P-384":   {x509.ECDSAWithSHA384},
	"P-521":   {x509.ECDSAWithSHA512},
	"Ed25519": {x509.PureEd25519},
}

// wantForgedRefused flips each of some bits of contents and signature.
func wantForgedRefused(t *testing.T, c *pki.Certificate) {
	t.Helper()
	for _, at := range []int{0, len(c.Signature()) / 2, len(c.Signature()) - 1} {
		forged := bytes.Clone(c.Signature())
		forged[at] ^= 1
		if err := c.PublicKey().Verify(c.SignatureAlgorithm(), c.RawTBS(), forged); !errors.Is(err, pki.SignatureWrong) {
			t.Errorf("a signature with a flipped bit in byte %d: %v", at, err)
		}
	}
	message := append(bytes.Clone(c.RawTBS()), 0)
	if err := c.PublicKey().Verify(c.SignatureAlgorithm(), message, c.Signature()); !errors.Is(err, pki.SignatureWrong) {
		t.Errorf("the signature of another message: %v", err)
	}
}

func TestWeakSignatures(t *testing.T) {
	key := testpki.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: now.Add(time.Hour), SignatureAlgorithm: x509.ECDSAWithSHA1}
	// crypto/x509 makes none any more: the digest is signed here, and its name put in.
	template.SignatureAlgorithm = x509.ECDSAWithSHA256
	der := testpki.Must(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	der = bytes.ReplaceAll(der, oid(1, 2, 840, 10045, 4, 3, 2), oid(1, 2, 840, 10045, 4, 3, 4))
	c := testpki.Must(pki.ParseCertificate(der))
	if err := c.CheckSignatureBy(c.PublicKey()); !errors.Is(err, pki.SignatureWrong) {
		t.Errorf("by another digest: %v", err)
	}
	digest := crypto.SHA1.New()
	digest.Write([]byte("message"))
	signature := testpki.Must(ecdsa.SignASN1(rand.Reader, key, digest.Sum(nil)))
	weak := pki.Algorithm{ID: testpki.Must(pki.ParseOID("1.2.840.10045.4.1"))}
	if err := c.PublicKey().Verify(weak, []byte("message"), signature); !errors.Is(err, pki.SignatureWeak) {
		t.Errorf("right, but by SHA-1: %v", err)
	}
	if err := c.PublicKey().Verify(weak, []byte("massage"), signature); !errors.Is(err, pki.SignatureWrong) {
		t.Errorf("wrong, and by SHA-1: %v", err)
	}
	unknown := pki.Algorithm{ID: testpki.Must(pki.ParseOID("1.2.3.4"))}
	if err := c.PublicKey().Verify(unknown, []byte("message"), signature); !errors.Is(err, pki.SignatureUnsupported) {
		t.Errorf("by an unknown algorithm: %v", err)
	}
	rsaKey := pki.Algorithm{ID: testpki.Must(pki.ParseOID("1.2.840.113549.1.1.11"))}
	if err := c.PublicKey().Verify(rsaKey, []byte("message"), signature); !errors.Is(err, pki.SignatureWrong) {
		t.Errorf("by an algorithm of other keys: %v", err)
	}
}

// oid returns an object identifier's contents.
func oid(arcs ...int) []byte {
	return testpki.Must(asn1.Marshal(asn1.ObjectIdentifier(arcs)))[2:]
}

// TestTwoAlgorithms: what the contents say and what stands beside the signature
// must be the same (RFC 5280, section 4.1.1.2).
func TestTwoAlgorithms(t *testing.T) {
	root := testpki.Must(testpki.New(now)).Root.Leaf()
	der := bytes.Clone(root.Raw())
	at := bytes.LastIndex(der, oid(1, 2, 840, 10045, 4, 3, 2))
	copy(der[at:], oid(1, 2, 840, 10045, 4, 3, 3))
	c := testpki.Must(pki.ParseCertificate(der))
	wantFault(t, c.CheckSignatureBy(c.PublicKey()), pki.SignatureWrong, "two algorithms")
	_, err := c.X509()
	wantFault(t, err, pki.CertUnsupported, "inner and outer signature algorithm")
	if _, again := c.X509(); again != err {
		t.Errorf("asked again, it says %v", again)
	}
}

// TestCutAnywhere cuts a certificate behind every byte, and lets every byte be
// another: it is refused or read, and each refusal says where.
func TestCutAnywhere(t *testing.T) {
	whole := testpki.Must(testpki.New(now)).Root.Leaf().Raw()
	for length := range whole {
		if _, err := pki.ParseCertificate(whole[:length]); !errors.Is(err, pki.CertUnreadable) {
			t.Errorf("cut at %d: %v", length, err)
		}
	}
	for at := range whole {
		for _, bit := range []byte{0x01, 0x20, 0x80} {
			der := bytes.Clone(whole)
			der[at] ^= bit
			c, err := pki.ParseCertificate(der)
			if err != nil {
				wantFault(t, err, pki.CertUnreadable, "at byte ")
				continue
			}
			if err := c.CheckSignatureBy(c.PublicKey()); err == nil {
				t.Errorf("byte %d is another, and the signature is right", at)
			}
		}
	}
}
