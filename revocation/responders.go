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
		signer, err := e.usable(response, single, q)
		if err != nil {
			answer.Missing = append(answer.Missing, "the OCSP response "+fault.Text(err))
			if e, ok := fault.Of(err); ok {
				answer.Code = cmp.Or(answer.Code, e.Code)
			}
			continue
		}
		if single.Status == pki.StatusUnknown {
			answer.Missing = append(answer.Missing, "the OCSP responder does not know the certificate")
			continue
		}
		answer.Status, answer.Source, answer.Signer = Good, "an OCSP response", signer
		answer.Kind, answer.URL = "ocsp", e.urls[response]
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
		return nil, fault.New(Stale, "does not count: %s", err)
	}
	for _, extension := range slices.Concat(response.Extensions(), single.Extensions) {
		if value, err := extension.Decode(); err != nil || value == nil && extension.Critical {
			return nil, fault.New(ResponseInvalid, "has an extension that is not understood, %s", extension.ID.Name())
		}
	}
	why := fault.New(ResponseSigner, "was not signed by the issuer, nor by anybody that it sends along")
	sent := response.Certificates()
	for i, signer := range append([]*pki.Certificate{q.Issuer}, sent[:min(len(sent), maxDelegates)]...) {
		if !response.IsBy(signer) {
			continue
		}
		err, refused := fault.Of(e.checkedBy(response, signer.PublicKey(), q, ResponseForged, ResponseInvalid))
		switch {
		case refused:
			why = fault.New(err.Code, "does not count: %s", err.Message)
		case i == 0:
			return signer, nil
		default:
			return signer, e.mayRespond(signer, q)
		}
	}
	return nil, why
}

// mayRespond says why a certificate is not that of a responder whom the issuer
// itself has authorized, and now, or nil (RFC 6960, section 4.2.2.2).
func (e *Evidence) mayRespond(delegate *pki.Certificate, q Question) error {
	if f, refused := fault.Of(delegate.MayAnswerFor(q.Issuer)); refused {
		return fault.New(ResponseSigner, "does not count: %s", f.Message)
	}
	switch {
	case slices.ContainsFunc(delegate.Extensions(), isUnknown):
		return fault.New(ResponseSigner, "was signed by a certificate with a critical extension that is not understood")
	case q.Now.Before(delegate.NotBefore()) || q.Now.After(delegate.NotAfter()):
		return fault.New(ResponseSigner, "was signed by a certificate that is not valid now")
	case e.isRevoked(delegate, q):
		return fault.New(ResponseSigner, "was signed by a certificate that is revoked")
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
