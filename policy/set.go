package policy

import (
	"iter"
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/signet-tls/signet/fault"
)

// Bounds of a Set. The number of tokens bounds how deep a rule can nest, and so
// the stack that parsing and evaluating it needs; the number of nodes bounds the
// time.
const (
	maxRules      = 20_000
	maxBytes      = 16 << 20 // of all texts together
	maxRuleBytes  = 16 << 10
	maxRuleTokens = 4096
	maxRuleNodes  = 16_384 // expressions after parsing
	maxNameBytes  = 4200   // two SPIFFE IDs of 2,048 bytes and a verb
)

// Set is an immutable set of rules, safe for concurrent use. Its zero value has
// no rule and denies everything.
type Set struct{ policies policies }

// policies are ordered by name, so that Cedar reports reasons in this order.
type policies []policy

type policy struct {
	name  string
	cedar *cedar.Policy
}

// All implements cedar.PolicyIterator.
func (ps policies) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, p := range ps {
			if !yield(cedar.PolicyID(p.name), p.cedar) {
				return
			}
		}
	}
}

// New parses rules. It refuses the whole set if one rule is not exactly one
// Cedar policy, names an entity that cannot exist, or shares its name with
// another, or if a bound is exceeded: a set with a rule missing could let
// somebody in. The error's Detail is a Position where a rule is at fault.
func New(rules []Rule) (*Set, error) {
	if err := checkSize(rules); err != nil {
		return nil, err
	}
	ps := make(policies, 0, len(rules))
	for _, r := range rules {
		parsed, err := parse(r)
		if err != nil {
			return nil, err
		}
		ps = append(ps, policy{r.Name, parsed})
	}
	slices.SortFunc(ps, func(a, b policy) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(ps); i++ {
		if ps[i].name == ps[i-1].name {
			return nil, fault.New(DuplicateRule, "two rules are called %s", ps[i].name).
				WithHint("rename or remove one of them").
				WithDetail(Position{Rule: ps[i].name})
		}
	}
	return &Set{ps}, nil
}

// checkSize holds the set as a whole to its bounds.
func checkSize(rules []Rule) error {
	if len(rules) > maxRules {
		return fault.New(TooLarge, "the policy has %d rules, the most is %d", len(rules), maxRules).
			WithHint("remove rules that nobody needs")
	}
	total := 0
	for _, r := range rules {
		total += len(r.Text)
	}
	if total > maxBytes {
		return fault.New(TooLarge, "the policy has %d bytes, the most is %d", total, maxBytes).
			WithHint("remove rules that nobody needs")
	}
	return nil
}

// Decide says whether p.From may connect to p.To, and which rules decided it.
func (s *Set) Decide(p Pair) Decision {
	d := Decision{Pair: p, Code: NoRule}
	if p.From.IsZero() || p.To.IsZero() {
		return d // nobody may do nothing, not even by a rule for everybody
	}
	verdict, diagnostic := cedar.Authorize(s.policies, nil, cedar.Request{
		Principal: cedar.NewEntityUID(identityType, cedar.String(p.From.String())),
		Action:    connect,
		Resource:  cedar.NewEntityUID(serviceType, cedar.String(p.To.String())),
	})
	if len(diagnostic.Errors) > 0 {
		d.Code, d.Cause = RuleFailed, clean(diagnostic.Errors[0].Message)
		for _, e := range diagnostic.Errors {
			d.Rules = append(d.Rules, string(e.PolicyID))
		}
		return d
	}
	for _, r := range diagnostic.Reasons {
		d.Rules = append(d.Rules, string(r.PolicyID))
	}
	switch {
	case verdict == cedar.Allow:
		d.Allowed, d.Code = true, ""
	case len(d.Rules) > 0:
		d.Code = DeniedByRule
	}
	return d
}
