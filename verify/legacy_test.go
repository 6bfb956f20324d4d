package verify_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// wantPermitted holds that a chain is refused, unless the caller has a permission.
func wantPermitted(t *testing.T, chain []*pki.Certificate, opts verify.Options, code fault.Code, permission dangerous.Legacy) {
	t.Helper()
	wantVerdict(t, chain, opts, code)
	opts.Legacy = []dangerous.Legacy{permission}
	wantVerdict(t, chain, opts, "")
}

// contents are those of a certificate that is to be changed where crypto/x509 has no
// field for it.
type contents struct {
	Version                                           int `asn1:"optional,explicit,default:0,tag:0"`
	Serial, Algorithm, Issuer, Validity, Subject, Key asn1.RawValue
	Extensions                                        asn1.RawValue `asn1:"optional,tag:3"`
}

// rewritten is a certificate with other contents, signed by an ECDSA key.
func rewritten(cert *pki.Certificate, issuer *pki.Credential, change func(*contents)) *pki.Certificate {
	var c contents
	if _, err := asn1.Unmarshal(cert.RawTBS(), &c); err != nil {
		panic(err)
	}
	change(&c)
	tbs := testpki.Must(asn1.Marshal(c))
	digest := sha256.Sum256(tbs)
	signature := testpki.Must(issuer.Key.Sign(rand.Reader, digest[:], crypto.SHA256))
	der := testpki.Must(asn1.Marshal(struct {
		Contents, Algorithm asn1.RawValue
		Signature           asn1.BitString
	}{asn1.RawValue{FullBytes: tbs}, c.Algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))
	return testpki.Must(pki.ParseCertificate(der))
}

// versionOne is a certificate as it was before there were extensions.
func versionOne(of, issuer *pki.Credential) *pki.Certificate {
	return rewritten(of.Leaf(), issuer, func(c *contents) { c.Version, c.Extensions = 0, asn1.RawValue{} })
}

// TestVersionOneRoots: an anchor that cannot say that it is an authority needs the
// permission; whom it signed does not.
func TestVersionOneRoots(t *testing.T) {
	root := forge(authority("Old Root"), nil)
	old := versionOne(root, root)
	for _, profile := range []verify.Profile{verify.Path, verify.RFC5280, verify.WebPKI} {
		opts := verify.Options{Roots: roots(old), Name: verify.Host(testpki.Host), Now: now, Profile: profile}
		wantPermitted(t, forge(leaf(), forge(authority("Inter"), root)).Chain, opts, verify.VersionOld, dangerous.V1Roots())
	}
	inter := forge(authority("Inter"), root)
	opts := verify.Options{Roots: roots(old), Name: verify.Host(testpki.Host), Now: now, Profile: verify.Path, Legacy: []dangerous.Legacy{dangerous.V1Roots()}}
	wantVerdict(t, []*pki.Certificate{forge(leaf(), inter).Leaf(), versionOne(inter, root)}, opts, verify.IssuerNotAuthority)
	server := forge(leaf(), root)
	wantVerdict(t, []*pki.Certificate{versionOne(server, root)}, opts, verify.VersionOld)
	_, err := verify.NewRoots("server.crt", versionOne(server, root))
	wantFault(t, err, verify.RootsIsLeaf, "server.crt is the peer's own certificate")
}

// TestLargeExponents: an RSA key whose exponent is above 65537 needs the permission
// for keys that cost much.
func TestLargeExponents(t *testing.T) {
	root := forge(authority("Root"), nil)
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now}
	key := testpki.Must(rsa.GenerateKey(rand.Reader, 2048)).PublicKey
	for exponent, code := range map[int]fault.Code{3: "", 65537: "", 65539: verify.KeyTooLarge, 1<<31 - 1: verify.KeyTooLarge} {
		template := with(leaf(), func(c *x509.Certificate) { c.SerialNumber = big.NewInt(2) })
		der := testpki.Must(x509.CreateCertificate(rand.Reader, template, testpki.Must(root.Leaf().X509()), &rsa.PublicKey{N: key.N, E: exponent}, root.Key))
		chain := []*pki.Certificate{testpki.Must(pki.ParseCertificate(der))}
		if code == "" {
			wantVerdict(t, chain, opts, "")
		} else {
			wantPermitted(t, chain, opts, code, dangerous.HugeKeys())
		}
	}
}
