package authority

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/spelling"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of what operators can make every proxy hold: a slice has to fit into
// one line of the watch, api.MaxUpdate, and revocations must find room there.
const (
	maxReason   = 1000 // characters
	maxRules    = 10_000
	maxRevoked  = api.MaxUpdate / 4 // bytes, as they are sent; the last may go beyond, by its own serials
	maxRuleText = api.MaxUpdate / 2 // bytes, names included
)

func checkReason(because string) error {
	if n := utf8.RuneCountInString(because); n > maxReason {
		return fault.New(BadRequest, "the reason has %d characters; %d are the most", n, maxReason).WithHint("say it shorter")
	}
	return nil
}

// whom reads which identity is to be revoked, restored or removed.
func (a *Authority) whom(r *http.Request) (request api.RevokeRequest, who spiffeid.ID, err error) {
	if err = readJSON(r, api.MaxRequest, &request); err == nil {
		who, err = a.member(request.Who)
	}
	return request, who, err
}

// roomToRevoke refuses another revocation where proxies could not be sent all.
func roomToRevoke(state *control.State, now time.Time) error {
	size := 0
	for _, revocation := range state.Revocations {
		size += sentSize(briefly(revocation, now))
	}
	for _, withdrawal := range withdrawalsFor(spiffeid.ID{}, state, now) {
		size += sentSize(withdrawal)
	}
	if size < maxRevoked {
		return nil
	}
	return fault.New(RevokedFull, "%d revocations fill the %d MiB that proxies can be sent", len(state.Revocations), maxRevoked>>20).
		WithHint("signet deny FROM TO      # for each of its pairs; revoked certificates that expire make room")
}

// sentSize bounds the bytes of a revocation in a line of the watch.
func sentSize(r api.Revocation) int {
	const words, quotes = 200, 3 // names of fields and numbers; around a serial
	size := words + len(r.ID.String()) + len(r.By.String())
	for _, serial := range r.Serials {
		size += len(serial) + quotes
	}
	return size
}

// finish journals a change that was asked for at the time since, waits for the
// proxies, and answers with what happened.
func (a *Authority) finish(r *http.Request, change api.Change, event api.Event, since time.Time) (any, error) {
	if !change.Unchanged {
		event.Time, event.Kind, event.By, event.Revision = since, api.Changed, caller(r), change.Revision
		if err := a.outcome(r, audit.Outcome{Revision: change.Revision, Event: &event}); err != nil {
			return nil, err
		}
		a.record(event)
	}
	a.await(r.Context(), &change, since)
	return change, nil
}

func (a *Authority) pairOf(from, to string) (f, t spiffeid.ID, err error) {
	if f, err = a.identity(from); err != nil {
		return f, t, err
	}
	t, err = a.identity(to)
	return f, t, err
}

// identity finds a known identity by its short name or SPIFFE ID. Of those that may be
// meant, services are listed: it is for the ends of connections.
func (a *Authority) identity(name string) (spiffeid.ID, error) {
	return a.find(name, func(kind control.Kind) bool { return kind == control.Service })
}

// member is the same for whoever can join.
func (a *Authority) member(name string) (spiffeid.ID, error) {
	return a.find(name, func(control.Kind) bool { return true })
}

func (a *Authority) find(name string, listed func(control.Kind) bool) (spiffeid.ID, error) {
	id, err := a.domain.Named(name)
	if err != nil {
		return id, err
	}
	state := a.store.State()
	if _, ok := state.Identities[id]; ok {
		return id, nil
	}
	unknown := fault.New(api.IdentityUnknown, "no identity is called %s", fault.Printable(name, 60))
	if meant := a.meant(name); meant != "" {
		unknown.Message += "; did you mean " + meant + "?"
	}
	var others, longer []string
	for id, known := range state.Identities {
		short := id.Short(a.domain)
		if strings.HasSuffix(short, "/"+name) { // such as operator/ann for ann
			longer = append(longer, short)
		}
		if listed(known.Kind) {
			others = append(others, short)
		}
	}
	if len(longer) > 0 {
		slices.Sort(longer)
		return id, unknown.WithHint("use the whole name: %s", list(longer))
	}
	if len(others) == 0 {
		return id, unknown.WithHint("enroll a service first: none is known")
	}
	slices.Sort(others)
	return id, unknown.WithHint("use one that is known: %s", list(others))
}

// meant returns the identity that a mistyped name may be for, or "".
func (a *Authority) meant(name string) string {
	var names []string
	for id := range a.store.State().Identities {
		names = append(names, id.Short(a.domain))
	}
	slices.Sort(names)
	return spelling.Nearest(name, names)
}

func list(names []string) string {
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
