package live

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Conn is one connection that is held to the view in force. Who carries it sets the
// exported fields before it is admitted, and counts what it carries.
type Conn struct {
	ID       string
	Side     api.Side
	From, To spiffeid.ID
	Own      spiffeid.ID        // ours of the two
	Remote   string             // the address of the other end of TLS
	Limits   Limits             // of its port
	Roots    verify.Roots       // that the peer was verified by
	Chain    []*pki.Certificate // the peer's
	TLS      string             // in words
	Path     func() string      // who carries its bytes, "std" or "record"; nil: no proxy does
	End      func(cause error)  // ends it by reset, so that nobody takes it for complete
	Sent     atomic.Int64       // From → To
	Back     atomic.Int64       // To → From

	opened    time.Time
	verdict   atomic.Pointer[agent.Verdict]
	peer      atomic.Pointer[api.Issued] // the newest certificate that is known of the peer
	condemned chan struct{}              // closed when the table ends it for cause, and tells why
	cause     error                      // why it does; set before condemned is closed
	over      atomic.Bool                // it has ended by itself
}

// Table holds live connections to the view in force, and is its agent's Enforcer.
// Deciding and registering are one step under its lock, so that no connection slips
// between a change and its enforcement.
type Table struct {
	truth      Truth
	report     func(api.Event)
	meter      Meter
	now        func() time.Time
	logger     *slog.Logger
	detachable bool
	hands      *hands
	staleAfter atomic.Int64 // nanoseconds

	mu     sync.Mutex
	view   *agent.View        // guarded by mu
	closed error              // guarded by mu; why nobody is admitted any more
	conns  map[*Conn]struct{} // guarded by mu
	done   map[Place]Carried  // guarded by mu; by those that have been taken out
}

// Config is what a Table needs to know.
type Config struct {
	Truth      Truth
	Report     func(api.Event)  // hears of every connection that is opened, refused or ended
	Meter      Meter            // its zero value measures nothing
	Detachable bool             // loops can carry its connections: see signet.Conn.Detach
	Now        func() time.Time // nil means time.Now
	Logger     *slog.Logger     // nil discards
}

// New returns a table without connections.
func New(cfg Config) *Table {
	t := &Table{truth: cfg.Truth, report: cfg.Report, meter: cfg.Meter, detachable: cfg.Detachable, hands: newHands(), now: cfg.Now, logger: cfg.Logger, conns: map[*Conn]struct{}{}}
	if t.now == nil {
		t.now = time.Now
	}
	if t.logger == nil {
		t.logger = slog.New(slog.DiscardHandler)
	}
	t.SetStaleAfter(0)
	return t
}

// Current returns the view in force.
func (t *Table) Current() *agent.View {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.view
}

// Admit decides on a connection with the view in force, registers it and tells that it
// is open. One that is refused is ended, which is told too.
func (t *Table) Admit(ctx context.Context, l *Conn) error {
	if err := t.admit(l); err != nil {
		l.End(err)
		t.Refused(ctx, api.Event{Side: l.Side, Conn: l.ID, From: l.From, To: l.To, Remote: l.Remote}, err)
		return err
	}
	opened := l.event(api.Opened, t.now())
	opened.TLS = l.TLS
	t.report(opened)
	return nil
}

// Leave takes a connection out that has ended with err, and tells of its end, unless
// the table has done so: it returns why it ended. It may wait for a moment.
func (t *Table) Leave(l *Conn, err error) error {
	if brokenOff(err) {
		if cause := t.expired(l); cause != nil {
			err = cause
		}
	}
	if t.remove(l, err) {
		return l.cause
	}
	ended := l.event(api.Ended, t.now())
	if err != nil {
		explain(&ended, err)
	}
	t.report(ended)
	return err
}

// Refused tells of a connection that never came to be; what fails because its bearer
// stops is no refusal.
func (t *Table) Refused(ctx context.Context, event api.Event, err error) {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ShuttingDown)) {
		return
	}
	event.Time, event.Kind = t.now(), api.Refused
	explain(&event, err)
	t.report(event)
}

// admit decides on a connection with the view in force and registers it.
func (t *Table) admit(l *Conn) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed != nil {
		return t.closed
	}
	verdict, err := t.view.Decide(l.From, l.To)
	if err == nil {
		err = t.view.Peer(l.Chain)
	}
	if err == nil {
		err = t.view.Vouches(l.Chain, l.Roots)
	}
	if err == nil {
		err = t.view.Holds(l.Own)
	}
	if err != nil {
		return err
	}
	l.verdict.Store(&verdict)
	if len(l.Chain) > 0 {
		l.peer.Store(issued(l.Chain[0]))
	}
	l.opened, l.condemned = t.now(), make(chan struct{})
	t.conns[l] = struct{}{}
	return nil
}

// decisions are those of one view, each made once however many connections it
// is about, and only where the view can have another than the one before.
type decisions struct {
	decide  func(from, to spiffeid.ID) (agent.Verdict, error)
	touches func(from, to spiffeid.ID) bool
	made    map[policy.Pair]decision
}

type decision struct {
	verdict *agent.Verdict // nil if it was not made: the one before holds
	err     error
}

func (d decisions) of(from, to spiffeid.ID) decision {
	pair := policy.Pair{From: from, To: to}
	made, ok := d.made[pair]
	if ok {
		return made
	}
	if d.touches(from, to) {
		verdict, err := d.decide(from, to)
		made = decision{&verdict, err}
	}
	d.made[pair] = made
	return made
}

// grace is how long a connection that the other proxy reset, or refused, is still
// held to views that come in: a change ends it at both proxies, and the one that hears
// of it second must know why, too.
const grace = 500 * time.Millisecond

// brokenOff reports whether it was the other end that ended a connection, by a reset or
// an alert.
func brokenOff(err error) bool {
	return errors.Is(err, signet.Truncated) || errors.Is(err, signet.RefusedByPeer)
}

// remove takes a connection out that has ended with err, and reports whether
// the table has told why it ended.
func (t *Table) remove(l *Conn, err error) (told bool) {
	l.over.Store(true)
	if brokenOff(err) {
		t.truth.Hurry()
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-l.condemned:
			return true
		case <-timer.C:
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ours := t.conns[l]; !ours {
		return true
	}
	t.take(l)
	return false
}

// Enforce implements agent.Enforcer: it decides anew on the live connections
// that the change can touch, and ends exactly those that the view no longer
// allows. A connection that it does not touch keeps the rule that it has.
func (t *Table) Enforce(view *agent.View) api.Applied {
	applied := api.Applied{Revision: view.Revision}
	denied := map[*Conn]error{}
	t.mu.Lock()
	decisions := decisions{view.Decide, view.Since(t.view), make(map[policy.Pair]decision, len(t.conns))}
	t.view = view
	for l := range t.conns {
		made := decisions.of(l.From, l.To)
		err := made.err
		if err == nil {
			err = view.Peer(l.Chain)
		}
		if err == nil {
			err = view.Vouches(l.Chain, l.Roots)
		}
		if held := view.Holds(l.Own); held != nil { // its rules may be gone, too
			err = held
		}
		switch {
		case err != nil:
			denied[l] = err
			t.condemn(l, err)
			continue
		case l.over.Load():
		case l.Side == api.Door:
			applied.Doors++
		default:
			applied.Services++
		}
		verdict := *l.verdict.Load()
		if made.verdict != nil {
			verdict = *made.verdict
		}
		verdict.Revision = view.Revision // it is in force in this one, too
		l.verdict.Store(&verdict)
	}
	t.mu.Unlock()
	for l, cause := range denied {
		t.end(l, cause, view.Revision)
		applied.Ended = append(applied.Ended, api.EndedConn{ID: l.ID, From: l.From, To: l.To, Revocation: revocation(cause)})
	}
	return applied
}

// redecide decides anew on the connections whose decisions hold no longer than
// now, and ends those that are no longer allowed.
func (t *Table) redecide() {
	denied := map[*Conn]error{}
	t.mu.Lock()
	now := t.now()
	for l := range t.conns {
		if !l.verdict.Load().Over(now) {
			continue
		}
		verdict, err := t.view.Decide(l.From, l.To)
		if err != nil {
			denied[l] = err
			t.condemn(l, err)
			continue
		}
		l.verdict.Store(&verdict)
	}
	t.mu.Unlock()
	for l, cause := range denied {
		t.end(l, cause, 0)
	}
}

// revocation returns the revision of the revocation that a refusal rests on, 0
// if it rests on none.
func revocation(err error) int64 {
	if ours, ok := fault.Of(err); ok {
		if detail, ok := ours.Detail.(api.Revocation); ok {
			return detail.Revision
		}
	}
	return 0
}

// condemn takes a connection out; whoever carries it will leave it to the table
// to tell of its end. The caller holds mu.
func (t *Table) condemn(l *Conn, cause error) {
	l.cause = cause
	close(l.condemned)
	t.take(l)
}

// end ends a condemned connection and tells why.
func (t *Table) end(l *Conn, cause error, revision int64) {
	l.End(cause)
	event := l.event(api.Ended, t.now())
	event.Revision = revision
	explain(&event, cause)
	t.report(event)
}

// Close ends every connection, and admits none from then on.
func (t *Table) Close(cause error) {
	t.mu.Lock()
	t.closed = cause
	t.mu.Unlock()
	t.endAll(cause, func(*Conn) bool { return true })
}

// endAll ends every connection that want chooses.
func (t *Table) endAll(cause error, want func(*Conn) bool) {
	t.mu.Lock()
	var out []*Conn
	for l := range t.conns {
		if want(l) {
			out = append(out, l)
			t.condemn(l, cause)
		}
	}
	t.mu.Unlock()
	for _, l := range out {
		t.end(l, cause, 0)
	}
}

// Cut implements agent.Enforcer.
func (t *Table) Cut(cut api.Cut) {
	wanted := map[string]bool{}
	for _, id := range cut.Conns {
		wanted[id] = true
	}
	cause := fault.New(api.ConnectionCut, "%s", fault.Printable(cut.Reason, maxCutReason)).
		WithHint("connect again: no rule was changed")
	t.endAll(cause, func(l *Conn) bool { return wanted[l.ID] })
}

// maxCutReason bounds what the authority says of a cut, in characters.
const maxCutReason = 1200

// Live implements agent.Enforcer: it describes the live connections.
func (t *Table) Live() []api.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	conns := make([]api.Conn, 0, len(t.conns))
	for l := range t.conns {
		if l.over.Load() {
			continue
		}
		conn := api.Conn{ID: l.ID, From: l.From, To: l.To, Opened: l.opened,
			Sent: l.Sent.Load(), Back: l.Back.Load(), Path: l.path(), Rule: l.verdict.Load().Rule, Until: l.verdict.Load().Until}
		conn.Deadline, conn.Renewing = t.truth.Deadline(l.Own)
		if peer := l.peer.Load(); peer != nil {
			conn.PeerUntil = peer.NotAfter
		}
		conns = append(conns, conn)
	}
	return conns
}

// event describes the connection as it is.
func (l *Conn) event(kind api.Kind, now time.Time) api.Event {
	verdict := l.verdict.Load()
	event := api.Event{Time: now, Kind: kind, Conn: l.ID, Side: l.Side, From: l.From, To: l.To, Remote: l.Remote,
		Rule: verdict.Rule, Revision: verdict.Revision, Sent: l.Sent.Load(), Back: l.Back.Load()}
	if kind == api.Ended { // before, it is not known for good
		event.Path = l.path()
	}
	return event
}

func (l *Conn) path() string {
	if l.Path == nil {
		return ""
	}
	return l.Path()
}

// explain puts an error's code and words into an event; a revocation or rule
// that is named in the error counts more than the view's revision.
func explain(event *api.Event, err error) {
	event.Reason = fault.Text(err)
	ours, ok := fault.Of(err)
	if !ok {
		event.Code = string(signet.ConnectionFailed)
		return
	}
	event.Code, event.Reason = string(ours.Code), ours.Message
	switch detail := ours.Detail.(type) {
	case api.Revocation:
		event.Revision = detail.Revision
	case policy.Decision:
		event.Reason = detail.Reason()
	}
}
