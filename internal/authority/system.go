package authority

import (
	"context"
	"net/http"
	"slices"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// system tells how the trust domain is doing.
func (a *Authority) system(r *http.Request) (any, error) {
	state := a.store.State()
	got, silent := a.gather(r.Context(), state, nil)
	out := api.System{TrustDomain: a.domain, Revision: state.Revision, Now: a.now(), Started: a.begun, Identities: len(state.Identities),
		Rules: state.RuleCount(), Entries: a.log.Size(), Conns: len(merge(got, state, silent)), Proxies: []api.ProxyState{}}
	for _, id := range enrolled(state) {
		out.Proxies = append(out.Proxies, a.proxyState(state, id, got))
	}
	for id := range state.Revocations {
		if state.Identities[id].Kind == control.Proxy {
			out.Barred = append(out.Barred, id)
		}
	}
	slices.SortFunc(out.Barred, byID)
	var err error
	out.Lives, err = a.lives(r.Context(), state)
	return out, err
}

func (a *Authority) proxyState(state *control.State, id spiffeid.ID, got answer) api.ProxyState {
	out := api.ProxyState{ID: id, Created: state.Identities[id].Created, Holds: []spiffeid.ID{}}
	conns, answered := got[id]
	out.Answered, out.Conns = answered, len(conns)
	for grant := range state.Grants {
		if _, revoked := state.Revocations[grant.Identity]; grant.Proxy == id && !revoked {
			out.Holds = append(out.Holds, grant.Identity)
		}
	}
	slices.SortFunc(out.Holds, byID)
	a.mu.Lock()
	defer a.mu.Unlock()
	if session := a.proxies[id]; session != nil {
		out.Connected, out.Since, out.Revision = session.connected(), session.heard, session.applied
		out.Stale = !out.Connected && a.now().Sub(session.heard) > api.StaleAfter
		if a.rivalled(session) {
			out.Rival = session.rival
		}
	} else {
		out.Stale = a.now().Sub(a.begun) > api.StaleAfter
	}
	return out
}

// lives are those of the authority's own certificates, and of the newest that
// everybody has who counts still.
func (a *Authority) lives(ctx context.Context, state *control.State) ([]api.Life, error) {
	lives := []api.Life{}
	for what, cert := range map[api.LifeOf]*pki.Certificate{api.RootLife: a.ca.Root(), api.IntermediateLife: a.ca.Intermediate()} {
		lives = append(lives, api.Life{What: what, Title: cert.Title(), From: cert.NotBefore(), Until: cert.NotAfter()})
	}
	for id, known := range state.Identities {
		if _, revoked := state.Revocations[id]; revoked {
			continue
		}
		recorded, err := a.store.Certificates(ctx, id)
		if err != nil {
			return nil, err
		}
		newest := map[spiffeid.ID]api.Life{} // by holder
		for _, cert := range recorded {
			holder := cert.Holder
			if holder == id {
				holder = spiffeid.ID{}
			}
			if !holder.IsZero() && !holds(state, holder, id) {
				continue
			}
			if _, dead := state.Revocations[cert.Holder]; !dead && cert.NotAfter.After(newest[holder].Until) {
				newest[holder] = lifeOf(known, cert, holder)
			}
		}
		for _, life := range newest {
			lives = append(lives, life)
		}
	}
	slices.SortFunc(lives, func(x, y api.Life) int {
		if c := x.Until.Compare(y.Until); c != 0 {
			return c
		}
		return byID(x.ID, y.ID)
	})
	return lives, nil
}

func lifeOf(known control.Identity, cert control.Certificate, holder spiffeid.ID) api.Life {
	from := cert.At
	if from.IsZero() { // it was recorded without
		from = cert.NotAfter.Add(-ca.DefaultLifetime)
	}
	return api.Life{What: api.LifeOf(known.Kind), ID: known.ID, Holder: holder, From: from, Until: cert.NotAfter}
}
