package revocation

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Issuer brings the certificate of who signed this one, from where it says that it
// is (RFC 5280, section 4.2.2.1).
func (c *Collector) Issuer(ctx context.Context, cert *pki.Certificate) (*pki.Certificate, error) {
	access, err := cert.AuthorityInfo()
	if err != nil {
		return nil, err
	}
	urls := locations(access, pki.OIDAccessIssuers)
	if len(urls) == 0 {
		return nil, issuerNotFetched(cert, "it does not say where")
	}
	var missing []string
	for _, url := range urls[:min(len(urls), maxPlaces)] {
		got, err := fetch(ctx, c.Fetcher, Request{Kind: Issuer, URL: url}, func(data []byte) (*pki.Certificate, time.Time, error) {
			issuer, err := c.signerIn(data, cert)
			if err != nil {
				return nil, time.Time{}, err
			}
			return issuer, issuer.NotAfter(), nil
		})
		if err == nil {
			return got.value, nil
		}
		missing = append(missing, fault.Printable(url, 80)+": "+fault.Text(err))
	}
	return nil, issuerNotFetched(cert, strings.Join(missing, "; "))
}

// signerIn returns the certificate among these that signed cert.
func (c *Collector) signerIn(data []byte, cert *pki.Certificate) (*pki.Certificate, error) {
	certs, err := pki.ParseCertificates(data)
	if err != nil && c.Bundle != nil {
		if bundle, bundleErr := c.Bundle(data); bundleErr == nil {
			certs, err = bundle, nil
		}
	}
	if err != nil {
		return nil, err
	}
	for _, issuer := range certs[:min(len(certs), maxPlaces)] {
		err := cert.CheckSignatureBy(issuer.PublicKey())
		if issuer.Subject().Match(cert.Issuer()) && (err == nil || errors.Is(err, pki.SignatureWeak)) {
			return issuer, nil
		}
	}
	return nil, errors.New("it is not the certificate of who signed this one")
}

func issuerNotFetched(cert *pki.Certificate, why string) error {
	return fault.New(IssuerNotFetched, "the certificate of %s, which signed %s, was not brought: %s", cert.IssuerTitle(), cert.Title(), why).
		WithHint("append the certificate of %s to the file of %s", cert.IssuerTitle(), cert.Title())
}
