package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// view is how the authority's answers are shown to a person.
type view struct {
	domain spiffeid.TrustDomain // whose names are short
	full   bool                 // none is
	zone   *time.Location
}

func (s *shell) view(domain spiffeid.TrustDomain) view { return view{domain, s.full, s.zone} }

// id names an identity.
func (v view) id(id spiffeid.ID) string {
	text := id.String()
	if !v.full {
		text = id.Short(v.domain)
	}
	return cmp.Or(text, "somebody")
}

// pair names who talks to whom.
func (v view) pair(from, to spiffeid.ID) string { return v.id(from) + " → " + v.id(to) }

// by names the operator who made a change.
func (v view) by(id spiffeid.ID) string { return strings.TrimPrefix(v.id(id), "operator/") }

// proxy names a proxy.
func (v view) proxy(id spiffeid.ID) string { return strings.TrimPrefix(v.id(id), "proxy/") }

// clock is the time of day.
func (v view) clock(t time.Time) string { return t.In(v.zone).Format(time.TimeOnly) }

// stateOf says how many of a number of proxies are up to date, to follow
// "2 proxies".
func stateOf(upToDate, proxies int) string {
	switch {
	case proxies == 0:
		return ""
	case upToDate < proxies:
		return fmt.Sprintf(", %d up to date", upToDate)
	case proxies == 1:
		return ", up to date"
	case proxies == 2:
		return ", both up to date"
	}
	return ", all up to date"
}

// silence says what is known of a proxy that did not answer.
func silence(m api.Missing, now time.Time) string {
	switch {
	case m.Rival != "":
		return "a second process of this name, at " + m.Rival + ", is refused, and hears of nothing"
	case m.Connected:
		return "connected, but has not answered yet"
	case m.Since.IsZero():
		return "not connected since the authority started"
	}
	return "cut off; last heard of " + ago(now.Sub(m.Since))
}

// ago says how long something is past.
func ago(d time.Duration) string {
	if d < time.Second {
		return "just now"
	}
	return verify.Ago(d)
}

// prefixes shortens IDs to what tells them apart among each other, four
// characters at least.
func prefixes(ids []string) map[string]string {
	const least = 4
	sorted := slices.Compact(slices.Sorted(slices.Values(ids)))
	short := make(map[string]string, len(sorted))
	for i, id := range sorted {
		length := least
		if i > 0 {
			length = max(length, common(id, sorted[i-1])+1)
		}
		if i < len(sorted)-1 {
			length = max(length, common(id, sorted[i+1])+1)
		}
		short[id] = id[:min(length, len(id))]
	}
	return short
}

// common returns the length of the longest common prefix.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
