package policy

import (
	"slices"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"
)

// A rule may hold for a time: its condition compares context.now with a moment,
// so that a decision is known to hold until the next of its moments. Any other
// use of the context has no such deadline, and is refused.

// now is the one attribute that the context has.
const now = "now"

// moment is one comparison of context.now: the rule's truth can change there.
type moment struct {
	at    time.Time // the first millisecond at which the comparison turns out otherwise than before
	until bool      // the rule holds before it, else from it on
}

// against reports whether the moment keeps the rule from holding.
func (m moment) against(t time.Time) bool { return m.until == !t.Before(m.at) }

// momentsOf returns the moments of a rule; ok is false if it uses the context in
// another way than in the comparisons that stand for themselves, or are joined
// by &&, in a when.
func momentsOf(tree *ast.Policy) (moments []moment, ok bool) {
	for _, condition := range tree.Conditions {
		for _, part := range conjuncts(condition) {
			m, compares := momentOf(part)
			switch {
			case compares && condition.Condition == syntax.ConditionWhen:
				moments = append(moments, m)
			case usesContext(part):
				return nil, false
			}
		}
	}
	return moments, true
}

// conjuncts splits when { a && b && c }; an unless is one piece.
func conjuncts(condition syntax.ConditionType) (parts []syntax.IsNode) {
	todo := []syntax.IsNode{condition.Body}
	for len(todo) > 0 {
		part := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if and, ok := part.(syntax.NodeTypeAnd); ok && condition.Condition == syntax.ConditionWhen {
			todo = append(todo, and.Right, and.Left)
			continue
		}
		parts = append(parts, part)
	}
	return parts
}

// momentOf reads context.now < datetime("…"), or <=, > or >=.
func momentOf(node syntax.IsNode) (m moment, ok bool) {
	var sides syntax.BinaryNode
	next := time.Duration(0) // from the datetime to the first moment that is otherwise
	switch n := node.(type) {
	case syntax.NodeTypeLessThan:
		sides, m.until = n.BinaryNode, true
	case syntax.NodeTypeLessThanOrEqual:
		sides, m.until, next = n.BinaryNode, true, time.Millisecond
	case syntax.NodeTypeGreaterThan:
		sides, next = n.BinaryNode, time.Millisecond
	case syntax.NodeTypeGreaterThanOrEqual:
		sides = n.BinaryNode
	default:
		return m, false
	}
	attribute, ok := sides.Left.(syntax.NodeTypeAccess)
	if !ok || attribute.Value != now || !isContext(attribute.Arg) {
		return m, false
	}
	at, ok := datetimeOf(sides.Right)
	m.at = at.Add(next)
	return m, ok
}

// datetimeOf reads datetime("…").
func datetimeOf(node syntax.IsNode) (t time.Time, ok bool) {
	call, ok := node.(syntax.NodeTypeExtensionCall)
	if !ok || call.Name != "datetime" || len(call.Args) != 1 {
		return t, false
	}
	literal, ok := call.Args[0].(syntax.NodeValue)
	if !ok {
		return t, false
	}
	text, ok := literal.Value.(cedar.String)
	if !ok {
		return t, false
	}
	at, err := types.ParseDatetime(string(text))
	return at.Time(), err == nil
}

func isContext(node syntax.IsNode) bool {
	variable, ok := node.(syntax.NodeTypeVariable)
	return ok && variable.Name == "context"
}

func usesContext(body syntax.IsNode) (uses bool) {
	syntax.Inspect(syntax.NewNode(body), func(n syntax.IsNode) bool {
		uses = uses || isContext(n)
		return !uses
	})
	return uses
}

// next returns the first of a rule's moments after t, zero if there is none.
func next(moments []moment, t time.Time) (first time.Time) {
	for _, m := range moments {
		if m.at.After(t) {
			first = earlier(first, m.at)
		}
	}
	return first
}

// begins returns the moments from which on a rule can hold.
func begins(moments []moment) []moment {
	return slices.DeleteFunc(slices.Clone(moments), func(m moment) bool { return m.until })
}

// earlier returns the earlier of two times, of which the zero time is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// later is the same for the later one.
func later(a, b time.Time) time.Time {
	if a.IsZero() || b.IsZero() {
		return time.Time{}
	}
	if a.After(b) {
		return a
	}
	return b
}
