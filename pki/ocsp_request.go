package pki

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// OCSPRequest is a parsed OCSP request (RFC 6960, section 4.1). It is immutable
// and safe for concurrent use.
type OCSPRequest struct {
	raw []byte
	signed
	version   int
	requestor *GeneralName
	ids       []CertID
	set       *extensionSet
	certs     []*Certificate
}

// ParseOCSPRequest reads a request in DER of at most MaxOCSP bytes.
func ParseOCSPRequest(data []byte) (*OCSPRequest, error) {
	return parseOCSP(data, "OCSP request", (*der).ocspRequest)
}

func (d *der) ocspRequest() *OCSPRequest {
	r := new(OCSPRequest)
	var content, tbs der
	r.raw, content = d.whole(asn1.SEQUENCE, "OCSP request")
	r.tbs, tbs = content.whole(asn1.SEQUENCE, "OCSP request's contents")
	if content.has(constructed(0)) {
		outer := content.read(constructed(0), "signature")
		inner := outer.sequence("signature")
		r.algorithm = inner.algorithm("algorithm of the signature")
		r.signature, _ = inner.bits("signature")
		r.certs = inner.certificatesIn(0)
		inner.end("the signature")
		outer.end("the signature")
	}
	content.end("the OCSP request")

	r.version = tbs.optionalVersion()
	if tbs.has(constructed(1)) {
		name := tbs.read(constructed(1), "requestor")
		r.requestor = pointer(name.generalName("requestor"))
		name.end("the requestor")
	}
	list := tbs.sequence("list of requests")
	if d.err() == nil && !list.more() {
		list.fail("no request in the list")
	}
	for list.more() {
		item := list.sequence("request")
		r.ids = append(r.ids, item.certID())
		item.optionalExtensions(0, "a request")
		item.end("a request")
	}
	r.set = newExtensionSet(tbs.optionalExtensions(2, "the request"))
	tbs.end("the OCSP request's contents")
	return r
}

// Raw returns the request in DER. The caller must not change it.
func (r *OCSPRequest) Raw() []byte { return r.raw }

// Version returns 1, the only one that there is.
func (r *OCSPRequest) Version() int { return r.version }

// IDs returns the certificates that are asked about, at least one. The caller must
// not change them.
func (r *OCSPRequest) IDs() []CertID { return r.ids }

// Requestor returns who says to have asked, or nil.
func (r *OCSPRequest) Requestor() *GeneralName { return r.requestor }

// Extensions returns the request's extensions. The caller must not change them.
func (r *OCSPRequest) Extensions() []Extension { return r.set.list }

// Nonce returns what the response must repeat, nil if nothing.
func (r *OCSPRequest) Nonce() ([]byte, error) { return find[[]byte](r.set, OIDOCSPNonce) }

// Certificates returns what was sent along to check the signature with.
func (r *OCSPRequest) Certificates() []*Certificate { return r.certs }

// IsSigned reports whether the request has a signature; few have.
func (r *OCSPRequest) IsSigned() bool { return r.signature != nil }

// CheckSignatureBy reports whether the key made the request's signature.
func (r *OCSPRequest) CheckSignatureBy(key *PublicKey) error {
	if !r.IsSigned() {
		return fault.New(SignatureWrong, "the OCSP request is not signed").WithHint("answer it as anybody's, or ask for a signature")
	}
	return r.checkBy(key)
}

// NewOCSPRequest asks about certificates. The nonce, of up to 128 bytes, keeps
// old responses from being replayed; without one, the responder may answer from
// what it has signed already.
func NewOCSPRequest(nonce []byte, ids ...CertID) (*OCSPRequest, error) {
	if len(ids) == 0 {
		return nil, ocspSpecInvalid("an OCSP request asks about at least one certificate")
	}
	if err := checkNonce(nonce); err != nil {
		return nil, err
	}
	return ParseOCSPRequest(encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, id := range ids {
					b.AddASN1(asn1.SEQUENCE, id.add)
				}
			})
			if len(nonce) > 0 {
				b.AddASN1(constructed(2), func(b *cryptobyte.Builder) { addExtensions(b, []Extension{nonceExtension(nonce)}) })
			}
		})
	}))
}
