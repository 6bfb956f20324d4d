package agent

import (
	"context"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// keyring holds the current credential of each identity. Keys are made here and
// stay in memory.
type keyring struct {
	mu      sync.Mutex
	held    map[spiffeid.ID]*pki.Credential // guarded by mu
	failing map[spiffeid.ID]bool            // guarded by mu; the last renewal failed
	view    *View                           // guarded by mu; the last, which says what may be held; nil: none yet
}

// heed has what may be held be what a view says.
func (k *keyring) heed(view *View) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.view = view
}

// mayHold refuses what may not be held, as far as is known.
func (k *keyring) mayHold(id spiffeid.ID) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view.Holds(id)
}

func (k *keyring) put(id spiffeid.ID, credential *pki.Credential) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set(id, credential)
}

// renewed is put, unless ctx has ended: whoever ended it forgets the identity.
func (k *keyring) renewed(ctx context.Context, id spiffeid.ID, credential *pki.Credential) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() == nil {
		k.set(id, credential)
	}
}

// set is put; the caller holds mu.
func (k *keyring) set(id spiffeid.ID, credential *pki.Credential) {
	if k.held == nil {
		k.held, k.failing = map[spiffeid.ID]*pki.Credential{}, map[spiffeid.ID]bool{}
	}
	k.held[id] = credential
	delete(k.failing, id)
}

func (k *keyring) get(id spiffeid.ID) *pki.Credential {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.held[id]
}

// fail notes that a renewal failed, unless ctx has ended.
func (k *keyring) fail(ctx context.Context, id spiffeid.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() == nil {
		k.failing[id] = true
	}
}

func (k *keyring) forget(id spiffeid.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, id)
	delete(k.failing, id)
}

// Source returns the identity's certificate, whichever is current.
func (a *Agent) Source(id spiffeid.ID) identity.Source { return source{a, id} }

type source struct {
	agent *Agent
	id    spiffeid.ID
}

// Credential implements identity.Source.
func (s source) Credential() (*pki.Credential, error) {
	if credential := s.agent.keys.get(s.id); credential != nil {
		return credential, nil
	}
	if err := s.agent.keys.mayHold(s.id); err != nil && s.id != s.agent.self {
		return nil, err
	}
	return nil, fault.New(CertificatePending, "there is no certificate for %s yet", s.id.Short(s.agent.self.TrustDomain())).
		WithHint("try again in a moment; if it stays so, look at the proxy's log")
}

// Deadline returns when the identity's current certificate ends, and whether it
// is being renewed.
func (a *Agent) Deadline(id spiffeid.ID) (until time.Time, renewing bool) {
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	credential := a.keys.held[id]
	if credential == nil {
		return time.Time{}, false
	}
	return credential.Leaf().NotAfter(), !a.keys.failing[id]
}
