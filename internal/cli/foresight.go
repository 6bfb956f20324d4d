package cli

import (
	"strings"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// dryRun is the flag of changes of the policy.
type dryRun struct {
	DryRun bool `help:"Change nothing; say what would end and who would be let in."`
}

// mostEdits are listed of a change that made many.
const mostEdits = 10

// edits lists the first of a change's edits.
func (p *page) edits(all []api.Edit) {
	for _, e := range all[:min(len(all), mostEdits)] {
		p.fact(e.What, "%s %s", e.Name, e.How)
	}
	if rest := len(all) - mostEdits; rest > 0 {
		p.fact("and", "%d more", rest)
	}
}

// tally counts a change's rules and groups: "2 rules and 1 group".
func tally(all []api.Edit) string {
	rules, groups := 0, 0
	for _, e := range all {
		if e.What == "group" {
			groups++
		} else {
			rules++
		}
	}
	switch {
	case groups == 0:
		return count(rules, "rule", "rules")
	case rules == 0:
		return count(groups, "group", "groups")
	}
	return count(rules, "rule", "rules") + " and " + count(groups, "group", "groups")
}

// foresight writes what a change would do.
func (v view) foresight(c api.Change, said changed) string {
	var p page
	head := said.head + "."
	if c.Unchanged {
		head = said.head + ": it is so already."
	}
	p.line("%snothing was changed", gap(head, said.width))
	if said.rule != "" && !c.Unchanged {
		p.fact("rule", "%s", said.rule)
	}
	p.edits(said.edits)
	if len(c.NamedBy) > 0 {
		p.fact("named by", "%s", strings.Join(c.NamedBy, ", "))
	}
	would := c.Would
	if would.LetsIn > 0 {
		p.fact("lets in", "%s refused in the last hour would have passed", count(would.LetsIn, "attempt", "attempts"))
	}
	if len(would.Ends) > 0 {
		p.fact("ends", "%d: %s. %s", len(would.Ends), v.named(would.Ends), untouched(would.Stay))
	}
	if !c.Until.IsZero() {
		p.fact("ends", "at %s, whatever %s is still open", endOf(c.Until, time.Now(), v.zone), v.pair(c.From, c.To))
	}
	if c.From.IsZero() { // else it is the one pair that the answer is about
		v.flips(&p, would.Flips)
	}
	for _, missing := range would.Silent {
		p.fact("not asked", "%s did not say what is open there", v.proxy(missing.Proxy))
	}
	switch {
	case len(would.Flips)+len(would.Ends) > 0:
	case !c.Who.IsZero():
		p.fact("ends", "nothing that is open")
	default:
		p.fact("flips", "none of the connections that are open or recorded")
	}
	return p.String()
}

// flips lists the pairs that would be decided otherwise.
func (v view) flips(p *page, flips []api.Flip) {
	const most = 20
	for _, f := range flips[:min(len(flips), most)] {
		p.fact("flips", "%s: %s from then on (%s); %d open, %d recorded", v.pair(f.From, f.To), answerWord(f.Allowed), f.Reason, f.Live, f.Tries)
	}
	if rest := len(flips) - most; rest > 0 {
		p.fact("flips", "%d more pairs", rest)
	}
}
