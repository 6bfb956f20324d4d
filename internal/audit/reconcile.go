package audit

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// Reconciliation is what the two ends of connections have told, side by side.
type Reconciliation struct {
	Origin      string     `json:"origin"`
	Size        int64      `json:"entries"`
	Connections int        `json:"connections"` // that some end told of
	Agreed      int        `json:"agreed"`      // of them, ended and told alike by both ends
	Open        int        `json:"open"`        // of them, not known to have ended, or too new to tell
	Gaps        []Gap      `json:"gaps"`
	Differences []Disputed `json:"differences"`
	More        int        `json:"more_differences,omitempty"` // that are not listed
}

// Gap is events of a proxy's that are not in the log.
type Gap struct {
	Proxy  spiffeid.ID `json:"proxy"`
	Entry  int64       `json:"entry"`            // behind it
	Time   time.Time   `json:"time"`             // when the authority heard of it
	Events int         `json:"events,omitempty"` // as the proxy said; 0: nobody knows
	Text   string      `json:"text"`
}

// Disputed is a connection of which the ends do not tell the same.
type Disputed struct {
	Conn    string      `json:"conn"`
	From    spiffeid.ID `json:"from"`
	To      spiffeid.ID `json:"to"`
	Text    string      `json:"text"`
	Door    *api.Event  `json:"door,omitempty"`    // the last that this end told
	Service *api.Event  `json:"service,omitempty"` // the same
}

const (
	maxDisputed = 1000
	// settling is how long the ends may be apart, so that nothing is said about
	// connections of which the log's last seconds tell.
	settling = 10 * time.Second
)

// Reconcile compares what both ends of each connection have told. The log has to
// be as it was written; where batches are missing is part of the answer.
func Reconcile(log fs.FS) (*Reconciliation, error) {
	c := &checker{log: log, report: &Report{Problems: []Problem{}}, heads: map[int64][]head{}}
	if err := c.open(nil); err != nil {
		return nil, err
	}
	if len(c.report.Problems) == 0 {
		if err := c.check(); err != nil {
			return nil, err
		}
	}
	if len(c.report.Problems) > 0 {
		return nil, fault.New(Damaged, "the audit log is not as it was written: %s", c.report.Problems[0].Text).WithHint(verifyHint)
	}
	r := &reconciler{out: &Reconciliation{Origin: c.report.Origin, Size: c.report.Size, Gaps: []Gap{}, Differences: []Disputed{}},
		held: map[spiffeid.ID]bool{}, conns: map[string]*ends{}, last: map[spiffeid.ID]Batch{}}
	if err := c.each(r.take); err != nil {
		return nil, err
	}
	r.finish()
	return r.out, nil
}

type reconciler struct {
	out   *Reconciliation
	held  map[spiffeid.ID]bool  // identities that a proxy holds, so that it tells of their connections
	last  map[spiffeid.ID]Batch // of each proxy
	conns map[string]*ends      // of which both ends have not told the end
	now   time.Time             // of the last entry
}

// ends is what the two ends of a connection have told.
type ends struct {
	from, to spiffeid.ID
	told     map[api.Side]*api.Event // the last of each
	at       time.Time               // of the last entry about it
}

func (r *reconciler) take(n int64, raw []byte, _ string) error {
	e, err := decode(raw)
	if err != nil {
		return err
	}
	r.now = e.Time
	switch e.Kind {
	case Issued:
		if e.Issuance != nil && e.Issuance.By != e.Issuance.ID {
			r.held[e.Issuance.ID] = true
		}
	case Lost:
		r.out.Gaps = append(r.out.Gaps, Gap{e.Proxy, n, e.Time, e.Gap, "the proxy had no room for them, as it says itself"})
	case Batched:
		if e.Batch != nil {
			r.batch(n, e)
		}
	case Disowned:
		r.differ(Disputed{Text: fmt.Sprintf("entry %d: %s told of what it has no part in", n, e.Proxy)})
	case Decided, Ending:
		if event, ok := e.ReadEvent(); ok && event.Conn != "" {
			r.event(&event, e.Time)
		}
	}
	return nil
}

// batch looks for numbers that are left out, without the proxy's saying so.
func (r *reconciler) batch(n int64, e Entry) {
	before, known := r.last[e.Proxy]
	r.last[e.Proxy] = *e.Batch
	next := uint64(1)
	if known && before.Run == e.Batch.Run {
		next = before.Number + 1
	}
	if e.Batch.Number > next && e.Batch.Lost == 0 {
		text := fmt.Sprintf("batches %d to %d are not in the log", next, e.Batch.Number-1)
		if !known {
			text = fmt.Sprintf("its first batch here is number %d: those before it went elsewhere, or are not in the log", e.Batch.Number)
		}
		r.out.Gaps = append(r.out.Gaps, Gap{Proxy: e.Proxy, Entry: n, Time: e.Time, Text: text})
	}
}

func (r *reconciler) event(event *api.Event, at time.Time) {
	c := r.conns[event.Conn]
	if c == nil {
		c = &ends{from: event.From, to: event.To, told: map[api.Side]*api.Event{}}
		r.conns[event.Conn] = c
		r.out.Connections++
	}
	c.at = at
	if c.from.IsZero() {
		c.from = event.From
	}
	if c.from != event.From && !event.From.IsZero() || c.to != event.To { // a service does not know whom it refused for a bad certificate
		r.differ(Disputed{event.Conn, c.from, c.to, fmt.Sprintf("one end says that it was from %s to %s", event.From, event.To), c.told[api.Door], c.told[api.Service]})
	}
	c.told[event.Side] = event
	door, service := c.told[api.Door], c.told[api.Service]
	if door == nil || service == nil || !over(door) || !over(service) {
		return
	}
	delete(r.conns, event.Conn)
	if text := contradiction(door, service); text != "" {
		r.differ(Disputed{event.Conn, c.from, c.to, text, door, service})
		return
	}
	r.out.Agreed++
}

func over(e *api.Event) bool { return e.Kind == api.Ended || e.Kind == api.Refused }

// contradiction says how two ends of one connection differ, "" if they do not.
// Who sees the other's reset may not know why; and what was under way when a
// connection was cut, one end has counted and the other not.
func contradiction(door, service *api.Event) string {
	switch {
	case door.Kind != service.Kind && (door.Code == "" || service.Code == ""):
		return fmt.Sprintf("at the door it was %s, at the service %s", door.Kind, service.Kind)
	case (door.Code == "") != (service.Code == ""):
		return fmt.Sprintf("the door says that it %s, the service that it %s", ending(door), ending(service))
	case door.Code == "" && (door.Sent != service.Sent || door.Back != service.Back):
		return fmt.Sprintf("both say that it came whole, and the door counts %d bytes sent and %d back, the service %d and %d", door.Sent, door.Back, service.Sent, service.Back)
	case decided(door) && decided(service) && door.Code != service.Code:
		return fmt.Sprintf("the door says that it %s, the service that it %s", ending(door), ending(service))
	}
	return ""
}

func ending(e *api.Event) string {
	if e.Code == "" {
		return "came to its end"
	}
	return "ended by " + e.Code
}

// decided reports whether an end says that a rule or a revocation was the cause.
func decided(e *api.Event) bool {
	return slices.Contains([]string{"no_rule", "denied_by_rule", "rule_failed", string(api.IdentityRevoked)}, e.Code)
}

// finish looks at the connections that are left.
func (r *reconciler) finish() {
	ids := make([]string, 0, len(r.conns))
	for id := range r.conns {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		c := r.conns[id]
		door, service := c.told[api.Door], c.told[api.Service]
		text := ""
		switch {
		case r.now.Sub(c.at) < settling:
		case door == nil && r.held[c.from]:
			text = "only the service told of it, and the door did not"
		case service == nil && r.held[c.to] && door.Kind != api.Refused:
			text = "only the door told of it, and the service did not"
		case door != nil && service != nil && over(door) != over(service):
			text = "one end told that it is over, and the other did not"
		}
		switch {
		case text != "":
			r.differ(Disputed{id, c.from, c.to, text, door, service})
		case door != nil && service == nil && over(door) && !r.held[c.to], service != nil && door == nil && over(service) && !r.held[c.from]:
			r.out.Agreed++ // no proxy stands at the other end
		default:
			r.out.Open++
		}
	}
	slices.SortStableFunc(r.out.Differences, func(a, b Disputed) int { return strings.Compare(a.Conn, b.Conn) })
}

func (r *reconciler) differ(d Disputed) {
	if len(r.out.Differences) == maxDisputed {
		r.out.More++
		return
	}
	r.out.Differences = append(r.out.Differences, d)
}
