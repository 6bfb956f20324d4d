package revocation

import (
	"cmp"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// askResponders looks at every OCSP response about the certificate (RFC 6960,
// section 3.2). One that says revoked outweighs those that say good; one that
// does not know says nothing.
func (e *Evidence) askResponders(q Question) Answer {
	var answer Answer
	for _, response := range e.responses {
		single, found := response.About(q.Cert, q.Issuer)
		if !found {
			continue
		}
		if err := e.usable(response, single, q); err != nil {
			answer.Missing = append(answer.Missing, "the OCSP response "+fault.Text(err))
			if e, ok := fault.Of(err); ok {
				answer.Code = cmp.Or(answer.Code, e.Code)
			}
			continue
		}
		switch single.Status {
		case pki.StatusRevoked:
			return Answer{Status: Revoked, Reason: single.Reason, Since: single.RevokedAt, Source: "an OCSP response", NextUpdate: single.NextUpdate, Missing: answer.Missing}
		case pki.StatusGood:
			answer.Status, answer.Source, answer.NextUpdate = Good, "an OCSP response", single.NextUpdate
		default:
			answer.Missing = append(answer.Missing, "the OCSP responder does not know the certificate")
		}
	}
	return answer
}

// usable says why a response does not count, or nil.
func (e *Evidence) usable(response *pki.OCSPResponse, single pki.SingleResponse, q Question) error {
	if err := fresh("it", single.ThisUpdate, single.NextUpdate, q.Now); err != nil {
		return fault.New(Stale, "does not count: %s", err)
	}
	for _, extension := range slices.Concat(response.Extensions(), single.Extensions) {
		if value, err := extension.Decode(); err != nil || value == nil && extension.Critical {
			return fault.New(ResponseInvalid, "has an extension that is not understood, %s", extension.ID.Name())
		}
	}
	if response.IsBy(q.Issuer) && e.signedBy(response, q.Issuer.PublicKey(), q) {
		return nil
	}
	for _, delegate := range response.Certificates() {
		if response.IsBy(delegate) && e.signedBy(response, delegate.PublicKey(), q) {
			return mayRespond(delegate, q)
		}
	}
	return fault.New(ResponseSigner, "was not signed by the issuer, nor by anybody that it sends along")
}

// mayRespond says why a certificate is not that of a responder whom the issuer
// itself has authorized, or nil (RFC 6960, section 4.2.2.2).
func mayRespond(delegate *pki.Certificate, q Question) error {
	purposes, err := delegate.ExtKeyUsage()
	switch {
	case !delegate.Issuer().Match(q.Issuer.Subject()) || delegate.CheckSignatureBy(q.Issuer.PublicKey()) != nil:
		return fault.New(ResponseSigner, "was signed by somebody whom the issuer did not authorize")
	case err != nil || !slices.Contains(purposes, pki.OIDOCSPSigning):
		return fault.New(ResponseSigner, "was signed by a certificate that is not for signing such responses")
	case delegate.Malformed() != nil:
		return fault.New(ResponseSigner, "was signed by a certificate that cannot be read whole")
	case q.Now.Before(delegate.NotBefore()) || q.Now.After(delegate.NotAfter()):
		return fault.New(ResponseSigner, "was signed by a certificate that is not valid now")
	}
	return nil
}
