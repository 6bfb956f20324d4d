package ca

import (
	"crypto"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// IssueSigner signs the certificate of a key that says which revision is in force,
// and nothing else: it opens no connection and signs no certificate. As Issue's, it
// is on nobody's record.
func (c *CA) IssueSigner(id spiffeid.ID, public crypto.PublicKey, now time.Time) ([]*pki.Certificate, error) {
	plan, err := c.Plan(id, now)
	if err != nil {
		return nil, err
	}
	issuer, err := c.issuer(plan.Issuer)
	if err != nil {
		return nil, err
	}
	leaf, err := issuer.Issue(pki.Spec{Profile: pki.Signer, ID: plan.ID, Serial: plan.Serial, Lifetime: plan.NotAfter.Sub(plan.At), Now: plan.At}, public)
	if err != nil {
		return nil, err
	}
	return []*pki.Certificate{leaf, issuer.Leaf()}, nil
}
