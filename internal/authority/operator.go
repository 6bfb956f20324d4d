package authority

import (
	"context"
	"fmt"
	"maps"
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

// patience is how long an act waits for the proxies to have it in force.
const patience = 2 * time.Second

func (a *Authority) allow(w http.ResponseWriter, r *http.Request) error {
	return a.rule(w, r, policy.Allow)
}

func (a *Authority) deny(w http.ResponseWriter, r *http.Request) error {
	return a.rule(w, r, policy.Deny)
}

// rule makes the last word on a pair.
func (a *Authority) rule(w http.ResponseWriter, r *http.Request, make func(policy.Pair) policy.Rule) error {
	var request api.PairRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return err
	}
	from, to, err := a.pairOf(request.From, request.To)
	if err != nil {
		return err
	}
	since := a.now()
	change := api.Change{TrustDomain: a.domain, From: from, To: to}
	key := control.Pair{From: from, To: to}
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		made := make(policy.Pair(key))
		made = unique(made, tx.State, key)
		change.Rule, change.Replaced, change.Unchanged = made.Name, "", false
		if old, ok := tx.State.Rules[key]; ok {
			if old.Text == made.Text {
				change.Unchanged = true
				return nil
			}
			change.Replaced = old.Name
		}
		tx.PutRule(control.Rule{Name: made.Name, Text: made.Text, From: from, To: to, By: caller(r), Because: request.Because})
		return nil
	})
	if err != nil {
		return err
	}
	change.Revision = state.Revision
	event := api.Event{From: from, To: to, Rule: change.Rule, Because: request.Because}
	return a.finish(w, r, &change, event, since)
}

// unique gives a rule another name if two pairs' short names run together, such
// as web-a → b and web → a-b.
func unique(rule policy.Rule, state *control.State, key control.Pair) policy.Rule {
	name := rule.Name
	for n := 2; ; n++ {
		taken := false
		for pair, other := range state.Rules {
			taken = taken || pair != key && other.Name == name
		}
		if !taken {
			break
		}
		name = fmt.Sprintf("%s-%d", rule.Name, n)
	}
	rule.Text = strings.Replace(rule.Text, `"`+rule.Name+`"`, `"`+name+`"`, 1)
	rule.Name = name
	return rule
}

func (a *Authority) revoke(w http.ResponseWriter, r *http.Request) error {
	var request api.RevokeRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return err
	}
	who, err := a.identity(request.Who)
	if err != nil {
		return err
	}
	since := a.now()
	change := api.Change{TrustDomain: a.domain, Who: who}
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		if _, change.Unchanged = tx.State.Revocations[who]; !change.Unchanged {
			tx.Revoke(control.Revocation{ID: who, By: caller(r), Because: request.Because})
		}
		return nil
	})
	if err != nil {
		return err
	}
	revocation := state.Revocations[who]
	change.Revision, change.Certificates = state.Revision, len(revocation.Serials)
	event := api.Event{From: who, Code: string(api.IdentityRevoked), Reason: who.Short(a.domain) + " was revoked", Because: request.Because}
	return a.finish(w, r, &change, event, since)
}

// finish journals a change that was asked for at the time since, waits for the
// proxies, and answers with what happened.
func (a *Authority) finish(w http.ResponseWriter, r *http.Request, change *api.Change, event api.Event, since time.Time) error {
	if !change.Unchanged {
		event.Time, event.Kind, event.By, event.Revision = since, api.Changed, caller(r), change.Revision
		a.record(event)
	}
	a.await(r.Context(), change, since)
	return writeJSON(w, change)
}

// await waits until every proxy has the change in force, or patience ends.
func (a *Authority) await(ctx context.Context, change *api.Change, since time.Time) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	wanted := a.enrolled(a.store.State())
	for {
		a.mu.Lock()
		done := a.tally(change, wanted, since)
		news := a.news
		a.mu.Unlock()
		if done {
			return
		}
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
	}
}

// enrolled lists the proxies that may be connected.
func (a *Authority) enrolled(state *control.State) []spiffeid.ID {
	var ids []spiffeid.ID
	for id, known := range state.Identities {
		if _, revoked := state.Revocations[id]; known.Kind == control.Proxy && !revoked {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, byID)
	return ids
}

// tally counts how far a change has come and reports whether it is everywhere.
// The caller holds mu.
func (a *Authority) tally(change *api.Change, wanted []spiffeid.ID, since time.Time) (everywhere bool) {
	change.Proxies, change.InForce, change.After, change.Missing = len(wanted), 0, 0, nil
	ended := map[string]api.EndedConn{}
	doors, services := 0, 0
	for _, id := range wanted {
		session := a.proxies[id]
		if session == nil || session.applied < change.Revision {
			missing := api.Missing{Proxy: id}
			if session != nil {
				missing.Connected, missing.Since = session.connected(), session.heard
			}
			change.Missing = append(change.Missing, missing)
			continue
		}
		change.InForce++
		for i, report := range session.reports {
			if report.Revision < change.Revision || change.Unchanged {
				continue
			}
			for _, conn := range report.Ended {
				conn.Ends = ended[conn.ID].Ends + 1
				ended[conn.ID] = conn
			}
			change.After = max(change.After, session.times[i].Sub(since))
			doors, services = doors+report.Doors, services+report.Services
			break // a later report is another change's
		}
	}
	change.Ended = slices.SortedFunc(maps.Values(ended), func(x, y api.EndedConn) int { return strings.Compare(x.ID, y.ID) })
	change.Others = max(doors, services)
	return len(change.Missing) == 0
}

func (a *Authority) pairOf(from, to string) (f, t spiffeid.ID, err error) {
	if f, err = a.identity(from); err != nil {
		return f, t, err
	}
	t, err = a.identity(to)
	return f, t, err
}

// identity finds a known identity by its short name or SPIFFE ID.
func (a *Authority) identity(name string) (spiffeid.ID, error) {
	id, err := a.parse(name)
	if err != nil {
		return id, err
	}
	state := a.store.State()
	if _, ok := state.Identities[id]; ok {
		return id, nil
	}
	var services []string
	for id, known := range state.Identities {
		if known.Kind == control.Service {
			services = append(services, id.Short(a.domain))
		}
	}
	slices.Sort(services)
	return id, fault.New(api.IdentityUnknown, "no identity is called %.60q", name).
		WithHint("use one that is known: %s", list(services))
}

func (a *Authority) parse(name string) (spiffeid.ID, error) {
	if strings.HasPrefix(name, "spiffe://") {
		return spiffeid.Parse(name)
	}
	return a.domain.ID(name)
}

func list(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
