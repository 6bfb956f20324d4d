// Package pki makes, reads and writes keys, certificates and certificate
// requests. It decides nothing about trust: that is package verify.
package pki

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// MaxInput is the largest input that the parsers of this package read, in
// bytes.
const MaxInput = 16 << 20

// Certificate is a parsed certificate. It is immutable and safe for concurrent
// use.
type Certificate struct {
	x *x509.Certificate
}

// ParseCertificate parses one certificate in DER.
func ParseCertificate(der []byte) (*Certificate, error) {
	x, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, unreadable(fault.Wrap(err, CertUnreadable, "unreadable certificate"))
	}
	return &Certificate{x}, nil
}

// Adopt returns the Certificate of one that crypto/tls or crypto/x509 parsed
// already.
func Adopt(x *x509.Certificate) *Certificate { return &Certificate{x} }

// AdoptAll adopts each certificate of a chain.
func AdoptAll(chain []*x509.Certificate) []*Certificate {
	adopted := make([]*Certificate, len(chain))
	for i, x := range chain {
		adopted[i] = Adopt(x)
	}
	return adopted
}

// ParseCertificates reads every certificate of data, PEM or DER, in its order.
// PEM blocks of other types are passed over; a certificate block that cannot be
// read is an error that says which, and so is data without any certificate.
func ParseCertificates(data []byte) ([]*Certificate, error) {
	if len(data) > MaxInput {
		return nil, tooLarge(len(data))
	}
	if !bytes.Contains(data, pemBegin) {
		return parseDER(data)
	}
	var certs []*Certificate
	blocks := 0
	for number, section := range sections(data) {
		blocks = number
		if section.label != "CERTIFICATE" {
			continue
		}
		if section.block == nil {
			return nil, unreadable(fault.New(CertUnreadable, "block %d is a certificate, but not valid PEM", number))
		}
		cert, err := ParseCertificate(section.block.Bytes)
		if err != nil {
			return nil, unreadable(fault.Wrap(err, CertUnreadable, "block %d", number))
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, noCertificate("there is no certificate among its %d PEM blocks", blocks)
	}
	return certs, nil
}

func parseDER(data []byte) ([]*Certificate, error) {
	if len(data) == 0 {
		return nil, noCertificate("there is no certificate: the input is empty")
	}
	if data[0] != 0x30 { // every certificate is an ASN.1 SEQUENCE
		return nil, noCertificate("there is no certificate: the input is neither PEM nor DER")
	}
	parsed, err := x509.ParseCertificates(data)
	if err != nil {
		return nil, unreadable(fault.Wrap(err, CertUnreadable, "unreadable certificate"))
	}
	return AdoptAll(parsed), nil
}

func tooLarge(have int) error {
	return fault.New(InputTooLarge, "%d bytes are more than the %d that are read", have, MaxInput).
		WithHint("name the certificate's or key's own file")
}

func noCertificate(format string, args ...any) error {
	return fault.New(NoCertificate, format, args...).
		WithHint("name a file with a -----BEGIN CERTIFICATE----- block, or a certificate in DER")
}

func unreadable(err *fault.Error) error {
	return err.WithHint("copy the certificate again from where it was made; if that is damaged too, ask its issuer for a new one")
}

// X509 returns the certificate as crypto/x509 has it. The caller must not
// change it.
func (c *Certificate) X509() *x509.Certificate { return c.x }

// Raw returns the certificate in DER. The caller must not change it.
func (c *Certificate) Raw() []byte { return c.x.Raw }

// Fingerprint returns the SHA-256 of the certificate's DER.
func (c *Certificate) Fingerprint() [sha256.Size]byte { return sha256.Sum256(c.x.Raw) }

// Serial returns the serial number in lower-case hexadecimal, two digits a
// byte.
func (c *Certificate) Serial() string {
	if c.x.SerialNumber.Sign() == 0 {
		return "00"
	}
	return hex.EncodeToString(c.x.SerialNumber.Bytes())
}

// Equal reports whether both are the same bytes.
func (c *Certificate) Equal(other *Certificate) bool { return bytes.Equal(c.x.Raw, other.x.Raw) }

// SelfIssued reports whether subject and issuer are the same name
// (RFC 5280, section 3.2).
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.x.RawSubject, c.x.RawIssuer) }

// IsAuthority reports whether the certificate may sign others
// (RFC 5280, sections 4.2.1.9 and 4.2.1.3).
func (c *Certificate) IsAuthority() bool {
	return c.x.BasicConstraintsValid && c.x.IsCA &&
		(c.x.KeyUsage == 0 || c.x.KeyUsage&x509.KeyUsageCertSign != 0)
}

// signedItself reports whether the certificate's own key made its signature.
func (c *Certificate) signedItself() bool {
	return c.SelfIssued() && c.x.CheckSignature(c.x.SignatureAlgorithm, c.x.RawTBSCertificate, c.x.Signature) == nil
}

// ID returns the SPIFFE ID of a workload's certificate: its only URI name, on a
// certificate that is no authority (SPIFFE X.509-SVID, sections 2 and 5.2). It
// is the zero ID for all others.
func (c *Certificate) ID() spiffeid.ID {
	if len(c.x.URIs) != 1 || c.x.IsCA {
		return spiffeid.ID{}
	}
	id, err := spiffeid.Parse(c.x.URIs[0].String())
	if err != nil {
		return spiffeid.ID{}
	}
	return id
}

// Title returns a short name for a person to read: the common name, the
// organisation, the first subject alternative name, or the serial number.
func (c *Certificate) Title() string {
	x := c.x
	name := distinguished(x.Subject)
	switch {
	case name != "":
		return name
	case !c.ID().IsZero():
		return c.ID().String()
	case len(x.DNSNames) > 0 && x.DNSNames[0] != "":
		return printable(x.DNSNames[0])
	case len(x.IPAddresses) > 0:
		return x.IPAddresses[0].String()
	}
	return "serial " + c.Serial()
}

// IssuerTitle is Title for the issuer's name.
func (c *Certificate) IssuerTitle() string {
	return cmp.Or(distinguished(c.x.Issuer), "an unnamed issuer")
}

// distinguished returns the part of a subject's or issuer's name that people
// know it by, or "".
func distinguished(name pkix.Name) string {
	for _, part := range append([]string{name.CommonName}, name.Organization...) {
		if strings.TrimSpace(part) != "" {
			return printable(part)
		}
	}
	return ""
}

// printable makes a hostile name fit to be read.
func printable(name string) string { return fault.Printable(name, 64) }

// PEM returns the certificate as one PEM block.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.x.Raw})
}
