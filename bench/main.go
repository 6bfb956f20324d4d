// Command bench measures Signet next to its peers, on the machine that it runs
// on: figures to look at, never a test that fails on time.
//
//	go run ./bench connections
//	go run ./bench decide
//	go run ./bench parse
//	go run ./bench verify
//	go run ./bench matrix -quick -rounds 3
//	go run ./bench report .cache/bench/RECORDING.jsonl
//	go run ./bench storm
//	go run ./bench slow
//	go run ./bench issue
//	go run ./bench sign -authority HOST:PORT -roots roots.pem -tokens tokens
//	go run ./bench revoke
//	go run ./bench kill
//	go run ./bench rotate
//	go run ./bench soak -minutes 30 -race
//	go run ./bench keyupdates -minutes 30
//	go run ./bench programs
//	go run ./bench limbo limbo.json.gz
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// benches are what can be measured, by name.
var benches = map[string]func(out io.Writer, rounds int, args []string) error{
	"connections": connections,
	"decide":      decide,
	"limbo":       limbo,
	"parse":       parse,
	"report":      report,
	"verify":      verifyChains,
}

// leastRounds are enough for an interval that means something.
const leastRounds = 15

func main() {
	if ok, err := child(); ok {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	rounds := flag.Int("rounds", 21, "how often each contender runs, at least 15")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "go run ./bench [-rounds N] NAME [ARGUMENT…], where NAME is one of: %s\n",
			strings.Join(slices.Sorted(maps.Keys(benches)), ", "))
		flag.PrintDefaults()
	}
	flag.Parse()
	maps.Copy(benches, ofSystem)
	run, ok := benches[flag.Arg(0)]
	if !ok || *rounds < leastRounds {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *rounds, flag.Args()[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}
