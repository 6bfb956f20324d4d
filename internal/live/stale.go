package live

import (
	"cmp"
	"log/slog"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/verify"
)

// defaultStaleAfter is how long an authority may be silent, which sends a sign of
// life every 5 s.
const defaultStaleAfter = 30 * time.Second

// SetStaleAfter says how long that is; 0 means the default.
func (t *Table) SetStaleAfter(span time.Duration) {
	t.staleAfter.Store(int64(cmp.Or(span, defaultStaleAfter)))
}

// Stale reports whether who bears the table can no longer be sure that it is up to date, and
// when it last was: by the machine's steady clock, which nobody sets.
func (t *Table) Stale() (since time.Time, stale bool) {
	since = t.truth.Heard()
	return since, time.Since(since) > time.Duration(t.staleAfter.Load())
}

// Silent reports whether a port lets nobody pass because the authority has been silent
// for too long.
func (t *Table) Silent(limits Limits) bool {
	since, stale := t.Stale()
	return stale && !limits.OpenWhenStale && time.Since(since) > time.Duration(t.staleAfter.Load())+limits.StaleFor
}

// noteStale logs when the proxy has become stale, or is so no more.
func (t *Table) noteStale(before bool) (stale bool) {
	since, stale := t.Stale()
	switch {
	case stale && !before:
		t.logger.Warn("STALE: the authority says nothing; what is in force stays so, until stale_for has passed", slog.Time("since", since))
	case before && !stale:
		t.logger.Info("the authority is heard again")
	}
	return stale
}

// StaleFault is why nobody passes then.
func (t *Table) StaleFault() error {
	since, _ := t.Stale()
	return fault.New(Stale, "the authority has said nothing for %s, so that it is not known who was revoked since", verify.Span(time.Since(since))).
		WithHint("bring the authority back, or the way to it")
}
