package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

var domain = testpki.Must(spiffeid.ParseTrustDomain("test.signet"))

func id(path string) spiffeid.ID { return testpki.Must(domain.ID(path)) }

// record is a table that is not a proxy's, and what it reported.
type record struct {
	table

	mu     sync.Mutex
	events []api.Event // guarded by mu
}

func newRecord(view *agent.View) *record {
	r := &record{}
	r.table = table{now: time.Now, view: view, hurry: func() {}, conns: map[*live]struct{}{}, report: func(e api.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.events = append(r.events, e)
	}}
	return r
}

// testLegs count how often they were aborted.
type testLegs struct{ aborted atomic.Int32 }

func (l *testLegs) abort(uint8) { l.aborted.Add(1) }

func newLive(name string, side api.Side, from, to spiffeid.ID, chain []*pki.Certificate) *live {
	own := from
	if side == api.Service {
		own = to
	}
	return &live{id: name, side: side, from: from, to: to, own: own, chain: chain, legs: &testLegs{}}
}

func (l *live) aborts() int32 {
	return l.legs.(*testLegs).aborted.Load()
}

// everybody is a view in which all may talk to all.
func everybody() *agent.View {
	return testpki.Must(agent.NewView(&api.Slice{Revision: 1, Rules: []api.Rule{{Name: "all", Text: "permit (principal, action, resource);"}}}))
}

// TestDecidesOncePerPair has 500 connections of 20 pairs, two of them untouched,
// cost 18 decisions.
func TestDecidesOncePerPair(t *testing.T) {
	calls := 0
	d := decisions{decide: func(from, to spiffeid.ID) (agent.Verdict, error) {
		calls++
		if strings.HasSuffix(from.Path(), "3") {
			return agent.Verdict{}, fault.New(policy.NoRule, "no")
		}
		return agent.Verdict{Rule: from.Path()}, nil
	}, touches: func(from, _ spiffeid.ID) bool { return !strings.HasSuffix(from.Path(), "7") }, made: map[policy.Pair]decision{}}
	for i := range 500 {
		from := id(fmt.Sprint("client-", i%20))
		made := d.of(from, id("orders"))
		denied, untouched := strings.HasSuffix(from.Path(), "3"), strings.HasSuffix(from.Path(), "7")
		if denied != (made.err != nil) || untouched != (made.verdict == nil) || !denied && !untouched && made.verdict.Rule != from.Path() {
			t.Fatalf("%s: %+v", from, made)
		}
	}
	if calls != 18 {
		t.Errorf("%d decisions, want 18: two of 20 pairs are not touched", calls)
	}
}

// TestEnforceIsRedecision makes random connections, rules and revocations: what
// ends is exactly what deciding anew on each connection denies.
func TestEnforceIsRedecision(t *testing.T) {
	signer := testpki.Must(ca.New(domain, time.Now()))
	var ids []spiffeid.ID
	chains := map[spiffeid.ID][][]*pki.Certificate{} // two certificates each
	for _, path := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, id(path))
		for range 2 {
			chain := testpki.Must(signer.Issue(id(path), testpki.Must(pki.NewKey()).Public(), time.Now()))
			chains[id(path)] = append(chains[id(path)], chain)
		}
	}
	ended, stayed := 0, 0
	for seed := range 300 {
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		pick := func() spiffeid.ID { return ids[random.IntN(len(ids))] }
		r := newRecord(everybody())
		var conns []*live
		for i := range random.IntN(40) {
			side := []api.Side{api.Door, api.Service}[random.IntN(2)]
			l := newLive(fmt.Sprint("c", i), side, pick(), pick(), nil)
			peer := l.to
			if side == api.Service {
				peer = l.from
			}
			l.chain = chains[peer][random.IntN(2)]
			if err := r.admit(l); err != nil {
				t.Fatal(err)
			}
			l.over.Store(random.IntN(10) == 0)
			conns = append(conns, l)
		}
		slice := randomSlice(random, pick, chains)
		want := oracle(t, slice, conns)
		applied := r.Enforce(testpki.Must(agent.NewView(slice)))
		checkEnforced(t, seed, r, slice, conns, want, applied)
		ended, stayed = ended+len(want), stayed+len(conns)-len(want)
	}
	if ended < 500 || stayed < 500 {
		t.Errorf("%d connections ended and %d stayed: too few to show anything", ended, stayed)
	}
}

func randomSlice(random *rand.Rand, pick func() spiffeid.ID, chains map[spiffeid.ID][][]*pki.Certificate) *api.Slice {
	slice := &api.Slice{Revision: 2 + random.Int64N(1000)}
	if random.IntN(2) == 0 {
		slice.Rules = append(slice.Rules, api.Rule{Name: "all", Text: "permit (principal, action, resource);"})
	}
	written := map[policy.Pair]bool{}
	for range random.IntN(20) {
		pair := policy.Pair{From: pick(), To: pick()}
		if written[pair] {
			continue
		}
		written[pair] = true
		write := []func(policy.Pair) policy.Rule{policy.Allow, policy.Deny}[random.IntN(2)]
		slice.Rules = append(slice.Rules, api.Rule(write(pair)))
	}
	if random.IntN(3) == 0 {
		slice.Revoked = append(slice.Revoked, api.Revocation{ID: pick(), Revision: 2})
	}
	if random.IntN(3) == 0 { // a certificate of somebody who was let in again
		slice.Revoked = append(slice.Revoked, api.Revocation{ID: id("gone"), Serials: []string{chains[pick()][0][0].Serial()}, Revision: 2})
	}
	return slice
}

// oracle decides on each connection by itself and returns the denied ones.
func oracle(t *testing.T, slice *api.Slice, conns []*live) map[string]bool {
	t.Helper()
	var rules []policy.Rule
	for _, rule := range slice.Rules {
		rules = append(rules, policy.Rule(rule))
	}
	var groups []policy.Group
	for _, group := range slice.Groups {
		groups = append(groups, policy.Group(group))
	}
	set := testpki.Must(policy.New(rules, groups...))
	denied := map[string]bool{}
	for _, l := range conns {
		denied[l.id] = !set.Decide(policy.Pair{From: l.from, To: l.to}, time.Now()).Allowed
		for _, revocation := range slice.Revoked {
			if revocation.ID == l.from || revocation.ID == l.to || l.chain != nil && slices.Contains(revocation.Serials, l.chain[0].Serial()) {
				denied[l.id] = true
			}
		}
	}
	maps.DeleteFunc(denied, func(_ string, no bool) bool { return !no })
	return denied
}

func checkEnforced(t *testing.T, seed int, r *record, slice *api.Slice, conns []*live, want map[string]bool, applied api.Applied) {
	t.Helper()
	have := map[string]bool{}
	for _, conn := range applied.Ended {
		have[conn.ID] = true
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("seed %d: ended (- want, + have):\n%s", seed, diff)
	}
	told := map[string]bool{}
	for _, event := range r.events {
		told[event.Conn] = true
		if event.Kind != api.Ended || event.Code == "" || event.Reason == "" || event.Revision == 0 {
			t.Errorf("seed %d: the event is %+v", seed, event)
		}
	}
	if len(r.events) != len(want) || !maps.Equal(told, want) {
		t.Errorf("seed %d: %d events for %d ended", seed, len(r.events), len(want))
	}
	doors, services := 0, 0
	for _, l := range conns {
		_, kept := r.conns[l]
		if aborted := l.aborts() == 1; aborted != want[l.id] || kept == want[l.id] || l.aborts() > 1 {
			t.Errorf("seed %d: %s, wanted to end: %v; aborted %d, kept %v", seed, l.id, want[l.id], l.aborts(), kept)
		}
		switch {
		case want[l.id] || l.over.Load():
		case l.side == api.Door:
			doors++
		default:
			services++
		}
		if !want[l.id] && l.verdict.Load().Revision != slice.Revision {
			t.Errorf("seed %d: %s stays with the verdict of revision %d", seed, l.id, l.verdict.Load().Revision)
		}
	}
	if applied.Revision != slice.Revision || applied.Doors != doors || applied.Services != services {
		t.Errorf("seed %d: applied %+v, want %d doors, %d services", seed, applied, doors, services)
	}
}

func TestAdmit(t *testing.T) {
	chain := testpki.Must(testpki.Must(ca.New(domain, time.Now())).Issue(id("a"), testpki.Must(pki.NewKey()).Public(), time.Now()))
	revoked := testpki.Must(agent.NewView(&api.Slice{Rules: []api.Rule{{Name: "all", Text: "permit (principal, action, resource);"}},
		Revoked: []api.Revocation{{ID: id("gone"), Serials: []string{chain[0].Serial()}}}}))
	tests := []struct {
		name string
		view *agent.View
		code fault.Code
	}{
		{"no view yet", nil, agent.NoTruthYet},
		{"no rule", testpki.Must(agent.NewView(&api.Slice{})), policy.NoRule},
		{"a revoked certificate", revoked, api.IdentityRevoked},
		{"allowed", everybody(), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRecord(test.view)
			err := r.admit(newLive("c1", api.Service, id("a"), id("b"), chain))
			if test.code == "" && err != nil || test.code != "" && !errors.Is(err, test.code) {
				t.Errorf("the error is %v, want [%s]", err, test.code)
			}
			if admitted := len(r.conns) == 1; admitted != (test.code == "") {
				t.Errorf("admitted is %v", admitted)
			}
		})
	}
}

// TestClose ends every connection, and refuses one that comes too late.
func TestClose(t *testing.T) {
	r := newRecord(everybody())
	l := newLive("c1", api.Door, id("a"), id("b"), nil)
	if err := r.admit(l); err != nil {
		t.Fatal(err)
	}
	r.close(fault.New(ShuttingDown, "its proxy was stopped"))
	if l.aborts() != 1 || len(r.conns) != 0 || len(r.events) != 1 || r.events[0].Code != string(ShuttingDown) {
		t.Errorf("after the end: aborted %d times, %d connections, events %+v", l.aborts(), len(r.conns), r.events)
	}
	if err := r.admit(newLive("c2", api.Door, id("a"), id("b"), nil)); !errors.Is(err, ShuttingDown) {
		t.Errorf("a connection that came too late: %v", err)
	}
	if !r.remove(l, nil) {
		t.Error("whoever carried the connection would tell of its end again")
	}
}

// TestGrace has the other proxy hear of a change first and reset the
// connection: the cause that comes within the grace is told, and no other.
func TestGrace(t *testing.T) {
	cut := &fault.Error{Code: signet.Truncated, Message: "cut"}
	nobody := testpki.Must(agent.NewView(&api.Slice{Revision: 2}))
	tests := []struct {
		name   string
		err    error
		change time.Duration // when it comes; 0 for never
		told   bool
		waits  time.Duration
		ended  int
	}{
		{"the change comes", cut, grace / 2, true, grace / 2, 1},
		{"no change comes", cut, 0, false, grace, 0},
		{"the change comes too late", cut, 2 * grace, false, grace, 0},
		{"refused, and the change comes", &fault.Error{Code: signet.RefusedByPeer, Message: "refused"}, grace / 2, true, grace / 2, 1},
		{"a clean end", nil, grace / 2, false, 0, 0},
		{"another error", io.ErrUnexpectedEOF, grace / 2, false, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRecord(everybody())
				l := newLive("c1", api.Door, id("a"), id("b"), nil)
				if err := r.admit(l); err != nil {
					t.Fatal(err)
				}
				var applied api.Applied
				if test.change > 0 {
					time.AfterFunc(test.change, func() { applied = r.Enforce(nobody) })
				}
				start := time.Now()
				if told := r.remove(l, test.err); told != test.told {
					t.Errorf("told is %v, want %v", told, test.told)
				}
				if took := time.Since(start); took != test.waits {
					t.Errorf("it waited for %v, want %v", took, test.waits)
				}
				time.Sleep(3 * grace)
				synctest.Wait()
				if len(applied.Ended) != test.ended || len(r.events) != test.ended {
					t.Errorf("the change ended %d and told of %d, want %d", len(applied.Ended), len(r.events), test.ended)
				}
			})
		})
	}
}

func TestExplain(t *testing.T) {
	decision := policy.Decision{Code: policy.NoRule, Pair: policy.Pair{From: id("a"), To: id("b")}}
	tests := []struct {
		name string
		err  error
		want api.Event
	}{
		{"policy", decision.Err(), api.Event{Code: "no_rule", Reason: "no rule allows it", Revision: 7}},
		{"a revocation", fault.New(api.IdentityRevoked, "a was revoked").WithDetail(api.Revocation{Revision: 3}), api.Event{Code: "identity_revoked", Reason: "a was revoked", Revision: 3}},
		{"any fault", fault.New(ProgramGone, "x broke off"), api.Event{Code: "program_gone", Reason: "x broke off", Revision: 7}},
		{"the system's", io.ErrUnexpectedEOF, api.Event{Code: "connection_failed", Reason: "unexpected EOF", Revision: 7}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have := api.Event{Revision: 7}
			explain(&have, test.err)
			if have.Code != test.want.Code || have.Reason != test.want.Reason || have.Revision != test.want.Revision {
				t.Errorf("%+v, want %+v", have, test.want)
			}
		})
	}
}

// pipe is one end of a connection in memory.
type pipe struct{ net.Conn }

func (p pipe) CloseWrite() error { return p.Close() }

func (pipe) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }

// TestSlam resets a refused program only after its first byte, or a second.
func TestSlam(t *testing.T) {
	tests := []struct {
		name   string
		sends  time.Duration // when; 0 for never
		stops  time.Duration // the proxy; 0 for never
		resets time.Duration
	}{
		{"it says nothing", 0, 0, time.Second},
		{"it sends at once", time.Nanosecond, 0, time.Nanosecond},
		{"it sends later", 300 * time.Millisecond, 0, 300 * time.Millisecond},
		{"the proxy stops", 0, 200 * time.Millisecond, 200 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				program, ours := net.Pipe()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.sends > 0 {
					time.AfterFunc(test.sends, func() { program.Write([]byte("GET")) })
				}
				if test.stops > 0 {
					time.AfterFunc(test.stops, cancel)
				}
				start := time.Now()
				slam(ctx, &plainConn{stream: pipe{ours}, program: "the client program"}, nil)
				if took := time.Since(start); took != test.resets {
					t.Errorf("reset after %v, want %v", took, test.resets)
				}
				if _, err := program.Read(make([]byte, 1)); err == nil {
					t.Error("the program was not cut off")
				}
			})
		})
	}
}

// TestUngranted: what a proxy may no longer hold ends there, and nothing else; the
// reason names the change.
func TestUngranted(t *testing.T) {
	rules := []api.Rule{{Name: "all", Text: "permit (principal, action, resource);"}}
	r := newRecord(testpki.Must(agent.NewView(&api.Slice{Revision: 1, Rules: rules, Identities: []spiffeid.ID{id("web"), id("orders")}})))
	mine, theirs := newLive("c1", api.Door, id("web"), id("orders"), nil), newLive("c2", api.Service, id("web"), id("orders"), nil)
	for _, l := range []*live{mine, theirs} {
		if err := r.admit(l); err != nil {
			t.Fatal(err)
		}
	}
	view := testpki.Must(agent.NewView(&api.Slice{Revision: 5, Rules: rules, Identities: []spiffeid.ID{id("orders")},
		Revoked: []api.Revocation{{ID: id("web"), Revision: 5, Cause: "ungranted", Own: true}, {ID: id("web"), Revision: 3, Cause: "ungranted", Own: true}}}))
	applied := r.Enforce(view)
	if len(applied.Ended) != 1 || applied.Ended[0].ID != "c1" || applied.Ended[0].Revocation != 5 || applied.Services != 1 || mine.aborts() != 1 || theirs.aborts() != 0 {
		t.Errorf("ended is %+v, want the one that this proxy carries as web", applied)
	}
	if len(r.events) != 1 || r.events[0].Code != string(agent.NotHeld) || r.events[0].Revision != 5 || r.events[0].Reason != "this proxy may not hold web" {
		t.Errorf("told is %+v", r.events)
	}
	if err := r.admit(newLive("c3", api.Door, id("web"), id("orders"), nil)); !errors.Is(err, agent.NotHeld) {
		t.Errorf("another one: %v", err)
	}
}

// TestAlerts tells a peer that it was revoked, or refused by the rules, and nothing else.
func TestAlerts(t *testing.T) {
	_, denied := testpki.Must(agent.NewView(&api.Slice{Revision: 1})).Decide(id("a"), id("orders"))
	for _, test := range []struct {
		cause error
		want  uint8
	}{
		{denied, alertAccessDenied},
		{fault.New(api.IdentityRevoked, "gone").WithDetail(api.Revocation{Revision: 5}), alertCertificateRevoked},
		{fault.New(ShuttingDown, "stopped"), alertNone},
		{fault.New(PeerExpired, "expired"), alertNone},
		{errors.New("broken"), alertNone},
	} {
		if have := alertOf(test.cause); have != test.want {
			t.Errorf("%v: alert %d, want %d", test.cause, have, test.want)
		}
	}
}
