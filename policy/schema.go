package policy

import (
	"regexp"
	"strings"
	"sync"

	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

// schemaText says to Cedar's validator what the package comment says to people.
const schemaText = `
entity Group;
entity Identity in [Group];
entity Service in [Group];
action connect appliesTo { principal: Identity, resource: Service, context: { now: datetime } };
`

// validator holds rules to the schema, strictly; it is made once and never
// changes.
var validator = sync.OnceValue(func() *validate.Validator {
	var s schema.Schema
	if err := s.UnmarshalCedar([]byte(schemaText)); err != nil {
		panic(err)
	}
	resolved, err := s.Resolve()
	if err != nil {
		panic(err)
	}
	return validate.New(resolved)
})

// checkConditions holds the conditions of a rule to the schema: a rule that
// reads what does not exist, or compares values of two types, could only fail
// when it is asked.
func checkConditions(r Rule, tree *ast.Policy, tokens []token) error {
	start := Position{r.Name, tree.Position.Line, tree.Position.Column}
	if name := attributeOf(tree); name != "" {
		return ruleFault(UnknownAttribute, placeOfAttribute(tokens, name, start), "%q is not known: identities, services and groups have no attributes, and the context has now", clean(name))
	}
	if _, ok := momentsOf(tree); !ok {
		return ruleFault(TimeForm, placeOfContext(tokens, start), `the time can only be compared as in when { context.now < datetime("2027-01-31T12:00:00Z") }, with <, <=, > or >=, alone or joined by &&: so that it is known until when the rule holds`)
	}
	if err := validator().Policy("", (*syntax.Policy)(tree)); err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return ruleFault(InvalidType, placeOfType(tokens, err, start), "%s", clean(first))
	}
	return nil
}

// attributeOf returns the first attribute that a rule reads of something that
// does not have it, or "".
func attributeOf(tree *ast.Policy) (name string) {
	for _, condition := range tree.Conditions {
		syntax.Inspect(syntax.NewNode(condition.Body), func(n syntax.IsNode) bool {
			if name != "" {
				return false
			}
			switch n := n.(type) {
			case syntax.NodeTypeAccess:
				name = unknownOf(n.Arg, string(n.Value))
			case syntax.NodeTypeHas:
				name = unknownOf(n.Arg, string(n.Value))
			}
			return name == ""
		})
	}
	return name
}

// unknownOf returns the attribute if the request's part does not have it.
func unknownOf(of syntax.IsNode, attribute string) string {
	variable, ok := of.(syntax.NodeTypeVariable)
	if !ok || variable.Name == "context" && attribute == now {
		return ""
	}
	return attribute
}

func placeOfAttribute(tokens []token, name string, start Position) Position {
	for i, t := range tokens {
		if i > 0 && (t.text == name || t.text == `"`+name+`"`) && (tokens[i-1].text == "." || tokens[i-1].text == "has" || tokens[i-1].text == "[") {
			return Position{start.Rule, t.line, t.column}
		}
	}
	return start
}

// placeOfContext returns the first use of the context that is no comparison of
// the accepted form, as far as its words show.
func placeOfContext(tokens []token, start Position) Position {
	var first *token
	for i, t := range tokens {
		if t.text != "context" || i > 0 && tokens[i-1].text == "." {
			continue
		}
		if !comparesNow(tokens[i:]) {
			return Position{start.Rule, t.line, t.column}
		}
		if first == nil {
			first = &tokens[i]
		}
	}
	if first == nil {
		return start
	}
	return Position{start.Rule, first.line, first.column}
}

// comparesNow reports whether the words begin like context.now < datetime("…").
func comparesNow(tokens []token) bool {
	words := []string{"context", ".", now, "", "=", "datetime"}
	for i, t := range tokens {
		switch {
		case len(words) == 0:
			return true
		case words[0] == "" && (t.text == "<" || t.text == ">"):
		case i > 0 && words[0] == "=" && t.text == "datetime":
			return true
		case words[0] != t.text:
			return false
		}
		words = words[1:]
	}
	return false
}

// quoted is how Cedar's validator marks a name in its messages.
var quoted = regexp.MustCompile("`([^`]+)`")

// placeOfType returns the place of the first name in the validator's message
// that the rule has; its errors have no places.
func placeOfType(tokens []token, err error, start Position) Position {
	for _, m := range quoted.FindAllStringSubmatch(err.Error(), -1) {
		if at, ok := find(tokens, m[1]); ok {
			return Position{start.Rule, at.line, at.column}
		}
	}
	for i, t := range tokens { // else the first condition
		if t.text == "{" && i > 0 && (tokens[i-1].text == "when" || tokens[i-1].text == "unless") {
			return Position{start.Rule, tokens[i-1].line, tokens[i-1].column}
		}
	}
	return start
}
