package authority

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// maxFor bounds how long a rule for a time holds: longer is for good.
const maxFor = 10 * 365 * 24 * time.Hour

// verdict is one of the two that an operator can give on a pair.
type verdict struct {
	command string
	write   func(policy.Pair) policy.Rule
	until   func(policy.Pair, time.Time) policy.Rule
}

var (
	allows = verdict{"allow", policy.Allow, policy.AllowUntil}
	denies = verdict{"deny", policy.Deny, policy.DenyUntil}
)

func (a *Authority) allow(r *http.Request) (any, error) { return a.rule(r, allows) }

func (a *Authority) deny(r *http.Request) (any, error) { return a.rule(r, denies) }

// rule makes the last word on a pair.
func (a *Authority) rule(r *http.Request, v verdict) (any, error) {
	var request api.PairRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	if err := checkFor(request.For); err != nil {
		return nil, err
	}
	pair, err := a.rulePair(request, v.command)
	if err != nil {
		return nil, err
	}
	word := pairWord{verdict: v, pair: pair, because: request.Because}
	change := api.Change{TrustDomain: a.domain, From: pair.From, To: pair.To}
	if request.For > 0 {
		word.until = a.now().Add(request.For).UTC().Truncate(time.Second)
		change.Until = word.until
	}
	return a.amend(r, amendment{change: change, because: request.Because, dry: request.DryRun, small: true, stage: func(tx *control.Tx, change *api.Change) error {
		if v.command == allows.command {
			for _, id := range []spiffeid.ID{pair.From, pair.To} {
				if err := a.notRevoked(tx.State, id); err != nil {
					return err
				}
			}
		}
		return word.stage(tx, change, a.now())
	}})
}

func checkFor(d time.Duration) error {
	if d < 0 || d > maxFor || d > 0 && d < time.Second {
		return fault.New(BadRequest, "a rule holds for 1 s to 10 years, not %v", d).WithHint("leave the time out for a rule that holds for good")
	}
	return nil
}

// rulePair finds the two that a rule is about.
func (a *Authority) rulePair(request api.PairRequest, command string) (pair control.Pair, err error) {
	if request.Anyway {
		if pair.From, err = a.domain.Named(request.From); err == nil {
			pair.To, err = a.domain.Named(request.To)
		}
		return pair, err
	}
	pair.From, pair.To, err = a.pairOf(request.From, request.To)
	if unknown, ok := fault.Of(err); ok && unknown.Code == api.IdentityUnknown {
		from, fromKnown := a.corrected(request.From)
		to, toKnown := a.corrected(request.To)
		stranger := request.From
		if fromKnown {
			stranger = request.To
		}
		if from != "" && to != "" && !(fromKnown && toKnown) {
			return pair, unknown.WithHint("signet %s %s %s      # or --anyway, before %s is enrolled", command, from, to, stranger)
		}
	}
	return pair, err
}

// corrected returns a name as it is if it is known, or the one that it may be
// for.
func (a *Authority) corrected(name string) (meant string, known bool) {
	if id, err := a.domain.Named(name); err == nil {
		if _, known := a.store.State().Identities[id]; known {
			return name, true
		}
	}
	return a.meant(name), false
}

// full reports whether the rules and groups leave no room for another.
func full(state *control.State) bool {
	return state.RuleCount() >= maxRules || sizeOf(rulesOf(state), groupsOf(state)) >= maxRuleText
}

// sizeOf counts the bytes of rules and groups, names included.
func sizeOf(rules []policy.Rule, groups []policy.Group) (size int) {
	for _, rule := range rules {
		size += len(rule.Name) + len(rule.Text)
	}
	for _, group := range groups {
		size += len(group.Name)
		for _, member := range group.Members {
			size += len(member.String()) + len(`"",`)
		}
	}
	return size
}

// amendment is a change of rules and groups in the making.
type amendment struct {
	change  api.Change
	because string
	dry     bool
	small   bool // one rule whose text is ours: it stands by itself
	stage   func(tx *control.Tx, change *api.Change) error
}

// errDry ends a change that was only to be looked at.
var errDry = errors.New("nothing is written")

// amend makes the change, or says what it would do.
func (a *Authority) amend(r *http.Request, m amendment) (any, error) {
	if err := checkReason(m.because); err != nil {
		return nil, err
	}
	since, change := a.now(), m.change
	var before *control.State
	var next *policy.Set
	state, err := a.store.Change(r.Context(), func(tx *control.Tx) error {
		tx.By, tx.Because, change = caller(r), m.because, m.change
		if err := m.stage(tx, &change); err != nil {
			return err
		}
		act := tx.Act()
		change.Edits, change.Unchanged = editsOf(act), len(act.Rules)+len(act.Groups) == 0
		if m.small && !m.dry {
			return nil
		}
		rules, groups := amended(tx.State, act)
		if len(rules) > maxRules || sizeOf(rules, groups) > maxRuleText {
			return fault.New(PolicyFull, "the policy would have %d rules of %d bytes, groups included", len(rules), sizeOf(rules, groups)).
				WithHint("replace rules for single pairs by one rule for many")
		}
		var err error
		if next, err = a.compile(rules, groups); err != nil {
			return err
		}
		if before = tx.State; m.dry {
			return errDry
		}
		return nil
	})
	if errors.Is(err, errDry) {
		change.Revision = before.Revision
		change.Would, err = a.foresee(r.Context(), before, next)
		return change, err
	}
	if err != nil {
		return nil, err
	}
	change.Revision = state.Revision
	for _, id := range []spiffeid.ID{change.From, change.To} {
		if _, revoked := state.Revocations[id]; revoked && !slices.Contains(change.Revoked, id) {
			change.Revoked = append(change.Revoked, id)
		}
	}
	return a.finish(r, change, api.Event{From: change.From, To: change.To, Rule: change.Rule, Because: m.because}, since)
}

// editsOf lists what a change does, rules first.
func editsOf(act control.Act) (edits []api.Edit) {
	for _, e := range act.Rules {
		edits = append(edits, editOf("rule", e, func(r control.Rule) string { return r.Name }))
	}
	for _, e := range act.Groups {
		edits = append(edits, editOf("group", e, func(g control.Group) string { return g.Name }))
	}
	return edits
}

func editOf[V any](what string, e control.Edited[V], name func(V) string) api.Edit {
	switch {
	case e.Before == nil:
		return api.Edit{What: what, Name: name(*e.After), How: "added"}
	case e.After == nil:
		return api.Edit{What: what, Name: name(*e.Before), How: "removed"}
	}
	return api.Edit{What: what, Name: name(*e.After), How: "changed"}
}
