package control

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func BenchmarkOpen(b *testing.B) {
	for _, rules := range []int{0, 1000} {
		b.Run(fmt.Sprint("rules=", rules), func(b *testing.B) {
			dir := b.TempDir()
			s := open(b, dir)
			if rules > 0 {
				change(b, s, func(tx *Tx) {
					for n := range rules {
						tx.PutRule(rule("web", fmt.Sprint("r", n)))
					}
				})
			}
			for b.Loop() {
				closeStore(b, s)
				s = open(b, dir)
			}
		})
	}
}

func BenchmarkChange(b *testing.B) {
	for _, clients := range []int{1, 64} {
		for _, rules := range []int{100, 4000} {
			b.Run(fmt.Sprintf("clients=%d/rules=%d", clients, rules), func(b *testing.B) {
				s := open(b, b.TempDir())
				change(b, s, func(tx *Tx) {
					for n := range rules {
						tx.PutRule(rule("web", fmt.Sprint("r", n)))
					}
				})
				together(b, clients, func(n int64) {
					change(b, s, func(tx *Tx) { tx.PutRule(rule("web", fmt.Sprint("r", n%int64(rules)))) })
				})
			})
		}
	}
}

func BenchmarkRecordCertificate(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			s := open(b, b.TempDir())
			identified(b, s, "web")
			end := time.Now().Add(time.Hour)
			together(b, clients, func(n int64) {
				issue(b, s, Certificate{Serial: fmt.Sprintf("%x", n+1), ID: id("web"), NotAfter: end})
			})
		})
	}
}

// together runs do b.N times from a number of clients.
func together(b *testing.B, clients int, do func(n int64)) {
	var next atomic.Int64
	var group sync.WaitGroup
	b.ResetTimer()
	for range clients {
		group.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				do(n)
			}
		})
	}
	group.Wait()
}
