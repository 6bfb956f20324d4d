package proxy

import (
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

// Stale reports whether the proxy can no longer be sure that it is up to date, and
// when it last was.
func (p *Proxy) Stale() (since time.Time, stale bool) {
	since = p.truth.Heard()
	return since, p.now().Sub(since) > time.Duration(p.staleAfter.Load())
}

// closed reports whether a port lets nobody pass because the proxy has been stale
// for too long.
func (p *Proxy) closed(limits Limits) bool {
	since, stale := p.Stale()
	return stale && !limits.OpenWhenStale && p.now().Sub(since) > time.Duration(p.staleAfter.Load())+limits.StaleFor
}

func (p *Proxy) staleFault() error {
	since, _ := p.Stale()
	return fault.New(Stale, "the authority has said nothing for %s, so that it is not known who was revoked since", verify.Span(p.now().Sub(since))).
		WithHint("bring the authority back, or the way to it")
}
