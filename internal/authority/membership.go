package authority

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// membership is a change of who there is, or of what somebody may hold, in the making.
type membership struct {
	change  api.Change
	because string
	dry     bool
	code    fault.Code // of its event
	reason  string     // the same in words
	stage   func(tx *control.Tx, change *api.Change) (changes bool, err error)
	// ends tells the live connections that end with it, as the proxy that has them tells
	// of them; nil: none does.
	ends func(proxy spiffeid.ID, conn api.Conn) bool
}

// turn makes the change, or says what it would do.
func (a *Authority) turn(r *http.Request, m membership) (any, error) {
	if err := checkReason(m.because); err != nil {
		return nil, err
	}
	since, change, made := a.now(), m.change, int64(0)
	change.TrustDomain = a.domain
	var before *control.State
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		changes, err := m.stage(tx, &change)
		if change.Unchanged, made = !changes, 0; changes {
			made = tx.Revision()
		}
		if before = tx.State; err == nil && m.dry {
			return errDry
		}
		return err
	})
	if errors.Is(err, errDry) {
		change.Revision, change.Would = before.Revision, a.foreseeEnds(r.Context(), before, m, change.Unchanged)
		return change, nil
	}
	if err != nil {
		return nil, err
	}
	change.Revision, change.Certificates = state.Revision, len(state.Withdrawals[made].Serials)
	if revocation, revoked := state.Revocations[change.Who]; revoked && change.Proxy.IsZero() {
		change.Certificates = len(revocation.Serials)
	}
	return a.finish(r, change, api.Event{From: change.Who, Code: string(m.code), Reason: fault.Printable(m.reason, maxText), Because: m.because}, since)
}

// foreseeEnds says which of the live connections a change would end.
func (a *Authority) foreseeEnds(ctx context.Context, state *control.State, m membership, unchanged bool) *api.Foresight {
	got, silent := a.gather(ctx, state, nil)
	ending := map[string]bool{}
	for proxy, conns := range got {
		for _, conn := range conns {
			if !unchanged && m.ends != nil && m.ends(proxy, conn) {
				ending[conn.ID] = true
			}
		}
	}
	out := &api.Foresight{Silent: silent}
	for _, conn := range merge(got, state, silent) {
		if !ending[conn.ID] {
			out.Stay++
			continue
		}
		out.Ends = append(out.Ends, api.EndedConn{ID: conn.ID, From: conn.From, To: conn.To})
	}
	return out
}

// hasEnd reports whether an identity is at one end of a connection.
func hasEnd(conn api.Conn, id spiffeid.ID) bool { return conn.From == id || conn.To == id }

// grant lets a proxy hold an identity.
func (a *Authority) grant(r *http.Request) (any, error) {
	request, g, err := a.granting(r)
	if err != nil {
		return nil, err
	}
	return a.turn(r, membership{change: api.Change{Who: g.Identity, Proxy: g.Proxy}, because: request.Because, dry: request.DryRun, code: api.CertificateWithdrawn,
		reason: fmt.Sprintf("%s may hold %s", g.Proxy.Short(a.domain), g.Identity.Short(a.domain)),
		stage: func(tx *control.Tx, _ *api.Change) (changes bool, err error) {
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
		}})
}

// ungrant takes that back, and what stands on it ends. Where the proxy may hold both ends
// of a connection, a dry run counts it though only the other may stand on the grant.
func (a *Authority) ungrant(r *http.Request) (any, error) {
	request, g, err := a.granting(r)
	if err != nil {
		return nil, err
	}
	return a.turn(r, membership{change: api.Change{Who: g.Identity, Proxy: g.Proxy}, because: request.Because, dry: request.DryRun, code: api.CertificateWithdrawn,
		reason: fmt.Sprintf("%s may no longer hold %s", g.Proxy.Short(a.domain), g.Identity.Short(a.domain)),
		stage: func(tx *control.Tx, _ *api.Change) (changes bool, err error) {
			if !holds(tx.State, g.Proxy, g.Identity) {
				return false, nil
			}
			tx.DeleteGrant(g, caller(r), request.Because)
			return true, roomToRevoke(tx.State, a.now())
		},
		ends: func(proxy spiffeid.ID, conn api.Conn) bool { return proxy == g.Proxy && hasEnd(conn, g.Identity) }})
}

// revoke has an identity count no longer, with every certificate that dies with it.
func (a *Authority) revoke(r *http.Request) (any, error) {
	request, who, err := a.whom(r)
	if err != nil {
		return nil, err
	}
	change := api.Change{Who: who, WhoIsProxy: a.store.State().Identities[who].Kind == control.Proxy}
	return a.turn(r, membership{change: change, because: request.Because, dry: request.DryRun, code: api.IdentityRevoked,
		reason: who.Short(a.domain) + " was revoked",
		stage: func(tx *control.Tx, _ *api.Change) (changes bool, err error) {
			if _, revoked := tx.State.Revocations[who]; revoked {
				return false, nil
			}
			if err := roomToRevoke(tx.State, a.now()); err != nil {
				return false, err
			}
			if err := a.notLast(r.Context(), tx.State, tx.State.Identities[who]); err != nil && !request.Anyway {
				return false, err
			}
			tx.Revoke(control.Revocation{ID: who, By: caller(r), Because: request.Because})
			return true, nil
		},
		ends: func(proxy spiffeid.ID, conn api.Conn) bool { return proxy == who || hasEnd(conn, who) }})
}

// restore takes a revocation back: the identity may have certificates again.
func (a *Authority) restore(r *http.Request) (any, error) {
	request, who, err := a.whom(r)
	if err != nil {
		return nil, err
	}
	return a.turn(r, membership{change: api.Change{Who: who}, because: request.Because, dry: request.DryRun, code: api.CertificateWithdrawn,
		reason: who.Short(a.domain) + " was restored",
		stage: func(tx *control.Tx, change *api.Change) (changes bool, err error) {
			change.HeldBy = holdersOf(tx.State, who)
			if _, revoked := tx.State.Revocations[who]; !revoked {
				return false, nil
			}
			tx.Restore(who, caller(r), request.Because)
			return true, nil
		}})
}

// holdersOf lists the proxies that may hold an identity.
func holdersOf(state *control.State, id spiffeid.ID) []spiffeid.ID {
	return slices.DeleteFunc(enrolled(state), func(proxy spiffeid.ID) bool { return !holds(state, proxy, id) })
}

// remove forgets an identity that nobody is any more: it never joined, was away for long,
// or was revoked.
func (a *Authority) remove(r *http.Request) (any, error) {
	request, who, err := a.whom(r)
	if err != nil {
		return nil, err
	}
	if who == caller(r) {
		return nil, fault.New(IdentityInUse, "%s is who you are", who.Short(a.domain)).
			WithHint("as somebody else:\nsignet authority operator NAME      # makes another operator, while the authority is stopped\nsignet revoke %s --as operator/NAME", who.Short(a.domain))
	}
	return a.turn(r, membership{change: api.Change{Who: who}, because: request.Because, dry: request.DryRun, code: api.CertificateWithdrawn,
		reason: who.Short(a.domain) + " was removed",
		stage: func(tx *control.Tx, change *api.Change) (changes bool, err error) {
			if err := a.idle(r.Context(), tx.State, who); err != nil {
				return false, err
			}
			change.NamedBy = namedBy(tx.State, who)
			tx.Remove(who, caller(r), request.Because)
			return true, roomToRevoke(tx.State, a.now())
		}})
}

// idle refuses an identity that somebody has or may hold, unless it was revoked.
func (a *Authority) idle(ctx context.Context, state *control.State, who spiffeid.ID) error {
	if err := a.awaited(ctx, who); err != nil {
		return err
	}
	if _, revoked := state.Revocations[who]; revoked {
		return nil
	}
	name := who.Short(a.domain)
	owned, err := a.store.Owned(ctx, who)
	if err != nil {
		return err
	}
	alive := slices.DeleteFunc(owned, func(c control.Certificate) bool { _, dead := state.Dead(c.Serial); return dead })
	if len(alive) > 0 {
		return fault.New(IdentityInUse, "%s is in use; certificates that count: %d", name, len(alive)).
			WithHint("signet revoke %s      # first: they are dead then, and what is open ends", name)
	}
	for _, g := range slices.SortedFunc(maps.Keys(state.Grants), byGrant) {
		if g.Proxy == who || g.Identity == who {
			return fault.New(IdentityInUse, "%s may hold %s", g.Proxy.Short(a.domain), g.Identity.Short(a.domain)).
				WithHint("signet ungrant %s %s      # first", g.Proxy.Short(a.domain), g.Identity.Short(a.domain))
		}
	}
	return nil
}

// awaited refuses an identity that a proxy may hold once it has joined by an open token:
// that would be of whoever has the name next.
func (a *Authority) awaited(ctx context.Context, who spiffeid.ID) error {
	tokens, err := a.store.Tokens(ctx)
	if err != nil {
		return err
	}
	for _, t := range tokens {
		if slices.Contains(t.Holds, who) && a.store.Open(t) == nil {
			name := t.ID.Short(a.domain)
			return fault.New(IdentityInUse, "by an open token %s may hold %s once it has joined", name, who.Short(a.domain)).
				WithHint("signet token cancel %s      # first", name)
		}
	}
	return nil
}

// namedBy lists the rules and groups that name an identity.
func namedBy(state *control.State, id spiffeid.ID) (names []string) {
	for rule := range state.AllRules() {
		if rule.From == id || rule.To == id || strings.Contains(rule.Text, `"`+id.String()+`"`) {
			names = append(names, rule.Name)
		}
	}
	for name, group := range state.Groups {
		if slices.Contains(group.Members, id) {
			names = append(names, "group "+name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
