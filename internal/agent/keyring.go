package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// keyring holds the current credential of each identity. Keys are made here and
// stay in memory.
type keyring struct {
	mu      sync.Mutex
	held    map[spiffeid.ID]*pki.Credential // guarded by mu
	failing map[spiffeid.ID]bool            // guarded by mu; the last renewal failed
}

func (k *keyring) put(id spiffeid.ID, credential *pki.Credential) {
	k.mu.Lock()
	defer k.mu.Unlock()
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

func (k *keyring) fail(id spiffeid.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.failing[id] = true
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
	return credential.Leaf().X509().NotAfter, !a.keys.failing[id]
}

// keepers are the goroutines that keep one identity's certificate fresh each.
// They belong to Run.
type keepers struct {
	agent *Agent
	wg    *sync.WaitGroup
	stops map[spiffeid.ID]context.CancelFunc
}

// want starts keepers for new identities and stops those of identities that are
// no longer ours; their certificates are forgotten.
func (k *keepers) want(ctx context.Context, ids []spiffeid.ID) {
	wanted := map[spiffeid.ID]bool{}
	for _, id := range ids {
		wanted[id] = true
		if _, kept := k.stops[id]; kept {
			continue
		}
		life, stop := context.WithCancel(ctx)
		k.stops[id] = stop
		k.wg.Go(func() { k.agent.keep(life, id) })
	}
	for id, stop := range k.stops {
		if !wanted[id] {
			stop()
			delete(k.stops, id)
			k.agent.keys.forget(id)
		}
	}
}

func (k *keyring) forget(id spiffeid.ID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.held, id)
	delete(k.failing, id)
}

// keep renews a certificate at half of its life, with jitter, and sooner if
// there is none.
func (a *Agent) keep(ctx context.Context, id spiffeid.ID) {
	wait := a.untilRenewal(id)
	for attempt := 0; sleep(ctx, wait); {
		credential, err := a.obtain(ctx, id)
		if err != nil {
			a.keys.fail(id)
			a.logger.Warn("no certificate", slog.String("identity", id.String()), slog.Any("error", err))
			wait, attempt = backoff(attempt), attempt+1
			continue
		}
		if ctx.Err() != nil {
			return
		}
		a.keys.put(id, credential)
		// Clocks that differ by half a day must not make this a busy loop.
		wait, attempt = max(a.untilRenewal(id), time.Minute), 0
	}
}

func (a *Agent) untilRenewal(id spiffeid.ID) time.Duration {
	credential := a.keys.get(id)
	if credential == nil {
		return 0
	}
	leaf := credential.Leaf().X509()
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	at := leaf.NotBefore.Add(life/2 + rand.N(life/10+1))
	return at.Sub(a.now())
}

// obtain makes a new key and has the authority sign for it.
func (a *Agent) obtain(ctx context.Context, id spiffeid.ID) (*pki.Credential, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	request, err := pki.NewRequest(key)
	if err != nil {
		return nil, err
	}
	var answer api.Certificate
	if err := a.post(ctx, api.PathCertificate, api.CertificateRequest{ID: id, Request: request}, &answer); err != nil {
		return nil, err
	}
	var chain []*pki.Certificate
	for _, der := range answer.Chain {
		cert, err := pki.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, cert)
	}
	credential, err := pki.NewCredential(chain, key)
	if err != nil {
		return nil, err
	}
	if credential.Leaf().ID() != id {
		return nil, fault.New(AuthorityFailed, "the authority signed for %s instead of %s", credential.Leaf().ID(), id)
	}
	return credential, nil
}
