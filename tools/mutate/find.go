package main

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mutant is one change of one function.
type mutant struct {
	in       *function
	from, to int // bytes of the file that are replaced
	line     int
	what     string
	with     string
}

// function is one that has mutants.
type function struct {
	file   string
	pkg    string // its package's name
	source []byte // the whole file
	decl   *ast.FuncDecl
	offset func(token.Pos) int
}

func mutants(folder string) ([]mutant, error) {
	var all []mutant
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range files {
		name := filepath.Base(path)
		switch built, err := build.Default.MatchFile(folder, name); {
		case err != nil:
			return nil, err
		case !built, strings.HasSuffix(name, "_test.go"), name == "codes.go", name == "oids.go", name == "oidnames.go":
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
		for _, decl := range file.Decls {
			if decl, ok := decl.(*ast.FuncDecl); ok && decl.Body != nil {
				f := finder{set: set, in: &function{path, file.Name.Name, source, decl, func(p token.Pos) int { return set.Position(p).Offset }}}
				ast.Inspect(decl.Body, f.look)
				all = append(all, f.found...)
			}
		}
	}
	return all, nil
}

type finder struct {
	set   *token.FileSet
	in    *function
	found []mutant
}

func (f *finder) add(from, to token.Pos, with string) {
	start, end := f.set.Position(from), f.set.Position(to)
	was := strings.Join(strings.Fields(string(f.in.source[start.Offset:end.Offset])), " ")
	if len(was) > 60 {
		was = was[:60] + "…"
	}
	what := was + "  →  " + with
	if with == "" {
		what = "without  " + was
	}
	f.found = append(f.found, mutant{f.in, start.Offset, end.Offset, start.Line, what, with})
}

var swaps = map[token.Token]string{
	token.EQL: "!=", token.NEQ: "==", token.LSS: "<=", token.LEQ: "<", token.GTR: ">=", token.GEQ: ">",
	token.LAND: "||", token.LOR: "&&", token.ADD: "-", token.SUB: "+", token.MUL: "/", token.QUO: "*",
	token.AND: "|", token.OR: "&", token.SHL: ">>", token.SHR: "<<",
}

func (f *finder) look(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.CallExpr:
		return !f.hint(node)
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

// hint looks at all of a call of make but the capacity, which changes nothing
// that a test could see.
func (f *finder) hint(call *ast.CallExpr) bool {
	if name, ok := call.Fun.(*ast.Ident); !ok || name.Name != "make" || len(call.Args) < 2 {
		return false
	}
	seen := call.Args[:2]
	if _, ok := call.Args[0].(*ast.MapType); ok {
		seen = call.Args[:1]
	}
	for _, argument := range seen {
		ast.Inspect(argument, f.look)
	}
	return true
}
