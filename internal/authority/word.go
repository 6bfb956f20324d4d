package authority

import (
	"fmt"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
)

// pairWord is an operator's word on a pair. For good, it is the only one from then on.
// For a time, it takes the place of an earlier one for a time; what holds for good
// stays, and is back when the time is over.
type pairWord struct {
	verdict verdict
	pair    control.Pair
	until   time.Time // zero: for good
	because string
}

func (w pairWord) stage(tx *control.Tx, change *api.Change, now time.Time) error {
	standing, stands := tx.State.Rules[w.pair]
	timed, isTimed := tx.State.TimedRules[w.pair]
	rule := w.verdict.write(policy.Pair(w.pair))
	if !w.until.IsZero() {
		rule = w.verdict.until(policy.Pair(w.pair), w.until)
	}
	rule = unique(rule, w.pair, tx.State)
	change.Rule = rule.Name
	live := isTimed && now.Before(timed.Until)
	if live {
		change.Replaced = timed.Name
	}
	if !stands && !isTimed && full(tx.State) {
		return fault.New(PolicyFull, "the policy has %d rules, and no room for another", tx.State.RuleCount()).
			WithHint("replace rules for single pairs by one rule for many")
	}
	if !w.until.IsZero() {
		if stands {
			change.Stays = standing.Name
			if err := w.beside(tx, standing); err != nil {
				if live { // and of the other kind, or nothing would stand against it
					return w.fleeting(timed)
				}
				return err
			}
		}
		w.put(tx, rule)
		return nil
	}
	if stands {
		change.Replaced = standing.Name
	}
	if isTimed {
		tx.DeleteTimedRule(w.pair)
	}
	if standing.Text == rule.Text {
		if change.Replaced = ""; live && timed.Name != rule.Name {
			change.Replaced = timed.Name
		}
		return nil
	}
	w.put(tx, rule)
	return nil
}

func (w pairWord) put(tx *control.Tx, rule policy.Rule) {
	tx.PutRule(control.Rule{Name: rule.Name, Text: rule.Text, From: w.pair.From, To: w.pair.To, By: tx.By, Because: w.because, Until: w.until})
}

// beside makes room for a word for a time where a rule stands for good. A forbid beats
// what stands; a permit does not, so that a forbid that stands holds from its end on.
func (w pairWord) beside(tx *control.Tx, standing control.Rule) error {
	pair, own := policy.Pair(w.pair), policy.Rule{Name: standing.Name, Text: standing.Text}
	verb := w.verdict.command
	switch {
	case isWord(own, w.verdict, pair):
		return fault.New(RuleForGood, "%s holds for good already: to %s it for a time would change nothing", standing.Name, verb).
			WithHint("signet %s %s      # first, if it is to end with that time; or leave it as it is", opposite(verb), w.names(tx.State))
	case verb == denies.command, isWord(own, allows, pair):
		return nil
	case !isWord(own, denies, pair):
		return fault.New(RuleForGood, "%s is a rule of its own for this pair, and may forbid what this would allow", standing.Name).
			WithHint("signet policy show      # then signet policy edit FILE")
	}
	later := policy.DenyFrom(pair, w.until)
	standing.Text = strings.Replace(later.Text, `"`+later.Name+`"`, `"`+standing.Name+`"`, 1)
	tx.PutRule(standing)
	return nil
}

// fleeting refuses a word that would only end one for a time, and not come to an end.
func (w pairWord) fleeting(timed control.Rule) error {
	return fault.New(RuleForGood, "%s holds until %s, and what it stands before is back then", timed.Name, timed.Until.UTC().Format(time.RFC3339)).
		WithHint("signet policy undo %d      # takes %s back now", timed.Revision, timed.Name)
}

// names are the two as a command line takes them.
func (w pairWord) names(state *control.State) string {
	return w.pair.From.Short(state.TrustDomain) + " " + w.pair.To.Short(state.TrustDomain)
}

func opposite(verb string) string {
	if verb == allows.command {
		return denies.command
	}
	return allows.command
}

// isWord reports whether a rule is a verdict on a pair for good, or from some time on,
// whatever it is called.
func isWord(rule policy.Rule, v verdict, pair policy.Pair) bool {
	word := v.write(pair)
	text := strings.Replace(rule.Text, `"`+rule.Name+`"`, `"`+word.Name+`"`, 1)
	begin, ours := strings.CutSuffix(word.Text, ";\n")
	return ours && (text == word.Text || strings.HasPrefix(text, begin+"\nwhen { context.now >= datetime("))
}

// unique gives a rule another name if another rule has it: the names of a/b and
// a.b are written alike.
func unique(rule policy.Rule, pair control.Pair, state *control.State) policy.Rule {
	taken := map[string]bool{}
	for old := range state.AllRules() {
		taken[old.Name] = taken[old.Name] || old.Pair() != pair
	}
	name := rule.Name
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", rule.Name, n)
	}
	return policy.Rule{Name: name, Text: strings.Replace(rule.Text, `"`+rule.Name+`"`, `"`+name+`"`, 1)}
}
