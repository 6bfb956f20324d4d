package authority

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// lineTimeout is how long one line of a watch may take to be sent: as long as
// an agent waits for it. A proxy that does not read must not hold us.
const lineTimeout = 15 * time.Second

// watch streams the proxy's part of the truth, revision by revision.
func (a *Authority) watch(w http.ResponseWriter, r *http.Request) error {
	if err := a.store.Trouble(); err != nil {
		return err // who hears nothing is stale, and hears why
	}
	id := caller(r)
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	session := a.newSession(r, stop)
	if err := a.join(ctx, id, session); err != nil {
		return err
	}
	defer a.leave(session)

	lines := lines{json.NewEncoder(w), http.NewResponseController(w)}
	if err := lines.control.SetReadDeadline(time.Time{}); err != nil { // the server's is for requests that end
		return err
	}
	beat := time.NewTicker(api.Heartbeat)
	defer beat.Stop()
	states := a.store.Watch(ctx)
	last, told := lastSent{proxy: id}, map[spiffeid.ID][]string{}
	for {
		var update api.Update
		var err error
		select {
		case <-ctx.Done():
			return nil
		case state, ok := <-states:
			if !ok || a.withdrawn(r, state) != nil {
				return nil
			}
			update, err = last.next(a, state)
			update.Where = a.where(session, told)
			if _, revoked := state.Revocations[id]; revoked && err == nil {
				lines.send(update) // the last that it hears: it may hold nobody, so it ends everything
				return nil
			}
		case update.Ask = <-session.asks:
			update.Cut = a.cutOf(update.Ask)
		case update.Rival = <-session.rivals:
		case <-session.looks:
			if update.Where = a.where(session, told); update.Where == nil {
				continue
			}
		case <-beat.C:
			if a.store.Trouble() != nil {
				continue // what is in force now, somebody else may know better
			}
			update.Head, err = a.head(&last)
			update.Where = a.where(session, told) // proxies that are gone are no more, some time
		}
		if err == nil {
			err = lines.send(update)
		}
		if err != nil {
			a.logger.Info("a watch broke", slog.String("proxy", id.String()), slog.Any("error", err))
			return nil // there is nobody to answer
		}
	}
}

// lines writes one JSON value a line, each of them at once.
type lines struct {
	stream  *json.Encoder
	control *http.ResponseController
}

func (l lines) send(update api.Update) error {
	if err := l.control.SetWriteDeadline(time.Now().Add(lineTimeout)); err != nil {
		return err
	}
	if err := l.stream.Encode(update); err != nil {
		return err
	}
	return l.control.Flush()
}

// slice is the part of the truth that a proxy needs. A rule for no pair in
// particular concerns everybody. A proxy that was revoked may hold nobody, and
// gets no rule that would let anything pass.
func slice(state *control.State, proxy spiffeid.ID, now time.Time) *api.Slice {
	out := &api.Slice{Revision: state.Revision, EpochProof: state.EpochProof, Identities: []spiffeid.ID{}}
	for _, revocation := range state.Revocations {
		out.Revoked = append(out.Revoked, briefly(revocation, now))
	}
	out.Revoked = append(out.Revoked, withdrawalsFor(proxy, state, now)...)
	if _, revoked := state.Revocations[proxy]; revoked {
		return out
	}
	for serial := range state.CA.Retired { // nobody's, as no certificate of an authority's has an ID
		out.Revoked = append(out.Revoked, api.Revocation{Serials: []string{serial}})
	}
	out.Trust, _ = trustOf(ca.Stored(state.CA)) // on record it is readable
	held := map[spiffeid.ID]bool{}
	for grant := range state.Grants {
		if _, revoked := state.Revocations[grant.Identity]; grant.Proxy == proxy && !revoked {
			held[grant.Identity] = true
		}
	}
	out.Identities = slices.AppendSeq(out.Identities, maps.Keys(held))
	slices.SortFunc(out.Identities, byID)
	for _, rules := range []map[control.Pair]control.Rule{state.Rules, state.TimedRules} {
		for pair, rule := range rules {
			if held[pair.From] || held[pair.To] || pair.From.IsZero() || pair.To.IsZero() {
				out.Rules = append(out.Rules, api.Rule{Name: rule.Name, Text: rule.Text})
			}
		}
	}
	for rule := range maps.Values(state.FreeRules) { // they concern whoever their text says
		out.Rules = append(out.Rules, api.Rule{Name: rule.Name, Text: rule.Text})
	}
	for group := range maps.Values(state.Groups) {
		out.Groups = append(out.Groups, api.Group{Name: group.Name, Members: group.Members})
	}
	return out
}

// remembered is how long serials are sent after their certificates expired: a
// day for proxies whose clocks are slow.
const remembered = 24 * time.Hour

// briefly is a revocation as proxies need it: the identity for good, serials as
// long as their certificates count, and no reason.
func briefly(r control.Revocation, now time.Time) api.Revocation {
	out := apiRevocation(r)
	out.Because = ""
	if !r.Until.IsZero() && now.After(r.Until.Add(remembered)) {
		out.Serials = nil
	}
	return out
}

func byID(a, b spiffeid.ID) int { return strings.Compare(a.String(), b.String()) }

func apiRevocation(r control.Revocation) api.Revocation {
	return api.Revocation{ID: r.ID, Serials: r.Serials, By: r.By, Because: r.Because, Revision: r.Revision, At: r.At}
}
