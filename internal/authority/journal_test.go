package authority

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

func TestJournalBound(t *testing.T) {
	var j journal
	const all = maxEvents + maxEvents/2
	for i := range all {
		j.add(api.Event{Conn: fmt.Sprint("c", i)})
	}
	next := all - maxEvents // the oldest that is kept
	for e := range j.all() {
		if want := fmt.Sprint("c", next); e.Conn != want {
			t.Fatalf("the event is %s, want %s", e.Conn, want)
		}
		next++
	}
	if next != all {
		t.Errorf("the last event is c%d, want c%d", next-1, all-1)
	}
	if len(j.ring) != maxEvents {
		t.Errorf("%d events are kept, want %d", len(j.ring), maxEvents)
	}
}

func TestJournalOrder(t *testing.T) {
	var j journal
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	for _, second := range []int{3, 1, 2, 1} {
		j.add(api.Event{Conn: "c1", Time: at(second), Rule: fmt.Sprint(len(j.ring))})
	}
	var have []string
	for _, e := range j.history("c1") {
		have = append(have, e.Rule)
	}
	if want := []string{"1", "3", "2", "0"}; !slices.Equal(have, want) {
		t.Errorf("the order is %v, want %v", have, want)
	}
}

// TestHistoryNamesTheChange finds the change that ended a connection among
// those that did not.
func TestHistoryNamesTheChange(t *testing.T) {
	var j journal
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
		j.add(e)
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
			j.add(api.Event{Kind: api.Opened, Conn: conn, From: id("web"), To: id("orders"), Revision: 2})
			j.add(api.Event{Kind: api.Ended, Conn: conn, From: id("web"), To: id("orders"), Code: test.code, Revision: test.revision})
			have := ""
			for _, e := range j.history(conn) {
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
	var j journal
	for i, kind := range []api.Kind{api.Refused, api.Opened, api.Refused, api.Ended, api.Refused} {
		j.add(api.Event{Kind: kind, Time: time.Unix(int64(i), 0)})
	}
	if have := j.refusedSince(time.Unix(1, 0)); have != 2 {
		t.Errorf("%d refusals, want 2", have)
	}
}
