package cli

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collectSeldom trades memory for time: what an authority or a proxy holds is small, and
// most of what it makes is garbage by the end of a request or a handshake. It reports
// whether it did; the environment has the last word.
func collectSeldom() bool {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return false
	}
	debug.SetGCPercent(400)
	return true
}

// When garbage is given back.
const (
	quiet   = 1 << 20 // bytes that are made in a second: some 20 handshakes
	worthIt = 4 << 20 // bytes that were made since the last time
)

// giveBack has the garbage collected, and its memory given back to the system, each time
// that it has become quiet, until ctx ends: connections that do nothing are many, and
// must not hold what their handshakes left behind.
func giveBack(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	made := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	var rest leftovers
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if metrics.Read(made); rest.due(made[0].Value.Uint64()) {
				debug.FreeOSMemory()
			}
		}
	}
}

// leftovers know when there is something to give back, by how many bytes were ever made.
type leftovers struct {
	last uint64 // a second ago
	kept uint64 // when it was given back
}

// due is asked once a second.
func (l *leftovers) due(made uint64) bool {
	busy := made-l.last > quiet
	l.last = made
	if busy || made-l.kept < worthIt {
		return false
	}
	l.kept = made
	return true
}
