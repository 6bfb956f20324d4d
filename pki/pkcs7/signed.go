package pkcs7

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/pki"
)

// How many are read of each.
const (
	maxCertificates = 10_000 // bundles of every authority of the web have some hundred
	maxSigners      = 64     // Verify digests the content for each
)

// Signer is one who has signed a message, as the message says; Verify says
// whether that is true.
type Signer struct {
	Certificate *pki.Certificate // nil if it is not in the message
	Serial      *big.Int         // of the certificate; nil if KeyID names it
	KeyID       []byte           // subject key identifier, or nil
	Digest      pki.OID
	Algorithm   pki.Algorithm
	SigningTime time.Time // zero if it is not stated

	issuer      []byte // Name in DER
	raw         []byte
	hasSigned   bool // there are signed attributes
	contentType pki.OID
}

// parseSigned reads SignedData (RFC 5652, section 5.1).
func (m *Message) parseSigned(s cryptobyte.String) error {
	var version int
	var content, id, wrapped, signers cryptobyte.String
	if !s.ReadASN1Integer(&version) || !s.SkipASN1(asn1.SET) ||
		!s.ReadASN1(&content, asn1.SEQUENCE) || !content.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return errors.New("not the shape of signed data")
	}
	m.contentType = pki.OID(id)
	var present bool
	if !content.ReadOptionalASN1(&wrapped, &present, explicit(0)) || !content.Empty() {
		return errors.New("no valid content of signed data")
	}
	m.detached = !present
	if present {
		var whole cryptobyte.String
		var tag asn1.Tag
		if !wrapped.ReadAnyASN1(&whole, &tag) || !wrapped.Empty() {
			return errors.New("no valid content of signed data")
		}
		m.content = whole
	}
	if err := m.parseCertificates(&s); err != nil {
		return err
	}
	if err := m.parseCRLs(&s); err != nil {
		return err
	}
	if !s.ReadASN1(&signers, asn1.SET) || !s.Empty() {
		return errors.New("no valid signers of signed data")
	}
	return m.parseSigners(signers)
}

// parseCertificates reads a CertificateSet (section 10.2.3). A certificate that
// cannot be read is named by its place.
func (m *Message) parseCertificates(s *cryptobyte.String) error {
	var set cryptobyte.String
	if !s.ReadOptionalASN1(&set, nil, explicit(0)) {
		return errors.New("no valid certificates")
	}
	for number := 1; !set.Empty(); number++ {
		var whole cryptobyte.String
		var tag asn1.Tag
		switch {
		case number > maxCertificates:
			return fmt.Errorf("more than %d certificates", maxCertificates)
		case !set.ReadAnyASN1Element(&whole, &tag):
			return fmt.Errorf("no valid element as certificate %d", number)
		case tag != asn1.SEQUENCE:
			m.Skipped++
			continue
		}
		cert, err := pki.ParseCertificate(whole)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", number, err)
		}
		m.certificates = append(m.certificates, cert)
	}
	return nil
}

// parseCRLs reads RevocationInfoChoices (section 10.2.1).
func (m *Message) parseCRLs(s *cryptobyte.String) error {
	var set cryptobyte.String
	if !s.ReadOptionalASN1(&set, nil, explicit(1)) {
		return errors.New("no valid revocation lists")
	}
	for !set.Empty() {
		var whole cryptobyte.String
		var tag asn1.Tag
		switch {
		case len(m.CRLs) == maxCertificates:
			return fmt.Errorf("more than %d revocation lists", maxCertificates)
		case !set.ReadAnyASN1Element(&whole, &tag):
			return errors.New("no valid element as revocation list")
		case tag != asn1.SEQUENCE:
			m.Skipped++
		default:
			m.CRLs = append(m.CRLs, whole)
		}
	}
	return nil
}

func (m *Message) parseSigners(set cryptobyte.String) error {
	for !set.Empty() {
		number := len(m.Signers) + 1
		if number > maxSigners {
			return fmt.Errorf("more than %d signers", maxSigners)
		}
		var whole cryptobyte.String
		if !set.ReadASN1Element(&whole, asn1.SEQUENCE) {
			return fmt.Errorf("no valid signer %d", number)
		}
		signer, ok := parseSigner(whole)
		if !ok {
			return fmt.Errorf("no valid signer %d", number)
		}
		signer.Certificate = m.certificateOf(signer)
		m.Signers = append(m.Signers, signer)
	}
	return nil
}

// parseSigner reads a SignerInfo (section 5.3).
func parseSigner(whole cryptobyte.String) (*Signer, bool) {
	signer := &Signer{raw: whole}
	var info, signed cryptobyte.String
	var version int
	if !whole.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1Integer(&version) || !signer.parseName(&info) {
		return nil, false
	}
	var digest pki.Algorithm
	if !readAlgorithm(&info, &digest) || !info.ReadOptionalASN1(&signed, &signer.hasSigned, explicit(0)) ||
		!signer.parseAttributes(signed) || !readAlgorithm(&info, &signer.Algorithm) {
		return nil, false
	}
	signer.Digest = digest.ID
	return signer, info.SkipASN1(asn1.OCTET_STRING) && info.SkipOptionalASN1(explicit(1)) && info.Empty()
}

// parseName reads how the signer's certificate is named.
func (signer *Signer) parseName(s *cryptobyte.String) bool {
	var keyID, name cryptobyte.String
	var present bool
	if !s.ReadOptionalASN1(&keyID, &present, asn1.Tag(0).ContextSpecific()) {
		return false
	}
	if present {
		signer.KeyID = keyID
		return true
	}
	signer.Serial = new(big.Int)
	return s.ReadASN1(&name, asn1.SEQUENCE) &&
		name.ReadASN1Element((*cryptobyte.String)(&signer.issuer), asn1.SEQUENCE) &&
		name.ReadASN1Integer(signer.Serial) && name.Empty()
}

const (
	oidContentType pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03" // 1.2.840.113549.1.9.3
	oidSigningTime pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x05" // 1.2.840.113549.1.9.5
)

// parseAttributes reads the signed attributes of RFC 5652, section 11, that
// matter here.
func (signer *Signer) parseAttributes(set cryptobyte.String) bool {
	for !set.Empty() {
		var attribute, id, values cryptobyte.String
		if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) ||
			!attribute.ReadASN1(&values, asn1.SET) || !attribute.Empty() {
			return false
		}
		switch pki.OID(id) {
		case oidContentType:
			var kind cryptobyte.String
			if signer.contentType != "" || !values.ReadASN1(&kind, asn1.OBJECT_IDENTIFIER) || !values.Empty() {
				return false
			}
			signer.contentType = pki.OID(kind)
		case oidSigningTime:
			read := values.ReadASN1UTCTime
			if values.PeekASN1Tag(asn1.GeneralizedTime) {
				read = values.ReadASN1GeneralizedTime
			}
			if !read(&signer.SigningTime) || !values.Empty() {
				return false
			}
		}
	}
	return true
}

func readAlgorithm(s *cryptobyte.String, into *pki.Algorithm) bool {
	var algorithm, id cryptobyte.String
	if !s.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return false
	}
	into.ID = pki.OID(id)
	if !algorithm.Empty() {
		into.Parameters = algorithm
	}
	return true
}

// certificateOf returns the certificate that a signer names, or nil.
func (m *Message) certificateOf(signer *Signer) *pki.Certificate {
	for _, cert := range m.certificates {
		if signer.Serial == nil {
			if id, err := cert.SubjectKeyID(); err == nil && bytes.Equal(id, signer.KeyID) {
				return cert
			}
		} else if cert.SerialNumber().Cmp(signer.Serial) == 0 && bytes.Equal(cert.Issuer().DER(), signer.issuer) {
			return cert
		}
	}
	return nil
}
