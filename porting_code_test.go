package signet_test

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/cli"
)

// TestPortingAnswers holds every call, command and test that the guide names to
// the code.
func TestPortingAnswers(t *testing.T) {
	page := read(t, portingPage)
	calls := newCalls(t, fences(t, portingPage, "go")[0])
	rows := append(portingRows(page), mistakeRows(page)...)
	for _, text := range prose(page) {
		for _, span := range spans(text) {
			if err := calls.problem(span); err != nil && calls.knows(span) {
				t.Errorf("%s: %s: %v", portingPage, span, err)
			}
		}
	}
	for _, row := range rows {
		for _, answer := range spans(row.answer) {
			if err := calls.problem(answer); err != nil {
				t.Errorf("%s, row of %s: %s: %v", portingPage, row.names[0], answer, err)
			}
		}
		if problem := answerProblem(row); problem != "" {
			t.Errorf("%s, row of %s: %s", portingPage, row.names[0], problem)
		}
		for _, proof := range spans(row.proof) {
			if err := proofProblem(proof); err != nil {
				t.Errorf("%s, row of %s: %v", portingPage, row.names[0], err)
			}
		}
	}
}

// calls knows the names that stand in the guide's calls.
type calls struct {
	files *token.FileSet
	pkg   *types.Package
	at    token.Pos
}

// newCalls checks the guide's declarations.
func newCalls(t *testing.T, declarations string) calls {
	t.Helper()
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, portingPage, "package guide\n"+declarations, 0)
	if err != nil {
		t.Fatal(err)
	}
	config := types.Config{Importer: importer.ForCompiler(files, "gc", exportData(t, parsed)), DisableUnusedImportCheck: true}
	pkg, err := config.Check("guide", files, []*ast.File{parsed}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return calls{files, pkg, parsed.Name.Pos()}
}

// prose returns what is neither heading, table nor code.
func prose(page string) []string {
	return slices.DeleteFunc(strings.Split(withoutCode(page), "\n"), func(line string) bool { return strings.HasPrefix(line, "|") || strings.HasPrefix(line, "#") })
}

func withoutCode(page string) string {
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page, "")
}

// knows reports whether an expression is about Signet: it begins with a name
// that the guide declares, or with the program's.
func (c calls) knows(expression string) bool {
	first := regexp.MustCompile(`^\w+`).FindString(expression)
	_, declared := c.pkg.Scope().Innermost(c.at).LookupParent(first, token.NoPos)
	return declared != nil && declared.Parent() != types.Universe
}

// problem says why a call does not compile, or why there is no such command.
func (c calls) problem(expression string) error {
	if strings.HasPrefix(expression, "signet ") {
		return commandProblem(expression)
	}
	_, err := types.Eval(c.files, c.pkg, c.at, expression)
	return err
}

// exportData returns what the compiler knows of the packages that a file
// imports, and of those beneath them.
func exportData(t *testing.T, file *ast.File) importer.Lookup {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	if raceEnabled() {
		args = append(args, "-race") // so that nothing is compiled twice
	}
	for _, spec := range file.Imports {
		args = append(args, strings.Trim(spec.Path.Value, `"`))
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	compiled := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		compiled[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(compiled[path]) }
}

// raceEnabled reports whether this test was built with the race detector.
func raceEnabled() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// commandProblem says why there is no such command, or no such flag of it. Its
// arguments are in capitals.
func commandProblem(line string) error {
	words := strings.Fields(line)[1:]
	end := slices.IndexFunc(words, func(word string) bool { return strings.HasPrefix(word, "-") || strings.ToUpper(word) == word })
	if end < 0 {
		end = len(words)
	}
	var help, complaint strings.Builder
	if status := cli.Main(context.Background(), append(slices.Clone(words[:end]), "--help"), strings.NewReader(""), &help, &complaint); status != 0 {
		return fmt.Errorf("there is no such command: %s", complaint.String())
	}
	for _, flag := range words {
		if strings.HasPrefix(flag, "--") && !regexp.MustCompile(regexp.QuoteMeta(flag)+`\b`).MatchString(help.String()) {
			return fmt.Errorf("it has no %s", flag)
		}
	}
	return nil
}

var provenBy = regexp.MustCompile(`^([a-z0-9/]+)\.((?:Test|Example|Fuzz)\w+)$`)

// proofProblem says why a proof, a test as folder.TestName or the file of a
// story, does not exist.
func proofProblem(proof string) error {
	if strings.HasSuffix(proof, ".txtar") {
		_, err := os.Stat(proof)
		return err
	}
	test := provenBy.FindStringSubmatch(proof)
	if test == nil {
		return fmt.Errorf("%s is neither folder.TestName nor a story", proof)
	}
	folder := strings.TrimPrefix(test[1], "signet")
	files, err := filepath.Glob(filepath.Join(".", folder, "*_test.go"))
	if err != nil {
		return err
	}
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if bytes.Contains(code, []byte("\nfunc "+test[2]+"(")) {
			return nil
		}
	}
	return fmt.Errorf("%s: there is no such test", proof)
}

func TestPortingProblems(t *testing.T) {
	calls := newCalls(t, "import \"github.com/signet-tls/signet/pki\"\nvar cert *pki.Certificate")
	tests := []struct {
		name    string
		problem func(string) error
		good    string
		bad     []string
	}{
		{"call", calls.problem, "cert.Subject().Get(pki.OIDCommonName)",
			[]string{"cert.Subjects()", "cert.Subject(1)", "certs", "pki.Nothing", "pki.Spec{Nothing: 1}", "pki.ParseCertificate(cert)", "cert."}},
		{"command", calls.problem, "signet verify TARGET --roots FILE", []string{"signet nothing", "signet verify TARGET --nothing", "signet verify --root"}},
		{"test", proofProblem, "signet.TestPortingProblems", []string{"signet.TestNothing", "pki.TestPortingProblems", "nothing.TestNothing", "TestPortingProblems"}},
		{"story", proofProblem, "cmd/signet/testdata/verify.txtar", []string{"cmd/signet/testdata/nothing.txtar"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if err := test.problem(test.good); err != nil {
				t.Errorf("%s: %v", test.good, err)
			}
			for _, bad := range test.bad {
				if test.problem(bad) == nil {
					t.Errorf("%s: no problem", bad)
				}
			}
		})
	}
}
