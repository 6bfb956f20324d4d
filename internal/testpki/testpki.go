// Package testpki makes fixture authorities, good credentials, and chains that
// are broken on purpose. It is for tests and examples. Time is a parameter
// everywhere.
package testpki

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net/netip"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Host is the name of the fixture server, which a client dials.
const Host = "localhost"

// Address is the fixture server's other name.
const Address = "127.0.0.1"

// Must returns v, and panics on an error: for fixtures whose names are
// constants, so that an error is a mistake in the test.
func Must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// PKI is a root, an intermediate below it, and what they sign.
type PKI struct {
	Now          time.Time // when the leaves are issued
	Root         *pki.Credential
	Intermediate *pki.Credential
}

// New makes the authorities "Demo Root" and "Demo Intermediate". They are a year
// old at now, so that what expired lately was signed by them too.
func New(now time.Time) (*PKI, error) { return named("Demo", now) }

func named(name string, now time.Time) (*PKI, error) {
	born := now.AddDate(-1, 0, 0)
	root, err := pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: name + " Root", Now: born})
	if err != nil {
		return nil, err
	}
	intermediate, err := root.New(pki.Spec{Profile: pki.Intermediate, Name: name + " Intermediate", Now: born})
	if err != nil {
		return nil, err
	}
	return &PKI{now, root, intermediate}, nil
}

// Roots returns the anchors, as verify.NewRoots and verify.ForTrustDomain take
// them.
func (p *PKI) Roots() []*pki.Certificate { return p.Root.Chain }

// Server issues a server's credential for DNS names and IP addresses.
func (p *PKI) Server(names ...string) (*pki.Credential, error) {
	return p.leaf(pki.Server, p.Now, names)
}

// Client issues a client's credential for DNS names and IP addresses.
func (p *PKI) Client(names ...string) (*pki.Credential, error) {
	return p.leaf(pki.Client, p.Now, names)
}

// Workload issues a workload's credential for a SPIFFE ID, for either end of a
// connection.
func (p *PKI) Workload(id string) (*pki.Credential, error) {
	parsed, err := spiffeid.Parse(id)
	if err != nil {
		return nil, err
	}
	return p.Intermediate.New(pki.Spec{Profile: pki.Workload, ID: parsed, Now: p.Now})
}

func (p *PKI) leaf(profile pki.Profile, now time.Time, names []string) (*pki.Credential, error) {
	spec := pki.Spec{Profile: profile, Now: now}
	for _, name := range names {
		if ip, err := netip.ParseAddr(name); err == nil {
			spec.IPs = append(spec.IPs, ip)
		} else {
			spec.DNS = append(spec.DNS, name)
		}
	}
	return p.Intermediate.New(spec)
}

// Forge signs exactly the template and keeps no rule: any name, any date, any
// extension. Without an issuer the certificate signs itself. The chain is the
// new certificate, then the issuer's whole chain.
func Forge(template *x509.Certificate, issuer *pki.Credential) (*pki.Credential, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	return forge(template, issuer, key)
}

// forge is Forge for a key that exists.
func forge(template *x509.Certificate, issuer *pki.Credential, key crypto.Signer) (*pki.Credential, error) {
	forged := *template
	if forged.SerialNumber == nil {
		forged.SerialNumber = big.NewInt(1)
	}
	parent, signer := &forged, key
	var above []*pki.Certificate
	if issuer != nil {
		x, err := issuer.Leaf().X509()
		if err != nil {
			return nil, err
		}
		parent, signer, above = x, issuer.Key, issuer.Chain
	}
	der, err := x509.CreateCertificate(rand.Reader, &forged, parent, key.Public(), signer)
	if err != nil {
		return nil, fault.Wrap(err, pki.SigningFailed, "forging a certificate").
			WithHint("change the template: it cannot be encoded")
	}
	cert, err := pki.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return &pki.Credential{Chain: append([]*pki.Certificate{cert}, above...), Key: key}, nil
}
