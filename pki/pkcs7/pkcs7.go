// Package pkcs7 reads and writes certificate bundles in PKCS#7 (.p7b, .p7c), and
// describes the other messages of that form, which CMS (RFC 5652) has since
// taken over. It decides nothing about trust.
package pkcs7

import (
	"bytes"
	"encoding/pem"
	"errors"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/ber"
	"github.com/signet-tls/signet/pki"
)

// Kind says what a message is, by the name that OpenSSL has for it.
type Kind string

// Kinds of RFC 2315, section 7, and those that CMS has added.
const (
	Data                   Kind = "pkcs7-data"
	SignedData             Kind = "pkcs7-signedData" // certificate bundles among them
	EnvelopedData          Kind = "pkcs7-envelopedData"
	SignedAndEnvelopedData Kind = "pkcs7-signedAndEnvelopedData"
	DigestedData           Kind = "pkcs7-digestData"
	EncryptedData          Kind = "pkcs7-encryptedData"
	AuthenticatedData      Kind = "id-smime-ct-authData"
	CompressedData         Kind = "id-smime-ct-compressedData"
	AuthEnvelopedData      Kind = "id-smime-ct-authEnvelopedData"
)

const oidSignedData pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" // 1.2.840.113549.1.7.2
const oidData pki.OID = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"       // 1.2.840.113549.1.7.1

var kinds = map[pki.OID]Kind{
	oidData:                                        Data,
	oidSignedData:                                  SignedData,
	"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03":         EnvelopedData,          // 1.2.840.113549.1.7.3
	"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x04":         SignedAndEnvelopedData, // 1.2.840.113549.1.7.4
	"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x05":         DigestedData,           // 1.2.840.113549.1.7.5
	"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06":         EncryptedData,          // 1.2.840.113549.1.7.6
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x02": AuthenticatedData,      // 1.2.840.113549.1.9.16.1.2
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09": CompressedData,         // 1.2.840.113549.1.9.16.1.9
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17": AuthEnvelopedData,      // 1.2.840.113549.1.9.16.1.23
}

// inWords says what is in a message without certificates.
var inWords = map[Kind]string{
	Data:                   "plain data",
	EnvelopedData:          "encrypted for its recipients",
	SignedAndEnvelopedData: "signed, then encrypted for its recipients",
	DigestedData:           "data with its digest",
	EncryptedData:          "encrypted",
	AuthenticatedData:      "data with a code of its authenticity",
	CompressedData:         "compressed",
	AuthEnvelopedData:      "encrypted for its recipients",
}

// labels are those of PEM blocks that hold a message.
var labels = map[string]bool{"PKCS7": true, "CMS": true, "PKCS #7 SIGNED DATA": true}

// Message is one parsed message. The caller must not change it.
type Message struct {
	Kind Kind

	// The rest is of SignedData alone.

	Signers []*Signer
	CRLs    [][]byte // in DER
	// Skipped counts certificates and revocation evidence of other forms, such
	// as attribute certificates.
	Skipped int

	certificates []*pki.Certificate
	contentType  pki.OID
	content      []byte
	detached     bool // content is elsewhere
}

// Parse reads a message: the first of PEM data, or one in DER or BER. Of kinds
// other than SignedData it tells the kind alone.
func Parse(data []byte) (*Message, error) {
	if len(data) > pki.MaxInput {
		return nil, fault.New(pki.InputTooLarge, "%d bytes are more than the %d that are read", len(data), pki.MaxInput).
			WithHint("name the bundle's own file")
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		block := firstBlock(data)
		if block == nil {
			return nil, fault.New(Unreadable, "there is no valid PKCS7 or CMS block among the PEM blocks").WithHint(again)
		}
		data = block
	}
	der, err := ber.ToDER(data)
	if err != nil {
		return nil, fault.Wrap(err, Unreadable, "neither PEM nor a PKCS#7 message in DER or BER").WithHint(again)
	}
	m, err := parse(der)
	if err != nil {
		return nil, unreadable(err)
	}
	return m, nil
}

const again = "copy the bundle (.p7b, .p7c) again from where it was made"

// unreadable keeps the code and the hint of a certificate that is at fault.
func unreadable(err error) error {
	if e, ok := fault.Of(err); ok {
		return fault.Wrap(err, e.Code, "unreadable PKCS#7 message")
	}
	return fault.Wrap(err, Unreadable, "unreadable PKCS#7 message").WithHint(again)
}

// firstBlock returns the contents of the first PEM block that can hold a message.
func firstBlock(data []byte) []byte {
	for {
		block, rest := pem.Decode(data)
		if block == nil || labels[block.Type] {
			if block == nil {
				return nil
			}
			return block.Bytes
		}
		data = rest
	}
}

var (
	errShape = errors.New("not the shape of a ContentInfo")
	errKind  = errors.New("a kind of message that is not known")
)

// parse reads a ContentInfo (RFC 5652, section 3).
func parse(der []byte) (*Message, error) {
	input := cryptobyte.String(der)
	var info, id, wrapped cryptobyte.String
	if !input.ReadASN1(&info, asn1.SEQUENCE) || !input.Empty() || !info.ReadASN1(&id, asn1.OBJECT_IDENTIFIER) {
		return nil, errShape
	}
	m := &Message{Kind: kinds[pki.OID(id)]}
	if m.Kind == "" {
		return nil, errKind
	}
	var present bool
	if !info.ReadOptionalASN1(&wrapped, &present, explicit(0)) || !info.Empty() {
		return nil, errShape
	}
	if m.Kind != SignedData {
		return m, nil
	}
	var signed cryptobyte.String
	if !present || !wrapped.ReadASN1(&signed, asn1.SEQUENCE) || !wrapped.Empty() {
		return nil, errShape
	}
	return m, m.parseSigned(signed)
}

// explicit is the tag of a constructed element of the context.
func explicit(number uint8) asn1.Tag { return asn1.Tag(number).ContextSpecific().Constructed() }

// Content returns what is signed, which is empty for a bundle; nil if it is kept
// elsewhere.
func (m *Message) Content() []byte { return m.content }

// Certificates returns the certificates in their order. A message that has none,
// because it is encrypted, plain data or a bundle of something else, is an error
// that says what it is.
func (m *Message) Certificates() ([]*pki.Certificate, error) {
	if m.Kind != SignedData {
		return nil, fault.New(Sealed, "a PKCS#7 message of the kind %s, %s: no certificates are to be had from it", m.Kind, inWords[m.Kind]).
			WithHint("name a certificate bundle; who an encrypted message is for can open it: openssl cms -decrypt")
	}
	if len(m.certificates) == 0 {
		return nil, fault.New(pki.NoCertificate, "there is no certificate in the PKCS#7 message").
			WithHint("name a bundle that has certificates: openssl crl2pkcs7 -nocrl -certfile chain.pem -out chain.p7b")
	}
	return m.certificates, nil
}
