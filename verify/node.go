package verify

import (
	"sync"

	"github.com/signet-tls/signet/fault"
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
	illegible   int     // names that cannot be read
	policyTwice pki.OID // a policy that stands there twice, or ""
	constraints *pki.NameConstraints
	keyID       []byte
	issuerKeyID *pki.AuthorityKeyID

	keyFault fault.Code // why the key protects nothing or cannot be used, "" if it is good
	keyText  string

	subject, issuer string // names, in the form in which they are compared

	badName        string        // which alternative name is none of its form
	badWebName     string        // the same by the web's rules
	badConstraints string        // what must not stand in the name constraints
	within         func() string // of name constraints: their text
	selfSigned     func() bool   // of anchors: whether the key made the signature
}

// newNode decodes what the rules look at. What cannot be decoded is missing
// here, but for those of its names that can be read, which tell what it was meant
// for: the rule about malformed extensions refuses the certificate.
func newNode(cert *pki.Certificate, anchor bool) *node {
	m := &node{cert: cert, anchor: anchor, key: cert.PublicKey(), subject: nameKey(cert.Subject()), issuer: nameKey(cert.Issuer())}
	m.basic, _ = cert.BasicConstraints()
	m.usage, _ = cert.KeyUsage()
	m.purposes, _ = cert.ExtKeyUsage()
	var err error
	if m.names, err = cert.SubjectAltNames(); err != nil {
		m.names, m.illegible = cert.LegibleAltNames()
	}
	policies, _ := cert.Policies()
	m.policyTwice = twice(policies)
	m.constraints, _ = cert.NameConstraints()
	m.keyID, _ = cert.SubjectKeyID()
	m.issuerKeyID, _ = cert.AuthorityKeyID()
	m.keyFault, m.keyText = unfitKey(cert.PublicKey())
	m.badName, m.badWebName = badNames(m)
	if m.constraints != nil {
		m.badConstraints = brokenConstraints(m.constraints, "of "+m.title())
		m.within = sync.OnceValue(func() string { return constraintsText(m.constraints) })
	}
	if anchor {
		m.selfSigned = sync.OnceValue(func() bool { return signedBy(cert, cert.PublicKey()) })
	}
	return m
}

// twice returns a policy that stands there more than once, or "".
func twice(policies []pki.Policy) pki.OID {
	if len(policies) < 2 {
		return ""
	}
	seen := map[pki.OID]bool{}
	for _, policy := range policies {
		if seen[policy.ID] {
			return policy.ID
		}
		seen[policy.ID] = true
	}
	return ""
}

// nameKey is what two names have in common that are the same to a verifier
// (RFC 5280, section 7.1).
func nameKey(name pki.Name) string { return string(name.Canonical()) }

// hasOwnParameters reports whether all of the key stands in the certificate: an
// old kind of key can inherit a part of it from its issuer.
func (m *node) hasOwnParameters() bool { return m.key == m.cert.PublicKey() }

// unusable says why no signature is checked with the key, or "": one of DSA can be,
// though it is none of those that Go's cryptography has.
func (m *node) unusable() (fault.Code, string) {
	if m.keyFault == KeyTooLarge {
		return m.keyFault, m.keyText
	}
	_, err := m.key.Key()
	if e, ok := fault.Of(err); ok && m.key.Kind() != "DSA" {
		return e.Code, e.Message
	}
	return "", ""
}

func (m *node) title() string { return m.cert.Title() }

// count is how many names of a form the certificate has.
func (m *node) count(kind pki.NameKind) int {
	count := 0
	for _, name := range m.names {
		if name.Kind == kind {
			count++
		}
	}
	return count
}

// isCA reports whether the certificate says that it is an authority's.
func (m *node) isCA() bool { return m.basic != nil && m.basic.CA }

// selfIssued reports whether subject and issuer are the same name (RFC 5280,
// section 3.2).
func (m *node) selfIssued() bool { return m.subject == m.issuer }

func (m *node) maySign() bool { return m.usage == nil || *m.usage&pki.KeyCertSign != 0 }
