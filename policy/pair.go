package policy

import (
	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/signet-tls/signet/spiffeid"
)

// PairOf returns the one pair that the scope of a rule names, whatever its
// conditions say; ok is false if it names more, or the rule is not valid.
func PairOf(r Rule) (p Pair, ok bool) {
	var tree ast.Policy
	if len(r.Text) > maxRuleBytes || len(scan(r.Text)) > maxRuleTokens || tree.UnmarshalCedar([]byte(r.Text)) != nil {
		return p, false
	}
	from, one := tree.Principal.(syntax.ScopeTypeEq)
	to, other := tree.Resource.(syntax.ScopeTypeEq)
	if !one || !other {
		return p, false
	}
	var err error
	if p.From, err = spiffeid.Parse(string(from.Entity.ID)); err != nil {
		return p, false
	}
	if p.To, err = spiffeid.Parse(string(to.Entity.ID)); err != nil {
		return p, false
	}
	return p, true
}
