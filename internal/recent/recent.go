// Package recent keeps what happened lately, in memory, for questions about connections.
package recent

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// Events keeps the latest events in memory, for questions. Refusals are kept
// apart: strangers can make any number of them, and must not push the stories
// of connections out.
type Events struct {
	mu      sync.Mutex
	refused ring   // guarded by mu
	rest    ring   // guarded by mu
	losses  []loss // guarded by mu; the latest maxLosses
}

// loss is a number of events that a proxy had no room for.
type loss struct {
	at    time.Time // when the authority heard of it
	count int
}

// Bounds of what is kept of losses; the oldest go first.
const (
	maxLosses = 1000
	MaxLost   = 1_000_000_000 // events of one
)

// Lose notes events that never came.
func (j *Events) Lose(count int, at time.Time) {
	if count == 0 {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.losses) == maxLosses {
		j.losses = j.losses[1:]
	}
	j.losses = append(j.losses, loss{at, min(count, MaxLost)})
}

// LostSince counts events that never came.
func (j *Events) LostSince(t time.Time) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, loss := range j.losses {
		if loss.at.After(t) {
			n += loss.count
		}
	}
	return n
}

// MaxEvents is how many events a ring keeps; the oldest go first.
const MaxEvents = 10_000

// ring is a bounded list.
type ring struct {
	events  []api.Event // grows to MaxEvents, then wraps
	next    int         // where the next goes once the ring is full
	dropped time.Time   // of the latest event that had to go
}

func (r *ring) add(event api.Event) {
	if len(r.events) < MaxEvents {
		r.events = append(r.events, event)
		return
	}
	if gone := r.events[r.next].Time; gone.After(r.dropped) {
		r.dropped = gone
	}
	r.events[r.next] = event
	r.next = (r.next + 1) % MaxEvents
}

// each gives every event, as they came in, until yield has enough.
func (r *ring) each(yield func(*api.Event) bool) (more bool) {
	for i := range r.events {
		if !yield(&r.events[(r.next+i)%len(r.events)]) {
			return false
		}
	}
	return true
}

func (j *Events) Add(event api.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if event.Kind == api.Refused {
		j.refused.add(event)
		return
	}
	j.rest.add(event)
}

// All gives the refusals and then every other event, as they came in. The
// journal is locked meanwhile.
func (j *Events) All() iter.Seq[*api.Event] {
	return func(yield func(*api.Event) bool) {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.refused.each(yield) {
			j.rest.each(yield)
		}
	}
}

// Connections returns the IDs that begin with prefix.
func (j *Events) Connections(prefix string) map[string]bool {
	ids := map[string]bool{}
	for e := range j.All() {
		if e.Conn != "" && strings.HasPrefix(e.Conn, prefix) {
			ids[e.Conn] = true
		}
	}
	return ids
}

// History returns a connection's events and the change that ended it, in the
// order of their times.
func (j *Events) History(id string) []api.Event {
	events := []api.Event{} // so that none is [] in JSON
	var end *api.Event
	for e := range j.All() {
		if e.Conn == id {
			events = append(events, *e)
			if e.Kind == api.Ended && decided(e.Code) {
				last := *e
				end = &last
			}
		}
	}
	if end != nil {
		if change, ok := j.change(end); ok {
			events = append(events, change)
		}
	}
	slices.SortStableFunc(events, func(a, b api.Event) int { return a.Time.Compare(b.Time) })
	return events
}

// decided reports whether a code says that policy or a revocation ended a
// connection.
func decided(code string) bool {
	switch fault.Code(code) {
	case api.IdentityRevoked, api.CertificateWithdrawn, notHeld, policy.NoRule, policy.DeniedByRule, policy.RuleFailed:
		return true
	}
	return false
}

// notHeld is a proxy's own word for an end of what stood on a grant that is gone.
const notHeld fault.Code = "identity_not_held"

// bars reports whether a code is about who may be somebody, and not about the rules.
func bars(code string) bool {
	switch fault.Code(code) {
	case api.IdentityRevoked, api.CertificateWithdrawn, notHeld:
		return true
	}
	return false
}

// change finds the latest change that can have ended a connection. A proxy that
// was slow puts several changes in force at once, so that the revision in its
// event may be later than the one that counts.
func (j *Events) change(end *api.Event) (change api.Event, found bool) {
	for e := range j.All() {
		if e.Kind == api.Changed && e.Revision <= end.Revision && e.Revision >= change.Revision &&
			bars(e.Code) == bars(end.Code) &&
			concerns(e, end) {
			change, found = *e, true
		}
	}
	return change, found
}

// concerns reports whether a change is about a connection that ended: a rule
// names both of its identities, a revocation one of them or the proxy that held
// it; the end tells the revocation's own revision.
func concerns(change, end *api.Event) bool {
	if change.To.IsZero() {
		return change.From == end.From || change.From == end.To || change.Revision == end.Revision
	}
	return change.From == end.From && change.To == end.To
}

// LastTry returns the latest attempt from one identity to another.
func (j *Events) LastTry(from, to spiffeid.ID) *api.Event {
	var last *api.Event
	for e := range j.All() {
		if (e.Kind == api.Opened || e.Kind == api.Refused) && e.From == from && e.To == to &&
			(last == nil || !e.Time.Before(last.Time)) {
			found := *e
			last = &found
		}
	}
	return last
}

// RefusedSince counts refusals; more says that there were others, which are not
// kept.
func (j *Events) RefusedSince(t time.Time) (n int, more bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refused.each(func(e *api.Event) bool {
		if e.Time.After(t) {
			n++
		}
		return true
	})
	return n, j.refused.dropped.After(t)
}

// Tries returns the recorded attempts that policy had the last word on: those
// that were let in, and those that a rule, or none, refused.
func (j *Events) Tries() (tries []api.Event) {
	for e := range j.All() {
		byPolicy := e.Kind == api.Refused && (fault.Code(e.Code) == policy.NoRule || fault.Code(e.Code) == policy.DeniedByRule || fault.Code(e.Code) == policy.RuleFailed)
		if (e.Kind == api.Opened || byPolicy) && !e.From.IsZero() && !e.To.IsZero() {
			tries = append(tries, *e)
		}
	}
	return tries
}
