package live

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestOrder follows what becomes of a service's addresses, one letter each.
func TestOrder(t *testing.T) {
	clock := time.Unix(1_800_000_000, 0)
	a := newAddresses(func() []string { return []string{"a", "b", "c"} }, func() time.Time { return clock })
	want := func(what, order string) {
		t.Helper()
		if have := a.order(); !slices.Equal(have, strings.Split(order, "")) {
			t.Errorf("%s: %v, want %s", what, have, order)
		}
	}
	want("at first", "abc")
	a.failed("a")
	want("a failed", "bca")
	a.failed("a")
	clock = clock.Add(1100 * time.Millisecond)
	want("a has rested: one tries it", "abc")
	want("the others wait for it", "bca")
	a.failed("a")
	clock = clock.Add(1900 * time.Millisecond)
	want("it failed again, and rests longer", "bca")
	clock = clock.Add(longestRest)
	a.failed("b")
	a.failed("c")
	clock = clock.Add(longestRest)
	want("of several that have rested one is tried", "abc")
	a.answered("a")
	want("a answers", "abc")
	for range 100 {
		a.failed("a")
		clock = clock.Add(longestRest)
	}
	if state := a.health["a"]; state.rests.Sub(clock) > longestRest {
		t.Errorf("it rests for %v", state.rests.Sub(clock))
	}
}
