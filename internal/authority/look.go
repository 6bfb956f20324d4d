package authority

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// conns lists the live connections.
func (a *Authority) conns(w http.ResponseWriter, r *http.Request) error {
	state := a.store.State()
	live, silent := a.ask(r.Context(), state)
	out := api.Conns{TrustDomain: a.domain, Revision: state.Revision, Now: a.now(), Conns: live, Silent: silent,
		Refused: a.journal.refusedSince(a.now().Add(-time.Hour))}
	for _, id := range a.enrolled(state) {
		out.Proxies++
		if a.upToDate(id, state.Revision) {
			out.UpToDate++
		}
	}
	return writeJSON(w, out)
}

func (a *Authority) upToDate(id spiffeid.ID, revision int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	session := a.proxies[id]
	return session != nil && session.connected() && session.applied >= revision
}

// ask has every connected proxy report its live connections, and merges both
// ends' reports; proxies that do not answer within a second are silent.
func (a *Authority) ask(ctx context.Context, state *control.State) (conns []api.Conn, silent []api.Missing) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	wanted := a.enrolled(state)
	number := a.askAll(wanted)
	defer a.forget(number)
	for {
		a.mu.Lock()
		got := maps.Clone(a.answers[number])
		silent = silent[:0]
		waiting := false
		for _, id := range wanted {
			if _, answered := got[id]; answered {
				continue
			}
			missing := api.Missing{Proxy: id}
			if session := a.proxies[id]; session != nil {
				missing.Connected, missing.Since = session.connected(), session.heard
			}
			waiting = waiting || missing.Connected
			silent = append(silent, missing)
		}
		news := a.news
		a.mu.Unlock()
		if !waiting {
			return merge(got), silent
		}
		select {
		case <-news:
		case <-ctx.Done():
			return merge(got), silent
		}
	}
}

func (a *Authority) askAll(wanted []spiffeid.ID) (number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asks++
	a.answers[a.asks] = answer{}
	for _, id := range wanted {
		if session := a.proxies[id]; session != nil && session.connected() {
			select {
			case session.asks <- a.asks:
			default: // it has not read the last ones: it will count as silent
			}
		}
	}
	return a.asks
}

func (a *Authority) forget(number uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.answers, number)
}

// merge makes one connection of both ends' reports: the earlier deadline
// counts, and the larger of each count, since the ends count a moment apart.
func merge(reports answer) []api.Conn {
	byConn := map[string]api.Conn{}
	for _, conns := range reports {
		for _, conn := range conns {
			if other, ok := byConn[conn.ID]; ok {
				conn.Sent, conn.Back = max(conn.Sent, other.Sent), max(conn.Back, other.Back)
				if other.Opened.Before(conn.Opened) {
					conn.Opened = other.Opened
				}
				if other.Deadline.Before(conn.Deadline) {
					conn.Deadline, conn.Renewing = other.Deadline, other.Renewing
				}
			}
			byConn[conn.ID] = conn
		}
	}
	return slices.SortedFunc(maps.Values(byConn), func(x, y api.Conn) int { return x.Opened.Compare(y.Opened) })
}

// conn tells a connection's history.
func (a *Authority) conn(w http.ResponseWriter, r *http.Request) error {
	prefix := r.URL.Query().Get("id")
	if len(prefix) < 2 {
		return fault.New(ConnUnknown, "a connection ID has at least two characters").WithHint("signet conns     # lists the live ones")
	}
	events, ids := a.journal.connection(prefix)
	switch {
	case len(ids) == 0:
		return fault.New(ConnUnknown, "no connection %.40q is known", prefix).WithHint("signet conns     # lists the live ones")
	case len(ids) > 1:
		return fault.New(ConnAmbiguous, "%.40q fits %d connections", prefix, len(ids)).WithHint("write more of its digits")
	}
	out := api.History{TrustDomain: a.domain, Now: a.now(), ID: ids[0], Events: events}
	live, _ := a.ask(r.Context(), a.store.State())
	for i := range live {
		if live[i].ID == ids[0] {
			out.Live = &live[i]
		}
	}
	return writeJSON(w, out)
}

// pair says whether one identity may talk to another, and why.
func (a *Authority) pair(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	from, to, err := a.pairOf(query.Get("from"), query.Get("to"))
	if err != nil {
		return err
	}
	state := a.store.State()
	out := api.Pair{TrustDomain: a.domain, Revision: state.Revision, Now: a.now(), RuleCount: len(state.Rules),
		LastTry: a.journal.lastTry(from, to)}
	if out.From, err = a.end(r.Context(), state, from); err != nil {
		return err
	}
	if out.To, err = a.end(r.Context(), state, to); err != nil {
		return err
	}
	if err := a.decide(&out, state); err != nil {
		return err
	}
	live, _ := a.ask(r.Context(), state)
	for _, conn := range live {
		if conn.From == from && conn.To == to {
			out.Live++
		}
	}
	return writeJSON(w, out)
}

// decide asks the whole policy, as the proxies ask their parts of it.
func (a *Authority) decide(out *api.Pair, state *control.State) error {
	for _, end := range []api.PairEnd{out.From, out.To} {
		if end.Revoked != nil {
			out.Code, out.Reason = string(api.IdentityRevoked), end.ID.Short(a.domain)+" was revoked"
			return nil
		}
	}
	rules := make([]policy.Rule, 0, len(state.Rules))
	for _, rule := range state.Rules {
		rules = append(rules, policy.Rule{Name: rule.Name, Text: rule.Text})
	}
	set, err := policy.New(rules)
	if err != nil {
		return err
	}
	decision := set.Decide(policy.Pair{From: out.From.ID, To: out.To.ID})
	out.Allowed, out.Code, out.Rules, out.Reason = decision.Allowed, string(decision.Code), decision.Rules, decision.Reason()
	return nil
}

func (a *Authority) end(ctx context.Context, state *control.State, id spiffeid.ID) (api.PairEnd, error) {
	end := api.PairEnd{ID: id, Known: true}
	if revocation, revoked := state.Revocations[id]; revoked {
		out := apiRevocation(revocation)
		end.Revoked = &out
	}
	issued, err := a.store.Certificates(ctx, id)
	if err != nil {
		return end, err
	}
	for _, cert := range issued {
		if cert.NotAfter.After(end.NotAfter) {
			end.NotAfter = cert.NotAfter
		}
	}
	for grant := range state.Grants {
		if grant.Identity == id {
			end.Proxies++
			if a.upToDate(grant.Proxy, state.Revision) {
				end.UpToDate++
			}
		}
	}
	return end, nil
}

// Status returns what the status port tells.
func (a *Authority) Status() api.Status {
	state := a.store.State()
	out := api.Status{TrustDomain: a.domain, Revision: state.Revision, Identities: len(state.Identities),
		Rules: len(state.Rules), Revoked: len(state.Revocations)}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, id := range a.enrolled(state) {
		status := api.ProxyStatus{ID: id}
		if session := a.proxies[id]; session != nil {
			status.Connected, status.Revision = session.connected(), session.applied
		}
		out.Proxies = append(out.Proxies, status)
	}
	return out
}

// StatusHandler serves /status as JSON, and nothing else, to this machine: it
// has no TLS, so it answers only where it was asked by a loopback address (a
// web page that has its name point to 127.0.0.1 asks by that name).
func (a *Authority) StatusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if ip, notIP := netip.ParseAddr(host); err != nil || host != "localhost" && (notIP != nil || !ip.IsLoopback()) {
			http.Error(w, "ask by a loopback address", http.StatusForbidden)
			return
		}
		writeJSON(w, a.Status()) // the peer has hung up if this fails
	})
	return mux
}
