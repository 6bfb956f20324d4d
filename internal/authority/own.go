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
	renew   time.Time       // guarded by mu
}

var _ identity.Source = (*ownCertificate)(nil)

// Credential implements identity.Source.
func (o *ownCertificate) Credential() (*pki.Credential, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if o.current != nil && now.Before(o.renew) {
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
	o.renew = now.Add(ca.DefaultLifetime / 2)
	return o.current, err
}

// renewNow has it made anew when it is asked for next.
func (o *ownCertificate) renewNow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.renew = time.Time{}
}
