package policy

import (
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"
)

// narrowed returns a policy whose scope says what its first conditions demand of who
// connects and to whom, too: "when { principal == … }" is found as quickly as a scope,
// and is about as few. It holds, and fails, for the same requests: such a demand cannot
// fail, nor can one on the time, so that they may stand in any order.
func narrowed(tree *ast.Policy) *ast.Policy {
	narrow := *tree
	narrow.Conditions = nil
	begins := true // what was before cannot fail
	for _, condition := range tree.Conditions {
		for _, part := range conjuncts(condition) {
			begins = begins && condition.Condition == syntax.ConditionWhen
			if begins && demand(&narrow, part) {
				continue
			}
			_, isTime := momentOf(part)
			begins = begins && isTime
			narrow.Conditions = append(narrow.Conditions, syntax.ConditionType{Condition: condition.Condition, Body: part})
		}
	}
	return &narrow
}

// demand puts principal == Identity::"…", or in Group::"…", or the same of the resource,
// into a scope that names nobody yet.
func demand(of *ast.Policy, node syntax.IsNode) bool {
	var sides syntax.BinaryNode
	equals, isEquals := node.(syntax.NodeTypeEquals)
	in, isIn := node.(syntax.NodeTypeIn)
	switch {
	case isEquals:
		sides = equals.BinaryNode
	case isIn:
		sides = in.BinaryNode
	default:
		return false
	}
	value, ok := sides.Right.(syntax.NodeValue)
	if !ok || !isEnd(sides.Left) {
		return false
	}
	entity, ok := value.Value.(cedar.EntityUID)
	if !ok {
		return false
	}
	_, anyFrom := of.Principal.(syntax.ScopeTypeAll)
	_, anyTo := of.Resource.(syntax.ScopeTypeAll)
	from := sides.Left.(syntax.NodeTypeVariable).Name == "principal"
	var scope interface {
		syntax.IsPrincipalScopeNode
		syntax.IsResourceScopeNode
	} = syntax.ScopeTypeIn{Entity: entity}
	if isEquals {
		scope = syntax.ScopeTypeEq{Entity: entity}
	}
	switch {
	case from && anyFrom:
		of.Principal = scope
	case !from && anyTo:
		of.Resource = scope
	default:
		return false
	}
	return true
}
