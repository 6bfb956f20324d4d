package policy

import (
	"fmt"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/signet-tls/signet/spiffeid"
)

// The entity types of the package comment.
const (
	identityType cedar.EntityType = "Identity"
	actionType   cedar.EntityType = "Action"
	serviceType  cedar.EntityType = "Service"
	groupType    cedar.EntityType = "Group"
)

var connect = cedar.NewEntityUID(actionType, "connect")

// misnomer is a name in a rule that can never match anything: in a forbid it
// would silently leave open what somebody meant to close.
type misnomer struct {
	name    string // as the rule spells it
	problem string
}

// checkEntities returns the first misnomer of a policy, or nil.
func checkEntities(tree *ast.Policy) *misnomer {
	for _, scope := range []struct {
		variable string
		node     syntax.IsScopeNode
		want     cedar.EntityType
	}{
		{"principal", tree.Principal, identityType},
		{"action", tree.Action, actionType},
		{"resource", tree.Resource, serviceType},
	} {
		types, entities := namesOfScope(scope.node)
		if _, list := scope.node.(syntax.ScopeTypeInSet); list && len(entities) == 0 {
			return &misnomer{"[]", "has no action in it, so that the rule would never match"}
		}
		for _, t := range types {
			if bad := checkType(t); bad != nil {
				return bad
			}
			if t != scope.want {
				return &misnomer{string(t), fmt.Sprintf("is never the type of the %s, which is %s", scope.variable, scope.want)}
			}
		}
		for _, e := range entities {
			if bad := checkEntity(e); bad != nil {
				return bad
			}
			if e.Type != scope.want && !(e.Type == groupType && scope.want != actionType && isIn(scope.node)) {
				return &misnomer{e.String(), fmt.Sprintf("is never the %s, whose type is %s", scope.variable, scope.want)}
			}
		}
	}
	for _, condition := range tree.Conditions {
		if bad := checkExpression(condition.Body); bad != nil {
			return bad
		}
	}
	return nil
}

// isIn reports whether a scope asks for members.
func isIn(scope syntax.IsScopeNode) bool {
	switch scope.(type) {
	case syntax.ScopeTypeIn, syntax.ScopeTypeIsIn:
		return true
	}
	return false
}

// namesOfScope returns the entity types and entities that a scope names.
func namesOfScope(scope syntax.IsScopeNode) ([]cedar.EntityType, []cedar.EntityUID) {
	switch s := scope.(type) {
	case syntax.ScopeTypeEq:
		return nil, []cedar.EntityUID{s.Entity}
	case syntax.ScopeTypeIn:
		return nil, []cedar.EntityUID{s.Entity}
	case syntax.ScopeTypeInSet:
		return nil, s.Entities
	case syntax.ScopeTypeIs:
		return []cedar.EntityType{s.Type}, nil
	case syntax.ScopeTypeIsIn:
		return []cedar.EntityType{s.Type}, []cedar.EntityUID{s.Entity}
	default: // syntax.ScopeTypeAll
		return nil, nil
	}
}

// groupsIn lists the groups that a policy names.
func groupsIn(tree *ast.Policy) (names []string) {
	add := func(e cedar.EntityUID) {
		if e.Type == groupType {
			names = append(names, string(e.ID))
		}
	}
	for _, scope := range []syntax.IsScopeNode{tree.Principal, tree.Resource} {
		_, entities := namesOfScope(scope)
		for _, e := range entities {
			add(e)
		}
	}
	for _, condition := range tree.Conditions {
		syntax.Inspect(syntax.NewNode(condition.Body), func(n syntax.IsNode) bool {
			if value, ok := n.(syntax.NodeValue); ok {
				if e, ok := value.Value.(cedar.EntityUID); ok {
					add(e)
				}
			}
			return true
		})
	}
	return names
}

// checkExpression returns the first misnomer of a condition, or nil.
func checkExpression(body syntax.IsNode) (bad *misnomer) {
	syntax.Inspect(syntax.NewNode(body), func(n syntax.IsNode) bool {
		if bad != nil {
			return false
		}
		switch n := n.(type) {
		case syntax.NodeTypeIs:
			bad = checkType(n.EntityType)
		case syntax.NodeTypeIsIn:
			bad = checkType(n.EntityType)
		case syntax.NodeValue:
			if entity, ok := n.Value.(cedar.EntityUID); ok {
				bad = checkEntity(entity)
			}
		}
		return bad == nil
	})
	return bad
}

func checkType(t cedar.EntityType) *misnomer {
	switch t {
	case identityType, actionType, serviceType, groupType:
		return nil
	}
	return &misnomer{string(t), "is not an entity type; there are Identity, Action, Service and Group"}
}

// checkEntity also holds the entity's own name to what can occur.
func checkEntity(e cedar.EntityUID) *misnomer {
	if bad := checkType(e.Type); bad != nil {
		return bad
	}
	if e.Type == actionType {
		if e != connect {
			return &misnomer{e.String(), `is not an action; there is Action::"connect"`}
		}
		return nil
	}
	if e.Type == groupType {
		if !isGroupName(string(e.ID)) {
			return &misnomer{e.String(), "is no group's name: letters, digits and - . _"}
		}
		return nil
	}
	if _, err := spiffeid.Parse(string(e.ID)); err != nil {
		return &misnomer{e.String(), fmt.Sprintf(`has no SPIFFE ID; write %s::"spiffe://<trust domain>/<path>"`, e.Type)}
	}
	return nil
}
