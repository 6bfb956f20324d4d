package authority

import (
	"context"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of what waits in a session.
const (
	keptReports = 16 // for the changes that they answer
	keptAsks    = 8  // for the watch to send them
)

// proxy is one session of a proxy: its watch, and what it has reported since
// that began. Whatever is said of it, the caller holds the authority's mu.
type proxy struct {
	stop    context.CancelFunc // ends its watch; nil once that has ended
	asks    chan uint64
	applied int64    // the newest revision that it says is in force
	reports []report // the latest, oldest first
	heard   time.Time
}

// report is one Applied, and when it came.
type report struct {
	api.Applied
	at time.Time
}

func (p *proxy) connected() bool { return p.stop != nil }

// ask has the watch ask for live connections. A proxy that has not read the
// last asks will count as silent.
func (p *proxy) ask(number uint64) {
	select {
	case p.asks <- number:
	default:
	}
}

// add notes a report.
func (p *proxy) add(r report) {
	p.heard = r.at
	p.applied = max(p.applied, r.Revision)
	if len(p.reports) == keptReports {
		p.reports = p.reports[1:]
	}
	p.reports = append(p.reports, r)
}

// report returns the first one in which the revision was in force; a later one
// is another change's.
func (p *proxy) report(revision int64) (report, bool) {
	for _, r := range p.reports {
		if r.Revision >= revision {
			return r, true
		}
	}
	return report{}, false
}

// join begins a session; an older one of the same proxy ends. What that had in
// force does not count any more: the proxy may have been started anew.
func (a *Authority) join(id spiffeid.ID, stop context.CancelFunc) *proxy {
	a.mu.Lock()
	defer a.mu.Unlock()
	if old := a.proxies[id]; old != nil && old.connected() {
		old.stop()
	}
	session := &proxy{stop: stop, asks: make(chan uint64, keptAsks), heard: a.now()}
	a.proxies[id] = session
	return session
}

func (a *Authority) leave(session *proxy) {
	a.mu.Lock()
	defer a.mu.Unlock()
	session.stop, session.heard = nil, a.now()
	a.tell()
}

// tell wakes whoever waits for proxies. The caller holds mu.
func (a *Authority) tell() {
	close(a.news)
	a.news = make(chan struct{})
}
