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

// Roots is an immutable set of trust anchors and pins. The zero value trusts
// nobody and is an error wherever it is used. Two values are equal by == only if
// one is a copy of the other.
type Roots struct{ set *rootSet }

// rootSet has either whom to believe, or the parts of a union, each of which has
// that for names of one kind.
type rootSet struct {
	origin  string               // for people: a file's name, "this system's roots"
	domain  spiffeid.TrustDomain // zero: it vouches for hosts, addresses, URIs and e-mail
	anchors []*pki.Certificate   // but for the system's, which cannot be listed
	members map[string][]*node   // the anchors, by subject
	systems []*source            // the system's anchors
	pins    map[pin][]*source    // what is believed of a leaf without an anchor
	parts   map[spiffeid.TrustDomain]*rootSet
}

// source is where anchors or pins come from, and how far they are believed.
type source struct {
	origin string
	pool   *x509.CertPool // of the system's anchors
	pinned bool           // it is believed of a leaf alone
	limits []Constraints  // all must be kept
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
	return systemRoots(pool), nil
}

func systemRoots(pool *x509.CertPool) Roots {
	system := &source{origin: "this system's roots", pool: pool}
	return Roots{&rootSet{origin: system.origin, systems: []*source{system}}}
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
	from := &source{origin: set.origin}
	for _, anchor := range set.anchors {
		if !claimsToSign(anchor) {
			return Roots{}, isLeaf(anchor, set.origin)
		}
		m := from.anchor(anchor)
		set.members[m.subject] = append(set.members[m.subject], m)
	}
	return Roots{&set}, nil
}

func isLeaf(leaf *pki.Certificate, origin string) error {
	err := fault.New(RootsIsLeaf, "%s is %s own certificate (%s), not an authority", origin, roleOf(leaf), leaf.Title())
	if leaf.SelfIssued() {
		return err.WithHint("nobody else has signed it: pin it as the peer's own certificate, or have an authority sign one")
	}
	return err.WithHint("name the certificate of the authority that signed it, %s, or pin this one as the peer's own", leaf.IssuerTitle())
}

// claimsToSign reports whether a certificate says in any way that it signs others:
// one that says so by halves, or is of version 1 and cannot say it, is an authority
// with a fault, which the rules name, and no leaf.
func claimsToSign(cert *pki.Certificate) bool {
	constraints, _ := cert.BasicConstraints()
	usage, _ := cert.KeyUsage()
	return constraints != nil && constraints.CA || usage != nil && *usage&pki.KeyCertSign != 0 ||
		cert.Version() == 1 && cert.SelfIssued()
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

// anchor is a certificate that the source has.
func (s *source) anchor(cert *pki.Certificate) *node {
	m := newNode(cert, true)
	m.source = s
	return m
}

// issuersOf returns the anchors that may have signed a certificate, by its
// issuer's name, or that it is itself.
func (s *rootSet) issuersOf(m *node) []*node {
	issuers := slices.Clip(s.members[m.issuer])
	for _, system := range s.systems {
		issuers = append(issuers, system.issuersOf(m)...)
	}
	return issuers
}

// issuersOf asks crypto/x509 for those of the system's anchors that signed a
// certificate, since they cannot be listed. Of the certificate it gets what finds
// an anchor, and nothing by which it could refuse one: that is ours to say.
func (s *source) issuersOf(m *node) []*node {
	x, err := m.cert.X509()
	if err != nil {
		return nil
	}
	bare := &x509.Certificate{Raw: x.Raw, RawTBSCertificate: x.RawTBSCertificate, RawIssuer: x.RawIssuer, RawSubject: x.RawSubject, Version: x.Version,
		SignatureAlgorithm: x.SignatureAlgorithm, Signature: x.Signature, AuthorityKeyId: x.AuthorityKeyId,
		RawSubjectPublicKeyInfo: x.RawSubjectPublicKeyInfo, PublicKey: x.PublicKey, NotBefore: x.NotBefore, NotAfter: x.NotAfter}
	chains, err := bare.Verify(x509.VerifyOptions{Roots: s.pool, CurrentTime: m.cert.NotBefore(),
		Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return nil
	}
	var issuers []*node
	for _, chain := range chains {
		anchor := m.cert
		if last := chain[len(chain)-1]; last != bare { // else it is itself one of the system's anchors
			anchor = pki.Adopt(last)
		}
		issuers = append(issuers, s.anchor(anchor))
	}
	return issuers
}
