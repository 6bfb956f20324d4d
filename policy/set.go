package policy

import (
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"

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
	maxRuleNodes  = 4200 // expressions after parsing, as many as the tokens can make that do not unfold
	maxNameBytes  = 4200 // two SPIFFE IDs of 2,048 bytes and a verb
)

// Set is an immutable set of rules and groups, safe for concurrent use. Its zero
// value has no rule and denies everything.
type Set struct {
	rules []*rule // by name
	index *index  // of rules; nil in the zero value
	hierarchy
}

// rule is a Rule that was parsed. Sets share it.
type rule struct {
	Rule
	tree      *ast.Policy // narrowed
	cedar     *cedar.Policy
	moments   []moment
	rest      *rest
	groups    []string // that it names
	elsewhere bool     // it looks at groups of others than the two ends
}

// New parses rules and groups. It refuses the whole set if one rule is not
// exactly one Cedar policy, names an entity or attribute that cannot exist, uses
// the time so that no deadline follows, or shares its name with another, or if a
// bound is exceeded: a set with a rule missing could let somebody in. The error's
// Detail is a Position where a rule is at fault.
func New(rules []Rule, groups ...Group) (*Set, error) { return new(Set).Revise(rules, groups...) }

// Revise is New for a set that shares most of its rules with s: those are not
// parsed again.
func (s *Set) Revise(rules []Rule, groups ...Group) (*Set, error) {
	if err := checkSize(rules); err != nil {
		return nil, err
	}
	hierarchy, err := s.hierarchy, error(nil)
	if !hierarchy.has(groups) {
		if hierarchy, err = newHierarchy(groups); err != nil {
			return nil, err
		}
	}
	parsed := make([]*rule, 0, len(rules))
	for _, r := range rules {
		known := s.rule(r.Name)
		if known == nil || known.Text != r.Text {
			if known, err = parse(r); err != nil {
				return nil, err
			}
		}
		if err := hierarchy.check(known); err != nil {
			return nil, err
		}
		parsed = append(parsed, known)
	}
	slices.SortFunc(parsed, func(a, b *rule) int { return strings.Compare(a.Name, b.Name) })
	trees := make([]*ast.Policy, len(parsed))
	for i, r := range parsed {
		if i > 0 && parsed[i-1].Name == r.Name {
			return nil, fault.New(DuplicateRule, "two rules are called %s", r.Name).
				WithHint("rename or remove one of them").
				WithDetail(Position{Rule: r.Name})
		}
		trees[i] = r.tree
	}
	return &Set{rules: parsed, index: newIndex(trees), hierarchy: hierarchy}, nil
}

// rule finds a rule by its name, nil if there is none.
func (s *Set) rule(name string) *rule {
	i, ok := slices.BinarySearchFunc(s.rules, name, func(r *rule, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return nil
	}
	return s.rules[i]
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

// chosen are rules of a set by their positions. It implements
// cedar.PolicyIterator, in the order of names.
type chosen struct {
	rules     []*rule
	positions []int
}

// All implements cedar.PolicyIterator.
func (c chosen) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, i := range c.positions {
			if r := c.rules[i]; !yield(cedar.PolicyID(r.Name), r.cedar) {
				return
			}
		}
	}
}

// request is what Cedar is asked about a pair, but for the context.
func request(p Pair) cedar.Request {
	return cedar.Request{
		Principal: cedar.NewEntityUID(identityType, cedar.String(p.From.String())),
		Action:    connect,
		Resource:  cedar.NewEntityUID(serviceType, cedar.String(p.To.String())),
	}
}

// timed reports whether one of the rules uses the context; making one for those
// that do not would cost as much as deciding.
func (s *Set) timed(candidates []int) bool {
	return slices.ContainsFunc(candidates, func(i int) bool { return len(s.rules[i].moments) > 0 })
}

// Decide says whether p.From may connect to p.To at a time, which rules decided
// it, and until when that holds.
func (s *Set) Decide(p Pair, at time.Time) Decision {
	d := Decision{Pair: p, Code: NoRule}
	if p.From.IsZero() || p.To.IsZero() || s.index == nil {
		return d // nobody may do nothing, not even by a rule for everybody
	}
	r := request(p)
	q := s.index.question(&s.hierarchy, r.Principal, r.Resource)
	candidates := s.index.candidates(q)
	if s.timed(candidates) {
		r.Context = cedar.NewRecord(cedar.RecordMap{now: cedar.NewDatetime(at)})
	}
	verdict, diagnostic := cedar.Authorize(chosen{s.rules, candidates}, &s.hierarchy, r)
	if len(diagnostic.Errors) > 0 {
		d.Code, d.Cause = RuleFailed, clean(diagnostic.Errors[0].Message)
		for _, e := range diagnostic.Errors {
			d.Rules = append(d.Rules, string(e.PolicyID))
		}
		d.Until = s.until(candidates, nil, at)
		return d
	}
	for _, r := range diagnostic.Reasons {
		d.Rules = append(d.Rules, string(r.PolicyID))
	}
	switch {
	case verdict == cedar.Allow:
		d.Allowed, d.Code = true, ""
		d.Until = s.until(candidates, d.Rules, at)
		return d
	case len(d.Rules) > 0:
		d.Code = DeniedByRule
	default:
		d.Nearest = s.nearest(r, q, candidates, at)
	}
	d.Until = s.until(candidates, nil, at)
	return d
}

// until returns when a decision has to be made anew. One that denies: at the
// first moment of a rule that has a say in it. One that allows: when the last of
// the permits that hold ends, or before when another rule begins, unless that is
// a permit which cannot fail and so cannot deny.
func (s *Set) until(candidates []int, permits []string, at time.Time) (until time.Time) {
	last, holding := time.Time{}, 0
	for _, i := range candidates {
		r := s.rules[i]
		switch {
		case len(permits) == 0:
			until = earlier(until, next(r.moments, at))
		case holding < len(permits) && r.Name == permits[holding]: // both are in the order of names
			if holding++; holding == 1 {
				last = next(r.moments, at)
			} else {
				last = later(last, next(r.moments, at))
			}
		case r.cedar.Effect() == cedar.Forbid || r.rest != nil:
			until = earlier(until, next(begins(r.moments), at))
		}
	}
	return earlier(until, last)
}
