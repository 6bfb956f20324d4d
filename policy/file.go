package policy

import (
	"fmt"
	"strconv"
	"strings"
	"text/scanner"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// A policy as a file is Cedar, each rule with its name as @id("…"), and a
// statement for each group, whose members are names of the trust domain or whole
// SPIFFE IDs:
//
//	group "ops" = ["ann", "team/bob"];
//
//	@id("ops-anywhere")
//	permit (principal in Group::"ops", action, resource);

// File is a policy as it was written.
type File struct {
	Rules  []Rule
	Groups []Group

	begins map[string]token // with which a rule begins, by its name
}

// maxFileBytes bounds a file: as the rules in it, with room for comments.
const maxFileBytes = 2 * maxBytes

// ParseFile splits a file into its statements. Whether the rules are valid says
// Set. The error's Detail is a Position in the file.
func ParseFile(text string, domain spiffeid.TrustDomain) (*File, error) {
	if len(text) > maxFileBytes {
		return nil, fault.New(TooLarge, "the policy has %d bytes, the most is %d", len(text), maxFileBytes).WithHint("split it, or remove comments")
	}
	if !utf8.ValidString(text) {
		return nil, fault.New(InvalidRule, "the policy is no text in UTF-8").WithHint("save it as UTF-8")
	}
	f := &File{begins: map[string]token{}}
	s := newScanner(text)
	var statement []token
	for kind := s.Scan(); kind != scanner.EOF; kind = s.Scan() {
		word := s.TokenText()
		statement = append(statement, token{word, s.Position.Line, s.Position.Column, s.Position.Offset + len(word)})
		if word != ";" {
			continue
		}
		if err := f.add(text, statement, domain); err != nil {
			return nil, err
		}
		statement = statement[:0]
	}
	if len(statement) > 0 {
		return nil, fileFault(statement[0], "this statement does not end: a semicolon is missing")
	}
	return f, nil
}

// Line returns the line on which a rule begins, or 0 if there is none of that name.
func (f *File) Line(rule string) int { return f.begins[rule].line }

// add takes one statement in.
func (f *File) add(text string, statement []token, domain spiffeid.TrustDomain) error {
	first := statement[0]
	if first.text == "group" {
		group, err := parseGroup(statement, domain)
		if err == nil {
			f.Groups = append(f.Groups, group)
		}
		return err
	}
	name := nameOf(statement)
	if name == "" {
		return fileFault(first, `this rule has no name: write @id("…") before it`)
	}
	if _, twice := f.begins[name]; twice {
		return fileFault(first, "two rules are called %s", clean(name))
	}
	f.begins[name] = first
	begin := first.end - len(first.text)
	f.Rules = append(f.Rules, Rule{name, text[begin:statement[len(statement)-1].end] + "\n"})
	return nil
}

// nameOf returns what @id("…") before permit or forbid says, or "".
func nameOf(statement []token) string {
	for i := 0; i+4 < len(statement); i++ {
		t := statement[i:]
		if t[0].text == "permit" || t[0].text == "forbid" {
			return ""
		}
		if t[0].text == "@" && t[1].text == "id" && t[2].text == "(" && t[4].text == ")" {
			name, _ := strconv.Unquote(t[3].text)
			return name
		}
	}
	return ""
}

// parseGroup reads group "ops" = ["ann", "team/bob"];
func parseGroup(statement []token, domain spiffeid.TrustDomain) (g Group, err error) {
	rest := statement[1:]
	next := func(want string) bool {
		if len(rest) == 0 || rest[0].text != want {
			return false
		}
		rest = rest[1:]
		return true
	}
	quoted := func() (text string, ok bool) {
		if len(rest) == 0 || !strings.HasPrefix(rest[0].text, `"`) {
			return "", false
		}
		text, err := strconv.Unquote(rest[0].text)
		rest = rest[1:]
		return text, err == nil
	}
	wrong := func() error { return fileFault(rest[0], `a group is written group "NAME" = ["MEMBER", …];`) }
	var ok bool
	if g.Name, ok = quoted(); !ok || !next("=") || !next("[") {
		return g, wrong()
	}
	for !next("]") {
		at := rest[0]
		name, ok := quoted()
		if !ok {
			return g, wrong()
		}
		member, err := memberOf(name, domain)
		if err != nil {
			return g, fileFault(at, "%q is no member: %s", clean(name), clean(fault.Text(err)))
		}
		g.Members = append(g.Members, member)
		if !next(",") && (len(rest) == 0 || rest[0].text != "]") {
			return g, wrong()
		}
	}
	if !next(";") {
		return g, wrong()
	}
	return g, nil
}

func memberOf(name string, domain spiffeid.TrustDomain) (spiffeid.ID, error) {
	if strings.HasPrefix(name, "spiffe://") {
		return spiffeid.Parse(name)
	}
	return domain.ID(name)
}

func fileFault(at token, format string, args ...any) *fault.Error {
	return fault.New(InvalidRule, "line %d, column %d: %s", at.line, at.column, fmt.Sprintf(format, args...)).
		WithHint("correct line %d", at.line).WithDetail(Position{Line: at.line, Column: at.column})
}

// Set compiles the file's rules and groups. An error's Position is one in the
// file.
func (f *File) Set() (*Set, error) {
	set, err := New(f.Rules, f.Groups...)
	refused, ok := fault.Of(err)
	if !ok {
		return set, err
	}
	at, ok := refused.Detail.(Position)
	if !ok || at.Line == 0 {
		return nil, err
	}
	inFile := at
	if at.Line == 1 {
		inFile.Column += f.begins[at.Rule].column - 1
	}
	inFile.Line += f.begins[at.Rule].line - 1
	rest := strings.TrimPrefix(refused.Message, at.String())
	return nil, fault.New(refused.Code, "%s%s", inFile, rest).WithHint("%s", refused.Hint).WithDetail(inFile)
}

// Write writes rules and groups as a file, with a remark of one line above each
// statement where there is one.
func (f *File) Write(domain spiffeid.TrustDomain, remark func(what, name string) string) string {
	var b strings.Builder
	note := func(what, name string) {
		if text := remark(what, name); text != "" {
			b.WriteString("// " + clean(text) + "\n")
		}
	}
	for _, g := range f.Groups {
		note("group", g.Name)
		members := make([]string, len(g.Members))
		for i, member := range g.Members {
			members[i] = strconv.Quote(member.Short(domain))
		}
		fmt.Fprintf(&b, "group %q = [%s];\n\n", g.Name, strings.Join(members, ", "))
	}
	for i, r := range f.Rules {
		if i > 0 {
			b.WriteString("\n")
		}
		note("rule", r.Name)
		text := r.Text
		if nameOf(scan(text)) == "" {
			text = fmt.Sprintf("@id(%q)\n%s", r.Name, text)
		}
		b.WriteString(strings.TrimRight(text, "\n") + "\n")
	}
	return b.String()
}
