package authority

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// rulesOf lists the rules of a state.
func rulesOf(state *control.State) []policy.Rule {
	rules := make([]policy.Rule, 0, state.RuleCount())
	for rule := range state.AllRules() {
		rules = append(rules, policy.Rule{Name: rule.Name, Text: rule.Text})
	}
	return rules
}

func groupsOf(state *control.State) []policy.Group {
	groups := make([]policy.Group, 0, len(state.Groups))
	for group := range maps.Values(state.Groups) {
		groups = append(groups, policy.Group{Name: group.Name, Members: group.Members})
	}
	return groups
}

// amended are the rules and groups of a state after an act.
func amended(state *control.State, act control.Act) ([]policy.Rule, []policy.Group) {
	rules, groups := map[string]policy.Rule{}, map[string]policy.Group{}
	for _, rule := range rulesOf(state) {
		rules[rule.Name] = rule
	}
	for _, group := range groupsOf(state) {
		groups[group.Name] = group
	}
	for _, e := range act.Rules {
		if e.Before != nil {
			delete(rules, e.Before.Name)
		}
	}
	for _, e := range act.Rules {
		if e.After != nil {
			rules[e.After.Name] = policy.Rule{Name: e.After.Name, Text: e.After.Text}
		}
	}
	for _, e := range act.Groups {
		if e.After == nil {
			delete(groups, e.Before.Name)
			continue
		}
		groups[e.After.Name] = policy.Group{Name: e.After.Name, Members: e.After.Members}
	}
	return slices.Collect(maps.Values(rules)), slices.Collect(maps.Values(groups))
}

// compile turns rules into a set; what it has in common with the last one is not
// compiled again.
func (a *Authority) compile(rules []policy.Rule, groups []policy.Group) (*policy.Set, error) {
	last := a.compiled.Load()
	if last == nil {
		last = &policy.Set{}
	}
	set, err := last.Revise(rules, groups...)
	if err == nil {
		a.compiled.Store(set)
	}
	return set, err
}

// policy tells all rules and groups, by their names.
func (a *Authority) policy(*http.Request) (any, error) {
	state := a.store.State()
	out := api.Policy{TrustDomain: a.domain, Revision: state.Revision, Rules: []api.PolicyRule{}, Groups: []api.PolicyGroup{}}
	for r := range state.AllRules() {
		out.Rules = append(out.Rules, api.PolicyRule{Rule: api.Rule{Name: r.Name, Text: r.Text}, Origin: api.Origin{By: r.By, Because: r.Because, Since: r.Revision, At: r.At}})
	}
	for g := range maps.Values(state.Groups) {
		out.Groups = append(out.Groups, api.PolicyGroup{Group: api.Group{Name: g.Name, Members: g.Members}, Origin: api.Origin{By: g.By, Because: g.Because, Since: g.Revision, At: g.At}})
	}
	slices.SortFunc(out.Rules, func(x, y api.PolicyRule) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(out.Groups, func(x, y api.PolicyGroup) int { return cmp.Compare(x.Name, y.Name) })
	return out, nil
}

// edit replaces all rules and groups.
func (a *Authority) edit(r *http.Request) (any, error) {
	var request api.Policy
	if err := readJSON(r, api.MaxUpdate, &request); err != nil {
		return nil, err
	}
	return a.amend(r, amendment{change: api.Change{TrustDomain: a.domain}, because: request.Because, dry: request.DryRun, stage: func(tx *control.Tx, _ *api.Change) error {
		if err := unmoved(tx.State, request.Revision); err != nil {
			return err
		}
		origin := control.Rule{By: caller(r), Because: request.Because}
		if err := stageRules(tx, request.Rules, origin); err != nil {
			return err
		}
		stageGroups(tx, request.Groups, origin)
		return nil
	}})
}

// unmoved refuses a policy that was edited from one that is no longer in force:
// it would take back what was changed since.
func unmoved(state *control.State, edited int64) error {
	latest := int64(0)
	for revision := range state.Acts {
		latest = max(latest, revision)
	}
	if edited == 0 || latest <= edited {
		return nil
	}
	return fault.New(PolicyMoved, "the policy was changed meanwhile, in revision %d, by %s", latest, state.Acts[latest].By.Short(state.TrustDomain)).
		WithHint("signet policy show      # and repeat the edit there")
}

// stageRules makes these the rules. One that is about exactly one pair is the
// last word on it, so that allow and deny replace it.
func stageRules(tx *control.Tx, rules []api.PolicyRule, origin control.Rule) error {
	wanted, taken := map[string]string{}, map[control.Pair]bool{}
	for _, rule := range rules {
		if _, twice := wanted[rule.Name]; twice {
			return fault.New(policy.DuplicateRule, "two rules are called %s", fault.Printable(rule.Name, 60)).WithHint("rename or remove one of them")
		}
		wanted[rule.Name] = rule.Text
	}
	for old := range tx.State.AllRules() {
		_, free := tx.State.FreeRules[old.Name]
		if wanted[old.Name] == old.Text {
			delete(wanted, old.Name)
			taken[old.Pair()] = taken[old.Pair()] || !free && old.Until.IsZero()
			continue
		}
		switch {
		case free:
			tx.DeleteFreeRule(old.Name)
		case !old.Until.IsZero():
			tx.DeleteTimedRule(old.Pair())
		default:
			tx.DeleteRule(old.Pair())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		rule := origin
		rule.Name, rule.Text = name, wanted[name]
		pair, single := policy.PairOf(policy.Rule{Name: rule.Name, Text: rule.Text})
		if key := control.Pair(pair); single && !taken[key] {
			taken[key], rule.From, rule.To = true, pair.From, pair.To
			tx.PutRule(rule)
			continue
		}
		tx.PutFreeRule(rule)
	}
	return nil
}

// stageGroups makes these the groups.
func stageGroups(tx *control.Tx, groups []api.PolicyGroup, origin control.Rule) {
	wanted := map[string]bool{}
	for _, group := range groups {
		wanted[group.Name] = true
		members := slices.Clone(group.Members)
		slices.SortFunc(members, byID)
		members = slices.Compact(members)
		if old, ok := tx.State.Groups[group.Name]; !ok || !slices.Equal(old.Members, members) {
			tx.PutGroup(control.Group{Name: group.Name, Members: members, By: origin.By, Because: origin.Because})
		}
	}
	for name := range tx.State.Groups {
		if !wanted[name] {
			tx.DeleteGroup(name)
		}
	}
}

// undo takes back what one revision changed.
func (a *Authority) undo(r *http.Request) (any, error) {
	var request api.UndoRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	change := api.Change{TrustDomain: a.domain, Undone: request.Revision}
	because := cmp.Or(request.Because, fmt.Sprintf("undo of revision %d", request.Revision))
	return a.amend(r, amendment{change: change, because: because, dry: request.DryRun, stage: func(tx *control.Tx, _ *api.Change) error {
		act, ok := tx.State.Acts[request.Revision]
		if !ok {
			return a.cannotUndo(tx.State, request.Revision)
		}
		for _, e := range act.Rules {
			if err := undoRule(tx, e, caller(r), because); err != nil {
				return err
			}
		}
		for _, e := range act.Groups {
			if err := undoGroup(tx, e, caller(r), because); err != nil {
				return err
			}
		}
		return nil
	}})
}

// cannotUndo says why nothing is known of a revision.
func (a *Authority) cannotUndo(state *control.State, revision int64) error {
	unknown := fault.New(UndoUnknown, "revision %d changed no rule or group, or is older than the latest %d changes", revision, control.MaxActs)
	if revision > state.Revision || revision < 1 {
		unknown = fault.New(UndoUnknown, "there is no revision %d: the latest is %d", revision, state.Revision)
	}
	for id, revocation := range state.Revocations {
		if revocation.Revision == revision {
			return fault.New(UndoUnknown, "revision %d revoked %s, which cannot be undone", revision, id.Short(a.domain)).
				WithHint("signet restore %s      # if it may come back, with a new key", id.Short(a.domain))
		}
	}
	return unknown.WithHint("signet policy show      # each rule with the revision that wrote it")
}

// undoRule makes a rule what it was before an act, if it is what the act made it.
func undoRule(tx *control.Tx, e control.Edited[control.Rule], by spiffeid.ID, because string) error {
	known := cmp.Or(e.After, e.Before)
	current, ok := tx.State.FreeRules[known.Name]
	free := known.From.IsZero() && known.To.IsZero()
	switch {
	case !known.Until.IsZero():
		current, ok = tx.State.TimedRules[known.Pair()]
	case !free:
		current, ok = tx.State.Rules[known.Pair()]
	}
	if ok != (e.After != nil) || ok && (current.Name != e.After.Name || current.Text != e.After.Text) {
		return changedSince(tx.State, "rule "+known.Name, func(later control.Act) bool {
			return slices.ContainsFunc(later.Rules, func(l control.Edited[control.Rule]) bool {
				r := cmp.Or(l.After, l.Before)
				return r.Pair() == known.Pair() && (!free || r.Name == known.Name)
			})
		})
	}
	switch {
	case e.Before == nil && free:
		tx.DeleteFreeRule(known.Name)
	case e.Before == nil && !known.Until.IsZero():
		tx.DeleteTimedRule(known.Pair())
	case e.Before == nil:
		tx.DeleteRule(known.Pair())
	default:
		back := *e.Before
		back.By, back.Because = by, because
		if free {
			tx.PutFreeRule(back)
		} else {
			tx.PutRule(back)
		}
	}
	return nil
}

// undoGroup is the same for a group.
func undoGroup(tx *control.Tx, e control.Edited[control.Group], by spiffeid.ID, because string) error {
	known := cmp.Or(e.After, e.Before)
	current, ok := tx.State.Groups[known.Name]
	if ok != (e.After != nil) || ok && !slices.Equal(current.Members, e.After.Members) {
		return changedSince(tx.State, "group "+known.Name, func(later control.Act) bool {
			return slices.ContainsFunc(later.Groups, func(l control.Edited[control.Group]) bool {
				return cmp.Or(l.After, l.Before).Name == known.Name
			})
		})
	}
	if e.Before == nil {
		tx.DeleteGroup(known.Name)
		return nil
	}
	back := *e.Before
	back.By, back.Because = by, because
	tx.PutGroup(back)
	return nil
}

// changedSince refuses to take back what a later revision changed again.
func changedSince(state *control.State, what string, touches func(control.Act) bool) error {
	latest := int64(0)
	for revision, act := range state.Acts {
		if revision > latest && touches(act) {
			latest = revision
		}
	}
	return fault.New(UndoOutdated, "%s was changed again in revision %d", what, latest).
		WithHint("signet policy undo %d      # first", latest)
}

// decisions answers for pairs as the policy stands.
func (a *Authority) decisions(r *http.Request) (any, error) {
	var pairs []api.PairRequest
	if err := readJSON(r, api.MaxRequest, &pairs); err != nil {
		return nil, err
	}
	state := a.store.State()
	set, err := a.compile(rulesOf(state), groupsOf(state))
	if err != nil {
		return nil, err
	}
	out := make([]api.Decision, 0, len(pairs))
	for _, request := range pairs {
		var pair policy.Pair
		if pair.From, err = a.domain.Named(request.From); err != nil {
			return nil, err
		}
		if pair.To, err = a.domain.Named(request.To); err != nil {
			return nil, err
		}
		out = append(out, a.decision(state, set, pair))
	}
	return out, nil
}

// decision answers for one pair; the revoked have no say.
func (a *Authority) decision(state *control.State, set *policy.Set, pair policy.Pair) api.Decision {
	out := api.Decision{From: pair.From, To: pair.To}
	for _, id := range []spiffeid.ID{pair.From, pair.To} {
		if _, revoked := state.Revocations[id]; revoked {
			out.Code, out.Reason = string(api.IdentityRevoked), id.Short(a.domain)+" was revoked"
			return out
		}
	}
	d := set.Decide(pair, a.now())
	out.Allowed, out.Code, out.Reason, out.Nearest = d.Allowed, string(d.Code), d.Reason(), d.Near()
	return out
}
