package authority

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// conns lists the live connections.
func (a *Authority) conns(r *http.Request) (any, error) {
	state := a.store.State()
	live, silent := a.ask(r.Context(), state)
	out := api.Conns{TrustDomain: a.domain, Revision: state.Revision, Now: a.now(), Conns: live, Silent: silent}
	out.Barred = barred(state)
	since := a.now().Add(-time.Hour)
	if a.started.After(since) {
		out.Started = a.started
	}
	out.Refused, out.RefusedMore = a.journal.refusedSince(since)
	if out.Lost = a.journal.lostSince(since); out.Lost > 0 {
		out.RefusedMore = true // they may have been refusals
	}
	for _, id := range a.able(r.Context(), state) {
		out.Proxies++
		if a.upToDate(id, state.Revision) {
			out.UpToDate++
		}
	}
	return out, nil
}

func (a *Authority) upToDate(id spiffeid.ID, revision int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	session := a.proxies[id]
	return session != nil && session.connected() && session.applied >= revision
}

// conn tells a connection's history. One that lives is known even when its
// events are too old to be kept.
func (a *Authority) conn(r *http.Request) (any, error) {
	const listHint = "signet conns     # lists the live ones"
	prefix := r.URL.Query().Get("id")
	if len(prefix) < 2 {
		return nil, fault.New(ConnUnknown, "a connection ID has at least two characters").WithHint(listHint)
	}
	ids := a.journal.connections(prefix)
	live, _ := a.ask(r.Context(), a.store.State())
	live = slices.DeleteFunc(live, func(c api.Conn) bool { return !strings.HasPrefix(c.ID, prefix) })
	for _, conn := range live {
		ids[conn.ID] = true
	}
	switch {
	case len(ids) == 0:
		return nil, fault.New(ConnUnknown, "no connection %s is known; only the latest %d events of connections are kept", fault.Printable(prefix, 40), maxEvents).WithHint(listHint)
	case len(ids) > 1:
		return nil, fault.New(ConnAmbiguous, "%s fits %d connections", prefix, len(ids)).WithHint("write more of its digits")
	}
	out := api.History{TrustDomain: a.domain, Now: a.now()}
	for id := range ids {
		out.ID, out.Events = id, a.journal.history(id)
	}
	if len(live) > 0 {
		out.Live = &live[0]
	}
	return out, nil
}

// pair says whether one identity may talk to another, and why.
func (a *Authority) pair(r *http.Request) (any, error) {
	query := r.URL.Query()
	from, to, err := a.pairOf(query.Get("from"), query.Get("to"))
	if err != nil {
		return nil, err
	}
	state := a.store.State()
	out := api.Pair{TrustDomain: a.domain, Revision: state.Revision, Now: a.now(), RuleCount: state.RuleCount(),
		LastTry: a.journal.lastTry(from, to)}
	if out.From, err = a.end(r.Context(), state, from); err != nil {
		return nil, err
	}
	if out.To, err = a.end(r.Context(), state, to); err != nil {
		return nil, err
	}
	if err := a.decide(&out, state); err != nil {
		return nil, err
	}
	live, _ := a.ask(r.Context(), state)
	for _, conn := range live {
		if conn.From == from && conn.To == to {
			out.Live++
		}
	}
	return out, nil
}

// decide asks the whole policy, as the proxies ask their parts of it.
func (a *Authority) decide(out *api.Pair, state *control.State) error {
	for _, end := range []api.PairEnd{out.From, out.To} {
		if end.Revoked != nil {
			out.Code, out.Reason = string(api.IdentityRevoked), end.ID.Short(a.domain)+" was revoked"
			return nil
		}
	}
	set, err := a.compile(rulesOf(state), groupsOf(state))
	if err != nil {
		return err
	}
	decision := set.Decide(policy.Pair{From: out.From.ID, To: out.To.ID}, a.now())
	out.Allowed, out.Code, out.Rules, out.Reason = decision.Allowed, string(decision.Code), decision.Rules, decision.Reason()
	out.Nearest, out.Until = decision.Near(), decision.Until
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
		if _, dead := state.Dead(cert.Serial); !dead && cert.NotAfter.After(end.NotAfter) {
			end.NotAfter = cert.NotAfter
		}
	}
	for _, proxy := range a.able(ctx, state) {
		if holds(state, proxy, id) {
			end.Proxies++
			if a.upToDate(proxy, state.Revision) {
				end.UpToDate++
			}
		}
	}
	return end, nil
}
