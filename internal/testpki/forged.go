package testpki

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// forged returns the kinds of broken credential that no authority of ours would
// sign.
func (p *PKI) forged(profile pki.Profile) ([]Case, error) {
	f := forger{PKI: p, profile: profile}
	kinds := []struct {
		name, wrong string
		code        fault.Code
		depth       int
		make        func() *pki.Credential
	}{
		{"self signed", "the certificate is signed by its own key", "self_signed", 0,
			func() *pki.Credential { return f.sign(f.leaf(), nil) }},
		{"altered", "one bit of the certificate's signature was changed", "signature_invalid", 0,
			func() *pki.Credential { return f.altered(f.sign(f.leaf(), p.Intermediate)) }},
		{"issuer no authority", "the certificate was signed with a server's certificate", "issuer_not_authority", 1,
			func() *pki.Credential { return f.sign(f.leaf(), f.sign(f.leaf(), p.Intermediate)) }},
		{"expired intermediate", "the intermediate certificate ended ten days ago", "cert_expired", 1,
			func() *pki.Credential {
				old := f.authority()
				old.NotAfter = p.Now.AddDate(0, 0, -10)
				return f.sign(f.leaf(), f.sign(old, p.Root))
			}},
		{"path too long", "an authority that may sign leaves only signed another authority", "path_too_long", 2,
			func() *pki.Credential { return f.sign(f.leaf(), f.sign(f.authority(), p.Intermediate)) }},
		{"name constraint", "the intermediate may sign for other names only", "name_not_permitted", 1,
			func() *pki.Credential {
				narrow := f.authority()
				narrow.PermittedDNSDomains, narrow.PermittedDNSDomainsCritical = []string{"other.example"}, true
				return f.sign(f.leaf(), f.sign(narrow, p.Root))
			}},
		{"critical extension", "the certificate has a critical extension that nobody knows", "critical_extension_unknown", 0,
			func() *pki.Credential {
				odd := f.leaf()
				odd.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 7}, Critical: true, Value: []byte{5, 0}}}
				return f.sign(odd, p.Intermediate)
			}},
		{"forgeable signature", "the certificate is signed with SHA-1", "signature_forgeable", 0,
			func() *pki.Credential {
				old := f.leaf()
				old.SignatureAlgorithm = x509.ECDSAWithSHA1
				return f.sign(old, p.Intermediate)
			}},
		{"weak key", "the certificate is for an RSA key of 1,024 bits", "key_weak", 0,
			func() *pki.Credential { return f.signFor(f.leaf(), p.Intermediate, f.weakKey()) }},
	}
	var cases []Case
	for _, kind := range kinds {
		credential := kind.make()
		if f.err != nil {
			return nil, f.err
		}
		cases = append(cases, Case{Name: kind.name, Wrong: kind.wrong, Code: kind.code, Depth: kind.depth, Credential: credential, Roots: p.Roots(), Question: Question{Host: Host}})
	}
	return cases, nil
}

// forger makes certificates that break a rule, and keeps the first error.
type forger struct {
	*PKI
	profile pki.Profile
	err     error
}

// leaf is the template of a good certificate for Host.
func (f *forger) leaf() *x509.Certificate {
	usage := x509.ExtKeyUsageServerAuth
	if f.profile == pki.Client {
		usage = x509.ExtKeyUsageClientAuth
	}
	return &x509.Certificate{NotBefore: f.Now.Add(-time.Hour), NotAfter: f.Now.AddDate(0, 1, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{usage}, BasicConstraintsValid: true, DNSNames: []string{Host}, IPAddresses: []net.IP{net.ParseIP(Address)}}
}

// authority is the template of a good intermediate.
func (f *forger) authority() *x509.Certificate {
	return &x509.Certificate{Subject: pkix.Name{CommonName: "Forged Intermediate"}, NotBefore: f.Now.AddDate(0, -6, 0), NotAfter: f.Now.AddDate(0, 6, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLen: -1}
}

// sign makes the certificate and its key. The chain goes up to the issuer that
// has the root above it.
func (f *forger) sign(template *x509.Certificate, issuer *pki.Credential) *pki.Credential {
	key, err := pki.NewKey()
	f.keep(err)
	return f.signFor(template, issuer, key)
}

func (f *forger) signFor(template *x509.Certificate, issuer *pki.Credential, key crypto.Signer) *pki.Credential {
	if f.err != nil {
		return nil
	}
	made, err := forge(template, issuer, key)
	if f.keep(err); err != nil {
		return nil
	}
	if last := len(made.Chain) - 1; last > 0 && made.Chain[last].Equal(f.Root.Leaf()) {
		made.Chain = made.Chain[:last]
	}
	return made
}

// altered changes the last bit of the leaf.
func (f *forger) altered(good *pki.Credential) *pki.Credential {
	if f.err != nil {
		return nil
	}
	der := bytes.Clone(good.Leaf().Raw())
	der[len(der)-1] ^= 1
	cert, err := pki.ParseCertificate(der)
	f.keep(err)
	return &pki.Credential{Chain: append([]*pki.Certificate{cert}, good.Chain[1:]...), Key: good.Key}
}

func (f *forger) weakKey() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	f.keep(err)
	return key
}

func (f *forger) keep(err error) {
	if f.err == nil {
		f.err = err
	}
}
