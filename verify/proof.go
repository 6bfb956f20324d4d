package verify

import (
	"slices"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Proof is what a verification has proved: that a path which keeps every rule
// leads from the peer's certificate to an anchor. Of a refused peer there is
// none.
type Proof struct {
	*answer
	now time.Time
}

// Path returns the certificates from the leaf to the anchor.
func (p *Proof) Path() []*pki.Certificate { return slices.Clone(p.path) }

// Chain returns what was verified: the certificates as the peer sent them. The caller
// must not change it.
func (p *Proof) Chain() []*pki.Certificate { return p.chain }

// Leaf returns the peer's own certificate.
func (p *Proof) Leaf() *pki.Certificate { return p.path[0] }

// Anchor returns the certificate at the end of the path.
func (p *Proof) Anchor() *pki.Certificate { return p.path[len(p.path)-1] }

// Until returns when the proof ends by itself: with the first certificate of the
// path that expires, or with the evidence of revocation that it rests on.
func (p *Proof) Until() time.Time { return p.until }

// ID returns the peer's SPIFFE ID if it is proved: the roots that vouch for it
// are those of the ID's own trust domain. Else it is the zero ID, whatever the
// certificate says.
func (p *Proof) ID() spiffeid.ID {
	id, domain := p.Leaf().ID(), p.opts.Roots.TrustDomain()
	if domain.IsZero() || id.TrustDomain() != domain {
		return spiffeid.ID{}
	}
	return id
}

// Report explains the proof: what was checked, and what was found. It is made
// when it is asked for, at the cost of another verification.
func (p *Proof) Report() *Report {
	opts := *p.opts
	opts.Now = p.now
	s := newSearch(p.chain, &opts, nil)
	return s.report(s.find())
}
