package authority

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// identities lists who there is, or those that are named.
func (a *Authority) identities(r *http.Request) (any, error) {
	state := a.store.State()
	wanted := slices.SortedFunc(maps.Keys(state.Identities), byID)
	if names := r.URL.Query()["name"]; len(names) > 0 {
		wanted = nil
		for _, name := range names {
			id, err := a.member(name)
			if err != nil {
				return nil, err
			}
			wanted = append(wanted, id)
		}
	}
	out := api.Identities{TrustDomain: a.domain, Revision: state.Revision, Now: a.now(), Identities: make([]api.IdentityInfo, 0, len(wanted))}
	open, err := a.openTokens(r.Context())
	if err != nil {
		return nil, err
	}
	holds, heldBy := map[spiffeid.ID][]spiffeid.ID{}, map[spiffeid.ID][]spiffeid.ID{}
	for _, grant := range slices.SortedFunc(maps.Keys(state.Grants), byGrant) {
		holds[grant.Proxy] = append(holds[grant.Proxy], grant.Identity)
		heldBy[grant.Identity] = append(heldBy[grant.Identity], grant.Proxy)
	}
	for _, id := range wanted {
		info, err := a.identityInfo(r.Context(), state, id)
		if err != nil {
			return nil, err
		}
		info.Holds, info.HeldBy, info.Token = holds[id], heldBy[id], open[id]
		out.Identities = append(out.Identities, info)
	}
	return out, nil
}

func byGrant(x, y control.Grant) int {
	if c := byID(x.Proxy, y.Proxy); c != 0 {
		return c
	}
	return byID(x.Identity, y.Identity)
}

// openTokens returns of each identity until when somebody can join as it.
func (a *Authority) openTokens(ctx context.Context) (map[spiffeid.ID]time.Time, error) {
	known, err := a.store.Tokens(ctx)
	open := map[spiffeid.ID]time.Time{}
	for _, token := range known { // which come in the order of their ends
		if a.store.Open(token) == nil {
			open[token.ID] = token.Expires
		}
	}
	return open, err
}

func (a *Authority) identityInfo(ctx context.Context, state *control.State, id spiffeid.ID) (api.IdentityInfo, error) {
	known := state.Identities[id]
	info := api.IdentityInfo{ID: id, Kind: string(known.Kind), Created: known.Created}
	issued, err := a.store.Certificates(ctx, id)
	for _, c := range issued {
		if _, dead := state.Dead(c.Serial); dead {
			continue
		}
		info.Certificates++
		if c.NotAfter.After(info.NotAfter) {
			info.NotAfter = c.NotAfter
		}
	}
	if revocation, revoked := state.Revocations[id]; revoked {
		out := apiRevocation(revocation)
		info.Revoked = &out
	}
	latest := control.Withdrawal{}
	for _, w := range state.Withdrawals {
		if w.ID == id && w.Cause == control.Restored && w.Revision > latest.Revision {
			latest = w
		}
	}
	if latest.Revoked != nil {
		restored, was := apiWithdrawal(latest), apiRevocation(*latest.Revoked)
		restored.Because = latest.Because
		info.Restored, info.Was = &restored, &was
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if session := a.proxies[id]; session != nil {
		info.Connected = session.connected()
	}
	return info, err
}

// apiWithdrawal is a withdrawal as proxies need it, without its reason.
func apiWithdrawal(w control.Withdrawal) api.Revocation {
	return api.Revocation{ID: w.ID, Serials: w.Serials, By: w.By, Revision: w.Revision, At: w.At, Cause: string(w.Cause)}
}

// withdrawalsFor lists the certificates that count no longer though their identities
// do, for a proxy, as long as they could be accepted by a clock that is a day slow.
func withdrawalsFor(proxy spiffeid.ID, state *control.State, now time.Time) (out []api.Revocation) {
	for _, revision := range slices.Sorted(maps.Keys(state.Withdrawals)) {
		w := state.Withdrawals[revision]
		if own := w.Cause == control.Ungranted && w.Holder == proxy; own || len(w.Serials) > 0 && (w.Until.IsZero() || !now.After(w.Until.Add(remembered))) {
			sent := apiWithdrawal(w)
			sent.Own = own
			out = append(out, sent)
		}
	}
	return out
}

// granting reads which two a grant is about.
func (a *Authority) granting(r *http.Request) (request api.GrantRequest, g control.Grant, err error) {
	if err = readJSON(r, api.MaxRequest, &request); err != nil {
		return request, g, err
	}
	if g.Proxy, err = a.member(request.Proxy); err != nil {
		return request, g, err
	}
	if g.Identity, err = a.identity(request.Identity); err != nil {
		return request, g, err
	}
	state := a.store.State()
	for id, want := range map[spiffeid.ID]control.Kind{g.Proxy: control.Proxy, g.Identity: control.Service} {
		if have := state.Identities[id].Kind; have != want {
			return request, g, fault.New(BadRequest, "%s is %s, not %s", id.Short(a.domain), one(have), one(want)).
				WithHint("name a proxy, and then a service that it may hold: signet grant proxy/edge-1 web")
		}
	}
	return request, g, nil
}
