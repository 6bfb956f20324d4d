package cli

import "testing"

// TestLeftovers has bytes made second by second.
func TestLeftovers(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		name string
		made []uint64 // in each second, in bytes
		due  int      // the second in which it is given back, from 0; -1: never
	}{
		{"nothing happens", []uint64{0, 0, 0}, -1},
		{"a burst, then quiet", []uint64{90 * mib, 90 * mib, mib / 2, 0, 0}, 2},
		{"never quiet", []uint64{2 * mib, 2 * mib, 2 * mib, 2 * mib}, -1},
		{"a little is not worth it", []uint64{mib, mib, mib, 0, 0}, -1},
		{"many a little", []uint64{mib, mib, mib, mib, 0, 0}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			var rest leftovers
			sum, due := uint64(0), -1
			for second, made := range test.made {
				sum += made
				if !rest.due(sum) {
					continue
				}
				if due >= 0 {
					t.Errorf("given back in second %d and again in %d", due, second)
				}
				due = second
			}
			if due != test.due {
				t.Errorf("given back in second %d, want %d", due, test.due)
			}
		})
	}
}

// TestEnvironmentCollects: who says how often to collect is not overruled.
func TestEnvironmentCollects(t *testing.T) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(name, "100")
			if collectSeldom() {
				t.Error("it is collected as seldom as without it")
			}
		})
	}
}
