package authority

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// askTimeout is how long proxies have to report their live connections.
const askTimeout = time.Second

// answer gathers the live connections that proxies report under one number.
type answer map[spiffeid.ID][]api.Conn

// ask has every connected proxy report its live connections, and merges both
// ends' reports; proxies that do not answer in time are silent.
func (a *Authority) ask(ctx context.Context, state *control.State) (conns []api.Conn, silent []api.Missing) {
	got, silent := a.gather(ctx, state, nil)
	return merge(got, state, silent), silent
}

// gather is ask before both ends' reports are one. With a cut, proxies end its
// connections first.
func (a *Authority) gather(ctx context.Context, state *control.State, cut *api.Cut) (got answer, silent []api.Missing) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	wanted := a.able(ctx, state)
	number := a.askAll(wanted, cut)
	defer a.forget(number)
	for {
		a.mu.Lock()
		got = maps.Clone(a.answers[number])
		silent = nil
		waiting := false
		for _, id := range wanted {
			if _, answered := got[id]; !answered {
				missing := a.missing(id)
				waiting = waiting || missing.Connected
				silent = append(silent, missing)
			}
		}
		news := a.news
		a.mu.Unlock()
		if !waiting {
			return got, silent
		}
		select {
		case <-news:
		case <-ctx.Done():
			return got, silent
		}
	}
}

func (a *Authority) askAll(wanted []spiffeid.ID, cut *api.Cut) (number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asks++
	a.answers[a.asks] = answer{}
	if cut != nil {
		a.cuts[a.asks] = cut
	}
	for _, id := range wanted {
		if session := a.proxies[id]; session != nil && session.connected() {
			session.ask(a.asks)
		}
	}
	return a.asks
}

func (a *Authority) forget(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.answers, number)
	delete(a.cuts, number)
}

// cutOf returns what is to be cut with an ask, nil if nothing is.
func (a *Authority) cutOf(number uint64) *api.Cut {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.cuts[number]
}

// live takes in a proxy's answer to an ask. It answers all earlier ones too:
// the proxy counted after it was asked.
func (a *Authority) live(r *http.Request) (any, error) {
	var report api.Live
	if err := readJSON(r, api.MaxUpdate, &report); err != nil {
		return nil, err
	}
	id, state := caller(r), a.store.State()
	conns := slices.DeleteFunc(report.Conns, func(c api.Conn) bool { return !validConn(c.ID) || !holdsOne(state, id, c.From, c.To) })
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := a.reporting(r); err != nil {
		return nil, err
	}
	for number, waiting := range a.answers {
		if number <= report.Ask {
			waiting[id] = conns
		}
	}
	a.tell()
	return nil, nil
}

// merge makes one connection of both ends' reports: the earlier deadline
// counts, and the larger of each count, since the ends count a moment apart.
func merge(reports answer, state *control.State, silent []api.Missing) []api.Conn {
	byConn := map[string]api.Conn{}
	ends := map[string]int{}
	for _, conns := range reports {
		for _, conn := range conns {
			ends[conn.ID]++
			if other, ok := byConn[conn.ID]; ok {
				conn.Sent, conn.Back = max(conn.Sent, other.Sent), max(conn.Back, other.Back)
				conn.Path = max(conn.Path, other.Path) // std, if that is one end's
				if other.Opened.Before(conn.Opened) {
					conn.Opened = other.Opened
				}
				if conn.Until.IsZero() || !other.Until.IsZero() && other.Until.Before(conn.Until) {
					conn.Until = other.Until
				}
				if other.Deadline.Before(conn.Deadline) {
					conn.Deadline, conn.Renewing = other.Deadline, other.Renewing
				}
			}
			byConn[conn.ID] = conn
		}
	}
	for id, conn := range byConn {
		mute := func(m api.Missing) bool { return holdsOne(state, m.Proxy, conn.From, conn.To) }
		if ends[id] == 1 && !slices.ContainsFunc(silent, mute) {
			byConn[id] = conn.Unproxied()
		}
	}
	merged := slices.AppendSeq(make([]api.Conn, 0, len(byConn)), maps.Values(byConn)) // never nil: none is [] in JSON
	slices.SortFunc(merged, func(x, y api.Conn) int {
		if c := x.Opened.Compare(y.Opened); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return merged
}
