package agent

import (
	"context"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// trust is whom the agent believes. It is replaced as a whole.
type trust struct {
	at         string // where the authority is, HOST:PORT
	roots      verify.Roots
	client     *signet.Client    // to the authority, by these roots
	generation int64             // of the roots, and of who signs; certificates of an earlier one are renewed
	authority  http.RoundTripper // of the client
	over       chan struct{}     // closed once another one is in its place
}

// believe puts roots in force, and where the authority is.
func (a *Agent) believe(at string, roots verify.Roots, generation int64) error {
	name, err := a.self.TrustDomain().ID(authorityPath)
	if err != nil {
		return err
	}
	client := &signet.Client{Roots: roots, Name: verify.ID(name), Identity: a.Source(a.self), Dialer: &a.dialer, Now: a.now, Logger: a.logger}
	if before := a.trust.Swap(&trust{at, roots, client, generation, client.HTTP().Transport, make(chan struct{})}); before != nil {
		close(before.over)
	}
	return nil
}

// present asks the authority by the roots that are in force.
type present struct{ agent *Agent }

// RoundTrip implements http.RoundTripper.
func (p present) RoundTrip(request *http.Request) (*http.Response, error) {
	return p.agent.trust.Load().authority.RoundTrip(request)
}

// CloseIdleConnections is for http.Client, which asks for it.
func (p present) CloseIdleConnections() {
	(&http.Client{Transport: p.agent.trust.Load().authority}).CloseIdleConnections()
}

// Roots returns the trust domain's anchors that are in force.
func (a *Agent) Roots() verify.Roots { return a.trust.Load().roots }

// adopt takes over whom a slice says to believe. A root that is new here counts only by
// the word of one that is believed already: who has the authority without its root
// cannot bring in another.
func (a *Agent) adopt(named api.Roots) error {
	now := a.trust.Load()
	if len(named.Roots) == 0 || len(a.anchors) == 0 {
		return nil
	}
	anchors, err := ca.Believe(named.Roots, named.Endorsements, a.anchors)
	if err != nil {
		return err
	}
	roots := now.roots
	if !slices.EqualFunc(anchors, a.anchors, (*pki.Certificate).Equal) {
		if roots, err = verify.ForTrustDomain(a.self.TrustDomain(), anchors...); err != nil {
			return err
		}
		if err := keepRoots(a.home, anchors); err != nil {
			return err
		}
	} else if named.Generation == now.generation {
		return nil
	}
	a.anchors = anchors
	return a.believe(now.at, roots, named.Generation)
}

// keepRoots replaces the roots of a host folder.
func keepRoots(home string, anchors []*pki.Certificate) error {
	if home == "" {
		return nil
	}
	var data []byte
	for _, anchor := range anchors {
		data = append(data, anchor.PEM()...)
	}
	return unwritable(home, atomicfile.Write(filepath.Join(home, homeRoots), data, atomicfile.Private))
}

// maxHaste bounds how long an agent waits before it renews by a new generation, lest
// all of them ask at once.
const maxHaste = time.Second

// waitToRenew waits until due, or a moment if the certificate of an identity is not of the
// present generation. It reports whether ctx is alive.
func (a *Agent) waitToRenew(ctx context.Context, due time.Time, generation int64) bool {
	for {
		now := a.trust.Load()
		if generation < now.generation {
			return sleep(ctx, rand.N(maxHaste))
		}
		wait := due.Sub(a.now())
		if wait <= 0 {
			return ctx.Err() == nil
		}
		timer := time.NewTimer(min(wait, time.Minute)) // while a host is suspended its timers stand still
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-now.over:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
	}
}
