package main

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// limboCase is what is needed of a case of the x509-limbo suite.
type limboCase struct {
	ID        string                 `json:"id"`
	Trusted   []string               `json:"trusted_certs"`
	Untrusted []string               `json:"untrusted_intermediates"`
	Leaf      string                 `json:"peer_certificate"`
	Time      string                 `json:"validation_time"`
	Expected  struct{ Value string } `json:"expected_peer_name"`
}

// limbo measures the CPU time of each case of the x509-limbo suite, from its PEM
// to the verdict, and shows those that cost most: its pathological ones, and ten
// others.
func limbo(out io.Writer, rounds int, args []string) error {
	if len(args) != 1 {
		return errors.New("say where the suite is: go run ./bench limbo limbo.json.gz")
	}
	cases, err := readLimbo(args[0])
	if err != nil {
		return err
	}
	type cost struct {
		limboCase
		us float64
	}
	var costs []cost
	measure := func(c *cost, rounds int) error {
		runtime.GC() // what others have left behind is not this one's work
		times := make([]float64, rounds)
		for i := range times {
			took, err := c.cost()
			if err != nil {
				return fmt.Errorf("%s: %w", c.ID, err)
			}
			times[i] = float64(took.Nanoseconds()) / 1000
		}
		c.us = median(times)
		return nil
	}
	for _, c := range cases {
		costs = append(costs, cost{c, 0})
		if err := measure(&costs[len(costs)-1], 1); err != nil {
			return err
		}
	}
	dearest := func(a, b cost) int { return cmp.Compare(b.us, a.us) }
	slices.SortFunc(costs, dearest)
	for i := range costs {
		if i < 50 || costs[i].isPathological() {
			if err := measure(&costs[i], rounds); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(costs, dearest)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "µs CPU\t\tof %d cases\n", len(costs))
	others := 0
	for _, c := range costs {
		if !c.isPathological() {
			if others++; others > 10 {
				continue
			}
		}
		fmt.Fprintf(w, "%.0f\t%s\n", c.us, c.ID)
	}
	return w.Flush()
}

func (c limboCase) isPathological() bool { return strings.HasPrefix(c.ID, "pathological::") }

// cost is what one verdict takes. What cannot be read costs what reading it
// costs.
func (c limboCase) cost() (time.Duration, error) {
	now := time.Now()
	if c.Time != "" {
		var err error
		if now, err = time.Parse(time.RFC3339, c.Time); err != nil {
			return 0, err
		}
	}
	name := verify.Any("only the cost is looked at")
	if c.Expected.Value != "" {
		name = verify.Host(c.Expected.Value)
	}
	before := cpuTime()
	roots, err := pki.ParseCertificates([]byte(strings.Join(c.Trusted, "\n")))
	if err != nil {
		return cpuTime() - before, nil
	}
	chain, err := pki.ParseCertificates([]byte(c.Leaf + "\n" + strings.Join(c.Untrusted, "\n")))
	if err != nil {
		return cpuTime() - before, nil
	}
	anchors, err := verify.NewRoots("limbo", roots...)
	if err == nil {
		_, _ = verify.Verify(chain, verify.Options{Roots: anchors, Name: name, Now: now, Profile: verify.RFC5280}) // the cost counts, whatever the verdict
	}
	return cpuTime() - before, nil
}

func readLimbo(path string) ([]limboCase, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var in io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if in, err = gzip.NewReader(file); err != nil {
			return nil, err
		}
	}
	var suite struct {
		Cases []limboCase `json:"testcases"`
	}
	err = json.NewDecoder(in).Decode(&suite)
	return suite.Cases, err
}
