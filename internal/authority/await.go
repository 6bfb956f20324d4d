package authority

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// await waits until every proxy has the change in force, or patience ends.
func (a *Authority) await(ctx context.Context, change *api.Change, since time.Time) {
	ctx, cancel := context.WithTimeout(ctx, a.patience)
	defer cancel()
	state := a.store.State()
	wanted := a.able(ctx, state)
	change.Barred = barred(state)
	for {
		a.mu.Lock()
		a.tally(change, wanted, since)
		news := a.news
		a.mu.Unlock()
		if !slices.ContainsFunc(change.Missing, func(m api.Missing) bool { return m.Rival == "" }) {
			return // a rival never hears of it
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// enrolled lists the proxies that may be connected.
func enrolled(state *control.State) []spiffeid.ID {
	var ids []spiffeid.ID
	for id, known := range state.Identities {
		if _, revoked := state.Revocations[id]; known.Kind == control.Proxy && !revoked {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, byID)
	return ids
}

// able lists those of the enrolled proxies that can carry anything: they are connected,
// or have a certificate that counts. Who has never joined is not among them.
func (a *Authority) able(ctx context.Context, state *control.State) []spiffeid.ID {
	return slices.DeleteFunc(enrolled(state), func(id spiffeid.ID) bool {
		a.mu.Lock()
		session := a.proxies[id]
		connected := session != nil && session.connected()
		a.mu.Unlock()
		if connected {
			return false
		}
		owned, err := a.store.Owned(ctx, id)
		return err == nil && !slices.ContainsFunc(owned, func(c control.Certificate) bool {
			_, dead := state.Dead(c.Serial)
			return !dead
		})
	})
}

// barred counts the proxies that are revoked.
func barred(state *control.State) (n int) {
	for id := range state.Revocations {
		if state.Identities[id].Kind == control.Proxy {
			n++
		}
	}
	return n
}

// tally counts how far a change has come. The caller holds mu.
func (a *Authority) tally(change *api.Change, wanted []spiffeid.ID, since time.Time) {
	change.Proxies, change.InForce, change.After, change.Missing = len(wanted), 0, 0, nil
	ended := map[string]api.EndedConn{}
	doors, services := 0, 0
	for _, id := range wanted {
		session := a.proxies[id]
		if session == nil || session.applied < change.Revision {
			change.Missing = append(change.Missing, a.missing(id))
			continue
		}
		change.InForce++
		if a.rivalled(session) {
			change.Proxies++
			change.Missing = append(change.Missing, api.Missing{Proxy: id, Since: session.refused, Rival: session.rival})
		}
		report, ok := session.report(change.Revision)
		if !ok || change.Unchanged {
			continue
		}
		for _, conn := range report.Ended {
			if ends(change, conn) {
				conn.Ends = ended[conn.ID].Ends + 1
				ended[conn.ID] = conn
			}
		}
		change.After = max(change.After, report.at.Sub(since))
		doors, services = doors+report.Doors, services+report.Services
	}
	change.Ended = slices.SortedFunc(maps.Values(ended), func(x, y api.EndedConn) int { return strings.Compare(x.ID, y.ID) })
	change.Others = max(doors, services)
}

// rivalled reports whether there is a second process of a proxy's name. The caller holds
// mu.
func (a *Authority) rivalled(session *proxy) bool {
	return session.rival != "" && a.now().Sub(session.refused) < rivalRecent
}

// missing is what is known of a proxy that does not answer. The caller holds mu.
func (a *Authority) missing(id spiffeid.ID) api.Missing {
	missing := api.Missing{Proxy: id}
	if session := a.proxies[id]; session != nil {
		missing.Connected, missing.Since = session.connected(), session.heard
	}
	return missing
}

// ends reports whether it was this change that ended a connection: one report
// can tell of several changes. A revoked proxy's connections are in the names of
// identities that it held.
func ends(change *api.Change, conn api.EndedConn) bool {
	switch {
	case !change.Proxy.IsZero(): // of an identity's connections only those in one proxy's hands
		return conn.Revocation == change.Revision
	case !change.Who.IsZero():
		return conn.Revocation == change.Revision || conn.From == change.Who || conn.To == change.Who
	case change.From.IsZero() && change.To.IsZero(): // rules and groups of whomever
		return conn.Revocation == 0
	}
	return conn.From == change.From && conn.To == change.To
}
