package pki

import (
	"bytes"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// MaxInput is the largest input that the parsers of this package read, in
// bytes.
const MaxInput = 16 << 20

// certificateLabels are the labels of PEM blocks that hold a certificate. What
// OpenSSL calls trusted has its own data behind the certificate.
var certificateLabels = map[string]bool{"CERTIFICATE": true, "X509 CERTIFICATE": true, "TRUSTED CERTIFICATE": true}

// ParseCertificates reads every certificate of data, PEM or DER, in its order.
// PEM blocks of other types are passed over; a certificate block that cannot be
// read is an error that says which, and where it stands; so is data without any
// certificate. One that stands there twice is returned twice: what a chain holds
// is for its reader to judge.
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
		if !certificateLabels[section.label] {
			continue
		}
		if section.block == nil {
			return nil, unreadable(fault.New(CertUnreadable, "%s is a certificate, but not valid PEM", section.place(number)))
		}
		cert, err := section.certificate()
		if err != nil {
			return nil, unreadable(fault.Wrap(err, CertUnreadable, "%s", section.place(number)))
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, noCertificate("there is no certificate among its %d PEM blocks", blocks)
	}
	return certs, nil
}

// certificate reads the block's certificate.
func (s section) certificate() (*Certificate, error) {
	raw := s.block.Bytes
	if s.label == "TRUSTED CERTIFICATE" {
		d := newDER(raw)
		raw, _ = d.whole(asn1.SEQUENCE, "certificate")
	}
	return ParseCertificate(raw)
}

// parseDER reads certificates one behind the other.
func parseDER(data []byte) ([]*Certificate, error) {
	if len(data) == 0 {
		return nil, noCertificate("there is no certificate: the input is empty")
	}
	if data[0] != byte(asn1.SEQUENCE) {
		return nil, noCertificate("there is no certificate: the input is neither PEM nor DER")
	}
	var certs []*Certificate
	d := newDER(data)
	for d.more() {
		certs = append(certs, d.certificate())
	}
	if err := d.err(); err != nil {
		return nil, unreadable(fault.Wrap(err, CertUnreadable, "unreadable certificate"))
	}
	return certs, nil
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
