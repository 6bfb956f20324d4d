package verify

import (
	"github.com/signet-tls/signet/pki"
)

// node is a certificate as part of paths: its extensions, decoded once.
type node struct {
	cert   *pki.Certificate
	anchor bool
	source *source        // of an anchor, or of a leaf that is believed without one
	key    *pki.PublicKey // the certificate's, with its issuer's parameters where it has none

	basic       *pki.BasicConstraints
	usage       *pki.KeyUsage
	purposes    []pki.OID
	names       []pki.GeneralName
	constraints *pki.NameConstraints
	keyID       []byte
	issuerKeyID *pki.AuthorityKeyID

	subject, issuer string // names, in the form in which they are compared
}

// newNode decodes what the rules look at. What cannot be decoded is missing
// here: the rule about malformed extensions refuses the certificate.
func newNode(cert *pki.Certificate, anchor bool) *node {
	m := &node{cert: cert, anchor: anchor, key: cert.PublicKey(), subject: nameKey(cert.Subject()), issuer: nameKey(cert.Issuer())}
	m.basic, _ = cert.BasicConstraints()
	m.usage, _ = cert.KeyUsage()
	m.purposes, _ = cert.ExtKeyUsage()
	m.names, _ = cert.SubjectAltNames()
	m.constraints, _ = cert.NameConstraints()
	m.keyID, _ = cert.SubjectKeyID()
	m.issuerKeyID, _ = cert.AuthorityKeyID()
	return m
}

// nameKey is what two names have in common that are the same to a verifier
// (RFC 5280, section 7.1).
func nameKey(name pki.Name) string { return string(name.Canonical()) }

// hasOwnParameters reports whether all of the key stands in the certificate: an
// old kind of key can inherit a part of it from its issuer.
func (m *node) hasOwnParameters() bool { return m.key == m.cert.PublicKey() }

func (m *node) title() string { return m.cert.Title() }

// isCA reports whether the certificate says that it is an authority's.
func (m *node) isCA() bool { return m.basic != nil && m.basic.CA }

// selfIssued reports whether subject and issuer are the same name (RFC 5280,
// section 3.2).
func (m *node) selfIssued() bool { return m.subject == m.issuer }

func (m *node) maySign() bool { return m.usage == nil || *m.usage&pki.KeyCertSign != 0 }
