package main

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCompare(t *testing.T) {
	var order []string
	runs := map[string]time.Duration{}
	way := func(name string) contender {
		return contender{name, func() (time.Duration, error) {
			order = append(order, name)
			runs[name]++
			return runs[name] * time.Second, nil
		}}
	}
	results, err := compare(3, []contender{way("a"), way("b"), way("c")})
	if err != nil {
		t.Fatal(err)
	}
	if have := strings.Join(order, ""); have != "abc"+"bca"+"cab"+"abc" {
		t.Errorf("they ran as %s", have)
	}
	for i, name := range []string{"a", "b", "c"} {
		if results[i].name != name || !slices.Equal(results[i].times, []float64{2, 3, 4}) { // the first one is not counted
			t.Errorf("have %+v", results[i])
		}
	}
	broken := errors.New("broken")
	if _, err := compare(1, []contender{way("a"), {"d", func() (time.Duration, error) { return 0, broken }}}); !errors.Is(err, broken) || !strings.HasPrefix(err.Error(), "d: ") {
		t.Errorf("have %v", err)
	}
}

func TestRatio(t *testing.T) {
	slow, fast := result{"slow", []float64{2, 4, 6, 8, 100}}, result{"fast", []float64{1, 2, 3, 4, 5}}
	if middle, low, high := ratio(slow, fast); middle != 2 || low != 2 || high != 20 {
		t.Errorf("have %v, %v–%v", middle, low, high)
	}
	if middle, low, high := ratio(fast, fast); middle != 1 || low != 1 || high != 1 {
		t.Errorf("have %v, %v–%v", middle, low, high)
	}
	if even := median([]float64{4, 1, 3, 2}); even != 2.5 {
		t.Errorf("the median is %v", even)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	results := []result{{"fast", []float64{1, 1, 1}}, {"slow", []float64{3, 3, 3}}}
	if err := table(&out, results, "fast", 1000, "turn"); err != nil {
		t.Fatal(err)
	}
	want := `      µs CPU a turn  turns/s  × fast  95 % interval
fast  1000.00        1000     1.00    1.00–1.00
slow  3000.00        333      3.00    3.00–3.00
`
	if out.String() != want {
		t.Errorf("have\n%s", &out)
	}
}
