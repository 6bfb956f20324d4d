package proxy

import (
	"log/slog"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

// Stale reports whether the proxy can no longer be sure that it is up to date, and
// when it last was: by the machine's steady clock, which nobody sets.
func (p *Proxy) Stale() (since time.Time, stale bool) {
	since = p.truth.Heard()
	return since, time.Since(since) > time.Duration(p.staleAfter.Load())
}

// closed reports whether a port lets nobody pass because the proxy has been stale
// for too long.
func (p *Proxy) closed(limits Limits) bool {
	since, stale := p.Stale()
	return stale && !limits.OpenWhenStale && time.Since(since) > time.Duration(p.staleAfter.Load())+limits.StaleFor
}

// noteStale logs when the proxy has become stale, or is so no more.
func (p *Proxy) noteStale(before bool) (stale bool) {
	since, stale := p.Stale()
	switch {
	case stale && !before:
		p.logger.Warn("STALE: the authority says nothing; what is in force stays so, until stale_for has passed", slog.Time("since", since))
	case before && !stale:
		p.logger.Info("the authority is heard again")
	}
	return stale
}

func (p *Proxy) staleFault() error {
	since, _ := p.Stale()
	return fault.New(Stale, "the authority has said nothing for %s, so that it is not known who was revoked since", verify.Span(time.Since(since))).
		WithHint("bring the authority back, or the way to it")
}
