package recent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// TestJournalBound floods each ring: it keeps its latest events, and the other
// ring all of its own.
func TestJournalBound(t *testing.T) {
	const all = MaxEvents + MaxEvents/2
	for _, kind := range []api.Kind{api.Refused, api.Opened} {
		t.Run(string(kind), func(t *testing.T) {
			var j Events
			j.Add(api.Event{Kind: api.Refused, Conn: "c-first"})
			j.Add(api.Event{Kind: api.Ended, Conn: "c-first"})
			for i := range all {
				j.Add(api.Event{Kind: kind, Conn: fmt.Sprint("c", i)})
			}
			next, others := all-MaxEvents, 0 // the oldest that is kept
			for e := range j.All() {
				if e.Conn == "c-first" {
					others++
					continue
				}
				if want := fmt.Sprint("c", next); e.Conn != want {
					t.Fatalf("the event is %s, want %s", e.Conn, want)
				}
				next++
			}
			if next != all || others != 1 {
				t.Errorf("the last event is c%d, want c%d; %d others are kept, want 1", next-1, all-1, others)
			}
		})
	}
}

func TestJournalOrder(t *testing.T) {
	var j Events
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	for _, second := range []int{3, 1, 2, 1} {
		j.Add(api.Event{Conn: "c1", Time: at(second), Rule: fmt.Sprint(len(j.rest.events))})
	}
	var have []string
	for _, e := range j.History("c1") {
		have = append(have, e.Rule)
	}
	if want := []string{"1", "3", "2", "0"}; !slices.Equal(have, want) {
		t.Errorf("the order is %v, want %v", have, want)
	}
}

// TestHistoryNamesTheChange finds the change that ended a connection among
// those that did not.
func TestHistoryNamesTheChange(t *testing.T) {
	var j Events
	rule := func(revision int64, from, to string) api.Event {
		return api.Event{Kind: api.Changed, Revision: revision, From: id(from), To: id(to), Rule: fmt.Sprint(revision)}
	}
	revoke := func(revision int64, who string) api.Event {
		return api.Event{Kind: api.Changed, Revision: revision, From: id(who), To: spiffeid.ID{}, Code: string(api.IdentityRevoked), Rule: fmt.Sprint(revision)}
	}
	for _, e := range []api.Event{
		rule(2, "web", "orders"), rule(3, "batch", "orders"), rule(5, "web", "orders"), revoke(6, "batch"),
		rule(7, "web", "orders"), revoke(8, "orders"), revoke(9, "web"), revoke(10, "proxy/one"), revoke(11, "proxy/two"), rule(12, "web", "orders"),
	} {
		j.Add(e)
	}
	tests := []struct {
		name     string
		code     string
		revision int64
		want     string // the change's revision; "" for none
	}{
		{"the rule's own revision", string(policy.DeniedByRule), 5, "5"},
		{"a proxy that was slow", string(policy.NoRule), 6, "5"},
		{"the latest of several", string(policy.DeniedByRule), 11, "7"},
		{"a policy that cannot be used", string(policy.RuleFailed), 4, "2"},
		{"a revocation", string(api.IdentityRevoked), 9, "9"},
		{"a revocation of the other end", string(api.IdentityRevoked), 8, "8"},
		{"a revocation of the proxy that held it", string(api.IdentityRevoked), 10, "10"},
		{"before there was one", string(policy.NoRule), 1, ""},
		{"a cut", "truncated", 5, ""},
		{"a clean end", "", 5, ""},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			conn := connID(fmt.Sprintf("%x", i))
			j.Add(api.Event{Kind: api.Opened, Conn: conn, From: id("web"), To: id("orders"), Revision: 2})
			j.Add(api.Event{Kind: api.Ended, Conn: conn, From: id("web"), To: id("orders"), Code: test.code, Revision: test.revision})
			have := ""
			for _, e := range j.History(conn) {
				if e.Kind == api.Changed {
					have += e.Rule
				}
			}
			if have != test.want {
				t.Errorf("the change is %q, want %q", have, test.want)
			}
		})
	}
}

func TestRefusedSince(t *testing.T) {
	var j Events
	for i, kind := range []api.Kind{api.Refused, api.Opened, api.Refused, api.Ended, api.Refused} {
		j.Add(api.Event{Kind: kind, Time: time.Unix(int64(i), 0)})
	}
	if have, more := j.RefusedSince(time.Unix(1, 0)); have != 2 || more {
		t.Errorf("%d refusals, more: %v; want 2 and no more", have, more)
	}
	for i := range MaxEvents {
		j.Add(api.Event{Kind: api.Refused, Time: time.Unix(int64(5+i), 0)})
	}
	if have, more := j.RefusedSince(time.Unix(3, 0)); have != MaxEvents || !more {
		t.Errorf("%d refusals, more: %v; want %d, and more", have, more, MaxEvents)
	}
	if have, more := j.RefusedSince(time.Unix(4, 0)); have != MaxEvents || more {
		t.Errorf("%d refusals, more: %v; those that had to go are older", have, more)
	}
}

func TestLossesAreBounded(t *testing.T) {
	var j Events
	for i := range maxLosses + 5 {
		j.Lose(1, time.Unix(int64(i), 0))
	}
	j.Lose(0, time.Unix(maxLosses+5, 0))
	if have := j.LostSince(time.Time{}); have != maxLosses || len(j.losses) != maxLosses {
		t.Errorf("%d events in %d losses, want %d in as many", have, len(j.losses), maxLosses)
	}
	if have := j.LostSince(time.Unix(maxLosses+2, 0)); have != 2 {
		t.Errorf("%d of late, want 2", have)
	}
}

func id(path string) spiffeid.ID {
	return testpki.Must(testpki.Must(spiffeid.ParseTrustDomain("test.signet")).ID(path))
}

func connID(digit string) string { return "c" + strings.Repeat(digit, 32) }
