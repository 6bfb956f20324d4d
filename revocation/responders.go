package revocation

import (
	"errors"
	"fmt"
	"slices"

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
		signer, err := e.usable(response, single, q)
		if err != nil {
			answer.Missing = append(answer.Missing, "the OCSP response "+err.Error())
			continue
		}
		if single.Status == pki.StatusUnknown {
			answer.Missing = append(answer.Missing, "the OCSP responder does not know the certificate")
			continue
		}
		answer.Status, answer.Source, answer.Signer = Good, "an OCSP response", signer
		answer.ThisUpdate, answer.NextUpdate = single.ThisUpdate, single.NextUpdate
		if single.Status == pki.StatusRevoked {
			answer.Status, answer.Reason, answer.Since = Revoked, single.Reason, single.RevokedAt
			break
		}
	}
	return answer
}

// maxDelegates is how many of the certificates that came with a response are
// looked at for its signer; one does.
const maxDelegates = 4

// usable returns who signed a response, or why it does not count.
func (e *Evidence) usable(response *pki.OCSPResponse, single pki.SingleResponse, q Question) (*pki.Certificate, error) {
	if err := fresh("it", single.ThisUpdate, single.NextUpdate, q.Now); err != nil {
		return nil, fmt.Errorf("does not count: %w", err)
	}
	for _, extension := range slices.Concat(response.Extensions(), single.Extensions) {
		if value, err := extension.Decode(); err != nil || value == nil && extension.Critical {
			return nil, fmt.Errorf("has an extension that is not understood, %s", extension.ID.Name())
		}
	}
	if response.IsBy(q.Issuer) && e.signedBy(response, q.Issuer.PublicKey(), q) {
		return q.Issuer, nil
	}
	sent := response.Certificates()
	for _, delegate := range sent[:min(len(sent), maxDelegates)] {
		if response.IsBy(delegate) && e.signedBy(response, delegate.PublicKey(), q) {
			return delegate, e.mayRespond(delegate, q)
		}
	}
	return nil, errors.New("was not signed by the issuer, nor by anybody that it sends along")
}

// mayRespond says why a certificate is not that of a responder whom the issuer
// itself has authorized, or nil (RFC 6960, section 4.2.2.2).
func (e *Evidence) mayRespond(delegate *pki.Certificate, q Question) error {
	purposes, err := delegate.ExtKeyUsage()
	usage, usageErr := delegate.KeyUsage()
	switch {
	case !delegate.Issuer().Match(q.Issuer.Subject()) || delegate.CheckSignatureBy(q.Issuer.PublicKey()) != nil:
		return errors.New("was signed by somebody whom the issuer did not authorize")
	case err != nil || !slices.Contains(purposes, pki.OIDOCSPSigning):
		return errors.New("was signed by a certificate that is not for signing such responses")
	case usageErr != nil || usage != nil && *usage&(pki.DigitalSignature|pki.ContentCommitment) == 0:
		return errors.New("was signed by a key that may not sign data")
	case delegate.Malformed() != nil:
		return errors.New("was signed by a certificate that cannot be read whole")
	case slices.ContainsFunc(delegate.Extensions(), isUnknown):
		return errors.New("was signed by a certificate with a critical extension that is not understood")
	case q.Now.Before(delegate.NotBefore()) || q.Now.After(delegate.NotAfter()):
		return errors.New("was signed by a certificate that is not valid now")
	case e.isRevoked(delegate, q):
		return errors.New("was signed by a certificate that is revoked")
	}
	return nil
}

func isUnknown(extension pki.Extension) bool {
	value, err := extension.Decode()
	return extension.Critical && err == nil && value == nil
}

// isRevoked reports whether a list that is there revokes a responder's certificate.
// It is not demanded that one is there: authorities have responders of short life
// for which there is none (RFC 6960, section 4.2.2.2.1).
func (e *Evidence) isRevoked(delegate *pki.Certificate, q Question) bool {
	q.Cert = delegate
	return e.askLists(q).Status == Revoked
}
