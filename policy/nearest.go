package policy

import (
	"fmt"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/signet-tls/signet/spiffeid"
)

// Miss is a permit that would allow a pair but for one clause.
type Miss struct {
	Rule   string
	Clause string      // "from", "to", "now" or "when"
	Says   spiffeid.ID // whom "from" or "to" names, where it is one
	Group  string      // the group that "from" or "to" names, where it is one
	Until  time.Time   // for "now": it held until then, or
	Since  time.Time   // it holds from then on
}

// mostNear bounds how many permits are looked at for each clause.
const mostNear = 64

// nearest returns a permit that one clause alone keeps from allowing a request:
// its time or its condition, who connects, or to whom; nil if there is none.
func (s *Set) nearest(r cedar.Request, q question, candidates []int, at time.Time) *Miss {
	if miss := s.nearestInTime(r, candidates, at); miss != nil {
		return miss
	}
	for _, end := range []struct {
		clause  string
		permits map[term][]int
		terms   []term
	}{
		{"from", s.index.permitsTo, q.resource},
		{"to", s.index.permitsFrom, q.principal},
	} {
		looked := 0
		for _, t := range end.terms {
			for _, i := range end.permits[t] {
				if looked++; looked > mostNear {
					break
				}
				if rule := s.rules[i]; len(rule.against(at)) == 0 && rule.rest.holds(&s.hierarchy, r) {
					return rule.missOf(end.clause)
				}
			}
		}
	}
	return nil
}

// nearestInTime looks among the permits whose scope fits.
func (s *Set) nearestInTime(r cedar.Request, candidates []int, at time.Time) (miss *Miss) {
	looked := 0
	for _, i := range candidates {
		rule := s.rules[i]
		if rule.cedar.Effect() == cedar.Forbid {
			continue
		}
		if looked++; looked > mostNear {
			break
		}
		against := rule.against(at)
		switch {
		case len(against) == 0 && miss == nil:
			miss = &Miss{Rule: rule.Name, Clause: "when"}
		case len(against) == 1 && rule.ever(against[0]) && rule.rest.holds(&s.hierarchy, r):
			if against[0].until {
				return &Miss{Rule: rule.Name, Clause: "now", Until: against[0].at}
			}
			return &Miss{Rule: rule.Name, Clause: "now", Since: against[0].at}
		}
	}
	return miss
}

// ever reports whether a rule that a moment is against holds on its other side.
func (r *rule) ever(m moment) bool {
	at := m.at
	if m.until {
		at = at.Add(-time.Millisecond)
	}
	return len(r.against(at)) == 0
}

// against returns the rule's moments that keep it from holding.
func (r *rule) against(at time.Time) (against []moment) {
	for _, m := range r.moments {
		if m.against(at) {
			against = append(against, m)
		}
	}
	return against
}

// missOf describes a rule whose one end does not fit.
func (r *rule) missOf(clause string) *Miss {
	miss := &Miss{Rule: r.Name, Clause: clause}
	var end syntax.IsScopeNode = r.tree.Principal
	if clause == "to" {
		end = r.tree.Resource
	}
	_, entities := namesOfScope(end)
	for _, e := range entities {
		if e.Type == groupType {
			miss.Group = string(e.ID)
			continue
		}
		miss.Says, _ = spiffeid.Parse(string(e.ID)) // was parsed when the rule was
	}
	return miss
}

// rest is what a rule demands besides its scope and times; nil demands nothing.
type rest struct{ policy *cedar.Policy }

// restOf returns the rest of a rule.
func restOf(tree *ast.Policy) *rest {
	all := ast.Permit()
	for _, condition := range tree.Conditions {
		for _, part := range conjuncts(condition) {
			if _, isTime := momentOf(part); isTime {
				continue
			}
			all.Conditions = append(all.Conditions, syntax.ConditionType{Condition: condition.Condition, Body: part})
		}
	}
	if len(all.Conditions) == 0 {
		return nil
	}
	return &rest{cedar.NewPolicyFromAST(all)}
}

// holds reports whether a request meets the rest of a rule.
func (r *rest) holds(h *hierarchy, request cedar.Request) bool {
	if r == nil {
		return true
	}
	verdict, _ := cedar.Authorize(cedar.PolicyMap{"": r.policy}, h, request)
	return verdict == cedar.Allow
}

// Near says which permit came nearest, and what of it does not fit; "" if none
// came near.
func (d Decision) Near() string {
	m := d.Nearest
	if m == nil {
		return ""
	}
	from, to := d.Pair.short()
	who, says := from, m.Says.String()
	if m.Clause == "to" {
		who = to
	}
	if d.Pair.From.TrustDomain() == d.Pair.To.TrustDomain() {
		says = m.Says.Short(d.Pair.From.TrustDomain())
	}
	text := fmt.Sprintf("%s fits but for %q: ", m.Rule, m.Clause)
	switch {
	case !m.Until.IsZero():
		return text + "it held until " + m.Until.UTC().Format(time.RFC3339)
	case !m.Since.IsZero():
		return text + "it holds from " + m.Since.UTC().Format(time.RFC3339) + " on"
	case m.Group != "":
		return text + fmt.Sprintf("it says group %s, and %s is not in it", m.Group, who)
	case m.Clause == "when":
		return text + "its condition is not met"
	}
	return text + fmt.Sprintf("it says %s, this is %s", says, who)
}
