package authority

import (
	"context"
	"fmt"
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
			id, err := a.identity(name)
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

// grantPair finds the two that a grant is about.
func (a *Authority) grantPair(request api.GrantRequest) (g control.Grant, err error) {
	if g.Proxy, err = a.identity(request.Proxy); err != nil {
		return g, err
	}
	if g.Identity, err = a.identity(request.Identity); err != nil {
		return g, err
	}
	state := a.store.State()
	for id, want := range map[spiffeid.ID]control.Kind{g.Proxy: control.Proxy, g.Identity: control.Service} {
		if have := state.Identities[id].Kind; have != want {
			return g, fault.New(BadRequest, "%s is %s, not %s", id.Short(a.domain), one(have), one(want)).
				WithHint("name a proxy, and then a service that it may hold: signet grant proxy/edge-1 web")
		}
	}
	return g, nil
}

// grant lets a proxy hold an identity.
func (a *Authority) grant(r *http.Request) (any, error) {
	return a.regrant(r, func(tx *control.Tx, g control.Grant, _ string) (done bool, err error) {
		for _, id := range []spiffeid.ID{g.Proxy, g.Identity} {
			if err := a.notRevoked(tx.State, id); err != nil {
				return false, err
			}
		}
		if holds(tx.State, g.Proxy, g.Identity) {
			return false, nil
		}
		tx.PutGrant(g)
		return true, nil
	}, "%s may hold %s")
}

// ungrant takes that back, and what stands on it ends.
func (a *Authority) ungrant(r *http.Request) (any, error) {
	return a.regrant(r, func(tx *control.Tx, g control.Grant, because string) (done bool, err error) {
		if !holds(tx.State, g.Proxy, g.Identity) {
			return false, nil
		}
		tx.DeleteGrant(g, caller(r), because)
		return true, roomToRevoke(tx.State, a.now())
	}, "%s may no longer hold %s")
}

// regrant changes what a proxy may hold.
func (a *Authority) regrant(r *http.Request, stage func(*control.Tx, control.Grant, string) (bool, error), words string) (any, error) {
	var request api.GrantRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	if err := checkReason(request.Because); err != nil {
		return nil, err
	}
	g, err := a.grantPair(request)
	if err != nil {
		return nil, err
	}
	since := a.now()
	change := api.Change{TrustDomain: a.domain, Who: g.Identity, Proxy: g.Proxy}
	made := int64(0)
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		changed, err := stage(tx, g, request.Because)
		change.Unchanged, made = !changed, tx.Revision()
		return err
	})
	if err != nil {
		return nil, err
	}
	change.Revision = state.Revision
	if !change.Unchanged {
		change.Certificates = len(state.Withdrawals[made].Serials)
	}
	event := api.Event{From: g.Identity, Code: string(api.CertificateWithdrawn), Because: request.Because}
	event.Reason = fault.Printable(fmt.Sprintf(words, g.Proxy.Short(a.domain), g.Identity.Short(a.domain)), maxText)
	return a.finish(r, change, event, since)
}

// restore takes a revocation back: the identity may have certificates again.
func (a *Authority) restore(r *http.Request) (any, error) {
	request, who, err := a.whom(r)
	if err != nil {
		return nil, err
	}
	since := a.now()
	change := api.Change{TrustDomain: a.domain, Who: who}
	made := int64(0)
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		if _, revoked := tx.State.Revocations[who]; !revoked {
			change.Unchanged = true
			return nil
		}
		change.Unchanged, made = false, tx.Revision()
		tx.Restore(who, caller(r), request.Because)
		return nil
	})
	if err != nil {
		return nil, err
	}
	change.Revision = state.Revision
	if !change.Unchanged {
		change.Certificates = len(state.Withdrawals[made].Serials)
	}
	for _, proxy := range enrolled(state) {
		if holds(state, proxy, who) {
			change.HeldBy = append(change.HeldBy, proxy)
		}
	}
	return a.finish(r, change, api.Event{From: who, Code: string(api.CertificateWithdrawn),
		Reason: who.Short(a.domain) + " was restored", Because: request.Because}, since)
}
