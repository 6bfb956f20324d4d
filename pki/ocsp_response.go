package pki

import (
	"bytes"
	"crypto"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// OCSPStatus is whether a responder answers at all (RFC 6960, section 4.2.1).
type OCSPStatus int

// The statuses; those but the first have no response.
const (
	OCSPSuccessful   OCSPStatus = 0
	OCSPMalformed    OCSPStatus = 1 // it could not read the request
	OCSPInternal     OCSPStatus = 2
	OCSPTryLater     OCSPStatus = 3
	OCSPSigRequired  OCSPStatus = 5
	OCSPUnauthorized OCSPStatus = 6 // it does not answer for this issuer, or not us
)

var ocspStatuses = map[OCSPStatus]string{
	OCSPSuccessful:   "successful",
	OCSPMalformed:    "malformedRequest",
	OCSPInternal:     "internalError",
	OCSPTryLater:     "tryLater",
	OCSPSigRequired:  "sigRequired",
	OCSPUnauthorized: "unauthorized",
}

// String returns the status's name in RFC 6960.
func (s OCSPStatus) String() string { return ocspStatuses[s] }

// CertStatus is what a responder says of a certificate.
type CertStatus int

// The values are those of the tags.
const (
	StatusGood CertStatus = iota
	StatusRevoked
	StatusUnknown
)

var certStatuses = map[CertStatus]string{StatusGood: "good", StatusRevoked: "revoked", StatusUnknown: "unknown"}

// String returns the status's name in RFC 6960.
func (s CertStatus) String() string { return certStatuses[s] }

func (s CertStatus) isWorse(other CertStatus) bool {
	return s != other && (s == StatusRevoked || other == StatusGood)
}

// SingleResponse is what a responder says of one certificate (RFC 6960, section
// 4.2.1).
type SingleResponse struct {
	ID         CertID
	Status     CertStatus
	RevokedAt  time.Time // if it is revoked
	Reason     Reason    // if it is revoked; Unspecified if the responder does not say
	ThisUpdate time.Time
	NextUpdate time.Time // zero: newer news may be there at any time
	Extensions []Extension
}

// OCSPResponse is a parsed OCSP response (RFC 6960, section 4.2). It is immutable
// and safe for concurrent use.
type OCSPResponse struct {
	raw    []byte
	status OCSPStatus
	signed
	version       int
	responderName Name
	responderKey  []byte // SHA-1 of its key's bits; nil if it is named
	producedAt    time.Time
	responses     []SingleResponse
	set           *extensionSet
	certs         []*Certificate
}

// ParseOCSPResponse reads a response in DER of at most MaxOCSP bytes.
func ParseOCSPResponse(data []byte) (*OCSPResponse, error) {
	return parseOCSP(data, "OCSP response", (*der).ocspResponse)
}

func (d *der) ocspResponse() *OCSPResponse {
	r := &OCSPResponse{set: new(extensionSet)}
	var content der
	r.raw, content = d.whole(asn1.SEQUENCE, "OCSP response")
	status := content.read(asn1.ENUM, "status of the response")
	r.status = OCSPStatus(status.smallContent("status of the response"))
	if _, known := ocspStatuses[r.status]; !known && d.err() == nil {
		status.fail("a status of the response that does not exist")
	}
	if r.status == OCSPSuccessful {
		outer := content.read(constructed(0), "response")
		inner := outer.sequence("response")
		if kind := inner.oid("kind of the response"); kind != OIDOCSPBasic && d.err() == nil {
			inner.fail("a response of the kind %s, which is not known", kind)
		}
		basic := inner.read(asn1.OCTET_STRING, "response")
		basic.basicResponse(r)
		basic.end("the response")
		inner.end("the response")
		outer.end("the response")
	}
	content.end("the OCSP response")
	return r
}

func (d *der) basicResponse(r *OCSPResponse) {
	content := d.sequence("basic response")
	var data der
	r.signed, data = content.signed("response data")
	r.certs = content.certificatesIn(0)
	content.end("the basic response")

	r.version = data.optionalVersion()
	switch {
	case data.has(constructed(1)):
		responder := data.read(constructed(1), "responder")
		r.responderName = responder.name("responder")
		responder.end("the responder")
	default:
		responder := data.read(constructed(2), "responder")
		r.responderKey = responder.read(asn1.OCTET_STRING, "digest of the responder's key").String
		responder.end("the responder")
	}
	r.producedAt = data.generalized("production")
	for list := data.sequence("responses"); list.more(); {
		r.responses = append(r.responses, list.singleResponse())
	}
	r.set = newExtensionSet(data.optionalExtensions(1, "the response"))
	data.end("the response data")
}

func (d *der) singleResponse() SingleResponse {
	item := d.sequence("response about a certificate")
	r := SingleResponse{ID: item.certID()}
	_, tag, content := item.element("status of a certificate")
	switch tag {
	case primitive(0):
	case constructed(1):
		r.Status = StatusRevoked
		r.RevokedAt = content.generalized("revocation")
		if content.has(constructed(0)) {
			reason := content.read(constructed(0), "reason of a revocation")
			r.Reason = reason.reason()
			reason.end("the reason of a revocation")
		}
	case primitive(2):
		r.Status = StatusUnknown
	default:
		content.fail("a status of a certificate that does not exist")
	}
	content.end("the status of a certificate")
	r.ThisUpdate = item.generalized("this update")
	if item.has(constructed(0)) {
		next := item.read(constructed(0), "next update")
		r.NextUpdate = next.generalized("next update")
		next.end("the next update")
	}
	r.Extensions = item.optionalExtensions(1, "a response about a certificate")
	item.end("a response about a certificate")
	return r
}

// Raw returns the response in DER. The caller must not change it.
func (r *OCSPResponse) Raw() []byte { return r.raw }

// Status returns whether there is an answer. Nobody signs that there is none.
func (r *OCSPResponse) Status() OCSPStatus { return r.status }

// Version returns 1, the only one that there is, or 0 without an answer.
func (r *OCSPResponse) Version() int { return r.version }

// Responder returns the name of who answered, or the SHA-1 of its key's bits.
func (r *OCSPResponse) Responder() (name Name, key []byte) { return r.responderName, r.responderKey }

// ProducedAt returns when the response was signed.
func (r *OCSPResponse) ProducedAt() time.Time { return r.producedAt }

// Responses returns what is said of each certificate. The caller must not change
// them.
func (r *OCSPResponse) Responses() []SingleResponse { return r.responses }

// About returns what is said of a certificate of this issuer, and whether anything
// is. Where it is said twice, the worse counts: revoked before unknown before good.
func (r *OCSPResponse) About(cert, issuer *Certificate) (worst SingleResponse, found bool) {
	for _, single := range r.responses {
		if single.ID.Matches(cert, issuer) && (!found || single.Status.isWorse(worst.Status)) {
			worst, found = single, true
		}
	}
	return worst, found
}

// Extensions returns the response's own extensions. The caller must not change
// them.
func (r *OCSPResponse) Extensions() []Extension { return r.set.list }

// Nonce returns what the response repeats of its request, nil if nothing.
func (r *OCSPResponse) Nonce() ([]byte, error) { return find[[]byte](r.set, OIDOCSPNonce) }

// Certificates returns what was sent along: the delegated responder's, if one
// signed.
func (r *OCSPResponse) Certificates() []*Certificate { return r.certs }

// IsBy reports whether the response says that the certificate's key signed it.
func (r *OCSPResponse) IsBy(cert *Certificate) bool {
	if r.responderKey == nil {
		return !r.responderName.IsEmpty() && r.responderName.Equal(cert.subject)
	}
	return bytes.Equal(r.responderKey, digestOf(crypto.SHA1, cert.publicKey.bits))
}

// CheckSignatureBy reports whether the key made the response's signature. That
// the key may answer for the certificates' issuer is for others to say.
func (r *OCSPResponse) CheckSignatureBy(key *PublicKey) error {
	if r.status != OCSPSuccessful {
		return fault.New(SignatureWrong, "the OCSP response says %s, and nobody signed that", r.status).
			WithHint("ask the responder again later, or another one")
	}
	return r.checkBy(key)
}
