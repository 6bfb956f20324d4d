package pkcs7

import (
	"errors"
	"fmt"

	"github.com/smallstep/pkcs7"
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// maxSigned bounds what is handed to the module, in bytes: it keeps some hundred
// bytes of memory for each element. A signer takes 1 or 2 KiB, its certificate
// the same.
const maxSigned = 512 << 10

// Verify reports whether each signer's key has signed the content, or the
// detached data if the content is kept elsewhere. It says nothing of whether the
// signers' certificates are to be trusted. If all signatures are right but one is
// made with SHA-1, the error is pki.SignatureWeak.
func (m *Message) Verify(detached []byte) error {
	if m.Kind != SignedData || len(m.Signers) == 0 {
		return fault.New(pki.SignatureUnsupported, "nobody has signed this PKCS#7 message of the kind %s", m.Kind).
			WithHint("name a message that is signed; a bundle of certificates is not")
	}
	content := m.content
	if m.detached {
		content = detached
	}
	weak := false
	for i, signer := range m.Signers {
		who := fmt.Sprintf("signer %d", i+1)
		if err := signer.verifiable(m.contentType); err != nil {
			return fault.Wrap(err, pki.SignatureUnsupported, "the signature of %s cannot be checked", who).
				WithHint("openssl cms -verify -noverify    # checks more forms of signatures")
		}
		if err := m.verify(signer, content); err != nil {
			// The module's error has several lines.
			return fault.New(pki.SignatureWrong, "the signature of %s is wrong: %s", who, fault.Printable(err.Error(), 200)).
				WithHint("do not trust what is signed; get it again from where it was made")
		}
		weak = weak || signer.Digest == oidSHA1
	}
	if weak {
		return fault.New(pki.SignatureWeak, "the signature is right, but made with SHA-1, which can be forged").
			WithHint("have it signed again with SHA-256 or better")
	}
	return nil
}

const (
	oidSHA1   pki.OID = "\x2b\x0e\x03\x02\x1a"                 // 1.3.14.3.2.26
	oidSHA256 pki.OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x01" // 2.16.840.1.101.3.4.2.1
	oidSHA384 pki.OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x02" // 2.16.840.1.101.3.4.2.2
	oidSHA512 pki.OID = "\x60\x86\x48\x01\x65\x03\x04\x02\x03" // 2.16.840.1.101.3.4.2.3
)

var digests = map[pki.OID]bool{oidSHA1: true, oidSHA256: true, oidSHA384: true, oidSHA512: true}

// algorithms are those of RSA by PKCS#1 v1.5 and of ECDSA; RSA is most often
// named without its digest.
var algorithms = map[pki.OID]bool{
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01": true, // 1.2.840.113549.1.1.1
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05": true, // 1.2.840.113549.1.1.5, with SHA-1
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b": true, // 1.2.840.113549.1.1.11, with SHA-256
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c": true, // 1.2.840.113549.1.1.12, with SHA-384
	"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d": true, // 1.2.840.113549.1.1.13, with SHA-512
	"\x2a\x86\x48\xce\x3d\x04\x01":         true, // 1.2.840.10045.4.1, with SHA-1
	"\x2a\x86\x48\xce\x3d\x04\x03\x02":     true, // 1.2.840.10045.4.3.2, with SHA-256
	"\x2a\x86\x48\xce\x3d\x04\x03\x03":     true, // 1.2.840.10045.4.3.3, with SHA-384
	"\x2a\x86\x48\xce\x3d\x04\x03\x04":     true, // 1.2.840.10045.4.3.4, with SHA-512
}

// verifiable says why a signature cannot be checked, or nil. Without the content
// type among the signed attributes, signed data could be passed off as signed
// attributes and the other way round (RFC 5652, section 5.3).
func (signer *Signer) verifiable(contentType pki.OID) error {
	switch {
	case signer.Certificate == nil:
		return errors.New("its certificate is not in the message")
	case signer.Serial == nil:
		return errors.New("it is named by its key's identifier, not by issuer and serial number")
	case !digests[signer.Digest]:
		return fmt.Errorf("it is made with the digest %s", signer.Digest.Name())
	case !algorithms[signer.Algorithm.ID]:
		return fmt.Errorf("it is made by %s", signer.Algorithm)
	case signer.hasSigned && signer.contentType != contentType:
		return errors.New("its signed attributes are for another type of content")
	case !signer.hasSigned && contentType != oidData:
		return errors.New("it has no signed attributes, which content of this type needs")
	case len(signer.raw)+len(signer.Certificate.Raw()) > maxSigned:
		return fmt.Errorf("signer and certificate have more than %d bytes", maxSigned)
	}
	_, err := signer.Certificate.X509()
	return err
}

// verify has the module check one signature. It is given the signer and its
// certificate alone, in a message of our making, and the content apart: so it
// judges what was parsed here, and cannot read anything else into the message.
func (m *Message) verify(signer *Signer, content []byte) error {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addOID(b, oidSignedData)
		b.AddASN1(explicit(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(1)
				b.AddASN1(asn1.SET, func(*cryptobyte.Builder) {}) // digests, each named by its signer too
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addOID(b, oidData) })
				b.AddASN1(explicit(0), func(b *cryptobyte.Builder) { b.AddBytes(signer.Certificate.Raw()) })
				b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) { b.AddBytes(signer.raw) })
			})
		})
	})
	alone, err := b.Bytes()
	if err != nil {
		return err
	}
	message, err := pkcs7.Parse(alone)
	if err != nil {
		return err
	}
	message.Content = content
	return message.Verify()
}
