package cli

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// How a server collects its garbage. Most of what it makes is garbage by the end of a
// request or a handshake, so that collecting seldom saves much of the work; but what
// many connections leave behind when they have been made would then stay for minutes.
const (
	seldom   = 400         // percent of what is live that garbage may have, under load
	usual    = 100         // the same where there is none, and in its first second
	lookEach = time.Second // how often it is seen whether there is load
	calm     = 1 << 20     // bytes that are made in that time, at most, where there is none
	spare    = 1 << 20     // bytes that are not worth it
)

// collectSeldom trades memory for time while there is load, and gives the memory back
// when there is none any more, until ctx ends. A burst that is over within a second is
// not worth it: what stays of it would lie scattered over all that garbage has taken.
// GOGC and GOMEMLIMIT in the environment have the last word.
func collectSeldom(ctx context.Context) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	last, clean, percent := readHeap(), heap{}, usual
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := readHeap()
		if wanted := now.percent(last); wanted != percent {
			percent = wanted
			debug.SetGCPercent(percent)
		}
		if now.worthCollecting(last, clean) {
			runtime.GC() // pools keep for one collection what nobody uses
			debug.FreeOSMemory()
			clean = now
		}
		last = now
	}
}

// heap is what there is at a moment, in bytes.
type heap struct {
	made uint64 // since the start
	live uint64 // at the last collection
}

func readHeap() heap {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return heap{samples[0].Value.Uint64(), samples[1].Value.Uint64()}
}

// calm reports whether there was no load since before.
func (h heap) calm(before heap) bool { return h.made-before.made < calm }

// percent is how much garbage there may be.
func (h heap) percent(before heap) int {
	if h.calm(before) {
		return usual
	}
	return seldom
}

// worthCollecting reports whether there was no load since before, and enough since all
// was given back for the work that collecting is, which grows with what is live. What
// was made counts, not what the runtime takes for garbage: to it, all that was in use
// when it last collected is live, and under load that is much that no longer is.
func (h heap) worthCollecting(before, clean heap) bool {
	return h.calm(before) && h.made-clean.made > h.live/4+spare
}
