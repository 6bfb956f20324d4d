package proxy

import (
	"errors"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/metrics"
	"github.com/signet-tls/signet/spiffeid"
)

// meters are what a proxy counts of what happens; what is so at present is looked up
// by whoever reads.
type meters struct {
	set          *metrics.Set
	handshakes   *metrics.Count
	shaking      *metrics.Times
	verification *metrics.Times
	policy       *metrics.Times
	decisions    *metrics.Count
	opened       *metrics.Count
	refused      *metrics.Count
	ended        *metrics.Count
	carried      *metrics.Count
}

func newMeters(p *Proxy) meters {
	set := metrics.NewSet()
	set.Read(metrics.ProxyConnections, func(put func(float64, ...string)) {
		for at, carried := range p.table.Carried() {
			put(float64(carried.Conns), string(at.Side), at.Own.Path())
		}
	})
	set.Read(metrics.ProxyBytes, func(put func(float64, ...string)) {
		for at, carried := range p.table.Carried() {
			put(float64(carried.Sent), string(at.Side), at.Own.Path(), "sent")
			put(float64(carried.Back), string(at.Side), at.Own.Path(), "back")
		}
	})
	set.Read(metrics.ProxyRevision, func(put func(float64, ...string)) {
		if view := p.table.Current(); view != nil {
			put(float64(view.Revision))
			return
		}
		put(0)
	})
	set.Read(metrics.ProxyStale, func(put func(float64, ...string)) {
		if _, stale := p.Stale(); stale {
			put(1)
			return
		}
		put(0)
	})
	set.Read(metrics.ProxySilence, func(put func(float64, ...string)) { put(max(time.Since(p.truth.Heard()).Seconds(), 0)) })
	set.Read(metrics.ProxyCertificate, func(put func(float64, ...string)) {
		for id := range p.identities() {
			left := 0.0
			if until, _ := p.truth.Deadline(id); !until.IsZero() {
				left = max(until.Sub(p.now()).Seconds(), 0)
			}
			put(left, id.Path())
		}
	})
	if queue, ok := p.truth.(interface{ Waiting() (waiting, lost int) }); ok {
		set.Read(metrics.ProxyEventsWaiting, func(put func(float64, ...string)) { waiting, _ := queue.Waiting(); put(float64(waiting)) })
		set.Read(metrics.ProxyEventsLost, func(put func(float64, ...string)) { _, lost := queue.Waiting(); put(float64(lost)) })
	}
	return meters{set, set.Count(metrics.ProxyHandshakes), set.Times(metrics.ProxyHandshakeTime), set.Times(metrics.ProxyVerificationTime),
		set.Times(metrics.ProxyPolicyTime), set.Count(metrics.ProxyDecisions), set.Count(metrics.ProxyOpened), set.Count(metrics.ProxyRefused), set.Count(metrics.ProxyEnded),
		set.Count(metrics.ProxyCarried)}
}

// Metrics are what the proxy counts.
func (p *Proxy) Metrics() *metrics.Set { return p.meters.set }

// hear counts an event.
func (m meters) hear(event api.Event) {
	switch event.Kind {
	case api.Opened:
		m.opened.Add(1, string(event.Side))
	case api.Refused:
		m.refused.Add(1, string(event.Side), event.Code)
	case api.Ended:
		code := event.Code
		if code == "" {
			code = "closed"
		}
		m.ended.Add(1, string(event.Side), code)
		m.carried.Add(1, string(event.Side), event.Path)
	}
}

// shook counts a handshake that began at a time.
func (m meters) shook(side api.Side, since time.Time, err error) {
	m.handshakes.Add(1, string(side), outcomeOf(err))
	m.shaking.Took(time.Since(since), string(side))
}

// outcomeOf is an error as the value of a label.
func outcomeOf(err error) string {
	if err == nil {
		return "ok"
	}
	if ours, ok := fault.Of(err); ok {
		return string(ours.Code)
	}
	return "failed"
}

// decided counts a question to the rules.
func (p *Proxy) decided(side api.Side, took time.Duration, err error) {
	p.meters.policy.Took(took, string(side))
	p.meters.decisions.Add(1, string(side), outcomeOf(err))
}

// verified notes how long it took to verify a client.
func (p *Proxy) verified(took time.Duration) { p.meters.verification.Took(took) }

// identities are those that the ports serve or speak as.
func (p *Proxy) identities() map[spiffeid.ID]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owns
}

// Ready says why the proxy does not do its work at present; nothing where it does.
func (p *Proxy) Ready() (why []string) {
	p.mu.Lock()
	open := p.start != nil
	p.mu.Unlock()
	if !open {
		return []string{"it accepts no connections: it starts, or is being stopped"}
	}
	if p.table.Current() == nil {
		why = append(why, "the authority has not been heard yet, so nobody passes")
	}
	if _, stale := p.Stale(); stale {
		why = append(why, "the authority is silent: what is in force stays so, for a time")
	}
	for id := range p.identities() {
		if _, err := p.truth.Source(id).Credential(); err != nil && !errors.Is(err, api.IdentityRevoked) { // which is meant
			why = append(why, id.Path()+" has no certificate")
		}
	}
	return why
}
