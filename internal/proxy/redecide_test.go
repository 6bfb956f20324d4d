package proxy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// world is a policy that changes at random, and the connections under it.
type world struct {
	random *rand.Rand
	rules  map[string]string
	groups map[string][]spiffeid.ID
	ids    []spiffeid.ID
}

func (w *world) id() spiffeid.ID { return w.ids[w.random.IntN(len(w.ids))] }

// change makes one change, and says of which kind.
func (w *world) change() string {
	from, to := w.id(), w.id()
	name := fmt.Sprint("r", w.random.IntN(12))
	names := slices.Sorted(maps.Keys(w.rules))
	group := slices.Sorted(maps.Keys(w.groups))[w.random.IntN(len(w.groups))]
	scope := []string{
		fmt.Sprintf(`principal == Identity::"%s", action, resource == Service::"%s"`, from, to),
		fmt.Sprintf(`principal in Group::"%s", action, resource == Service::"%s"`, group, to),
		fmt.Sprintf(`principal == Identity::"%s", action, resource in Group::"%s"`, from, group),
		"principal, action, resource",
	}[w.random.IntN(4)]
	switch w.random.IntN(5) {
	case 0:
		w.rules[name] = "permit (" + scope + ");"
		return "permit added"
	case 1:
		delete(w.rules, names[w.random.IntN(len(names))])
		return "rule removed"
	case 2:
		w.rules[name] = fmt.Sprintf(`forbid (%s) when { principal in Group::"%s" };`, scope, group)
		return "forbid added"
	case 3:
		w.groups[group] = []spiffeid.ID{w.id(), w.id(), w.id()}
		return "group changed"
	}
	for _, name := range names {
		w.rules[name] = fmt.Sprintf(`permit (%s) unless { principal == Identity::"%s" };`, scope, from)
		break
	}
	return "condition changed"
}

func (w *world) slice(revision int64) *api.Slice {
	slice := &api.Slice{Revision: revision}
	for name, text := range w.rules {
		slice.Rules = append(slice.Rules, api.Rule{Name: name, Text: text})
	}
	for name, members := range w.groups {
		slice.Groups = append(slice.Groups, api.Group{Name: name, Members: members})
	}
	return slice
}

// TestEnforceFollowsChanges makes 200 random changes, each from the one before:
// what ends is exactly what deciding everything anew denies, with a set that
// knows nothing of the one before. That such a set decides as unmodified Cedar
// does is shown in package policy.
func TestEnforceFollowsChanges(t *testing.T) {
	w := &world{random: rand.New(rand.NewPCG(3, 3)), rules: map[string]string{"base": "permit (principal, action, resource);"},
		groups: map[string][]spiffeid.ID{"ops": nil, "shops": nil}}
	for _, path := range []string{"a", "b", "c", "d", "e", "f"} {
		w.ids = append(w.ids, id(path))
	}
	view := testpki.Must(agent.NewView(w.slice(1)))
	r := newRecord(view)
	ended, stayed, kinds, serial := 0, 0, map[string]int{}, 0
	for n := range 200 {
		for range 40 { // as many as are let in
			serial++
			l := newLive(fmt.Sprint("c", serial), api.Door, w.id(), w.id(), nil)
			_ = r.admit(l)
		}
		kinds[w.change()]++
		if len(w.rules) == 0 || n%20 == 19 {
			w.rules["base"] = "permit (principal, action, resource);"
		}
		slice := w.slice(int64(n + 2))
		want := oracle(t, slice, slices.Collect(maps.Keys(r.conns)))
		next, err := view.Next(slice)
		if err != nil {
			t.Fatal(err)
		}
		view = next
		have := map[string]bool{}
		for _, conn := range r.Enforce(view).Ended {
			have[conn.ID] = true
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Fatalf("change %d: ended (- want, + have):\n%s", n, diff)
		}
		ended, stayed = ended+len(have), stayed+len(r.conns)
	}
	t.Log(ended, stayed, kinds)
	if ended < 500 || stayed < 500 || len(kinds) < 5 {
		t.Errorf("%d ended, %d stayed, changes %v: too few to show anything", ended, stayed, kinds)
	}
}

// TestRuleForATime has a connection end when its rule does, and another go on
// under a second rule.
func TestRuleForATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web, batch := policy.Pair{From: id("web"), To: id("orders")}, policy.Pair{From: id("batch"), To: id("orders")}
		soon := time.Now().Add(2 * time.Hour)
		r := newRecord(testpki.Must(agent.NewView(&api.Slice{Revision: 1, Rules: []api.Rule{
			api.Rule(policy.AllowUntil(web, soon)),
			api.Rule(policy.AllowUntil(batch, soon)),
			{Name: "later", Text: fmt.Sprintf(`permit (principal == Identity::"%s", action, resource) when { context.now >= datetime(%q) };`, batch.From, soon.UTC().Format(time.RFC3339))},
		}})))
		ends, goesOn := newLive("c1", api.Door, web.From, web.To, nil), newLive("c2", api.Door, batch.From, batch.To, nil)
		for _, l := range []*live{ends, goesOn} {
			if err := r.admit(l); err != nil {
				t.Fatal(err)
			}
			if until := l.verdict.Load().Until; !until.Equal(soon) {
				t.Errorf("%s holds until %s, want %s", l.id, until, soon)
			}
		}
		time.Sleep(2*time.Hour - time.Second)
		r.redecide()
		if ends.aborts()+goesOn.aborts() != 0 {
			t.Error("a connection ended before its time")
		}
		time.Sleep(time.Second)
		r.redecide()
		if ends.aborts() != 1 || goesOn.aborts() != 0 {
			t.Errorf("at the end c1 was aborted %d times and c2 %d times, want 1 and 0", ends.aborts(), goesOn.aborts())
		}
		if len(r.events) != 1 || r.events[0].Code != string(policy.NoRule) ||
			r.events[0].Reason != `no rule allows it now; allow-web-orders fits but for "now": it held until 2000-01-01T02:00:00Z` {
			t.Errorf("events are %+v", r.events)
		}
		if v := goesOn.verdict.Load(); v.Rule != "later" || !v.Until.IsZero() {
			t.Errorf("c2 goes on by %+v", v)
		}
		if err := r.admit(newLive("c3", api.Door, web.From, web.To, nil)); err == nil {
			t.Error("a rule lets somebody in after its time")
		}
	})
}
