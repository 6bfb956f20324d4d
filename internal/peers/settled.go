package peers

import (
	"runtime"
	"testing"
	"time"
)

// Settled waits until there are no more goroutines than before, for as long as a busy
// machine may need to end those that have done their work; then it shows the others.
func Settled(t testing.TB, before int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
}
