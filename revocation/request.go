package revocation

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

const (
	nonceSize = 32  // what every responder must take (RFC 9654, section 2.1)
	maxGET    = 255 // characters of a URL with a request in it (RFC 5019, section 5)
)

// askResponder asks the OCSP responder at a URL, and returns a response that
// counts and knows the certificate.
func (g *gathering) askResponder(ctx context.Context, place string) (*pki.OCSPResponse, error) {
	key := fmt.Sprintf("%s %x %x", place, g.Issuer.Fingerprint(), g.Cert.Fingerprint())
	return g.by.responses.get(ctx, key, g.Now, keptResponses, func(ctx context.Context) (memo[*pki.OCSPResponse], error) {
		nonce, request, err := g.request(place)
		if err != nil {
			return memo[*pki.OCSPResponse]{}, err
		}
		return fetch(ctx, g.by.Fetcher, request, func(data []byte) (*pki.OCSPResponse, time.Time, error) { return g.checkResponse(data, nonce) })
	})
}

// Respond asks the OCSP responders that a certificate names for a response that
// counts now, to be handed on as a staple: a fresh one, without a nonce, that says
// until when it counts (RFC 5019, section 2.2.4). It may say that the certificate is
// revoked.
func Respond(ctx context.Context, fetcher Fetcher, cert, issuer *pki.Certificate, now time.Time) (*pki.OCSPResponse, error) {
	g := &gathering{by: &Collector{Fetcher: fetcher, Nonce: NonceNone}, Question: Question{Cert: cert, Issuer: issuer, Now: now}}
	access, err := cert.AuthorityInfo()
	if err != nil {
		return nil, err
	}
	for _, place := range locations(access, pki.OIDAccessOCSP) {
		if !g.mayAsk() {
			break
		}
		_, request, err := g.request(place)
		if err != nil {
			return nil, err
		}
		got, err := fetch(ctx, fetcher, request, func(data []byte) (*pki.OCSPResponse, time.Time, error) {
			response, until, err := g.checkResponse(data, nil)
			if err == nil && until.IsZero() {
				err = errors.New("the response does not say until when it counts")
			}
			return response, time.Time{}, err // not kept: who asks again wants a newer one
		})
		if err == nil {
			return got.value, nil
		}
		g.miss("%s: %s", fault.Printable(place, 80), fault.Text(err))
	}
	if len(g.missing) == 0 {
		g.miss("%s names no OCSP responder", cert.Title())
	}
	return nil, fault.New(NoResponse, "no OCSP response was had: %s", strings.Join(g.missing, "; ")).
		WithHint("see that the responder can be reached; it stands in the certificate's authority information access")
}

// request asks about the certificate by SHA-1, which every responder knows: by
// POST, or by GET if there is no nonce and the URL becomes short enough to be
// answered from a store (RFC 5019, section 5).
func (g *gathering) request(place string) (nonce []byte, r Request, err error) {
	r = Request{Kind: Response, URL: place}
	id, err := pki.NewCertID(g.Cert, g.Issuer, crypto.SHA1)
	if err != nil {
		return nil, r, err
	}
	if g.by.Nonce != NonceNone {
		nonce = make([]byte, nonceSize)
		rand.Read(nonce)
	}
	request, err := pki.NewOCSPRequest(nonce, id)
	if err != nil {
		return nil, r, err
	}
	r.Body = request.Raw()
	if long := strings.TrimSuffix(place, "/") + "/" + url.QueryEscape(base64.StdEncoding.EncodeToString(r.Body)); nonce == nil && len(long) <= maxGET {
		r.URL, r.Body = long, nil
	}
	return nonce, r, nil
}

// checkResponse reads a response and says until when it may be kept, or why it
// does not count.
func (g *gathering) checkResponse(data, nonce []byte) (*pki.OCSPResponse, time.Time, error) {
	none := time.Time{}
	response, err := pki.ParseOCSPResponse(data)
	if err != nil {
		return nil, none, err
	}
	if status := response.Status(); status != pki.OCSPSuccessful {
		return nil, none, fmt.Errorf("the responder gives no answer: %s", status)
	}
	single, found := response.About(g.Cert, g.Issuer)
	if !found {
		return nil, none, errors.New("the response is about other certificates")
	}
	if _, err := (&Evidence{}).usable(response, single, g.Question); err != nil {
		return nil, none, fmt.Errorf("the response %s", fault.Text(err))
	}
	if err := g.checkNonce(response, single, nonce); err != nil {
		return nil, none, err
	}
	if single.Status == pki.StatusUnknown {
		return nil, none, errors.New("the responder does not know the certificate")
	}
	return response, single.NextUpdate, nil
}

// checkNonce says why a response is not known to be an answer to this request, or
// nil. One with neither a nonce nor an end must have been made just now.
func (g *gathering) checkNonce(response *pki.OCSPResponse, single pki.SingleResponse, sent []byte) error {
	have, err := response.Nonce()
	switch {
	case err != nil:
		return errors.New("the response has a nonce that cannot be read")
	case have != nil && sent != nil && !bytes.Equal(have, sent):
		return errors.New("the response has another nonce than the request: it was made for another")
	case have == nil && g.by.Nonce == NonceRequired:
		return errors.New("the response has no nonce, and one is required")
	case (have == nil || sent == nil) && single.NextUpdate.IsZero() && g.Now.Sub(single.ThisUpdate) > maxClock:
		return fmt.Errorf("the response has neither a nonce nor an end, and is of %s", day(single.ThisUpdate))
	}
	return nil
}
