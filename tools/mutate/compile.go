package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// program is the tests, compiled with mutants of which one at a time is alive.
type program struct {
	folder  string
	mutants []mutant
	tests   []test
	timeout time.Duration
}

// test is the tests of one package, and the folder where they run.
type test struct{ binary, folder string }

// variable says in the environment which mutant is alive.
const variable = "SIGNET_MUTANT"

// compile makes a program with the first n mutants that compile.
func compile(pkg string, tests []string, all []mutant, n int) (*program, error) {
	folder, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return nil, err
	}
	p := &program{folder: folder, timeout: 10 * time.Minute}
	overlay, err := p.choose(pkg, all, n)
	if err == nil {
		err = p.build(overlay, tests)
	}
	if err == nil {
		started := time.Now()
		if !p.passes(0) {
			err = errors.New("the tests fail without any mutant")
		}
		p.timeout = 10*time.Second + 10*time.Since(started)
	}
	if err != nil {
		os.RemoveAll(folder)
		return nil, err
	}
	return p, nil
}

// choose takes mutants until n of them compile, and returns their overlay.
func (p *program) choose(pkg string, all []mutant, n int) (overlay string, err error) {
	for {
		more := min(n-len(p.mutants), len(all))
		p.mutants, all = append(p.mutants, all[:more]...), all[more:]
		overlay, lines, err := p.write(filepath.Join(root, pkg))
		if err != nil {
			return "", err
		}
		out, err := command("go", "build", "-overlay", overlay, "-gcflags=-e", "./"+filepath.ToSlash(filepath.Clean(pkg)))
		if err == nil {
			return overlay, nil
		}
		kept := len(p.mutants)
		p.mutants = lines.compiling(p.mutants, out)
		if len(p.mutants) == kept {
			return "", fmt.Errorf("the package does not compile: %w\n%s", err, out)
		}
	}
}

// build compiles the tests.
func (p *program) build(overlay string, tests []string) error {
	list, err := command("go", append([]string{"list", "-f", "{{.ImportPath}}\t{{.Dir}}"}, tests...)...)
	if err != nil {
		return fmt.Errorf("go list: %w\n%s", err, list)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		path, folder, _ := strings.Cut(line, "\t")
		binary := filepath.Join(p.folder, fmt.Sprintf("%d.test", i))
		if out, err := command("go", "test", "-c", "-overlay", overlay, "-vet=off", "-o", binary, path); err != nil {
			return fmt.Errorf("go test -c %s: %w\n%s", path, err, out)
		}
		p.tests = append(p.tests, test{binary, folder})
	}
	return nil
}

// passes runs the tests with one mutant alive, and reports whether they pass. A
// mutant that eats memory ends at 4 GiB.
func (p *program) passes(mutant int) bool {
	for _, test := range p.tests {
		run := exec.Command("sh", "-c", `ulimit -v 4194304; exec "$0" "$@"`, test.binary, "-test.short", "-test.failfast", "-test.timeout="+p.timeout.String())
		run.Dir = test.folder
		run.Env = append(os.Environ(), variable+"="+strconv.Itoa(mutant))
		if run.Run() != nil {
			return false
		}
	}
	return true
}

func command(name string, args ...string) ([]byte, error) {
	command := exec.Command(name, args...)
	command.Dir = root
	return command.CombinedOutput()
}

// span is the lines of a file where a mutant stands.
type span struct {
	file     string
	from, to int
	mutant   int
}

type spans []span

var place = regexp.MustCompile(`(?m)^[^\s#].*?([^/\s]+\.go):(\d+)`)

// compiling returns the mutants that the compiler did not complain about.
func (s spans) compiling(all []mutant, out []byte) []mutant {
	bad := map[int]bool{}
	for _, match := range place.FindAllSubmatch(out, -1) {
		line, _ := strconv.Atoi(string(match[2]))
		for _, span := range s {
			if span.file == string(match[1]) && span.from <= line && line <= span.to {
				bad[span.mutant] = true
			}
		}
	}
	var good []mutant
	for i, m := range all {
		if !bad[i+1] {
			good = append(good, m)
		}
	}
	return good
}

// write writes the mutated files, and an overlay that puts them in place: each
// mutant is a copy of its function, and the function begins with a switch to the
// copy that is alive.
func (p *program) write(folder string) (overlay string, lines spans, err error) {
	folder, err = filepath.Abs(folder)
	if err != nil {
		return "", nil, err
	}
	byFile := map[string][]int{}
	for i, m := range p.mutants {
		byFile[m.in.file] = append(byFile[m.in.file], i+1)
	}
	replace := map[string]string{}
	put := func(name string, text []byte) error {
		replace[filepath.Join(folder, name)] = filepath.Join(p.folder, name)
		return os.WriteFile(filepath.Join(p.folder, name), text, 0o600)
	}
	name := ""
	for file, numbers := range byFile {
		text, inFile := p.mutate(numbers)
		lines = append(lines, inFile...)
		if err := put(filepath.Base(file), text); err != nil {
			return "", nil, err
		}
		name = p.mutants[numbers[0]-1].in.pkg
	}
	chooser := "package " + name + "\n\nimport (\n\t\"os\"\n\t\"strconv\"\n)\n\nvar mutantAlive, _ = strconv.Atoi(os.Getenv(\"" + variable + "\"))\n"
	if err := put("mutant_alive.go", []byte(chooser)); err != nil {
		return "", nil, err
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	overlay = filepath.Join(p.folder, "overlay.json")
	return overlay, lines, os.WriteFile(overlay, list, 0o600)
}

// edit replaces bytes of a file.
type edit struct {
	from, to int
	with     string
}

// mutate returns a file with the copies of these mutants.
func (p *program) mutate(numbers []int) (text []byte, lines spans) {
	in := p.mutants[numbers[0]-1].in
	byFunction := map[*function][]int{}
	var copies bytes.Buffer
	first := bytes.Count(in.source, []byte("\n")) + 1
	for _, number := range numbers {
		m := p.mutants[number-1]
		byFunction[m.in] = append(byFunction[m.in], number)
		from := first + bytes.Count(copies.Bytes(), []byte("\n")) + 1
		fmt.Fprintf(&copies, "\n%s\n", m.copy(number))
		lines = append(lines, span{filepath.Base(in.file), from, first + bytes.Count(copies.Bytes(), []byte("\n")), number})
	}
	var edits []edit
	for function, numbers := range byFunction {
		edits = append(edits, function.dispatch(numbers)...)
	}
	return append(apply(in.source, 0, edits), copies.Bytes()...), lines
}

// copy returns the mutated function, under a name of its own.
func (m mutant) copy(number int) []byte {
	start, end := m.in.offset(m.in.decl.Pos()), m.in.offset(m.in.decl.End())
	name := m.in.offset(m.in.decl.Name.End())
	return apply(m.in.source[start:end], start, []edit{{name, name, "Mutant" + strconv.Itoa(number)}, {m.from, m.to, m.with}})
}

// apply applies edits to a text that begins at an offset of its file.
func apply(text []byte, offset int, edits []edit) []byte {
	slices.SortStableFunc(edits, func(a, b edit) int { return a.from - b.from })
	var out []byte
	for _, e := range edits {
		out = append(append(out, text[:e.from-offset]...), e.with...)
		text, offset = text[e.to-offset:], e.to
	}
	return append(out, text...)
}

// dispatch makes the function begin with a switch to its mutants; parameters
// without a name get one.
func (f *function) dispatch(numbers []int) []edit {
	edits, arguments := f.named(f.decl.Type.Params, "mutantArg")
	name := f.decl.Name.Name
	call := "(" + strings.Join(arguments, ", ") + ")"
	if f.decl.Recv != nil {
		more, receiver := f.named(f.decl.Recv, "mutantSelf")
		edits, name = append(edits, more...), receiver[0]+"."+name
	}
	if f.decl.Type.TypeParams != nil {
		_, types := f.named(f.decl.Type.TypeParams, "")
		call = "[" + strings.Join(types, ", ") + "]" + call
	}
	var text strings.Builder
	text.WriteString(" switch mutantAlive {")
	for _, number := range numbers {
		one := name + "Mutant" + strconv.Itoa(number) + call
		if f.decl.Type.Results == nil {
			one += "; return"
		} else {
			one = "return " + one
		}
		fmt.Fprintf(&text, " case %d: %s;", number, one)
	}
	text.WriteString(" };")
	body := f.offset(f.decl.Body.Lbrace) + 1
	return append(edits, edit{body, body, text.String()})
}

// named returns the names of parameters as they are handed on, and what gives a
// name to those that have none.
func (f *function) named(list *ast.FieldList, prefix string) (edits []edit, names []string) {
	for _, field := range list.List {
		before := len(names)
		for _, name := range field.Names {
			if names = append(names, name.Name); name.Name == "_" {
				names[len(names)-1] = prefix + strconv.Itoa(len(names))
				edits = append(edits, edit{f.offset(name.Pos()), f.offset(name.End()), names[len(names)-1]})
			}
		}
		if len(field.Names) == 0 {
			names = append(names, prefix+strconv.Itoa(len(names)+1))
			at := f.offset(field.Pos())
			edits = append(edits, edit{at, at, names[len(names)-1] + " "})
		}
		if _, variadic := field.Type.(*ast.Ellipsis); variadic && len(names) > before {
			names[len(names)-1] += "..."
		}
	}
	return edits, names
}
