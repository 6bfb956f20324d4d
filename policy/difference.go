package policy

import (
	"slices"
	"strings"

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
	d.moved(earlier.hierarchy, s.hierarchy)
	d.moved(s.hierarchy, earlier.hierarchy)
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

// moved notes who left a group.
func (d *Difference) moved(before, after hierarchy) {
	for name, members := range before.groups {
		stayed := after.groups[name]
		if slices.Equal(members, stayed) {
			continue
		}
		for _, member := range members {
			if _, both := slices.BinarySearchFunc(stayed, member, compareIDs); !both {
				d.from[member], d.to[member] = true, true
			}
		}
	}
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
func (d *Difference) Touches(p Pair) bool { return d.everybody || d.from[p.From] || d.to[p.To] }

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
