// Package pki makes, reads and writes keys, certificates and certificate
// requests. It decides nothing about trust: that is package verify.
package pki

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Certificate is a parsed certificate (RFC 5280, section 4.1): of what others
// made as much as can be read, so that it can be looked at and explained.
// Whatever is not as it must be is an error where it is asked for. A Certificate
// is immutable and safe for concurrent use.
type Certificate struct {
	raw, tbs        []byte
	version         int
	serial          []byte // contents of the INTEGER
	algorithm       Algorithm
	issuer, subject Name
	life
	publicKey           *PublicKey
	issuerID, subjectID []byte // unique identifiers, as good as never used
	signedWith          Algorithm
	signature           []byte
	list                []Extension

	decode sync.Once
	set    *extensionSet

	convert sync.Once
	x       *x509.Certificate
	refused error

	hash sync.Once
	sum  [sha256.Size]byte // through Fingerprint

	entitle sync.Once
	title   string // through Title
}

// MaxCertificate is the size of the largest certificate that is read, in bytes: TLS
// libraries take chains of some 100 KB, and to look at one costs many times its size.
const MaxCertificate = 1 << 20

// ParseCertificate parses one certificate in DER.
func ParseCertificate(raw []byte) (*Certificate, error) {
	return certificates.one(raw, false)
}

func (d *der) certificate() *Certificate {
	c := new(Certificate)
	var content der
	c.raw, content = d.whole(asn1.SEQUENCE, "certificate")
	if len(c.raw) > MaxCertificate {
		d.failAt(c.raw, "a certificate of %d bytes; %d are the most", len(c.raw), MaxCertificate)
		return c
	}
	var tbs der
	c.tbs, tbs = content.whole(asn1.SEQUENCE, "certificate's contents")
	c.signedWith = content.algorithm("algorithm of the signature")
	c.signature = content.octets("signature")
	content.end("the certificate")

	c.version = 1
	if tbs.has(constructed(0)) {
		version := tbs.read(constructed(0), "version")
		c.version = version.small("version") + 1
		version.end("the version")
	}
	c.serial = tbs.integer("serial number")
	c.algorithm = tbs.algorithm("algorithm of the signature")
	c.issuer = tbs.name("issuer")
	c.life = tbs.life()
	c.subject = tbs.name("subject")
	c.publicKey = tbs.publicKey()
	if tbs.has(primitive(1)) {
		c.issuerID = tbs.read(primitive(1), "issuer's unique identifier").String
	}
	if tbs.has(primitive(2)) {
		c.subjectID = tbs.read(primitive(2), "subject's unique identifier").String
	}
	if tbs.has(constructed(3)) {
		extensions := tbs.read(constructed(3), "extensions")
		c.list = extensions.extensions("the certificate")
		extensions.end("the extensions")
	}
	tbs.end("the certificate's contents")
	return c
}

// Adopt returns the Certificate of one that crypto/tls or crypto/x509 parsed
// already; it is not parsed again.
func Adopt(x *x509.Certificate) *Certificate {
	c := &Certificate{
		raw: x.Raw, tbs: x.RawTBSCertificate, version: x.Version,
		issuer: Name{x.RawIssuer}, subject: Name{x.RawSubject},
		signature: x.Signature, list: make([]Extension, len(x.Extensions)), x: x,
	}
	d := newDER(x.RawTBSCertificate)
	c.serial, c.algorithm, c.life = d.tbsFacts()
	c.signedWith = c.algorithm // crypto/x509 has compared them
	d.restart(x.RawSubjectPublicKeyInfo)
	c.publicKey = d.publicKey()
	if point, ok := x.PublicKey.(*ecdsa.PublicKey); ok {
		c.publicKey.adopt(point)
	}
	for i, e := range x.Extensions {
		c.list[i] = Extension{oidOf(e.Id), e.Critical, e.Value}
	}
	return c
}

// tbsFacts returns of a certificate's contents what crypto/x509 does not have as it
// is written.
func (d *der) tbsFacts() (serial []byte, algorithm Algorithm, l life) {
	tbs := d.sequence("certificate's contents")
	if tbs.has(constructed(0)) {
		tbs.read(constructed(0), "version")
	}
	serial = tbs.integer("serial number")
	algorithm = tbs.algorithm("algorithm of the signature")
	tbs.element("issuer")
	return serial, algorithm, tbs.life()
}

// life is when a certificate is valid, and whether that is written as it must be.
type life struct {
	notBefore, notAfter     time.Time
	wholeBefore, wholeAfter bool
}

func (d *der) life() (l life) {
	validity := d.sequence("validity")
	l.notBefore, l.wholeBefore = validity.date("beginning")
	l.notAfter, l.wholeAfter = validity.date("end")
	validity.end("the validity")
	return l
}

// AdoptAll adopts each certificate of a chain.
func AdoptAll(chain []*x509.Certificate) []*Certificate {
	adopted := make([]*Certificate, len(chain))
	for i, x := range chain {
		adopted[i] = Adopt(x)
	}
	return adopted
}

// X509 returns the certificate as crypto/x509 has it, or why crypto/x509 cannot
// read it. The caller must not change it.
func (c *Certificate) X509() (*x509.Certificate, error) {
	c.convert.Do(func() {
		if c.x != nil {
			return
		}
		x, err := x509.ParseCertificate(c.raw)
		if err != nil {
			reason := strings.TrimPrefix(fault.Printable(err.Error(), 200), "x509: ")
			c.refused = fault.Wrap(err, CertUnsupported, "Go's crypto/x509, and so TLS here, cannot use %s: %s", c.Title(), reason).
				WithHint("have the certificate issued again, without what the message names")
			return
		}
		c.x = x
	})
	return c.x, c.refused
}

// Raw returns the certificate in DER. The caller must not change it.
func (c *Certificate) Raw() []byte { return c.raw }

// RawTBS returns the part of the certificate that is signed, in DER. The caller
// must not change it.
func (c *Certificate) RawTBS() []byte { return c.tbs }

// Version returns 3, or 1 or 2 for certificates of long ago.
func (c *Certificate) Version() int { return c.version }

// SerialNumber returns the serial number; broken certificates may have one that
// is negative.
func (c *Certificate) SerialNumber() *big.Int { return bigInt(c.serial) }

// Serial returns the serial number in lower-case hexadecimal, two digits a byte.
func (c *Certificate) Serial() string { return serialText(c.serial) }

func serialText(content []byte) string {
	n := bigInt(content)
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + cmp.Or(hex.EncodeToString(n.Bytes()), "00")
}

// Issuer returns the name of who signed the certificate.
func (c *Certificate) Issuer() Name { return c.issuer }

// Subject returns the name of whom it is about. Verification looks at the
// subject alternative names instead.
func (c *Certificate) Subject() Name { return c.subject }

// NotBefore returns the first moment of the certificate's life.
func (c *Certificate) NotBefore() time.Time { return c.notBefore }

// NotAfter returns the last.
func (c *Certificate) NotAfter() time.Time { return c.notAfter }

// WholeDates reports of both dates whether they are written with seconds and the
// zone Z (RFC 5280, section 4.1.2.5). Others are read as far as they have a meaning.
func (c *Certificate) WholeDates() (notBefore, notAfter bool) { return c.wholeBefore, c.wholeAfter }

// PublicKey returns the key that the certificate is about.
func (c *Certificate) PublicKey() *PublicKey { return c.publicKey }

// SignatureAlgorithm returns how the certificate was signed.
func (c *Certificate) SignatureAlgorithm() Algorithm { return c.signedWith }

// Signature returns the signature's bytes. The caller must not change them.
func (c *Certificate) Signature() []byte { return c.signature }

// AlgorithmsAgree reports whether the certificate's contents and what stands
// beside its signature name the same algorithm (RFC 5280, section 4.1.1.2).
func (c *Certificate) AlgorithmsAgree() bool { return c.algorithm.equal(c.signedWith) }

// CheckSignatureBy reports whether the key made the certificate's signature. That
// the key may do so, or is the issuer's at all, is for package verify to say.
func (c *Certificate) CheckSignatureBy(key *PublicKey) error {
	if !c.AlgorithmsAgree() {
		return fault.New(SignatureWrong, "the certificate names two algorithms of its signature, %s and %s", c.algorithm, c.signedWith).
			WithHint("do not trust this certificate")
	}
	return key.Verify(c.signedWith, c.tbs, c.signature)
}

// Fingerprint returns the SHA-256 of the certificate's DER.
func (c *Certificate) Fingerprint() [sha256.Size]byte {
	c.hash.Do(func() { c.sum = sha256.Sum256(c.raw) })
	return c.sum
}

// Equal reports whether both are the same bytes.
func (c *Certificate) Equal(other *Certificate) bool { return bytes.Equal(c.raw, other.raw) }

// SelfIssued reports whether subject and issuer are the same name
// (RFC 5280, section 3.2).
func (c *Certificate) SelfIssued() bool { return c.subject.Equal(c.issuer) }

// IsAuthority reports whether the certificate may sign others
// (RFC 5280, sections 4.2.1.9 and 4.2.1.3).
func (c *Certificate) IsAuthority() bool {
	constraints, err := c.BasicConstraints()
	usage, usageErr := c.KeyUsage()
	return err == nil && usageErr == nil && constraints != nil && constraints.CA && (usage == nil || *usage&KeyCertSign != 0)
}

// signedItself reports whether the certificate's own key made its signature.
func (c *Certificate) signedItself() bool {
	return c.SelfIssued() && c.CheckSignatureBy(c.publicKey) == nil
}

// ID returns the SPIFFE ID of a workload's certificate: its only URI name, on a
// certificate that is no authority (SPIFFE X.509-SVID, sections 2 and 5.2). It
// is the zero ID for all others.
func (c *Certificate) ID() spiffeid.ID {
	names, err := c.SubjectAltNames()
	constraints, constraintsErr := c.BasicConstraints()
	if err != nil || constraintsErr != nil || constraints != nil && constraints.CA {
		return spiffeid.ID{}
	}
	var found spiffeid.ID
	for _, name := range names {
		if name.Kind != URIName {
			continue
		}
		id, err := spiffeid.Parse(string(name.Raw))
		if err != nil || !found.IsZero() {
			return spiffeid.ID{}
		}
		found = id
	}
	return found
}

// Title returns a short name for a person to read: the common name, the
// organisation, the first subject alternative name, or the serial number.
func (c *Certificate) Title() string {
	c.entitle.Do(func() { c.title = c.newTitle() })
	return c.title
}

func (c *Certificate) newTitle() string {
	if name := distinguished(c.subject); name != "" {
		return name
	}
	if id := c.ID(); !id.IsZero() {
		return id.String()
	}
	if names := c.NamesOf(DNSName, IPName, EmailName); len(names) > 0 && names[0] != "" {
		return fault.Printable(names[0], 64)
	}
	return "serial " + c.Serial()
}

// IssuerTitle is Title for the issuer's name.
func (c *Certificate) IssuerTitle() string {
	return cmp.Or(distinguished(c.issuer), "an unnamed issuer")
}

// distinguished returns the part of a subject's or issuer's name that people
// know it by, or "".
func distinguished(name Name) string {
	organization := ""
	for a := range name.Attributes() {
		if a.Type != OIDCommonName && (a.Type != OIDOrganization || organization != "") {
			continue
		}
		part := a.Text()
		switch {
		case strings.TrimSpace(part) == "":
		case a.Type == OIDCommonName:
			return fault.Printable(part, 64)
		default:
			organization = fault.Printable(part, 64)
		}
	}
	return organization
}

// PEM returns the certificate as one PEM block.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.raw})
}
