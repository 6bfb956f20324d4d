package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

func TestWorthCollecting(t *testing.T) {
	const mib = 1 << 20
	for name, test := range map[string]struct {
		last, made, live uint64 // in the last second, since all was given back, at the last collection
		want             bool
		percent          int
	}{
		"calm, much was made":         {0, 40 * mib, 10 * mib, true, usual},
		"calm, all of it in use once": {0, 40 * mib, 40 * mib, true, usual},
		"under load":                  {2 * mib, 40 * mib, 10 * mib, false, seldom},
		"calm, little was made":       {0, 3 * mib, 10 * mib, false, usual},
		"calm, next to nothing":       {0, mib, 0, false, usual},
		"calm, before the first":      {0, 2 * mib, 0, true, usual},
		"very much that is live":      {0, 40 * mib, 1000 * mib, false, usual},
		"very much was made":          {0, 300 * mib, 1000 * mib, true, usual},
	} {
		clean := heap{made: 100 * mib}
		now := heap{made: clean.made + test.made, live: test.live}
		last := heap{made: now.made - test.last}
		if have := now.worthCollecting(last, clean); have != test.want {
			t.Errorf("%s: %v, want %v", name, have, test.want)
		}
		if have := now.percent(last); have != test.percent {
			t.Errorf("%s: %d %%, want %d", name, have, test.percent)
		}
	}
}

// TestGivesMemoryBack lets go of what was in use when the runtime last collected: it would
// keep that until five times as much is made.
func TestGivesMemoryBack(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	defer debug.SetGCPercent(debug.SetGCPercent(seldom))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		collectSeldom(ctx)
	}()
	before := objects()
	used := make([]byte, 64<<20)
	runtime.GC()
	if objects() < before+uint64(len(used))/2 {
		t.Fatal("it was collected while it was in use")
	}
	runtime.KeepAlive(used)
	for objects() > before+4<<20 { // the test's time limit is the bound
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	<-done
}

// objects returns how many bytes objects take, garbage included.
func objects() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
