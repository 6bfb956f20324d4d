package authority

import (
	"context"
	"sync"
	"time"

	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// ownCertificate is the authority's own credential, signed by itself and made
// anew at half of its life.
type ownCertificate struct {
	id    spiffeid.ID
	ca    *ca.CA
	signs bool // it is for what proxies believe, and opens no connection
	now   func() time.Time
	// issued records a certificate before it is used.
	issued func(ctx context.Context, leaf *pki.Certificate, by spiffeid.ID) error

	mu      sync.Mutex
	current *pki.Credential // guarded by mu
	over    bool            // guarded by mu; another is to be made, whatever the dates of the current one
}

var _ identity.Source = (*ownCertificate)(nil)

// Credential implements identity.Source.
func (o *ownCertificate) Credential() (*pki.Credential, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if o.current != nil && !o.over && young(o.current.Leaf(), now) {
		return o.current, nil
	}
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	issue := o.ca.Issue
	if o.signs {
		issue = o.ca.IssueSigner
	}
	chain, err := issue(o.id, key.Public(), now)
	if err != nil {
		return nil, err
	}
	if err := o.issued(context.Background(), chain[0], o.id); err != nil {
		if o.current != nil && !o.current.Leaf().Expired(now) {
			return o.current, nil // until the log can be written
		}
		return nil, err
	}
	o.current, err = pki.NewCredential(chain, key)
	o.over = false
	return o.current, err
}

// young reports whether a certificate is in the first half of its life, by the dates
// that others judge it by: since it was made the host may have been suspended, while
// its steady clock stood still, or its clock been set, forward or back.
func young(leaf *pki.Certificate, now time.Time) bool {
	half := leaf.NotAfter().Sub(leaf.NotBefore()) / 2
	return !now.Before(leaf.NotBefore()) && now.Before(leaf.NotBefore().Add(half))
}

// renewNow has it made anew when it is asked for next.
func (o *ownCertificate) renewNow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
}
