package signet_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const exportedPage = "docs/exported.md"

// TestExported compares the page with the code, package by package. It follows
// the table of rooms, which TestLayering holds to the tree.
func TestExported(t *testing.T) {
	var titles []string
	texts := map[string]string{} // by title
	for _, section := range strings.Split(read(t, exportedPage), "\n## ")[1:] {
		title, text, _ := strings.Cut(section, "\n")
		titles, texts[title] = append(titles, title), text
	}

	var public, internal []string
	for _, room := range rooms {
		program, names := exported(t, room.path)
		name := room.path
		if name == "." {
			name = "signet"
		}
		title := "`" + name + "`"
		switch {
		case program:
			continue
		case below(room.path, "internal"):
			internal = append(internal, title)
		default:
			public = append(public, title)
		}
		for _, broken := range compareExported(name, names, texts[title]) {
			t.Error(broken)
		}
	}
	if diff := cmp.Diff(slices.Concat(public, internal), titles); diff != "" {
		t.Errorf("the sections of %s are not the packages, in their order (-packages +page):\n%s", exportedPage, diff)
	}
}

// compareExported returns every difference between the names that a package
// exports and those that its section lists, as a line that names both.
func compareExported(pkg string, names []string, section string) (broken []string) {
	report := func(format string, args ...any) { broken = append(broken, fmt.Sprintf(format, args...)) }
	onPage := listed(section)
	for _, name := range names {
		if !strings.Contains(name, ".") && !slices.Contains(onPage, name) {
			report("%s exports %s, which its section of %s does not list: say there why it is public, or unexport it", pkg, name, exportedPage)
		}
	}
	for i, name := range onPage {
		switch {
		case !slices.Contains(names, name):
			report("%s lists %s of %s, which does not export it: correct its row, or remove it", exportedPage, name, pkg)
		case slices.Contains(onPage[:i], name):
			report("%s lists %s of %s twice: once is enough", exportedPage, name, pkg)
		}
	}
	return broken
}

var (
	// nameList is the first cell of a row that gives a reason, or the line of
	// codes.
	nameList   = regexp.MustCompile("(?m)^(?:\\| (`[^|\n]+) \\| \\S.* \\||Codes, [^:\n]+: (.+))$")
	quotedName = regexp.MustCompile("`([^`]+)`")
)

// listed returns the names that a section lists; a method, such as .Dial, is
// that of the type before it.
func listed(section string) (names []string) {
	for _, list := range nameList.FindAllStringSubmatch(section, -1) {
		var owner string
		for _, quoted := range quotedName.FindAllStringSubmatch(list[1]+list[2], -1) {
			name := quoted[1]
			if strings.HasPrefix(name, ".") {
				name = owner + name
			} else {
				owner = name
			}
			names = append(names, name)
		}
	}
	return names
}

// exported returns the exported names of the package in a folder, methods as
// Type.Method, and whether it is a program.
func exported(t *testing.T, folder string) (program bool, names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
	if len(files) == 0 {
		t.Fatalf("%s has no Go files", folder)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		program = parsed.Name.Name == "main"
		names = append(names, exportedOf(parsed)...)
	}
	return program, names
}

// exportedOf returns the exported names of a file, and drops all else from it.
func exportedOf(file *ast.File) (names []string) {
	ast.FileExports(file)
	add := func(prefix string, idents ...*ast.Ident) {
		for _, ident := range idents {
			names = append(names, prefix+ident.Name)
		}
	}
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			prefix := ""
			if decl.Recv != nil {
				prefix = strings.TrimPrefix(types.ExprString(decl.Recv.List[0].Type), "*") + "."
			}
			add(prefix, decl.Name)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					add("", spec.Names...)
				case *ast.TypeSpec:
					add("", spec.Name)
					if contract, ok := spec.Type.(*ast.InterfaceType); ok {
						for _, method := range contract.Methods.List {
							add(spec.Name.Name+".", method.Names...)
						}
					}
				}
			}
		}
	}
	return names
}

func TestExportedReports(t *testing.T) {
	const code = `package door

import "net"

const (
	Open State = iota
	Shut
	ajar
)

const Jammed, stuck Code = "jammed", "stuck"

var Default, other Door

type (
	State int
	Code  string
	Door  struct{ Width int }
	Key   interface {
		net.Addr
		Turn()
	}
	hinge struct{}
)

func New() *Door      { return nil }
func (*Door) Knock()  {}
func (Door) slam()    {}
func (hinge) Squeak() {}
func oil()            {}
`
	const page = "| name | who uses it |\n|---|---|\n| %s\n" +
		"| `Key`: `.Turn` | guests turn it |\n" +
		"| `State`: `Open`, `Shut` | for `Guests` |\n" +
		"| `Code`, `Default` | guests |\n\n" +
		"Codes, for `errors.Is`: `Jammed`\n"

	file, err := parser.ParseFile(token.NewFileSet(), "door.go", code, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := exportedOf(file)
	tests := []struct {
		name, row string
		want      []string
	}{
		{"all there", "`Door`: `.Knock`, `New` | guests knock |", nil},
		{"without the method", "`Door`, `New` | guests knock |", nil},
		{"one missing", "`Door` | guests knock |",
			[]string{"door exports New, which its section of docs/exported.md does not list: say there why it is public, or unexport it"}},
		{"no reason", "`Door`, `New` |  |", []string{
			"door exports Door, which its section of docs/exported.md does not list: say there why it is public, or unexport it",
			"door exports New, which its section of docs/exported.md does not list: say there why it is public, or unexport it",
		}},
		{"one too many", "`Door`, `New`, `Window` | guests knock |",
			[]string{"docs/exported.md lists Window of door, which does not export it: correct its row, or remove it"}},
		{"not exported", "`Door`, `New`, `ajar` | guests knock |",
			[]string{"docs/exported.md lists ajar of door, which does not export it: correct its row, or remove it"}},
		{"another's method", "`Door`, `New`: `.Knock` | guests knock |",
			[]string{"docs/exported.md lists New.Knock of door, which does not export it: correct its row, or remove it"}},
		{"not exported method", "`Door`: `.slam`, `New` | guests knock |",
			[]string{"docs/exported.md lists Door.slam of door, which does not export it: correct its row, or remove it"}},
		{"hidden type's method", "`Door`, `New`, `hinge`: `.Squeak` | guests knock |",
			[]string{"docs/exported.md lists hinge of door, which does not export it: correct its row, or remove it"}},
		{"twice", "`Door`, `New`, `Jammed` | guests knock |",
			[]string{"docs/exported.md lists Jammed of door twice: once is enough"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, compareExported("door", names, fmt.Sprintf(page, test.row))); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}
