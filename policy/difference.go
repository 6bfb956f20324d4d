package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/signet-tls/signet/spiffeid"
)

// Difference is what two sets do not have in common: which decisions it can
// touch is known without making them.
type Difference struct {
	everybody bool
	from, to  map[spiffeid.ID]bool
}

// Since returns the difference between an earlier set and s.
func (s *Set) Since(earlier *Set) *Difference {
	d := &Difference{from: map[spiffeid.ID]bool{}, to: map[spiffeid.ID]bool{}}
	gone, come := apart(earlier.rules, s.rules)
	for _, r := range gone {
		d.add(r, earlier.hierarchy)
	}
	for _, r := range come {
		d.add(r, s.hierarchy)
	}
	left, came := d.moved(earlier.hierarchy, s.hierarchy), d.moved(s.hierarchy, earlier.hierarchy)
	if left || came {
		for _, r := range s.rules {
			if r.elsewhere {
				d.add(r, earlier.hierarchy)
				d.add(r, s.hierarchy)
			}
		}
	}
	return d
}

// add notes whom a rule is about, by the end of its scope that has fewer.
func (d *Difference) add(r *rule, h hierarchy) {
	from, anyFrom := h.members(r.tree.Principal)
	to, anyTo := h.members(r.tree.Resource)
	switch {
	case anyFrom && anyTo:
		d.everybody = true
	case anyTo || !anyFrom && len(from) <= len(to):
		note(d.from, from)
	default:
		note(d.to, to)
	}
}

// moved notes who left a group, and reports whether somebody did.
func (d *Difference) moved(before, after hierarchy) (any bool) {
	for name, members := range before.groups {
		stayed := after.groups[name]
		if slices.Equal(members, stayed) {
			continue
		}
		for _, member := range members {
			if _, both := slices.BinarySearchFunc(stayed, member, compareIDs); !both {
				d.from[member], d.to[member], any = true, true, true
			}
		}
	}
	return any
}

// looksElsewhere reports whether a rule asks for the groups of others than the two
// ends: who moves in or out of one then changes decisions that are not about them.
func looksElsewhere(tree *ast.Policy) (elsewhere bool) {
	for _, condition := range tree.Conditions {
		syntax.Inspect(syntax.NewNode(condition.Body), func(n syntax.IsNode) bool {
			switch n := n.(type) {
			case syntax.NodeTypeIn:
				elsewhere = elsewhere || !isEnd(n.Left)
			case syntax.NodeTypeIsIn:
				elsewhere = elsewhere || !isEnd(n.Left)
			}
			return !elsewhere
		})
	}
	return elsewhere
}

// isEnd reports whether an expression is one of the two ends of a request.
func isEnd(node syntax.IsNode) bool {
	variable, ok := node.(syntax.NodeTypeVariable)
	return ok && (variable.Name == "principal" || variable.Name == "resource")
}

func note(whom map[spiffeid.ID]bool, ids []spiffeid.ID) {
	for _, id := range ids {
		whom[id] = true
	}
}

// members lists whom a scope can match, unless it is everybody.
func (h hierarchy) members(scope syntax.IsScopeNode) (ids []spiffeid.ID, everybody bool) {
	_, entities := namesOfScope(scope)
	if len(entities) == 0 {
		return nil, true
	}
	if entities[0].Type == groupType {
		return h.groups[string(entities[0].ID)], false
	}
	id, _ := spiffeid.Parse(string(entities[0].ID)) // was parsed when the rule was
	return []spiffeid.ID{id}, false
}

// Touches reports whether the decision on a pair can be another than before.
func (d *Difference) Touches(p Pair) bool {
	return d.everybody || d.from[p.From] || d.to[p.To]
}

// apart returns the rules that only one of two lists has, which are in the order
// of names.
func apart(a, b []*rule) (onlyA, onlyB []*rule) {
	for len(a) > 0 || len(b) > 0 {
		order := 0
		switch {
		case len(a) == 0:
			order = 1
		case len(b) == 0:
			order = -1
		default:
			order = strings.Compare(a[0].Name, b[0].Name)
		}
		if order == 0 && a[0].Text == b[0].Text {
			a, b = a[1:], b[1:]
			continue
		}
		if order <= 0 {
			onlyA, a = append(onlyA, a[0]), a[1:]
		}
		if order >= 0 {
			onlyB, b = append(onlyB, b[0]), b[1:]
		}
	}
	return onlyA, onlyB
}
