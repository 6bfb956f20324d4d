package tamper

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"

	"github.com/signet-tls/signet/fault"
)

// versions are attacked one as much as the other; asItComes is both, for who
// would make an end choose the older.
var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

const asItComes = 0

// seat is a stack in one version, ready to take either side.
type seat struct {
	stack   *stack
	version uint16
	server  connect
	resumes connect // a client that resumes from its second connection on
}

func newSeat(s *stack, version uint16) *seat {
	return &seat{s, version, s.server(version), s.client(version)}
}

// arena is where a column's stack is attacked in one version.
type arena struct {
	column     int
	own, other *seat
}

func newArena(column int, s *stack, version uint16) *arena {
	a := &arena{column: column, own: newSeat(s, version)}
	a.other = a.own
	if s.faces != nil && (s.sockets() || version == tls.VersionTLS12) {
		a.other = newSeat(s.faces, version)
	}
	return a
}

// newArenas returns a stack's arena in each of its versions.
func newArenas(column int, s *stack) (all []*arena) {
	for _, version := range s.versions() {
		all = append(all, newArena(column, s, version))
	}
	return all
}

// ends returns who meets if the attack is towards one side.
func (a *arena) ends(toward side, resume bool) [2]connect {
	var seats [2]*seat
	seats[toward], seats[toward.other()] = a.own, a.other
	if resume {
		return [2]connect{seats[client].resumes, seats[server].server}
	}
	return [2]connect{seats[client].stack.client(a.own.version), seats[server].server}
}

// sends returns what each side sends: a process only listens.
func (a *arena) sends(data [2][]byte, toward side) [2][]byte {
	if a.own.stack.process {
		data[toward] = nil
	}
	return data
}

// version names what the arena's ends speak.
func (a *arena) version() string {
	if a.own.version == asItComes {
		return "TLS 1.2 and 1.3"
	}
	return tls.VersionName(a.own.version)
}

// try is one connection, attacked or clean. Its number is its place in the plan.
type try struct {
	number  int
	kind    kind
	arena   *arena
	toward  side // where the column's stack stands that is judged
	shape   shape
	attacks attacks
	resume  bool
	guest   *guest // nil: the arena's own ends meet
}

// guest is a connection of other ends than the arena's own.
type guest struct {
	what string
	ends [2]connect
}

// String says which try it is, for a person.
func (t try) String() string {
	text := fmt.Sprintf("case %d: %s, %s, ", t.number, t.arena.version(), t.toward.arrow())
	if t.guest != nil {
		return text + t.guest.what
	}
	if !t.attacks.any() {
		return text + "not attacked"
	}
	return text + t.attacks.String()
}

// ends returns who meets.
func (t try) ends() [2]connect {
	if t.guest != nil {
		return t.guest.ends
	}
	return t.arena.ends(t.toward, t.resume)
}

// run makes the connection and judges what the column's stack delivered.
func (t try) run(ctx context.Context, sends payloads) (Count, error) {
	l := t.arena.own.stack.link(t.attacks)
	data := t.arena.sends(sends.now[t.shape], t.toward)
	saw := exchange(ctx, l, t.ends(), data)
	if ctx.Err() != nil {
		return Count{}, context.Cause(ctx)
	}
	if err := t.proves(l, saw); err != nil {
		return Count{}, err
	}
	count := Count{Tried: 1}
	for _, at := range t.judged() {
		count.judge(t, saw[at], saw[at.other()], data[at.other()])
	}
	if t.kind == stripped && bytes.Contains(l.ends[server].delivered, data[client]) {
		count.SentInClear = 1
	}
	if count.wrong() {
		count.Fooled, count.Example = 1, t.String()
	}
	return count, nil
}

// judge enters what one end made of its connection.
func (c *Count) judge(t try, saw, other outcome, sent []byte) {
	c.AlteredBytes += saw.altered(sent)
	if saw.ended == nil && (t.isCut() || len(saw.got) < len(sent)) {
		c.UnnoticedTruncations = 1
	}
	switch t.kind {
	case replays:
		if t.arena.own.version == asItComes && saw.ended == nil {
			c.Downgrades = 1
		}
	case impostors:
		if len(saw.got)+len(other.got) > 0 {
			c.ImpostorsTrusted = 1
		}
	case cleanEnds:
		if !saw.well(sent) {
			c.FalseAlarms = 1
		}
	}
}

// isCut reports whether the stream is cut, so that the sender's word that this
// was all never arrives whole, and no end of it is a clean one.
func (t try) isCut() bool {
	if s, ok := t.attacks[t.toward].(splice); ok && s.ends {
		return true
	}
	return t.kind == insideRecord || t.kind == betweenRecords
}

// judged returns the sides whose application is looked at: that which receives
// the attacked flow, and in a clean connection each at which the column's stack
// stands.
func (t try) judged() []side {
	if t.kind == cleanEnds && t.arena.other == t.arena.own {
		return []side{client, server}
	}
	return []side{t.toward}
}

// proves reports a try from which nothing can be learnt.
func (t try) proves(l *link, saw [2]outcome) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stuck {
		return fault.New(Stuck, "%s: no end after %s", t, patience).WithHint("signet tamper --quick # again, on a machine with less to do")
	}
	if at := t.toward; t.arena.own.stack.detached && !saw[at].met {
		return fault.New(TouchedNothing, "%s: the connection was not detached: %v; at the other end: %v", t, saw[at].ended, saw[at.other()].ended).
			WithHint("signet tamper --quick # again, on a machine with less to do")
	}
	for toward, attack := range t.attacks {
		if attack != nil && !l.ends[toward].touched() {
			return untouched(t)
		}
	}
	if t.kind != insideRecord && t.kind != betweenRecords {
		return nil
	}
	if _, whole, err := records(l.ends[t.toward].delivered); err != nil || whole != (t.kind == betweenRecords) {
		return fault.New(TouchedNothing, "%s: the cut was to be %s, and is not", t, t.kind).WithHint("signet version # and tell its makers the case")
	}
	return nil
}

func untouched(what fmt.Stringer) error {
	return fault.New(TouchedNothing, "%s: no byte was touched", what).WithHint("signet version # and tell its makers the case")
}
