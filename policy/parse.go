package policy

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/ast"
	syntax "github.com/cedar-policy/cedar-go/x/exp/ast"

	"github.com/signet-tls/signet/fault"
)

// Position is the Detail of an error about one rule.
type Position struct {
	Rule         string
	Line, Column int // from 1, the column in characters; 0 if the whole rule is meant
}

// String says where it is: "rule r1, line 2, column 7".
func (p Position) String() string {
	if p.Line == 0 {
		return "rule " + p.Rule
	}
	return "rule " + p.Rule + ", line " + strconv.Itoa(p.Line) + ", column " + strconv.Itoa(p.Column)
}

// parse reads one rule. Everything is bounded before
// Cedar compiles it.
func parse(r Rule) (*rule, error) {
	if err := checkName(r.Name); err != nil {
		return nil, err
	}
	tokens, err := tokensOf(r)
	if err != nil {
		return nil, err
	}
	var tree ast.Policy
	if err := tree.UnmarshalCedar([]byte(r.Text)); err != nil {
		at, ok := placeOf(err)
		if !ok {
			at = search(r.Text, tokens, err)
		}
		return nil, ruleFault(InvalidRule, at.in(r), "here or just before, not valid Cedar: %s", causeOf(err))
	}
	start := Position{r.Name, tree.Position.Line, tree.Position.Column}
	for _, a := range tree.Annotations {
		if a.Key == "id" && string(a.Value) != r.Name {
			return nil, ruleFault(InvalidRule, start, "its annotation says @id(%q), want @id(%q)", clean(string(a.Value)), r.Name)
		}
	}
	if !nodesWithin(&tree, maxRuleNodes) {
		return nil, ruleFault(TooLarge, start, "its conditions unfold to more than %d expressions", maxRuleNodes)
	}
	if bad := checkEntities(&tree); bad != nil {
		at, ok := find(tokens, bad.name)
		if !ok { // spelt with escapes
			return nil, ruleFault(UnknownEntity, start, "%s %s", clean(bad.name), bad.problem)
		}
		return nil, ruleFault(UnknownEntity, at.in(r), "%s %s", clean(bad.name), bad.problem)
	}
	if err := checkConditions(r, &tree, tokens); err != nil {
		return nil, err
	}
	narrow := narrowed(&tree)
	parsed := &rule{Rule: r, tree: narrow, groups: groupsIn(&tree), elsewhere: looksElsewhere(&tree), rest: restOf(narrow)}
	parsed.moments, _ = momentsOf(&tree)
	parsed.cedar = cedar.NewPolicyFromAST(&tree)
	return parsed, nil
}

// tokensOf splits a rule's text and makes sure that it is of a fair size, one
// policy and no template. Cedar would read the first policy and drop the rest;
// a semicolon ends a policy and stands nowhere else.
func tokensOf(r Rule) ([]token, error) {
	if len(r.Text) > maxRuleBytes {
		return nil, ruleFault(TooLarge, Position{Rule: r.Name}, "it has %d bytes, the most is %d", len(r.Text), maxRuleBytes)
	}
	tokens := scan(r.Text)
	if len(tokens) > maxRuleTokens {
		return nil, ruleFault(TooLarge, Position{Rule: r.Name}, "it has more than %d words and signs", maxRuleTokens)
	}
	if len(tokens) == 0 {
		return nil, ruleFault(InvalidRule, Position{Rule: r.Name}, "it is empty, a rule is one Cedar policy")
	}
	for i, next := range tokens[1:] {
		switch t := tokens[i]; {
		case t.text == ";":
			return nil, ruleFault(InvalidRule, next.in(r), "more follows the policy, a rule is one Cedar policy")
		case t.text == "?" && (next.text == "principal" || next.text == "resource"):
			return nil, ruleFault(InvalidRule, t.in(r), "?%s makes this a template, which Signet does not have; write an entity in its place", next.text)
		}
	}
	return tokens, nil
}

// nodesWithin reports whether the conditions have at most limit expressions. A
// short text can unfold to very many: in (x has a.b) Cedar writes x twice, and
// has tests nest.
func nodesWithin(tree *ast.Policy, limit int) bool {
	n := 0
	for _, condition := range tree.Conditions {
		syntax.Inspect(syntax.NewNode(condition.Body), func(syntax.IsNode) bool {
			n++
			return n <= limit
		})
	}
	return n <= limit
}

// checkName holds names to what is safe to print and to type.
func checkName(name string) error {
	if name == "" || len(name) > maxNameBytes {
		return fault.New(InvalidRule, "the name of a rule has 1 to %d bytes, %q has %d", maxNameBytes, clean(name), len(name)).
			WithHint("give the rule a name").WithDetail(Position{Rule: clean(name)})
	}
	for _, c := range name {
		if c > unicode.MaxASCII || !unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-._:@", c) {
			return fault.New(InvalidRule, "%q in the name %q of a rule is not a letter, a digit or one of - . _ : @", c, clean(name)).
				WithHint("rename the rule").WithDetail(Position{Rule: clean(name)})
		}
	}
	return nil
}

// ruleFault is an error about one rule, whose message begins with its place.
func ruleFault(code fault.Code, at Position, format string, args ...any) *fault.Error {
	return fault.New(code, "%s: "+format, append([]any{at}, args...)...).
		WithHint("correct rule %s", at.Rule).WithDetail(at)
}

// clean makes hostile text fit for one line of a message: at most 200
// characters, all of them printable.
func clean(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > 200 {
			b.WriteRune('…')
			break
		}
		if !unicode.IsPrint(r) {
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
	}
	return b.String()
}
