package authority

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/signet-tls/signet/fault"
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
	run     string             // of its agent
	remote  string             // its address
	asks    chan uint64
	looks   chan struct{} // has a value when the registry has changed
	offer   api.Offer     // what it serves, and asks for
	rivals  chan string   // addresses of other processes of its name
	rival   string        // the last that was refused
	refused time.Time     // when
	told    time.Time     // when it was told last
	applied int64         // the newest revision that it says is in force
	reports []report      // the latest, oldest first
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

// Of several processes that are the same proxy.
const (
	presence    = 3 * time.Second  // how long the one that is here has to show that it is
	rivalTold   = 10 * time.Minute // how often it is told of the others
	rivalRecent = 2 * time.Minute  // how long one that was refused counts as there; it tries again every half minute
)

// newSession is a session that has not begun.
func (a *Authority) newSession(r *http.Request, stop context.CancelFunc) *proxy {
	return &proxy{stop: stop, run: runOf(r), remote: r.RemoteAddr, asks: make(chan uint64, keptAsks), looks: make(chan struct{}, 1), rivals: make(chan string, 1), heard: a.now()}
}

// runOf is which run of a proxy's agent asks; "" where it does not say.
func runOf(r *http.Request) string {
	if run := r.Header.Get(api.HeaderRun); len(run) <= maxWord {
		return run
	}
	return ""
}

// join begins a session. What an older one of the same proxy had in force does not
// count any more: the proxy may have been started anew. Of two processes that are
// the same proxy the first stays, as long as it answers: so one that was started
// anew takes the place of one that hangs, and a copy takes nobody's.
func (a *Authority) join(ctx context.Context, id spiffeid.ID, session *proxy) error {
	a.mu.Lock()
	old := a.proxies[id]
	if old == nil || !old.connected() || old.run == session.run {
		a.take(id, session)
		a.mu.Unlock()
		return nil
	}
	a.asks++
	number := a.asks
	a.answers[number] = answer{}
	old.ask(number)
	a.mu.Unlock()
	defer a.forget(number)
	present := a.answered(ctx, number, id, old)
	a.mu.Lock()
	defer a.mu.Unlock()
	if !present {
		a.take(id, session)
		return nil
	}
	return a.turnAway(id, old, session)
}

// take has a session be its proxy's. The caller holds mu.
func (a *Authority) take(id spiffeid.ID, session *proxy) {
	if old := a.proxies[id]; old != nil {
		session.offer = old.offer // until it says anew
		if old.connected() {
			old.stop()
		}
	}
	a.proxies[id] = session
}

// answered waits until the session that was asked has answered, and reports whether
// it has, while it is its proxy's.
func (a *Authority) answered(ctx context.Context, number uint64, id spiffeid.ID, asked *proxy) bool {
	ctx, cancel := context.WithTimeout(ctx, a.presence)
	defer cancel()
	for {
		a.mu.Lock()
		_, answered := a.answers[number][id]
		here, news := a.proxies[id] == asked && asked.connected(), a.news
		a.mu.Unlock()
		if answered || !here {
			return answered && here
		}
		select {
		case <-news:
		case <-ctx.Done():
			return false
		}
	}
}

// turnAway refuses a session, and has the one that stays hear of it. The caller
// holds mu.
func (a *Authority) turnAway(id spiffeid.ID, here, session *proxy) error {
	now := a.now()
	here.rival, here.refused = session.remote, now
	if now.Sub(here.told) >= rivalTold {
		here.told = now
		select {
		case here.rivals <- session.remote:
		default:
		}
		a.logger.Warn("two processes are the same proxy; the first stays", slog.String("code", string(api.ProxyTwice)),
			slog.String("proxy", id.String()), slog.String("first", here.remote), slog.String("refused", session.remote))
	}
	return twice(id, a.domain, here)
}

func twice(id spiffeid.ID, domain spiffeid.TrustDomain, here *proxy) error {
	return fault.New(api.ProxyTwice, "another process, at %s, is %s already, and answers", here.remote, id.Short(domain)).
		WithHint("stop one of the two; enroll this one under a name and into a folder of its own: signet token new NAME | signet enroll")
}

// reporting is the session of the run that asks; nil if there is none. A report of another
// process of the same name is refused. The caller holds mu.
func (a *Authority) reporting(r *http.Request) (*proxy, error) {
	id := caller(r)
	session := a.proxies[id]
	if session != nil && session.run != runOf(r) {
		return nil, twice(id, a.domain, session)
	}
	return session, nil
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
