package pki

import (
	"crypto"
	"crypto/rand"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// OCSPResponseSpec says which response is wanted.
type OCSPResponseSpec struct {
	Issuer     *Certificate // of the certificates that it is about
	Responses  []SingleResponse
	ProducedAt time.Time // zero: the present
	Nonce      []byte    // of the request, if it had one
	ByName     bool      // name the responder by its name, not by its key
}

// NewOCSPResponse signs a response: as the issuer itself, or as a responder that
// the issuer has delegated this to, which sends its certificate along (RFC 6960,
// section 4.2.2.2).
func (c *Credential) NewOCSPResponse(spec OCSPResponseSpec) (*OCSPResponse, error) {
	if spec.ProducedAt.IsZero() {
		spec.ProducedAt = time.Now()
	}
	delegated := !c.Leaf().Equal(spec.Issuer)
	if err := spec.check(c, delegated); err != nil {
		return nil, err
	}
	data := encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) { spec.addData(b, c.Leaf()) })
	algorithm, err := signingAlgorithm(c.Key)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "the OCSP response")
	}
	signature, err := signature(rand.Reader, c.Key, algorithm, data)
	if err != nil {
		return nil, fault.Wrap(err, SigningFailed, "the OCSP response")
	}
	basic := encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addSigned(b, data, algorithm, signature)
		if delegated {
			b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { addElement(b, asn1.SEQUENCE, c.Leaf().raw) })
		}
	})
	return ParseOCSPResponse(encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1Enum(int64(OCSPSuccessful))
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				addOID(b, OIDOCSPBasic)
				b.AddASN1OctetString(basic)
			})
		})
	}))
}

// NewOCSPError says why there is no answer.
func NewOCSPError(status OCSPStatus) (*OCSPResponse, error) {
	if status == OCSPSuccessful || status.String() == "" {
		return nil, ocspSpecInvalid("an OCSP response without an answer cannot have the status %d", status)
	}
	return ParseOCSPResponse(encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(status)) }))
}

func (s OCSPResponseSpec) check(c *Credential, delegated bool) error {
	if delegated {
		if err := c.Leaf().MayAnswerFor(s.Issuer); err != nil {
			return err
		}
	}
	if err := c.validAt(s.ProducedAt); err != nil {
		return err
	}
	if len(s.Responses) == 0 {
		return ocspSpecInvalid("an OCSP response is about at least one certificate")
	}
	for i, single := range s.Responses {
		if err := single.check(i+1, s.Issuer); err != nil {
			return err
		}
	}
	return checkNonce(s.Nonce)
}

// MayAnswerFor says why the issuer has not delegated its OCSP responses to the
// certificate's key, or nil (RFC 6960, section 4.2.2.2). It does not look at dates.
func (c *Certificate) MayAnswerFor(issuer *Certificate) error {
	usages, err := c.ExtKeyUsage()
	usage, _ := c.KeyUsage()
	problem := ""
	switch {
	case !c.issuer.Match(issuer.subject) || c.CheckSignatureBy(issuer.publicKey) != nil:
		problem = "it is not issued by that itself"
	case err != nil || !slices.Contains(usages, OIDOCSPSigning):
		problem = "it lacks the extended key usage OCSP Signing"
	case c.Malformed() != nil:
		problem = "it cannot be read whole"
	case usage != nil && *usage&(DigitalSignature|ContentCommitment) == 0:
		problem = "its key may not sign data"
	default:
		return nil
	}
	return fault.New(NotAnAuthority, "%s may not answer for %s: %s", c.Title(), issuer.Title(), problem).
		WithHint("sign with the issuer's own key, or with a certificate by it that has the extended key usage OCSP Signing")
}

func (r SingleResponse) check(number int, issuer *Certificate) error {
	_, known := reasonNames[r.Reason]
	switch {
	case r.ID.SerialNumber == nil || !r.ID.IssuedBy(issuer):
		return ocspSpecInvalid("response %d is about no certificate of %s", number, issuer.Title())
	case r.Status.String() == "":
		return ocspSpecInvalid("response %d has a status that does not exist", number)
	case r.Status != StatusRevoked && (!r.RevokedAt.IsZero() || r.Reason != Unspecified):
		return ocspSpecInvalid("response %d has a revocation, but the status %s", number, r.Status)
	case r.Status == StatusRevoked && (r.RevokedAt.IsZero() || !canEncode(r.RevokedAt)):
		return ocspSpecInvalid("response %d has no time of the revocation", number)
	case !known || r.Reason == RemoveFromCRL:
		return ocspSpecInvalid("response %d has a reason that is none of a revocation", number)
	case r.ThisUpdate.IsZero() || !canEncode(r.ThisUpdate) || !canEncode(r.NextUpdate):
		return ocspSpecInvalid("response %d has no time of this update", number)
	case !r.NextUpdate.IsZero() && !r.NextUpdate.After(r.ThisUpdate):
		return ocspSpecInvalid("response %d has its next update before this", number)
	}
	return nil
}

func (s OCSPResponseSpec) addData(b *cryptobyte.Builder, responder *Certificate) {
	if s.ByName {
		b.AddASN1(constructed(1), func(b *cryptobyte.Builder) { b.AddBytes(responder.subject.DER()) })
	} else {
		b.AddASN1(constructed(2), func(b *cryptobyte.Builder) { b.AddASN1OctetString(digestOf(crypto.SHA1, responder.publicKey.bits)) })
	}
	b.AddASN1GeneralizedTime(s.ProducedAt.UTC())
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for _, single := range s.Responses {
			b.AddASN1(asn1.SEQUENCE, single.add)
		}
	})
	if len(s.Nonce) > 0 {
		b.AddASN1(constructed(1), func(b *cryptobyte.Builder) { addExtensions(b, []Extension{nonceExtension(s.Nonce)}) })
	}
}

func (r SingleResponse) add(b *cryptobyte.Builder) {
	r.ID.add(b)
	switch r.Status {
	case StatusRevoked:
		b.AddASN1(constructed(1), func(b *cryptobyte.Builder) {
			b.AddASN1GeneralizedTime(r.RevokedAt.UTC())
			if r.Reason != Unspecified {
				b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { b.AddASN1Enum(int64(r.Reason)) })
			}
		})
	default:
		addElement(b, primitive(uint8(r.Status)), nil)
	}
	b.AddASN1GeneralizedTime(r.ThisUpdate.UTC())
	if !r.NextUpdate.IsZero() {
		b.AddASN1(constructed(0), func(b *cryptobyte.Builder) { b.AddASN1GeneralizedTime(r.NextUpdate.UTC()) })
	}
	if len(r.Extensions) > 0 {
		b.AddASN1(constructed(1), func(b *cryptobyte.Builder) { addExtensions(b, r.Extensions) })
	}
}
