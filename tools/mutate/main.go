// Mutate breaks a package on purpose, in many small ways, and tells which of
// them its tests do not notice.
//
//	go -C tools run ./mutate [-n 200] [-seed 1] [-tests 'PACKAGE…'] PACKAGE
//
// Each mutant is one change: a comparison, an operator, a number, a boolean, or
// a statement left out. It is tried by an overlay, so that no file is touched; a
// mutant that does not compile is replaced by another. The tests run with -short,
// so without real peers. Files of tables alone
// (codes.go, oids.go, oidnames.go) are left out.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// mutant is one change of one file.
type mutant struct {
	file     string
	from, to int // bytes that are replaced
	line     int
	what     string
	with     string
}

func main() {
	n := flag.Int("n", 200, "how many mutants are tried")
	seed := flag.Uint64("seed", 1, "which ones")
	tests := flag.String("tests", "", "packages whose tests are run; without it, the package's own")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), strings.Fields(*tests), *n, *seed); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// root is the project's folder, seen from the folder of its tools.
const root = ".."

func run(pkg string, tests []string, n int, seed uint64) error {
	all, err := mutants(filepath.Join(root, pkg))
	if err != nil {
		return err
	}
	if len(tests) == 0 {
		tests = []string{"./" + filepath.ToSlash(filepath.Clean(pkg))}
	}
	random := rand.New(rand.NewPCG(seed, 0))
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	tried, killed := 0, 0
	started := time.Now()
	for o := range results(all, tests) {
		switch {
		case o.err != nil:
			return o.err
		case !o.compiles:
			continue
		case o.survives:
			fmt.Printf("survived  %s:%d  %s\n", o.file[len(root)+1:], o.line, o.what)
		default:
			killed++
		}
		tried++
		fmt.Fprintf(os.Stderr, "\r%d of %d, %d killed, %s ", tried, n, killed, time.Since(started).Round(time.Second))
		if tried == n {
			break
		}
	}
	fmt.Printf("\n%s: %d of %d mutants killed (%.1f %%), seed %d, of %d that there are\n", pkg, killed, tried, 100*float64(killed)/float64(tried), seed, len(all))
	return nil
}

// outcome is what came of one mutant.
type outcome struct {
	mutant
	survives, compiles bool
	err                error
}

// results tries the mutants in their order, as many at a time as there are
// processors.
func results(all []mutant, tests []string) iter.Seq[outcome] {
	return func(yield func(outcome) bool) {
		queue := make(chan chan outcome, runtime.NumCPU()-1)
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			defer close(queue)
			for _, m := range all {
				done := make(chan outcome, 1)
				select {
				case queue <- done:
				case <-stop:
					return
				}
				go func() {
					survives, compiles, err := m.try(tests)
					done <- outcome{m, survives, compiles, err}
				}()
			}
		}()
		for done := range queue {
			if !yield(<-done) {
				return
			}
		}
	}
}

func mutants(folder string) ([]mutant, error) {
	var all []mutant
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		switch name := filepath.Base(path); {
		case strings.HasSuffix(name, "_test.go"), name == "codes.go", name == "oids.go", name == "oidnames.go":
			continue
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, source, 0)
		if err != nil {
			return nil, err
		}
		f := finder{set: set, path: path, source: source}
		for _, decl := range file.Decls {
			if function, ok := decl.(*ast.FuncDecl); ok && function.Body != nil {
				ast.Inspect(function.Body, f.look)
			}
		}
		all = append(all, f.found...)
	}
	return all, nil
}

type finder struct {
	set    *token.FileSet
	path   string
	source []byte
	found  []mutant
}

func (f *finder) add(from, to token.Pos, with string) {
	start, end := f.set.Position(from), f.set.Position(to)
	was := strings.Join(strings.Fields(string(f.source[start.Offset:end.Offset])), " ")
	if len(was) > 60 {
		was = was[:60] + "…"
	}
	what := was + "  →  " + with
	if with == "" {
		what = "without  " + was
	}
	f.found = append(f.found, mutant{f.path, start.Offset, end.Offset, start.Line, what, with})
}

var swaps = map[token.Token]string{
	token.EQL: "!=", token.NEQ: "==", token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">",
	token.LAND: "||", token.LOR: "&&", token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*",
	token.AND: "|", token.OR: "&", token.SHL: ">>", token.SHR: "<<",
}

func (f *finder) look(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.BinaryExpr:
		if with, ok := swaps[node.Op]; ok {
			f.add(node.OpPos, node.OpPos+token.Pos(len(node.Op.String())), with)
		}
	case *ast.BasicLit:
		if n, err := strconv.ParseInt(node.Value, 0, 64); err == nil && node.Kind == token.INT {
			f.add(node.Pos(), node.End(), strconv.FormatInt(n+1, 10))
		}
	case *ast.Ident:
		if with := map[string]string{"true": "false", "false": "true"}[node.Name]; with != "" {
			f.add(node.Pos(), node.End(), with)
		}
	case *ast.UnaryExpr:
		if node.Op == token.NOT {
			f.add(node.OpPos, node.OpPos+1, "")
		}
	case *ast.ExprStmt:
		f.add(node.Pos(), node.End(), "")
	case *ast.AssignStmt:
		if node.Tok != token.DEFINE {
			f.add(node.Pos(), node.End(), "")
		}
	case *ast.BranchStmt:
		if node.Tok == token.CONTINUE || node.Tok == token.BREAK {
			f.add(node.Pos(), node.End(), "")
		}
	}
	return true
}

// try runs the tests with the mutant in place of its file.
func (m mutant) try(tests []string) (survives, compiles bool, err error) {
	source, err := os.ReadFile(m.file)
	if err != nil {
		return false, false, err
	}
	folder, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return false, false, err
	}
	defer os.RemoveAll(folder)
	changed := filepath.Join(folder, "mutant.go")
	text := bytes.Join([][]byte{source[:m.from], []byte(m.with), source[m.to:]}, nil)
	if err := os.WriteFile(changed, text, 0o600); err != nil {
		return false, false, err
	}
	place, err := filepath.Abs(m.file)
	if err != nil {
		return false, false, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{place: changed}})
	if err != nil {
		return false, false, err
	}
	list := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return false, false, err
	}
	// It is compiled once and as fast as may be: most of the time goes there.
	test := exec.Command("go", append([]string{"test", "-overlay", list, "-vet=off", "-gcflags=-l", "-ldflags=-s -w", "-count=1", "-failfast", "-short", "-timeout=120s"}, tests...)...)
	test.Dir = root
	out, err := test.CombinedOutput()
	return err == nil, !bytes.Contains(out, []byte("[build failed]")), nil
}
