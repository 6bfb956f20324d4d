package revocation

import (
	"errors"
	"fmt"
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
			answer.Missing = append(answer.Missing, "the OCSP response "+err.Error())
			continue
		}
		switch single.Status {
		case pki.StatusRevoked:
			return Answer{Revoked, single.Reason, single.RevokedAt, "an OCSP response", single.NextUpdate, answer.Missing}
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
		return fmt.Errorf("does not count: %w", err)
	}
	for _, extension := range slices.Concat(response.Extensions(), single.Extensions) {
		if value, err := extension.Decode(); err != nil || value == nil && extension.Critical {
			return fmt.Errorf("has an extension that is not understood, %s", extension.ID.Name())
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
	return errors.New("was not signed by the issuer, nor by anybody that it sends along")
}

// mayRespond says why a certificate is not that of a responder whom the issuer
// itself has authorized, and now, or nil.
func mayRespond(delegate *pki.Certificate, q Question) error {
	if e, refused := fault.Of(delegate.MayAnswerFor(q.Issuer)); refused {
		return fmt.Errorf("does not count: %s", e.Message)
	}
	if q.Now.Before(delegate.NotBefore()) || q.Now.After(delegate.NotAfter()) {
		return errors.New("was signed by a certificate that is not valid now")
	}
	return nil
}
