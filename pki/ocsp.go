package pki

import (
	"bytes"
	"crypto"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// MaxOCSP is the largest OCSP message that is read, in bytes; usual ones have a
// few thousand.
const MaxOCSP = 1 << 20

// CertID names a certificate by its serial number and by digests of its issuer's
// name and key (RFC 6960, section 4.1.1).
type CertID struct {
	Digest       Algorithm
	NameHash     []byte // of the issuer's name in DER
	KeyHash      []byte // of the bits of the issuer's key
	SerialNumber *big.Int
}

// certIDDigests are the digests that certificates are named by: SHA-1 too, since
// nothing is proved by it.
var certIDDigests = map[OID]crypto.Hash{
	oidSHA1:   crypto.SHA1,
	oidSHA256: crypto.SHA256,
	oidSHA384: crypto.SHA384,
	oidSHA512: crypto.SHA512,
}

// NewCertID names a certificate by SHA-1, which every responder knows, or by
// SHA-256.
func NewCertID(cert, issuer *Certificate, digest crypto.Hash) (CertID, error) {
	if !cert.issuer.Equal(issuer.subject) {
		return CertID{}, ocspSpecInvalid("%s was not issued by %s", cert.Title(), issuer.Title())
	}
	algorithm := Algorithm{oidSHA1, asn1NULL}
	switch digest {
	case crypto.SHA1:
	case crypto.SHA256:
		algorithm.ID = oidSHA256
	default:
		return CertID{}, ocspSpecInvalid("OCSP names certificates by SHA-1 or SHA-256")
	}
	return CertID{algorithm, digestOf(digest, issuer.subject.DER()), digestOf(digest, issuer.publicKey.bits), cert.SerialNumber()}, nil
}

func digestOf(digest crypto.Hash, data []byte) []byte {
	h := digest.New()
	h.Write(data)
	return h.Sum(nil)
}

// IssuedBy reports whether the issuer is whom the ID says.
func (id CertID) IssuedBy(issuer *Certificate) bool {
	digest, known := certIDDigests[id.Digest.ID]
	return known && bytes.Equal(id.NameHash, digestOf(digest, issuer.subject.DER())) &&
		bytes.Equal(id.KeyHash, digestOf(digest, issuer.publicKey.bits))
}

// Matches reports whether the ID is that of a certificate of this issuer.
func (id CertID) Matches(cert, issuer *Certificate) bool {
	return id.SerialNumber.Cmp(cert.SerialNumber()) == 0 && cert.issuer.Equal(issuer.subject) && id.IssuedBy(issuer)
}

func (d *der) certID() CertID {
	item := d.sequence("certificate ID")
	id := CertID{
		Digest:   item.algorithm("algorithm of the digest"),
		NameHash: item.read(asn1.OCTET_STRING, "digest of an issuer's name").String,
		KeyHash:  item.read(asn1.OCTET_STRING, "digest of an issuer's key").String,
	}
	id.SerialNumber = bigInt(item.integer("serial number"))
	item.end("a certificate ID")
	return id
}

func (id CertID) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addAlgorithm(b, id.Digest)
		b.AddASN1OctetString(id.NameHash)
		b.AddASN1OctetString(id.KeyHash)
		b.AddASN1BigInt(id.SerialNumber)
	})
}

// maxNonce is the longest nonce (RFC 9654, section 2.1).
const maxNonce = 128

// nonce reads the contents of a nonce (RFC 8954, section 2.1).
func (d *der) nonce() []byte {
	nonce := d.read(asn1.OCTET_STRING, "nonce").String
	if n := len(nonce); d.err() == nil && (n == 0 || n > maxNonce) {
		d.failAt(nonce, "a nonce of %d bytes", n)
	}
	return nonce
}

func nonceExtension(nonce []byte) Extension {
	return Extension{OIDOCSPNonce, false, encode(asn1.OCTET_STRING, func(b *cryptobyte.Builder) { b.AddBytes(nonce) })}
}

func checkNonce(nonce []byte) error {
	if len(nonce) > maxNonce {
		return ocspSpecInvalid("a nonce of %d bytes; %d are the most", len(nonce), maxNonce)
	}
	return nil
}

// optionalExtensions reads explicitly tagged extensions, if they are there.
func (d *der) optionalExtensions(number uint8, what string) []Extension {
	if !d.has(constructed(number)) {
		return nil
	}
	content := d.read(constructed(number), "extensions of "+what)
	list := content.extensions(what)
	content.end("the extensions of " + what)
	return list
}

// optionalVersion reads an explicitly tagged version, which is 1 if absent.
func (d *der) optionalVersion() int {
	if !d.has(constructed(0)) {
		return 1
	}
	content := d.read(constructed(0), "version")
	version := content.small("version") + 1
	content.end("the version")
	return version
}

// certificatesIn reads explicitly tagged certificates, if they are there.
func (d *der) certificatesIn(number uint8) []*Certificate {
	var certs []*Certificate
	if d.has(constructed(number)) {
		content := d.read(constructed(number), "certificates")
		for list := content.sequence("certificates"); list.more(); {
			certs = append(certs, list.certificate())
		}
		content.end("the certificates")
	}
	return certs
}

// parseOCSP reads one message.
func parseOCSP[T any](data []byte, what string, read func(*der) T) (message T, err error) {
	const hint = "ask the responder again; if the answer stays the same, tell the authority that runs it"
	if len(data) > MaxOCSP {
		return message, fault.New(InputTooLarge, "%d bytes are more than the %d of an OCSP message", len(data), MaxOCSP).WithHint(hint)
	}
	d := newDER(data)
	parsed := read(&d)
	if err := d.end("the " + what); err != nil {
		return message, fault.Wrap(err, OCSPUnreadable, "unreadable %s", what).WithHint(hint)
	}
	return parsed, nil
}

func ocspSpecInvalid(format string, args ...any) error {
	return fault.New(SpecInvalid, format, args...).WithHint("correct what the OCSP message is to say; RFC 6960 has the rules")
}
