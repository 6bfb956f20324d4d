// Package pki makes, reads and writes keys, certificates and certificate
// requests. It decides nothing about trust: that is package verify.
package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"

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
		return nil, fault.Wrap(err, CertUnreadable, "unreadable certificate")
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
		return nil, fault.New(InputTooLarge, "%d bytes are more than the %d that are read", len(data), MaxInput)
	}
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return parseDER(data)
	}
	var certs []*Certificate
	block, number := (*pem.Block)(nil), 0
	for rest := data; ; {
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		number++
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.Wrap(err, CertUnreadable, "block %d", number)
		}
		certs = append(certs, cert)
	}
	if want := bytes.Count(data, []byte("-----BEGIN CERTIFICATE-----")); len(certs) < want {
		return nil, fault.New(CertUnreadable, "%d of %d certificate blocks are not valid PEM", want-len(certs), want)
	}
	if len(certs) == 0 {
		return nil, fault.New(NoCertificate, "no certificate among %d PEM blocks", number)
	}
	return certs, nil
}

func parseDER(data []byte) ([]*Certificate, error) {
	if len(data) == 0 {
		return nil, fault.New(NoCertificate, "no certificate: the input is empty")
	}
	if data[0] != 0x30 { // every certificate is an ASN.1 SEQUENCE
		return nil, fault.New(NoCertificate, "no certificate: the input is neither PEM nor DER")
	}
	parsed, err := x509.ParseCertificates(data)
	if err != nil {
		return nil, fault.Wrap(err, CertUnreadable, "unreadable certificate")
	}
	return AdoptAll(parsed), nil
}

// X509 returns the certificate as crypto/x509 has it. The caller must not
// change it.
func (c *Certificate) X509() *x509.Certificate { return c.x }

// Raw returns the certificate in DER. The caller must not change it.
func (c *Certificate) Raw() []byte { return c.x.Raw }

// Fingerprint returns the SHA-256 of the certificate's DER.
func (c *Certificate) Fingerprint() [sha256.Size]byte { return sha256.Sum256(c.x.Raw) }

// Serial returns the serial number in lower-case hexadecimal.
func (c *Certificate) Serial() string { return hex.EncodeToString(c.x.SerialNumber.Bytes()) }

// Equal reports whether both are the same bytes.
func (c *Certificate) Equal(other *Certificate) bool { return bytes.Equal(c.x.Raw, other.x.Raw) }

// SelfIssued reports whether subject and issuer are the same name
// (RFC 5280, section 3.2).
func (c *Certificate) SelfIssued() bool { return bytes.Equal(c.x.RawSubject, c.x.RawIssuer) }

// IsAuthority reports whether the certificate may sign others
// (RFC 5280, section 4.2.1.9).
func (c *Certificate) IsAuthority() bool { return c.x.BasicConstraintsValid && c.x.IsCA }

// ID returns the SPIFFE ID of a workload's certificate: its only URI name
// (SPIFFE X.509-SVID, section 2). It is the zero ID for all others.
func (c *Certificate) ID() spiffeid.ID {
	if len(c.x.URIs) != 1 {
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
	switch {
	case x.Subject.CommonName != "":
		return printable(x.Subject.CommonName)
	case len(x.Subject.Organization) > 0:
		return printable(x.Subject.Organization[0])
	case !c.ID().IsZero():
		return c.ID().String()
	case len(x.DNSNames) > 0:
		return printable(x.DNSNames[0])
	case len(x.IPAddresses) > 0:
		return x.IPAddresses[0].String()
	}
	return "serial " + c.Serial()
}

// IssuerTitle is Title for the issuer's name.
func (c *Certificate) IssuerTitle() string {
	issuer := c.x.Issuer
	switch {
	case issuer.CommonName != "":
		return printable(issuer.CommonName)
	case len(issuer.Organization) > 0:
		return printable(issuer.Organization[0])
	}
	return "an unnamed issuer"
}

// PEM returns the certificate as one PEM block.
func (c *Certificate) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.x.Raw})
}

// printable keeps control characters of a hostile name off the terminal, and
// bounds it.
func printable(s string) string {
	const max = 64
	out := make([]rune, 0, max)
	for _, r := range s {
		if len(out) == max {
			return string(out) + "…"
		}
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff {
			r = '?'
		}
		out = append(out, r)
	}
	return string(out)
}
