package policy

import (
	"slices"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	"github.com/cedar-policy/cedar-go/types"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"
)

// index finds the policies whose scope a request can match, over any entity
// types. What it leaves out Cedar would find not to match before it looks at a
// condition, so that such a policy is neither a reason nor an error.
type index struct {
	entities map[cedar.EntityUID]term
	types    map[cedar.EntityType]term
	scopes   map[scope][]int // positions of policies, ascending
	// permits are those that allow, by one end of their scope: where the other
	// end alone does not fit, one of them came near.
	permitsFrom, permitsTo map[term][]int
}

// term numbers what a scope can name for principal or resource: an entity (==
// and in), or a type (is). Its zero value is a scope that names nothing.
type term int32

// scope is where the index keeps a policy.
type scope struct{ principal, resource term }

// newIndex indexes policies by their positions.
func newIndex(trees []*ast.Policy) *index {
	x := &index{entities: make(map[cedar.EntityUID]term, len(trees)), types: map[cedar.EntityType]term{},
		scopes: make(map[scope][]int, len(trees)), permitsFrom: map[term][]int{}, permitsTo: map[term][]int{}}
	for i, tree := range trees {
		at := scope{x.number(tree.Principal), x.number(tree.Resource)}
		x.scopes[at] = append(x.scopes[at], i)
		if tree.Effect == syntax.EffectPermit {
			x.permitsFrom[at.principal] = append(x.permitsFrom[at.principal], i)
			x.permitsTo[at.resource] = append(x.permitsTo[at.resource], i)
		}
	}
	return x
}

// number returns the term of a scope, a new one where it is the first of it.
func (x *index) number(node syntax.IsScopeNode) term {
	next := term(len(x.entities) + len(x.types) + 1)
	kinds, entities := namesOfScope(node)
	switch {
	case len(entities) == 1: // of "is … in …" the entity chooses better
		return numbered(x.entities, entities[0], next)
	case len(kinds) == 1:
		return numbered(x.types, kinds[0], next)
	}
	return 0
}

func numbered[K comparable](numbers map[K]term, key K, next term) term {
	if n, ok := numbers[key]; ok {
		return n
	}
	numbers[key] = next
	return next
}

// terms lists those that an entity matches, the closest first: itself, its
// ancestors, its type, and none in particular.
func (x *index) terms(hierarchy types.EntityGetter, entity cedar.EntityUID) []term {
	found := make([]term, 0, 4)
	if n, ok := x.entities[entity]; ok {
		found = append(found, n)
	}
	found = x.ancestors(found, hierarchy, entity)
	if n, ok := x.types[entity.Type]; ok {
		found = append(found, n)
	}
	return append(found, 0)
}

// ancestors appends those above an entity that scopes name.
func (x *index) ancestors(to []term, hierarchy types.EntityGetter, entity cedar.EntityUID) []term {
	known, ok := hierarchy.Get(entity)
	if !ok || known.Parents.Len() == 0 {
		return to
	}
	seen := map[cedar.EntityUID]bool{entity: true}
	todo := slices.Collect(known.Parents.All())
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[next] {
			continue
		}
		seen[next] = true
		if n, ok := x.entities[next]; ok {
			to = append(to, n)
		}
		if above, ok := hierarchy.Get(next); ok {
			todo = slices.AppendSeq(todo, above.Parents.All())
		}
	}
	return to
}

// question is a request's two ends as terms.
type question struct{ principal, resource []term }

func (x *index) question(hierarchy types.EntityGetter, principal, resource cedar.EntityUID) question {
	return question{x.terms(hierarchy, principal), x.terms(hierarchy, resource)}
}

// candidates returns the positions of the policies whose scope the question can
// match, ascending. It belongs to the index where one list has them all.
func (x *index) candidates(q question) (found []int) {
	owned := false
	for _, principal := range q.principal {
		for _, resource := range q.resource {
			switch list := x.scopes[scope{principal, resource}]; {
			case len(list) == 0:
			case found == nil:
				found = list
			case !owned:
				found, owned = slices.Concat(found, list), true
			default:
				found = append(found, list...)
			}
		}
	}
	if owned {
		slices.Sort(found)
	}
	return found
}
