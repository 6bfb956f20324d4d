package agent

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// keepers are the goroutines that keep one identity's certificate fresh each.
// They belong to Run.
type keepers struct {
	agent *Agent
	wg    *sync.WaitGroup
	stops map[spiffeid.ID]context.CancelFunc
}

// want starts keepers for new identities, and for those whose certificate counts no
// longer, and stops those of identities that are no longer ours. Certificates of both
// are forgotten.
func (k *keepers) want(ctx context.Context, ids []spiffeid.ID) {
	wanted := map[spiffeid.ID]bool{}
	for _, id := range ids {
		wanted[id] = true
		stop, kept := k.stops[id]
		if k.agent.outlived(id) {
			if kept {
				stop()
			}
			k.agent.keys.forget(id)
		} else if kept {
			continue
		}
		life, stop := context.WithCancel(ctx)
		k.stops[id] = stop
		k.wg.Go(func() {
			defer stop()
			k.agent.keep(life, id)
		})
	}
	for id, stop := range k.stops {
		if !wanted[id] {
			stop()
			delete(k.stops, id)
			k.agent.keys.forget(id)
			k.agent.dropHeld(id)
		}
	}
}

// outlived reports whether an identity is ours and the certificate that we have of it is
// dead: it was revoked, and restored since. Our own can only be had anew by enrolling.
func (a *Agent) outlived(id spiffeid.ID) bool {
	credential := a.keys.get(id)
	return id != a.self && credential != nil && a.view.withdrawn(credential.Leaf())
}

// keep renews a certificate at half of its life at the latest, with jitter, and at
// once if there is none. However long the authority is then gone, the other half
// remains.
func (a *Agent) keep(ctx context.Context, id spiffeid.ID) {
	due, generation := a.due(id), int64(0)
	for a.waitToRenew(ctx, due, generation) {
		for attempt := 0; ; attempt++ {
			generation = a.trust.Load().generation
			err := a.renew(ctx, id, generation)
			if err == nil {
				break
			}
			if attempt&(attempt+1) == 0 { // less and less often: at the 1st, 2nd, 4th, 8th
				a.logger.Warn("no certificate", slog.String("identity", id.String()), slog.Any("error", err))
			}
			if !sleep(ctx, backoff(attempt, usualBackoff)) {
				return
			}
		}
		// Clocks that differ by half a day must not make this a busy loop.
		if due = a.due(id); due.Before(a.now().Add(time.Minute)) {
			due = a.now().Add(time.Minute)
		}
	}
}

// due returns when an identity's certificate is to be renewed; the zero time if
// there is none.
func (a *Agent) due(id spiffeid.ID) time.Time {
	credential := a.keys.get(id)
	if credential == nil {
		return time.Time{}
	}
	leaf := credential.Leaf()
	life := leaf.NotAfter().Sub(leaf.NotBefore())
	return leaf.NotBefore().Add(life/2 - rand.N(life/20+1))
}

// renew has the identity have a new certificate, unless ctx has ended. The authority hears
// of which generation the roots are that are believed here.
func (a *Agent) renew(ctx context.Context, id spiffeid.ID, generation int64) error {
	credential, err := a.obtain(ctx, id, generation)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		a.keys.fail(ctx, id)
		return err
	}
	a.keys.renewed(ctx, id, credential)
	// It is in use already: only a start after the end of the one that is kept would
	// miss it, and the next renewal writes again.
	if err := a.keepHeld(ctx, id, credential); err != nil {
		a.logger.Error("a renewed identity was not kept", slog.String("identity", id.String()), slog.Any("error", err))
	}
	return nil
}

// obtain makes a new key and has the authority sign for it. What is not good by this
// host's clock, others would refuse as well: what is at hand stays in use instead.
func (a *Agent) obtain(ctx context.Context, id spiffeid.ID, generation int64) (*pki.Credential, error) {
	key, err := pki.NewKey()
	if err != nil {
		return nil, err
	}
	request, err := pki.NewRequest(key)
	if err != nil {
		return nil, err
	}
	var answer api.Certificate
	if err := a.post(ctx, api.PathCertificate, api.CertificateRequest{ID: id, Request: request, Generation: generation}, &answer); err != nil {
		return nil, err
	}
	credential, err := issuedTo(id, answer.Chain, key)
	if err != nil {
		return nil, err
	}
	leaf, now := credential.Leaf(), a.now()
	if now.Before(leaf.NotBefore()) || leaf.Expired(now) {
		return nil, fault.New(ClocksDiffer, "the authority signed for %s from %s to %s, and this host's clock says %s", id.Short(a.self.TrustDomain()),
			leaf.NotBefore().UTC().Format(time.RFC3339), leaf.NotAfter().UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)).
			WithHint("timedatectl      # on both hosts: set the clock that is wrong")
	}
	return credential, nil
}
