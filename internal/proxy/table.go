package proxy

import (
	"errors"
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

// live is one connection that is being carried.
type live struct {
	id       string
	side     api.Side
	from, to spiffeid.ID
	own      spiffeid.ID        // ours of the two
	remote   string             // the other proxy's address, or the client's
	limits   Limits             // of its port
	roots    verify.Roots       // that the peer was verified by
	chain    []*pki.Certificate // the peer's
	legs     abortable
	opened   time.Time
	verdict  atomic.Pointer[agent.Verdict]
	peer     atomic.Pointer[api.Issued] // the newest certificate that is known of the peer
	sent     atomic.Int64               // from → to
	back     atomic.Int64               // to → from

	condemned chan struct{} // closed when the table ends it for cause, and tells why
	over      atomic.Bool   // both legs have ended
}

// abortable is a connection that can be ended so that nobody takes it for complete; the
// peer may be told why by an alert.
type abortable interface{ abort(alert uint8) }

// table holds the live connections of a proxy to the view in force. Deciding
// and registering are one step under its lock, so that no connection slips
// between a change and its enforcement.
type table struct {
	now    func() time.Time
	report func(api.Event)
	hurry  func() // has a change looked for that the other end may know already

	mu     sync.Mutex
	view   *agent.View        // guarded by mu
	closed error              // guarded by mu; why nobody is admitted any more
	conns  map[*live]struct{} // guarded by mu
	done   map[place]carried  // guarded by mu; by those that have been taken out
}

// current returns the view in force.
func (t *table) current() *agent.View {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.view
}

// admit decides on a connection with the view in force and registers it.
func (t *table) admit(l *live) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed != nil {
		return t.closed
	}
	verdict, err := t.view.Decide(l.from, l.to)
	if err == nil {
		err = t.view.Peer(l.chain)
	}
	if err == nil {
		err = t.view.Vouches(l.chain, l.roots)
	}
	if err == nil {
		err = t.view.Holds(l.own)
	}
	if err != nil {
		return err
	}
	l.verdict.Store(&verdict)
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

// brokenOff reports whether it was the other proxy that ended a connection, by a reset or
// an alert.
func brokenOff(err error) bool {
	return errors.Is(err, signet.Truncated) || errors.Is(err, signet.RefusedByPeer)
}

// remove takes a connection out that has ended with err, and reports whether
// the table has told why it ended.
func (t *table) remove(l *live, err error) (told bool) {
	l.over.Store(true)
	if brokenOff(err) {
		t.hurry()
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
func (t *table) Enforce(view *agent.View) api.Applied {
	applied := api.Applied{Revision: view.Revision}
	denied := map[*live]error{}
	t.mu.Lock()
	decisions := decisions{view.Decide, view.Since(t.view), map[policy.Pair]decision{}}
	t.view = view
	for l := range t.conns {
		made := decisions.of(l.from, l.to)
		err := made.err
		if err == nil {
			err = view.Peer(l.chain)
		}
		if err == nil {
			err = view.Vouches(l.chain, l.roots)
		}
		if held := view.Holds(l.own); held != nil { // its rules may be gone, too
			err = held
		}
		switch {
		case err != nil:
			denied[l] = err
			t.condemn(l)
			continue
		case l.over.Load():
		case l.side == api.Door:
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
		applied.Ended = append(applied.Ended, api.EndedConn{ID: l.id, From: l.from, To: l.to, Revocation: revocation(cause)})
	}
	return applied
}

// redecide decides anew on the connections whose decisions hold no longer than
// now, and ends those that are no longer allowed.
func (t *table) redecide() {
	denied := map[*live]error{}
	t.mu.Lock()
	now := t.now()
	for l := range t.conns {
		if !l.verdict.Load().Over(now) {
			continue
		}
		verdict, err := t.view.Decide(l.from, l.to)
		if err != nil {
			denied[l] = err
			t.condemn(l)
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
func (t *table) condemn(l *live) {
	close(l.condemned)
	t.take(l)
}

// end ends a condemned connection and tells why.
func (t *table) end(l *live, cause error, revision int64) {
	l.legs.abort(alertOf(cause))
	event := l.event(api.Ended, t.now())
	event.Revision = revision
	explain(&event, cause)
	t.report(event)
}

// Alerts by which a peer is told why a live connection ends (RFC 8446, section 6.2).
const (
	alertNone               = 0
	alertCertificateRevoked = 44
	alertAccessDenied       = 49
)

// alertOf is the alert for a cause. It tells the peer no more than that.
func alertOf(cause error) uint8 {
	ours, ok := fault.Of(cause)
	if !ok {
		return alertNone
	}
	switch ours.Detail.(type) {
	case api.Revocation:
		return alertCertificateRevoked
	case policy.Decision:
		return alertAccessDenied
	}
	return alertNone
}

// close ends every connection, and admits none from then on.
func (t *table) close(cause error) {
	t.mu.Lock()
	t.closed = cause
	t.mu.Unlock()
	t.endAll(cause, func(*live) bool { return true })
}

// endAll ends every connection that want chooses.
func (t *table) endAll(cause error, want func(*live) bool) {
	t.mu.Lock()
	var out []*live
	for l := range t.conns {
		if want(l) {
			out = append(out, l)
			t.condemn(l)
		}
	}
	t.mu.Unlock()
	for _, l := range out {
		t.end(l, cause, 0)
	}
}

// list describes the live connections.
func (t *table) list(deadline func(spiffeid.ID) (time.Time, bool)) []api.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	conns := make([]api.Conn, 0, len(t.conns))
	for l := range t.conns {
		if l.over.Load() {
			continue
		}
		conn := api.Conn{ID: l.id, From: l.from, To: l.to, Opened: l.opened,
			Sent: l.sent.Load(), Back: l.back.Load(), Rule: l.verdict.Load().Rule, Until: l.verdict.Load().Until}
		conn.Deadline, conn.Renewing = deadline(l.own)
		if peer := l.peer.Load(); peer != nil {
			conn.PeerUntil = peer.NotAfter
		}
		conns = append(conns, conn)
	}
	return conns
}

// event describes the connection as it is.
func (l *live) event(kind api.Kind, now time.Time) api.Event {
	verdict := l.verdict.Load()
	return api.Event{Time: now, Kind: kind, Conn: l.id, Side: l.side, From: l.from, To: l.to, Remote: l.remote,
		Rule: verdict.Rule, Revision: verdict.Revision, Sent: l.sent.Load(), Back: l.back.Load()}
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
