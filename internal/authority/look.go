package authority

import (
	"context"
	"net/http"
	"time"

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
	out.Refused, out.RefusedMore = a.journal.RefusedSince(since)
	if out.Lost = a.journal.LostSince(since); out.Lost > 0 {
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

// conn tells a connection's history.
func (a *Authority) conn(r *http.Request) (any, error) {
	live, _ := a.ask(r.Context(), a.store.State())
	out, err := a.journal.Story(r.URL.Query().Get("id"), live)
	out.TrustDomain, out.Now = a.domain, a.now()
	return out, err
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
		LastTry: a.journal.LastTry(from, to)}
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
