package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
)

// story is one connection's history, taken apart.
type story struct {
	view
	api.History
	opened  *api.Event        // the first of the two ends'
	sides   map[api.Side]bool // that told of its opening
	refused *api.Event
	changed *api.Event  // what ended it
	ended   []api.Event // as its ends told, oldest first
}

// whyConn writes what became of a connection, and why.
func (v view) whyConn(h api.History) string {
	t := story{view: v, History: h, sides: map[api.Side]bool{}}
	for i := range h.Events {
		switch event := &h.Events[i]; event.Kind {
		case api.Opened:
			t.sides[event.Side] = true
			if t.opened == nil {
				t.opened = event
			}
		case api.Refused:
			t.refused = event
		case api.Changed:
			t.changed = event
		case api.Ended:
			t.ended = append(t.ended, *event)
		}
	}
	var out page
	t.head(&out)
	t.rows(&out)
	return out.String()
}

// end returns the event that tells most about the end: one with a cause, and of
// those the service's, which counted what it received.
func (t story) end() *api.Event {
	var best *api.Event
	for i := range t.ended {
		event := &t.ended[i]
		switch {
		case best == nil,
			event.Code != "" && best.Code == "",
			(event.Code == "") == (best.Code == "") && event.Side == api.Service:
			best = event
		}
	}
	return best
}

// head writes the answer.
func (t story) head(out *page) {
	end := t.end()
	switch {
	case t.turnedAway():
		out.headline(fmt.Sprintf("Refused: %s was not let in at the service because %s.", t.pair(t.opened.From, t.refused.To), t.because(*t.refused)), fault.Code(t.refused.Code))
	case t.Live != nil:
		out.headline(fmt.Sprintf("Live: %s has been open for %s.", t.pair(t.Live.From, t.Live.To), long(t.Now.Sub(t.Live.Opened))), "")
	case end != nil && end.Code != "":
		out.headline(fmt.Sprintf("Ended: %s was cut%s because %s.", t.pair(end.From, end.To), t.lasted(end.Time), t.because(*end)), fault.Code(end.Code))
	case end != nil:
		out.headline(fmt.Sprintf("Ended: %s was closed by its own ends%s.", t.pair(end.From, end.To), t.lasted(end.Time)), "")
	case t.refused != nil:
		out.headline(fmt.Sprintf("Refused: %s was never let in because %s.", t.pair(t.refused.From, t.refused.To), t.because(*t.refused)), fault.Code(t.refused.Code))
	case t.opened != nil:
		out.headline(fmt.Sprintf("Lost: %s was opened at %s; its proxies have not told of its end.",
			t.pair(t.opened.From, t.opened.To), t.clock(t.opened.Time)), "")
	default:
		out.headline("Nothing is known of "+t.ID+".", "")
	}
}

// turnedAway reports whether the service refused what the door had opened: with TLS 1.3
// a client hears of that when its handshake is over.
func (t story) turnedAway() bool {
	return t.refused != nil && t.refused.Side == api.Service && t.opened != nil && t.opened.Side == api.Door
}

// lasted says how long the connection was open, if that is known.
func (t story) lasted(until time.Time) string {
	if t.opened == nil {
		return ""
	}
	return " after " + long(until.Sub(t.opened.Time))
}

// because is an event's reason without what is said beside it already.
func (v view) because(e api.Event) string {
	named := fmt.Sprintf("%s may not talk to %s: ", e.From.Short(v.domain), e.To.Short(v.domain))
	return strings.TrimPrefix(strings.TrimPrefix(e.Reason, named), "cut: ")
}

// rows write what happened, in its order.
func (t story) rows(out *page) {
	if t.opened != nil {
		t.row(out, t.opened.Time, "opened", "%s; each end proved its identity", protocol(t.opened.TLS))
		t.row(out, t.opened.Time, "allowed", "by %s (revision %d)", t.opened.Rule, t.opened.Revision)
	}
	if t.refused != nil {
		t.row(out, t.refused.Time, "refused", "%s", t.place(*t.refused))
	}
	if t.changed != nil {
		t.row(out, t.changed.Time, verb(*t.changed), "%s", t.change(*t.changed))
	}
	switch end := t.end(); {
	case end != nil && t.turnedAway():
		t.row(out, end.Time, "heard", "at %s door: %s", possessive(t.id(end.From)), t.because(*end))
	case end != nil:
		t.row(out, t.ended[0].Time, "ended", "%s", t.places())
		t.carried(out, end.Sent, end.Back, manner(*end))
	case t.Live != nil:
		t.carried(out, t.Live.Sent, t.Live.Back, "so far")
		out.line("  ends      %s", t.deadline(*t.Live, t.Now))
	}
}

// row writes one event.
func (t story) row(out *page, at time.Time, verb, format string, args ...any) {
	label := gap(gap(t.clock(at), 10)+verb, 20)
	for _, part := range wrap(fmt.Sprintf(format, args...), lineWidth-22) {
		out.line("  %s%s", label, part)
		label = strings.Repeat(" ", 20)
	}
}

func (t story) carried(out *page, sent, back int64, manner string) {
	out.line("  carried   %s B sent, %s B back; %s", thousands(sent), thousands(back), manner)
}

// manner says what an end means for those who read to it.
func manner(end api.Event) string {
	if end.Code == "" {
		return "both ends said that this was all"
	}
	return "ended by reset, so neither side took it for complete"
}

// places say where the connection ended, and how long after the change.
func (t story) places() string {
	var where []string
	for _, event := range t.byside() {
		owner := event.From
		if event.Side == api.Service {
			owner = event.To
		}
		place := "at " + possessive(t.id(owner))
		if len(where) == 0 {
			place += " proxy"
		}
		if t.changed != nil {
			place = milliseconds(event.Time.Sub(t.changed.Time)) + " later " + place
		}
		where = append(where, place)
	}
	text := strings.Join(where, ", ")
	switch {
	case t.Alone:
		return text + "; the other end's proxy has its own record"
	case len(where) < 2 && len(t.sides) == 1:
		return text + "; the other end is at no proxy"
	case len(where) < 2:
		return text + "; the other end has not told yet"
	case t.end().Code == "":
		return text
	}
	return text + "; both were told"
}

// byside orders the ends' words, the service's first.
func (t story) byside() []api.Event {
	return slices.SortedStableFunc(slices.Values(t.ended), func(a, b api.Event) int { return -strings.Compare(string(a.Side), string(b.Side)) })
}

// verb says what an operator did.
func verb(change api.Event) string {
	switch {
	case change.From.IsZero():
		return "changed"
	case change.Rule == "":
		return "revoked"
	case strings.HasPrefix(change.Rule, "deny-"):
		return "denied"
	}
	return "allowed"
}

// change says by whom, why, and in which revision.
func (t story) change(e api.Event) string {
	what := t.id(e.From)
	if e.From.IsZero() {
		what = "the policy"
	}
	if e.Rule != "" {
		what = t.pair(e.From, e.To)
	}
	text := fmt.Sprintf("%s, by %s", what, t.by(e.By))
	if e.Because != "" {
		text += fmt.Sprintf(": %q", e.Because)
	}
	return fmt.Sprintf("%s (revision %d)", text, e.Revision)
}

// protocol shortens "1.3, AES-128-GCM, X25519MLKEM768 (post-quantum)".
func protocol(tls string) string {
	version, rest, _ := strings.Cut(tls, ",")
	if strings.Contains(rest, "(post-quantum)") {
		return "TLS " + version + ", post-quantum"
	}
	return "TLS " + version
}
