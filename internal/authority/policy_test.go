package authority

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
)

// rules lists the names of all rules and groups, and what they say.
func (r *rig) rules() map[string]string {
	all := map[string]string{}
	for rule := range r.store.State().AllRules() {
		all[rule.Name] = rule.Text
	}
	for name, group := range r.store.State().Groups {
		for _, member := range group.Members {
			all["group "+name] += member.Path() + " "
		}
	}
	return all
}

// TestUndo takes every kind of change back, the latest first: what was before is
// there again, each time.
func TestUndo(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	opsRule := `permit (principal in Group::"ops", action, resource);`
	steps := []func() api.Change{
		func() api.Change { return ann.allow("web", "orders") },
		func() api.Change {
			return ask[api.Change](ann, "POST", api.PathDeny, api.PairRequest{From: "web", To: "orders", For: time.Hour})
		},
		func() api.Change { return ask[api.Change](ann, "POST", api.PathDeny, request("web", "orders")) },
		func() api.Change {
			return ann.edit(t, map[string]string{"ops": opsRule}, map[string][]string{"ops": {"web", "batch"}})
		},
		func() api.Change {
			return ann.edit(t, map[string]string{"ops": opsRule}, map[string][]string{"ops": {"batch"}})
		},
		func() api.Change { return ann.edit(t, nil, nil) },
	}
	type point struct {
		revision int64
		before   map[string]string
	}
	var points []point
	for i, step := range steps {
		before := r.rules()
		change := step()
		if cmp.Equal(before, r.rules()) || len(change.Edits) == 0 {
			t.Fatalf("step %d changed nothing: %+v", i, change)
		}
		points = append(points, point{change.Revision, before})
	}
	_, refusal := ann.try("POST", api.PathUndo, jsonBody(api.UndoRequest{Revision: points[0].revision}))
	wantRefusal(t, refusal, UndoOutdated, "rule allow-web-orders was changed again in revision 5", "signet policy undo 5")
	for len(points) > 0 {
		last := points[len(points)-1]
		points = points[:len(points)-1]
		change := ask[api.Change](ann, "POST", api.PathUndo, api.UndoRequest{Revision: last.revision})
		if change.Undone != last.revision || change.Revision <= last.revision {
			t.Errorf("undo of %d: %+v", last.revision, change)
		}
		if diff := cmp.Diff(last.before, r.rules()); diff != "" {
			t.Fatalf("after undo of %d (- before it, + now):\n%s", last.revision, diff)
		}
		_, refusal := ann.try("POST", api.PathUndo, jsonBody(api.UndoRequest{Revision: last.revision}))
		wantRefusal(t, refusal, UndoOutdated, "was changed again")
		back := ask[api.Change](ann, "POST", api.PathUndo, api.UndoRequest{Revision: change.Revision})
		ask[api.Change](ann, "POST", api.PathUndo, api.UndoRequest{Revision: back.Revision})
		if diff := cmp.Diff(last.before, r.rules()); diff != "" {
			t.Fatalf("after undo of the undo of the undo of %d:\n%s", last.revision, diff)
		}
	}
	revoked := ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "idle"})
	for revision, message := range map[int64]string{
		revoked.Revision:     "revoked idle, which cannot be undone",
		revoked.Revision + 1: "there is no revision",
		-1:                   "there is no revision",
		1:                    "changed no rule or group",
	} {
		_, refusal := ann.try("POST", api.PathUndo, jsonBody(api.UndoRequest{Revision: revision}))
		wantRefusal(t, refusal, UndoUnknown, message)
	}
}

// edit replaces the policy.
func (c client) edit(t *testing.T, rules map[string]string, groups map[string][]string) api.Change {
	t.Helper()
	return ask[api.Change](c, "POST", api.PathPolicy, asPolicy(rules, groups))
}

func asPolicy(rules map[string]string, groups map[string][]string) api.Policy {
	var p api.Policy
	for name, text := range rules {
		p.Rules = append(p.Rules, api.PolicyRule{Rule: api.Rule{Name: name, Text: text}})
	}
	for name, paths := range groups {
		group := api.PolicyGroup{Group: api.Group{Name: name}}
		for _, path := range paths {
			group.Members = append(group.Members, id(path))
		}
		p.Groups = append(p.Groups, group)
	}
	return p
}

// TestEdit has rules for one pair be the last word on it, others stay free, and
// a policy that is not valid, or was edited from an old one, change nothing.
func TestEdit(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	allowed := ann.allow("web", "orders")
	pair := policy.Pair{From: id("batch"), To: id("orders")}
	ann.edit(t, map[string]string{
		"allow-web-orders": policy.Allow(policy.Pair{From: id("web"), To: id("orders")}).Text,
		"mine":             `permit (principal == Identity::"spiffe://test.signet/batch", action, resource == Service::"spiffe://test.signet/orders");`,
		"second":           `permit (principal == Identity::"spiffe://test.signet/batch", action, resource == Service::"spiffe://test.signet/orders");`,
		"all":              `forbid (principal in Group::"none", action, resource);`,
	}, map[string][]string{"none": nil})
	state := r.store.State()
	if len(state.Rules) != 2 || len(state.FreeRules) != 2 || state.Rules[control.Pair(pair)].Name != "mine" || state.FreeRules["second"].Text == "" {
		t.Errorf("rules %v, free %v", state.Rules, state.FreeRules)
	}
	if kept := state.Rules[control.Pair{From: id("web"), To: id("orders")}]; kept.Revision != allowed.Revision {
		t.Errorf("a rule that was not edited is of revision %d, want %d", kept.Revision, allowed.Revision)
	}
	change := ask[api.Change](ann, "POST", api.PathDeny, request("batch", "orders"))
	if change.Replaced != "mine" {
		t.Errorf("the last word on a pair is %+v", change)
	}
	shown := ask[api.Policy](ann, "GET", api.PathPolicy, nil)
	if len(shown.Rules) != 4 || shown.Rules[0].Name != "all" || len(shown.Groups) != 1 || shown.Rules[1].By != id("operator/ann") {
		t.Errorf("the policy is shown as %+v", shown)
	}

	before := r.store.State()
	for _, test := range []struct {
		name    string
		policy  api.Policy
		code    fault.Code
		message string
	}{
		{"not Cedar", asPolicy(map[string]string{"a": "permit"}, nil), policy.InvalidRule, "rule a, line 1"},
		{"no such group", asPolicy(map[string]string{"a": `permit (principal in Group::"x", action, resource);`}, nil), policy.UnknownEntity, "there is no group x"},
		{"old", api.Policy{Revision: allowed.Revision}, PolicyMoved, "changed meanwhile, in revision 4"},
		{"two of one name", api.Policy{Rules: append(asPolicy(map[string]string{"a": "x"}, nil).Rules, asPolicy(map[string]string{"a": "y"}, nil).Rules...)}, policy.DuplicateRule, "two rules are called a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, refusal := ann.try("POST", api.PathPolicy, jsonBody(test.policy))
			wantRefusal(t, refusal, test.code, test.message)
			if r.store.State() != before {
				t.Error("the state changed")
			}
		})
	}
}

// TestDryRun says what a change would do to what is open and what was refused,
// and does nothing.
func TestDryRun(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	ann.allow("web", "orders")
	w, _ := r.watchAs("proxy/one")
	w.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")})
	r.journal.Add(api.Event{Time: time.Now(), Kind: api.Refused, Code: string(policy.NoRule), From: id("batch"), To: id("orders")})
	r.journal.Add(api.Event{Time: time.Now().Add(-2 * time.Hour), Kind: api.Refused, Code: string(policy.NoRule), From: id("batch"), To: id("orders")})
	r.journal.Add(api.Event{Time: time.Now(), Kind: api.Refused, Code: "timeout", From: id("batch"), To: id("orders")})
	before := r.store.State()

	allowed := ask[api.Change](ann, "POST", api.PathAllow, api.PairRequest{From: "batch", To: "orders", For: time.Hour, DryRun: true})
	if would := allowed.Would; would == nil || would.LetsIn != 1 || would.Stay != 1 || len(would.Ends) != 0 || len(would.Flips) != 1 || would.Flips[0].Tries != 2 || allowed.Until.IsZero() {
		t.Errorf("allow would do %+v: %+v", allowed.Would, allowed)
	}
	denied := ask[api.Change](ann, "POST", api.PathDeny, api.PairRequest{From: "web", To: "orders", DryRun: true})
	if would := denied.Would; would == nil || len(would.Ends) != 1 || would.Ends[0].From != id("web") || would.Stay != 0 || denied.Replaced != "allow-web-orders" {
		t.Errorf("deny would do %+v: %+v", denied.Would, denied)
	}
	if r.store.State() != before {
		t.Error("the state changed")
	}
}

// TestAllowFor has a rule for a time, and names that are mistyped or not known.
func TestAllowFor(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	change := ask[api.Change](ann, "POST", api.PathAllow, api.PairRequest{From: "web", To: "orders", For: 2 * time.Hour})
	if left := time.Until(change.Until); left < time.Hour || left > 2*time.Hour {
		t.Errorf("the rule holds until %s", change.Until)
	}
	pair := ask[api.Pair](ann, "GET", api.PathPair+"?from=web&to=orders", nil)
	if !pair.Allowed || !pair.Until.Equal(change.Until) {
		t.Errorf("why says %+v", pair)
	}
	pair = ask[api.Pair](ann, "GET", api.PathPair+"?from=batch&to=orders", nil)
	if want := `allow-web-orders fits but for "from": it says web, this is batch`; pair.Nearest != want {
		t.Errorf("nearest is %q, want %q", pair.Nearest, want)
	}
	for _, test := range []struct {
		request       api.PairRequest
		code          fault.Code
		message, hint string
	}{
		{request("wbe", "orders"), api.IdentityUnknown, "no identity is called wbe; did you mean web?", "signet allow web orders      # or --anyway, before wbe is enrolled"},
		{request("web", "odrers"), api.IdentityUnknown, "no identity is called odrers; did you mean orders?", "signet allow web orders      # or --anyway, before odrers is enrolled"},
		{api.PairRequest{From: "web", To: "orders", For: -1}, BadRequest, "a rule holds for 1 s to 10 years", "leave the time out"},
		{api.PairRequest{From: "web", To: "orders", For: 20 * 365 * 24 * time.Hour}, BadRequest, "a rule holds for 1 s to 10 years", "leave the time out"},
	} {
		_, refusal := ann.try("POST", api.PathAllow, jsonBody(test.request))
		wantRefusal(t, refusal, test.code, test.message, test.hint)
	}
	later := ask[api.Change](ann, "POST", api.PathAllow, api.PairRequest{From: "later", To: "orders", Anyway: true})
	if later.Rule != "allow-later-orders" {
		t.Errorf("before it is enrolled: %+v", later)
	}
	decisions := ask[[]api.Decision](ann, "POST", api.PathDecide, []api.PairRequest{request("later", "orders"), request("web", "batch")})
	if len(decisions) != 2 || !decisions[0].Allowed || decisions[1].Allowed || decisions[1].Nearest == "" {
		t.Errorf("decisions %+v", decisions)
	}
}
