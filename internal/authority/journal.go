package authority

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// maxEvents is how many events are kept for questions; the oldest go first.
const maxEvents = 10_000

// journal keeps the latest events in memory.
type journal struct {
	mu   sync.Mutex
	ring []api.Event // guarded by mu; grows to maxEvents, then wraps
	next int         // guarded by mu; where the next goes once the ring is full
}

func (j *journal) add(event api.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.ring) < maxEvents {
		j.ring = append(j.ring, event)
		return
	}
	j.ring[j.next] = event
	j.next = (j.next + 1) % maxEvents
}

// pick returns the events that the filter wants, in the order of their times.
func (j *journal) pick(want func(*api.Event) bool) []api.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	var picked []api.Event
	for i := range j.ring {
		if want(&j.ring[i]) {
			picked = append(picked, j.ring[i])
		}
	}
	slices.SortStableFunc(picked, func(a, b api.Event) int { return a.Time.Compare(b.Time) })
	return picked
}

// connection returns a connection's events and the changes that they name, and
// the IDs that the prefix fits.
func (j *journal) connection(prefix string) (events []api.Event, ids []string) {
	seen := map[string]bool{}
	revisions := map[int64]bool{}
	events = j.pick(func(e *api.Event) bool {
		if e.Conn == "" || !strings.HasPrefix(e.Conn, prefix) {
			return false
		}
		if !seen[e.Conn] {
			seen[e.Conn] = true
			ids = append(ids, e.Conn)
		}
		if e.Kind == api.Ended && e.Code != "" {
			revisions[e.Revision] = true
		}
		return true
	})
	changes := j.pick(func(e *api.Event) bool { return e.Kind == api.Changed && revisions[e.Revision] })
	events = append(events, changes...)
	slices.SortStableFunc(events, func(a, b api.Event) int { return a.Time.Compare(b.Time) })
	return events, ids
}

// lastTry returns the latest attempt from one identity to another.
func (j *journal) lastTry(from, to spiffeid.ID) *api.Event {
	tries := j.pick(func(e *api.Event) bool {
		return (e.Kind == api.Opened || e.Kind == api.Refused) && e.From == from && e.To == to
	})
	if len(tries) == 0 {
		return nil
	}
	return &tries[len(tries)-1]
}

// refusedSince counts refusals.
func (j *journal) refusedSince(t time.Time) int {
	return len(j.pick(func(e *api.Event) bool { return e.Kind == api.Refused && e.Time.After(t) }))
}
