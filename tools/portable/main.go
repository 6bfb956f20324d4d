// Command portable checks that every package of a module, its tests included,
// would compile for other systems. It checks types and makes no code, so that it
// takes seconds where a build takes minutes.
//
// usage: portable FOLDER OS/ARCH…
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string // with those of its tests, where it is the variant for them
	ImportMap  map[string]string
	Error      *struct{ Err string }
	Module     *struct {
		Main      bool
		GoVersion string
	}
}

func main() {
	failed := false
	for _, target := range os.Args[2:] {
		for _, err := range check(os.Args[1], target) {
			fmt.Printf("%s: %v\n", target, err)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check type-checks the packages below dir for a target, each behind what it
// imports.
func check(dir, target string) []error {
	pkgs, err := list(dir, target)
	if err != nil {
		return []error{err}
	}
	_, arch, _ := strings.Cut(target, "/")
	files := token.NewFileSet()
	checked := map[string]*types.Package{"unsafe": types.Unsafe}
	var errs []error
	for _, p := range pkgs {
		if p.ImportPath == "unsafe" || strings.HasSuffix(p.ImportPath, ".test") {
			continue
		}
		ours := p.Module != nil && p.Module.Main
		config := types.Config{
			Importer:         imports{p.ImportMap, checked},
			IgnoreFuncBodies: !ours,
			FakeImportC:      true,
			Sizes:            types.SizesFor("gc", arch),
			Error: func(err error) {
				if ours {
					errs = append(errs, err)
				}
			},
		}
		if p.Module != nil && p.Module.GoVersion != "" {
			config.GoVersion = "go" + p.Module.GoVersion
		}
		if p.Error != nil && ours {
			errs = append(errs, errors.New(p.Error.Err))
		}
		parsed, err := parse(files, p)
		if err != nil {
			return append(errs, err)
		}
		// Config.Error has what is wrong with a package of ours; one of others
		// that is wrong is missed where it is used.
		checked[p.ImportPath], _ = config.Check(p.ImportPath, files, parsed, nil)
	}
	return errs
}

// list returns the packages below dir, and all that they import, before them.
func list(dir, target string) ([]pkg, error) {
	system, arch, _ := strings.Cut(target, "/")
	command := exec.Command("go", "list", "-e", "-deps", "-test", "-json=ImportPath,Dir,GoFiles,ImportMap,Error,Module", "./...")
	command.Dir = dir
	command.Env = append(os.Environ(), "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var pkgs []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return pkgs, nil
		} else if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, p)
	}
}

// parse reads a package's files, several at a time.
func parse(files *token.FileSet, p pkg) ([]*ast.File, error) {
	parsed, errs := make([]*ast.File, len(p.GoFiles)), make([]error, len(p.GoFiles))
	var wg sync.WaitGroup
	for i, name := range p.GoFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(p.Dir, name)
		}
		wg.Go(func() { parsed[i], errs[i] = parser.ParseFile(files, name, nil, parser.SkipObjectResolution) })
	}
	wg.Wait()
	return parsed, errors.Join(errs...)
}

// imports finds the packages that one package imports.
type imports struct {
	renamed map[string]string // such as for a variant with tests
	checked map[string]*types.Package
}

func (i imports) Import(path string) (*types.Package, error) {
	if other, ok := i.renamed[path]; ok {
		path = other
	}
	if found := i.checked[path]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s is not there", path)
}
