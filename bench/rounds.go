package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"
	"time"
)

// contender is one way to do the work that is measured.
type contender struct {
	name string
	// pass does all of the work once, and returns the CPU time that it took.
	pass func() (time.Duration, error)
}

// result is what one contender took, in seconds, round by round.
type result struct {
	name  string
	times []float64
}

// compare runs the contenders in turn, round after round, so that what else the
// machine does meets all of them alike. Each round begins with another one. A
// first round, which warms up, is not counted.
func compare(rounds int, contenders []contender) ([]result, error) {
	results := make([]result, len(contenders))
	for round := range rounds + 1 {
		for i := range contenders {
			at := (i + round) % len(contenders)
			took, err := contenders[at].pass()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", contenders[at].name, err)
			}
			results[at].name = contenders[at].name
			if round > 0 {
				results[at].times = append(results[at].times, took.Seconds())
			}
		}
	}
	return results, nil
}

// ratio compares two contenders round by round, and returns the median of the
// rounds' ratios with its 95 % interval, by bootstrap.
func ratio(of, to result) (middle, low, high float64) {
	ratios := make([]float64, len(of.times))
	for i := range ratios {
		ratios[i] = of.times[i] / to.times[i]
	}
	const resamples = 4000
	random := rand.New(rand.NewPCG(2026, 11)) // the same figures for the same times
	medians := make([]float64, resamples)
	sample := make([]float64, len(ratios))
	for i := range medians {
		for j := range sample {
			sample[j] = ratios[random.IntN(len(ratios))]
		}
		medians[i] = median(sample)
	}
	slices.Sort(medians)
	return median(ratios), medians[resamples*25/1000], medians[resamples*975/1000-1]
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// table writes what each contender took for one of so many units of work, and
// how that compares with the one of the name.
func table(out io.Writer, results []result, to string, units int, unit string) error {
	base := results[slices.IndexFunc(results, func(r result) bool { return r.name == to })]
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\tµs CPU a %s\t%ss/s\t× %s\t95 %% interval\n", unit, unit, to)
	for _, r := range results {
		each := median(r.times) / float64(units)
		middle, low, high := ratio(r, base)
		fmt.Fprintf(w, "%s\t%.2f\t%.0f\t%.2f\t%.2f–%.2f\n", r.name, each*1e6, 1/each, middle, low, high)
	}
	return w.Flush()
}
