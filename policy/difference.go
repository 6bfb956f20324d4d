package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go/ast"

	"github.com/signet-tls/signet/spiffeid"
)

// Difference is what two sets do not have in common: which decisions it can
// touch is known without making them.
type Difference struct {
	before, after side
	moved         map[spiffeid.ID]bool // who joined or left a group
}

// side is the rules that only one of the sets has, and that set's groups.
type side struct {
	index *index
	hierarchy
}

// Since returns the difference between an earlier set and s.
func (s *Set) Since(earlier *Set) *Difference {
	gone, come := apart(earlier.rules, s.rules)
	return &Difference{
		before: side{newIndex(gone), earlier.hierarchy},
		after:  side{newIndex(come), s.hierarchy},
		moved:  moved(earlier.hierarchy, s.hierarchy),
	}
}

// apart returns the rules that only one of two lists has, which are in the order
// of names.
func apart(a, b []*rule) (onlyA, onlyB []*ast.Policy) {
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
			onlyA, a = append(onlyA, a[0].tree), a[1:]
		}
		if order >= 0 {
			onlyB, b = append(onlyB, b[0].tree), b[1:]
		}
	}
	return onlyA, onlyB
}

// moved returns who is a member of a group in one hierarchy alone.
func moved(a, b hierarchy) map[spiffeid.ID]bool {
	moved := map[spiffeid.ID]bool{}
	note := func(these, those hierarchy) {
		for name, members := range these.groups {
			others := those.groups[name]
			if slices.Equal(members, others) {
				continue
			}
			for _, member := range members {
				if _, both := slices.BinarySearchFunc(others, member, compareIDs); !both {
					moved[member] = true
				}
			}
		}
	}
	note(a, b)
	note(b, a)
	return moved
}

// Touches reports whether the decision on a pair can be another than before.
func (d *Difference) Touches(p Pair) bool {
	return d.moved[p.From] || d.moved[p.To] || d.before.names(p) || d.after.names(p)
}

// names reports whether the scope of one of the rules matches a pair.
func (s side) names(p Pair) bool {
	if len(s.index.scopes) == 0 {
		return false
	}
	r := request(p, time.Time{})
	return s.index.any(s.index.question(s.hierarchy, r.Principal, r.Resource))
}
