package authority

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/policy"
)

// TestConns merges what both ends report; what a proxy has no part in does not
// count.
func TestConns(t *testing.T) {
	r := newRig(t, nil)
	now := time.Now().UTC().Truncate(time.Second)
	one, slice := r.watchAs("proxy/one")
	two, _ := r.watchAs("proxy/two")
	one.report(api.Applied{Revision: slice.Revision})
	conn := api.Conn{ID: connID("a"), From: id("web"), To: id("orders"), Opened: now, Sent: 10, Back: 7, Rule: "allow-web-orders", Path: "record", Deadline: now.Add(2 * time.Hour), Renewing: true}
	other := conn
	other.Opened, other.Sent, other.Back, other.Deadline, other.Renewing, other.Path = now.Add(-time.Second), 9, 8, now.Add(time.Hour), false, "std"
	later := api.Conn{ID: connID("b"), From: id("batch"), To: id("orders"), Opened: now.Add(time.Second)}
	alien := api.Conn{ID: connID("c"), From: id("idle"), To: id("idle")}
	noID := api.Conn{ID: "c1", From: id("web"), To: id("orders")}
	one.obey(later, conn, alien, noID)
	two.obey(other)

	live := ask[api.Conns](r.as("operator/ann"), "GET", api.PathConns, nil)
	merged := conn
	merged.Opened, merged.Back, merged.Deadline, merged.Renewing, merged.Path = other.Opened, 8, other.Deadline, false, "std"
	if diff := cmp.Diff([]api.Conn{merged, later}, live.Conns, cmp.Comparer(sameText)); diff != "" {
		t.Errorf("conns (- want, + have):\n%s", diff)
	}
	if live.Proxies != 2 || live.UpToDate != 1 || len(live.Silent) != 0 {
		t.Errorf("%d proxies, %d up to date, %d silent; want 2, 1, 0", live.Proxies, live.UpToDate, len(live.Silent))
	}
}

// TestNoneIsAnEmptyList reads the JSON as a program would.
func TestNoneIsAnEmptyList(t *testing.T) {
	r := newRig(t, nil)
	conns := ask[map[string]json.RawMessage](r.as("operator/ann"), "GET", api.PathConns, nil)
	if have := string(conns["conns"]); have != "[]" {
		t.Errorf("no connections are %s, want []", have)
	}
	w, _ := r.watchAs("proxy/one")
	w.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")})
	history := ask[map[string]json.RawMessage](r.as("operator/ann"), "GET", api.PathConn+"?id=c1", nil)
	if have := string(history["events"]); have != "[]" {
		t.Errorf("the events of a connection whose events are gone are %s, want []", have)
	}
}

// TestUnproxied tells when a connection ends at the latest whose other end has
// no proxy: with the certificate there, which nothing is known to renew.
func TestUnproxied(t *testing.T) {
	now := time.Unix(1000, 0)
	in := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	state := &control.State{Grants: map[control.Grant]struct{}{{Proxy: id("proxy/one"), Identity: id("web")}: {}}}
	conn := api.Conn{ID: connID("a"), From: id("web"), To: id("orders"), Deadline: in(5), Renewing: true, PeerUntil: in(9)}
	tests := []struct {
		name     string
		with     func(*api.Conn)
		both     bool
		silent   []api.Missing
		want     time.Time
		renewing bool
	}{
		{"ours renews", func(*api.Conn) {}, false, nil, in(9), false},
		{"ours ends first, and does not renew", func(c *api.Conn) { c.Renewing = false }, false, nil, in(5), false},
		{"theirs ends first", func(c *api.Conn) { c.Renewing, c.PeerUntil = false, in(2) }, false, nil, in(2), false},
		{"both ends told", func(*api.Conn) {}, true, nil, in(5), true},
		{"the other end's proxy is silent", func(*api.Conn) {}, false, []api.Missing{{Proxy: id("proxy/one")}}, in(5), true},
		{"another proxy is silent", func(*api.Conn) {}, false, []api.Missing{{Proxy: id("proxy/two")}}, in(9), false},
		{"theirs is not known", func(c *api.Conn) { c.PeerUntil = time.Time{} }, false, nil, in(5), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := conn
			test.with(&c)
			reports := answer{id("proxy/two"): {c}}
			if test.both {
				reports[id("proxy/one")] = []api.Conn{c}
			}
			merged := merge(reports, state, test.silent)
			if len(merged) != 1 || !merged[0].Deadline.Equal(test.want) || merged[0].Renewing != test.renewing {
				t.Errorf("merged %+v, want its end at %v, renewing: %v", merged, test.want, test.renewing)
			}
		})
	}
}

// TestNewest asks for successors: those of the same identity in the same hands.
func TestNewest(t *testing.T) {
	r := newRig(t, nil)
	until := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	for i, serial := range []string{"0a", "0b", "0c"} {
		r.recordHeld("proxy/one", serial, until.Add(time.Duration(i)*time.Minute))
	}
	r.recordHeld("proxy/two", "0d", until.Add(time.Hour))
	asked := []api.Issued{{ID: id("web"), Serial: "0a"}, {ID: id("web"), Serial: "0c"}, {ID: id("web"), Serial: "0d"},
		{ID: id("web"), Serial: "ff", NotAfter: until}, {ID: id("orders"), Serial: "0a"}}
	var have []string
	for _, newest := range ask[[]api.Issued](r.as("proxy/two"), "POST", api.PathNewest, asked) {
		have = append(have, newest.ID.Path()+" "+newest.Serial)
	}
	if diff := cmp.Diff([]string{"web 0c", "web 0c", "web 0d", "web ff", "orders 0a"}, have); diff != "" {
		t.Errorf("the newest (- want, + have):\n%s", diff)
	}
}

// TestAsksAtOnce asks from many sides: each proxy's latest answer answers all.
func TestAsksAtOnce(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/one")
	ann := r.as("operator/ann")
	answers := make(chan api.Conns)
	const sides = 5
	for range sides {
		go func() { answers <- ask[api.Conns](ann, "GET", api.PathConns, nil) }()
	}
	var last uint64
	for range sides {
		update, ok := w.next()
		if !ok || update.Ask == 0 {
			t.Fatalf("the watch says %+v, want an ask", update)
		}
		last = max(last, update.Ask)
	}
	ask[struct{}](w.client, "POST", api.PathLive, api.Live{Ask: last, Conns: []api.Conn{{ID: connID("1"), From: id("web"), To: id("orders")}}})
	for range sides {
		if live := <-answers; len(live.Conns) != 1 || len(live.Silent) != 1 || live.Silent[0].Proxy != id("proxy/two") {
			t.Errorf("the answer is %+v, want one connection, and only proxy/two silent", live)
		}
	}
}

// TestSilent has a proxy that does not answer.
func TestSilent(t *testing.T) {
	r := newRig(t, nil)
	r.watchAs("proxy/one")
	live := ask[api.Conns](r.as("operator/ann"), "GET", api.PathConns, nil)
	if len(live.Silent) != 2 || !live.Silent[0].Connected || live.Silent[1].Connected {
		t.Errorf("silent are %+v, want one that is connected and one that is not", live.Silent)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) != 0 {
		t.Errorf("%d asks are still waited for", len(r.answers))
	}
}

func TestHistory(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/one")
	w.obey()
	ann := r.as("operator/ann")
	start := time.Now().Add(-time.Minute).UTC()
	w.tell(
		api.Event{Time: start, Kind: api.Opened, Conn: connID("a"), Side: api.Door, From: id("web"), To: id("orders")},
		api.Event{Time: start, Kind: api.Opened, Conn: "ca" + strings.Repeat("b", 31), Side: api.Door, From: id("batch"), To: id("orders")},
	)
	_, refusal := ann.try("GET", api.PathConn+"?id=ca", nil)
	wantRefusal(t, refusal, recent.ConnAmbiguous, "ca fits 2 connections")
	history := ask[api.History](ann, "GET", api.PathConn+"?id=cab", nil)
	if history.ID != "ca"+strings.Repeat("b", 31) || len(history.Events) != 1 || history.Events[0].Proxy != id("proxy/one") {
		t.Errorf("the history is %+v", history)
	}
}

// TestHistoryOfTheLive asks for a connection whose events are gone.
func TestHistoryOfTheLive(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/one")
	w.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")}, api.Conn{ID: connID("2"), From: id("web"), To: id("orders")})
	history := ask[api.History](r.as("operator/ann"), "GET", api.PathConn+"?id=c1", nil)
	if history.ID != connID("1") || history.Live == nil || history.Live.ID != connID("1") || len(history.Events) != 0 {
		t.Errorf("the history is %+v", history)
	}
}

// TestMayTell refuses events that are not a proxy's to tell, and bounds those
// that are.
func TestMayTell(t *testing.T) {
	r := newRig(t, nil)
	var heard []api.Event
	r.onEvent = func(e api.Event) { heard = append(heard, e) }
	w, _ := r.watchAs("proxy/one")
	mine := api.Event{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders")}
	not := func(change func(*api.Event)) api.Event {
		e := mine
		change(&e)
		return e
	}
	w.tell(
		not(func(e *api.Event) { e.Kind = api.Changed }),
		not(func(e *api.Event) { e.Kind = "invented" }),
		not(func(e *api.Event) { e.From = id("idle") }),
		not(func(e *api.Event) { e.Side = api.Service }),
		not(func(e *api.Event) { e.Conn = "c1" }),
		not(func(e *api.Event) { e.Conn = connID("g") }),
		mine,
	)
	if len(heard) != 1 {
		t.Fatalf("%d events were taken in, want 1: %+v", len(heard), heard)
	}
	heard = nil
	w.tell(not(func(e *api.Event) {
		e.Reason, e.Code, e.Rule, e.TLS = strings.Repeat("x", 10_000), strings.Repeat("x", 10_000), strings.Repeat("x", 10_000), "\x1b[31m"
		e.By, e.Because, e.Proxy = id("operator/ann"), "because", id("proxy/two")
	}))
	want := api.Event{Kind: api.Refused, Side: api.Door, From: mine.From, To: mine.To, Proxy: id("proxy/one"),
		Reason: strings.Repeat("x", maxText) + "…", Code: strings.Repeat("x", maxWord) + "…", Rule: strings.Repeat("x", maxText) + "…", TLS: "?[31m"}
	if diff := cmp.Diff([]api.Event{want}, heard, cmp.Comparer(sameText)); diff != "" {
		t.Errorf("kept (- want, + have):\n%s", diff)
	}
}

func TestPair(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	one, slice := r.watchAs("proxy/one")
	one.report(api.Applied{Revision: slice.Revision})
	one.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")}, api.Conn{ID: connID("2"), From: id("batch"), To: id("orders")})
	pair := func() api.Pair {
		t.Helper()
		return ask[api.Pair](ann, "GET", api.PathPair+"?from=web&to=orders", nil)
	}
	have := pair()
	if have.Allowed || have.Code != string(policy.NoRule) || have.Reason == "" || have.LastTry != nil {
		t.Errorf("without a rule: %+v", have)
	}
	if have.From.Proxies != 1 || have.From.UpToDate != 1 || have.To.Proxies != 1 || have.To.UpToDate != 0 {
		t.Errorf("proxies: %+v, %+v", have.From, have.To)
	}
	tries := []api.Event{
		{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders"), Time: time.Now().Add(-time.Minute), Code: "no_rule"},
		{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders"), Time: time.Now().Add(-time.Hour), Code: "older"},
		{Kind: api.Refused, Side: api.Door, From: id("batch"), To: id("orders"), Time: time.Now(), Code: "another pair's"},
	}
	one.tell(tries...)
	ann.allow("web", "orders")
	have = pair()
	if !have.Allowed || have.Code != "" || have.Live != 1 || have.RuleCount != 1 || have.LastTry == nil || have.LastTry.Code != "no_rule" {
		t.Errorf("with a rule: %+v", have)
	}
	r.revokeInStore("web")
	have = pair()
	if have.Allowed || have.Code != string(api.IdentityRevoked) || have.From.Revoked == nil || have.Reason != "web was revoked" {
		t.Errorf("after a revocation: %+v", have)
	}
}

// recordHeld records a certificate of web's in a proxy's hands.
func (r *rig) recordHeld(proxy, serial string, end time.Time) {
	r.t.Helper()
	record := control.Certificate{Serial: serial, ID: id("web"), Holder: id(proxy), NotAfter: end}
	if err := r.store.RecordCertificate(r.t.Context(), record); err != nil {
		r.t.Fatal(err)
	}
}

func TestPairCertificate(t *testing.T) {
	r := newRig(t, nil)
	until := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	r.recordHeld("proxy/one", "0a", until.Add(time.Hour))
	r.revokeInStore("proxy/one") // so that what it held does not count
	for i, end := range []time.Time{until.Add(-time.Minute), until, until.Add(-time.Hour / 2)} {
		if err := r.store.RecordCertificate(t.Context(), control.Certificate{Serial: fmt.Sprintf("0%d", i), ID: id("web"), NotAfter: end}); err != nil {
			t.Fatal(err)
		}
	}
	have := ask[api.Pair](r.as("operator/ann"), "GET", api.PathPair+"?from=web&to=orders", nil)
	if !have.From.NotAfter.Equal(until) || !have.To.NotAfter.IsZero() {
		t.Errorf("the newest ends at %v and %v, want %v and none", have.From.NotAfter, have.To.NotAfter, until)
	}
}

func TestStatusHandler(t *testing.T) {
	r := newRig(t, nil)
	w, slice := r.watchAs("proxy/one")
	w.report(api.Applied{Revision: slice.Revision})
	tests := []struct {
		name, method, path, host string
		status                   int
	}{
		{"by IPv4", "GET", "/status", "127.0.0.1:7401", http.StatusOK},
		{"by IPv6", "GET", "/status", "[::1]:7401", http.StatusOK},
		{"by name", "GET", "/status", "localhost:7401", http.StatusOK},
		{"by a page's name", "GET", "/status", "evil.example:7401", http.StatusForbidden},
		{"by another address", "GET", "/status", "192.0.2.1:7401", http.StatusForbidden},
		{"by no port", "GET", "/status", "127.0.0.1", http.StatusForbidden},
		{"by nothing", "GET", "/status", "", http.StatusForbidden},
		{"wrong method", "POST", "/status", "127.0.0.1:7401", http.StatusMethodNotAllowed},
		{"the root", "GET", "/", "127.0.0.1:7401", http.StatusNotFound},
		{"an operator's path", "GET", api.PathConns, "127.0.0.1:7401", http.StatusNotFound},
		{"below it", "GET", "/status/x", "127.0.0.1:7401", http.StatusNotFound},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request := httptest.NewRequest(test.method, "http://example"+test.path, nil)
			request.Host = test.host
			answer := httptest.NewRecorder()
			r.StatusPort().Handler().ServeHTTP(answer, request)
			if answer.Code != test.status {
				t.Fatalf("status %d, want %d", answer.Code, test.status)
			}
			if test.status != http.StatusOK {
				if strings.Contains(answer.Body.String(), domain.String()) {
					t.Errorf("the refusal tells %q", answer.Body)
				}
				return
			}
			var have api.Status
			if err := json.Unmarshal(answer.Body.Bytes(), &have); err != nil {
				t.Fatal(err)
			}
			want := api.Status{TrustDomain: domain, Revision: 1, Identities: 8, Proxies: []api.ProxyStatus{
				{ID: id("proxy/one"), Connected: true, Revision: 1}, {ID: id("proxy/two")}}}
			if diff := cmp.Diff(want, have, cmp.Comparer(sameText)); diff != "" {
				t.Errorf("the status (- want, + have):\n%s", diff)
			}
		})
	}
}
