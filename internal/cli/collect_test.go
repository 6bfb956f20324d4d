package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestWorthCollecting(t *testing.T) {
	const mib = 1 << 20
	for name, test := range map[string]struct {
		now  heap
		want bool
	}{
		"calm, much garbage":      {heap{made: 100 * mib, live: 10 * mib, all: 30 * mib}, true},
		"under load":              {heap{made: 102 * mib, live: 10 * mib, all: 30 * mib}, false},
		"calm, little garbage":    {heap{made: 100 * mib, live: 10 * mib, all: 13 * mib}, false},
		"calm, next to nothing":   {heap{made: 100 * mib, live: 0, all: 1 * mib}, false},
		"calm, before the first":  {heap{made: 100 * mib, live: 0, all: 3 * mib}, true},
		"more was live than is":   {heap{made: 100 * mib, live: 10 * mib, all: 8 * mib}, false},
		"very much that is live":  {heap{made: 100 * mib, live: 1000 * mib, all: 1200 * mib}, false},
		"very much of it garbage": {heap{made: 100 * mib, live: 1000 * mib, all: 1600 * mib}, true},
	} {
		if have := test.now.worthCollecting(heap{made: 100 * mib}); have != test.want {
			t.Errorf("%s: %v, want %v", name, have, test.want)
		}
	}
}

// TestGivesMemoryBack leaves garbage behind that GOGC alone would keep.
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
	live := make([]byte, 64<<20)
	runtime.GC()
	before := readHeap()
	for range 4 {
		_ = append(make([]byte, 0, 16<<20), live[:1]...)
	}
	for readHeap().all > before.all+4<<20 { // the test's time limit is the bound
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	<-done
	runtime.KeepAlive(live)
}
