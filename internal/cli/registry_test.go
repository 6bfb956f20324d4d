package cli

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
)

var update = flag.Bool("update", false, "rewrite golden files")

const module = "../.."

func TestRegistryHasEachCodeOnce(t *testing.T) {
	form := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	seen := map[fault.Code]bool{}
	for _, entry := range registry() {
		if seen[entry.Code] {
			t.Errorf("%s is in two tables", entry.Code)
		}
		seen[entry.Code] = true
		if !form.MatchString(string(entry.Code)) {
			t.Errorf("%q is not in snake_case", entry.Code)
		}
		if entry.Meaning == "" || entry.Cause == "" || entry.Next == "" {
			t.Errorf("%s lacks a meaning, a cause or a next step", entry.Code)
		}
		if connectionID.MatchString(string(entry.Code)) {
			t.Errorf("%s reads like the ID of a connection", entry.Code)
		}
	}
}

// source is what the module's own code says.
type source struct {
	codes    []found // constants of type fault.Code
	literals []found // codes of errors that are made without a constant
	texts    []found // every string
}

type found struct {
	text string
	at   token.Position
}

func TestRegistryHasEveryCode(t *testing.T) {
	known := map[string]bool{}
	for _, entry := range registry() {
		known[string(entry.Code)] = true
	}
	module := scan(t)
	if len(module.codes) < len(known) {
		t.Errorf("found %d constants for %d codes: the search misses some", len(module.codes), len(known))
	}
	for _, code := range module.codes {
		if !known[code.text] {
			t.Errorf("%s: %s is in no package's table, or its table is not in the registry", code.at, code.text)
		}
	}
	for _, code := range module.literals {
		t.Errorf("%s: an error is made with the literal code %s; use a constant that is in the package's table", code.at, code.text)
	}
}

// ours matches a command or flag of ours in a text.
var ours = regexp.MustCompile(`\bsignet ([a-z]+)|(?:^|[ ("])(--[a-z][a-z-]*)`)

func TestTextsNameWhatExists(t *testing.T) {
	// As in "the signet command", and what other programs know; the latter are etcd's.
	known := []string{"command", "--version", "--cluster", "--prefix", "--max-txn-ops", "--max-request-bytes", "--quota-backend-bytes"}
	app := newParser(&grammar{}).Model
	for _, node := range slices.Concat(app.Children, app.Leaves(true), []*kong.Node{app.Node}) {
		known = append(known, node.Name)
		for _, flag := range node.Flags {
			known = append(known, "--"+flag.Name)
		}
	}
	for _, text := range scan(t).texts {
		for _, match := range ours.FindAllStringSubmatch(text.text, -1) {
			if !slices.Contains(known, match[1]+match[2]) {
				t.Errorf("%s: there is no %q: %s", text.at, match[0], text.text)
			}
		}
	}
}

// scan reads the module's own code, without its tests and their peers, tools and benchmarks.
func scan(t *testing.T) (out source) {
	t.Helper()
	files := token.NewFileSet()
	err := filepath.WalkDir(module, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != module && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tools" || name == "bench" || name == "peers"):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			out.visit(files, node)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *source) visit(files *token.FileSet, node ast.Node) {
	add := func(list *[]found, expr ast.Expr) {
		lit, ok := expr.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return
		}
		if text, err := strconv.Unquote(lit.Value); err == nil {
			*list = append(*list, found{text, files.Position(lit.Pos())})
		}
	}
	switch node := node.(type) {
	case *ast.ValueSpec:
		if isFault(node.Type, "Code") {
			for _, value := range node.Values {
				add(&s.codes, value)
			}
		}
	case *ast.CallExpr:
		if isFault(node.Fun, "New") {
			add(&s.literals, node.Args[0])
		}
		if isFault(node.Fun, "Wrap") {
			add(&s.literals, node.Args[1])
		}
	case *ast.BasicLit:
		add(&s.texts, node)
	}
}

// isFault reports whether an expression is fault.NAME.
func isFault(expr ast.Expr, name string) bool {
	selector, ok := expr.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	pkg, ok := selector.X.(*ast.Ident)
	return ok && pkg.Name == "fault"
}

func TestErrorsDocument(t *testing.T) {
	const path = module + "/docs/errors.md"
	want := errorsDocument()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(have)); diff != "" {
		t.Errorf("docs/errors.md is not current; next: go generate ./internal/cli\n%s", diff)
	}
}

// errorsDocument writes the registry as Markdown.
func errorsDocument() string {
	var out strings.Builder
	out.WriteString("<!-- Generated by \"go generate ./internal/cli\" from each package's table of codes. -->\n" +
		"# Errors\n\n" +
		"An error ends with its code in brackets. `signet why CODE` shows what stands here. A code is never renamed or reused.\n")
	for _, entry := range registry() {
		fmt.Fprintf(&out, "\n## `%s`\n\n%s\n\n- Cause: %s\n- Next: %s\n", entry.Code, escape(entry.Meaning), escape(entry.Cause), escape(entry.Next))
	}
	return out.String()
}

// escape keeps a placeholder such as <trust domain> from being taken for HTML.
func escape(text string) string { return strings.ReplaceAll(text, "<", "&lt;") }
