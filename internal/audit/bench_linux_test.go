package audit

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAppend has writers add one entry each, and wait until it is durable.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(writers, " writers"), func(b *testing.B) {
			l := openLog(b, b.TempDir())
			ctx, cancel := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { l.Run(ctx) })
			entry := Entry{Kind: Issued, Time: time.Now(), Issuance: &Issuance{Serial: "0123456789abcdef0123456789abcdef", ID: id("orders"),
				Key: "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NotAfter: time.Now(), By: id("proxy/orders")}}
			before := processorTime(b)
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := w; i < b.N; i += writers {
						add(b, l, entry)
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64((processorTime(b)-before).Microseconds())/float64(b.N), "CPU-µs/entry")
			cancel()
			running.Wait()
			closeLog(b, l)
		})
	}
}

// processorTime is what this process has used of the processors.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
