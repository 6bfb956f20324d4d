package tamper

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// Names in the certificates of the two ends, by side.
const (
	serverName = "server.tamper"
	clientName = "client.tamper"
)

var names = [2]string{client: clientName, server: serverName}

// fixture is what all stacks prove themselves with and believe.
type fixture struct {
	keys   pki.KeyKind
	root   credential
	roots  verify.Roots
	pool   *x509.CertPool
	client credential
	server credential
}

// credential is a certificate chain and its key.
type credential struct{ *pki.Credential }

// shown returns it as crypto/tls wants it.
func (c credential) shown() (shown tls.Certificate) {
	for _, cert := range c.Chain {
		shown.Certificate = append(shown.Certificate, cert.Raw())
	}
	shown.PrivateKey = c.Key
	return shown
}

// newFixture makes it with keys of a kind.
func newFixture(keys pki.KeyKind) (*fixture, error) {
	m := maker{keys: keys}
	f := &fixture{keys: keys, pool: x509.NewCertPool()}
	f.root = m.authority(credential{}, "Tamper Root")
	f.client = m.issue(f.root, endpoint(client))
	f.server = m.issue(f.root, endpoint(server))
	if m.err != nil {
		return nil, m.err
	}
	anchor, err := f.root.Leaf().X509()
	if err != nil {
		return nil, err
	}
	f.pool.AddCert(anchor)
	f.roots, err = verify.NewRoots("tamper", f.root.Leaf())
	return f, err
}

// endpoint is the certificate of an honest end, which its name and purpose make
// one. A server that the user's program meets is found at an address.
func endpoint(at side) x509.Certificate {
	if at == client {
		return x509.Certificate{DNSNames: []string{clientName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	}
	return x509.Certificate{DNSNames: []string{serverName, "localhost"}, IPAddresses: []net.IP{{127, 0, 0, 1}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
}

// maker makes certificates. After an error it makes no more.
type maker struct {
	keys   pki.KeyKind
	serial int64
	err    error
}

// authority makes one that the issuer vouches for, or itself where there is none.
func (m *maker) authority(issuer credential, name string) credential {
	return m.issue(issuer, x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign})
}

// issue completes the template and has it signed by the issuer, or by itself
// where there is none. An offset must mean the same byte in every try and every
// run, so everything can have a fixed length: signatures with Ed25519 keys, unlike
// those with ECDSA's, and serial numbers that are not random, unlike those of
// package pki.
func (m *maker) issue(issuer credential, template x509.Certificate) credential {
	if m.err != nil {
		return credential{}
	}
	var made *pki.Credential
	made, m.err = m.try(issuer, template)
	return credential{made}
}

func (m *maker) try(issuer credential, template x509.Certificate) (*pki.Credential, error) {
	key, err := pki.GenerateKey(m.keys)
	if err != nil {
		return nil, err
	}
	m.serial++
	template.SerialNumber = big.NewInt(m.serial)
	template.BasicConstraintsValid = true
	template.KeyUsage |= x509.KeyUsageDigitalSignature
	if template.NotBefore.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}
	parent, signer := &template, key
	var above []*pki.Certificate
	if issuer.Credential != nil {
		if parent, err = issuer.Leaf().X509(); err != nil {
			return nil, err
		}
		signer, above = issuer.Key, issuer.ChainBelowRoot()
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	cert, err := pki.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return pki.NewCredential(append([]*pki.Certificate{cert}, above...), key)
}
