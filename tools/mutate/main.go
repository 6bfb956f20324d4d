// Mutate breaks a package on purpose, in many small ways, and tells which of
// them its tests do not notice.
//
//	go -C tools run ./mutate [-n 200] [-seed 1] [-tests 'PACKAGE…'] PACKAGE
//
// Each mutant is one change: a comparison, an operator, a number, a boolean, or
// a statement left out. All that are tried are compiled into one program, by an
// overlay, so that no file is touched; one that does not compile is replaced by
// another. The tests run with -short, so without real peers. Files of tables
// alone (codes.go, oids.go, oidnames.go) are left out.
package main

import (
	"flag"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

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
	p, err := compile(pkg, tests, all, n)
	if err != nil {
		return err
	}
	defer os.RemoveAll(p.folder)
	tried, killed := 0, 0
	started := time.Now()
	for m, survives := range results(p) {
		if survives {
			fmt.Printf("survived  %s:%d  %s\n", m.in.file[len(root)+1:], m.line, m.what)
		} else {
			killed++
		}
		tried++
		fmt.Fprintf(os.Stderr, "\r%d of %d, %d killed, %s ", tried, len(p.mutants), killed, time.Since(started).Round(time.Second))
	}
	fmt.Printf("\n%s: %d of %d mutants killed (%.1f %%), seed %d, of %d that there are\n", pkg, killed, tried, 100*float64(killed)/float64(tried), seed, len(all))
	return nil
}

// results tries the program's mutants, as many at a time as there are
// processors, and yields in their order whether each survives.
func results(p *program) iter.Seq2[mutant, bool] {
	return func(yield func(mutant, bool) bool) {
		slots := make(chan struct{}, runtime.NumCPU())
		outcomes := make([]chan bool, len(p.mutants))
		for i := range outcomes {
			outcomes[i] = make(chan bool, 1)
		}
		go func() {
			for i := range outcomes {
				slots <- struct{}{}
				go func() {
					outcomes[i] <- p.passes(i + 1)
					<-slots
				}()
			}
		}()
		for i, m := range p.mutants {
			if !yield(m, <-outcomes[i]) {
				return
			}
		}
	}
}
