// Package verify decides whether a peer is who it must be, and says why.
package verify

import (
	"crypto/x509"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Roots is an immutable set of trust anchors. The zero value trusts nobody and
// is an error wherever it is used.
type Roots struct{ set *rootSet }

type rootSet struct {
	origin  string               // for people: a file's name, "this system's roots"
	domain  spiffeid.TrustDomain // zero: the anchors vouch for hosts and addresses
	anchors []*pki.Certificate   // empty for the system's, which cannot be listed
	pool    *x509.CertPool       // of the system's
	members map[string][]*node   // the anchors, by subject
}

// NewRoots returns exactly these anchors. They vouch for host names and
// addresses, never for SPIFFE IDs. Origin says to a person where they come
// from, such as a file's name.
func NewRoots(origin string, anchors ...*pki.Certificate) (Roots, error) {
	return newRoots(rootSet{origin: origin, anchors: anchors})
}

// ForTrustDomain returns the anchors of one trust domain. They vouch for that
// domain's SPIFFE IDs and for nothing else.
func ForTrustDomain(domain spiffeid.TrustDomain, anchors ...*pki.Certificate) (Roots, error) {
	if domain.IsZero() {
		return Roots{}, fault.New(RootsMissing, "anchors of an unnamed trust domain vouch for nobody").
			WithHint("say which trust domain they are the anchors of")
	}
	return newRoots(rootSet{origin: domain.String(), domain: domain, anchors: anchors})
}

// SystemRoots returns the operating system's anchors. They vouch for host names
// and addresses.
func SystemRoots() (Roots, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return Roots{}, fault.Wrap(err, RootsUnreadable, "this system's roots").WithHint(systemRootsHint)
	}
	if pool.Equal(x509.NewCertPool()) {
		return Roots{}, fault.New(RootsUnreadable, "this system has no roots").WithHint(systemRootsHint)
	}
	return Roots{&rootSet{origin: "this system's roots", pool: pool}}, nil
}

const systemRootsHint = "install the package ca-certificates, or name a file of roots"

// LoadRoots reads anchors from a file, PEM or DER, as NewRoots.
func LoadRoots(fsys fs.FS, name string) (Roots, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Roots{}, fault.Wrap(err, RootsUnreadable, "the roots").WithHint("check the path and its permissions")
	}
	anchors, err := pki.ParseCertificates(data)
	if err != nil {
		return Roots{}, fault.Wrap(err, RootsUnreadable, "the roots in %s", path.Base(name)).
			WithHint("name a file of certificates in PEM or DER")
	}
	return NewRoots(path.Base(name), anchors...)
}

func newRoots(set rootSet) (Roots, error) {
	if len(set.anchors) == 0 || slices.Contains(set.anchors, nil) {
		return Roots{}, fault.New(RootsMissing, "no trust anchors were given, and an empty set trusts nobody").
			WithHint("give the certificates of the authorities to trust")
	}
	set.anchors = slices.Clone(set.anchors)
	set.members = map[string][]*node{}
	for _, anchor := range set.anchors {
		if !claimsToSign(anchor) {
			return Roots{}, fault.New(RootsIsLeaf, "%s is %s own certificate (%s), not an authority", set.origin, roleOf(anchor), anchor.Title()).
				WithHint("name the certificate of the authority that signed it: %s", anchor.IssuerTitle())
		}
		m := newNode(anchor, true)
		set.members[m.subject] = append(set.members[m.subject], m)
	}
	return Roots{&set}, nil
}

// claimsToSign reports whether a certificate says in any way that it signs others:
// one that says so by halves is an authority with a fault, which the rules name, and
// no leaf.
func claimsToSign(cert *pki.Certificate) bool {
	constraints, _ := cert.BasicConstraints()
	usage, _ := cert.KeyUsage()
	return constraints != nil && constraints.CA || usage != nil && *usage&pki.KeyCertSign != 0
}

// roleOf names whose certificate a leaf is, by its extended key usage.
func roleOf(leaf *pki.Certificate) string {
	usages, _ := leaf.ExtKeyUsage()
	for _, usage := range usages {
		switch usage {
		case pki.OIDServerAuth:
			return "the server's"
		case pki.OIDClientAuth:
			return "the client's"
		}
	}
	return "the peer's"
}

// IsZero reports whether r is the zero value.
func (r Roots) IsZero() bool { return r.set == nil }

// TrustDomain returns the trust domain whose anchors these are, or zero.
func (r Roots) TrustDomain() spiffeid.TrustDomain {
	if r.set == nil {
		return spiffeid.TrustDomain{}
	}
	return r.set.domain
}

// String says for a person whom r trusts.
func (r Roots) String() string {
	switch {
	case r.set == nil:
		return "nobody"
	case len(r.set.anchors) == 1:
		return fmt.Sprintf("%s (%s)", r.set.anchors[0].Title(), r.set.origin)
	}
	return r.set.origin
}

// place says where the anchors stand, to follow the word "in".
func (r Roots) place() string {
	if r.set.domain.IsZero() {
		return r.set.origin
	}
	return "the roots of " + r.set.origin
}

// issuersOf returns the anchors that may have signed a certificate, by its
// issuer's name, or that it is itself. For the system's roots, which cannot be
// listed, it asks crypto/x509.
func (s *rootSet) issuersOf(m *node) []*node {
	if s.pool == nil {
		return s.members[m.issuer]
	}
	x, err := m.cert.X509()
	if err != nil {
		return nil
	}
	chains, err := x.Verify(x509.VerifyOptions{Roots: s.pool, CurrentTime: m.cert.NotBefore(),
		Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil
	}
	var issuers []*node
	for _, chain := range chains {
		issuers = append(issuers, newNode(pki.Adopt(chain[len(chain)-1]), true))
	}
	return issuers
}
