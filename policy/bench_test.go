package policy

import (
	"fmt"
	"testing"
)

// sized returns n rules, each for a pair of its own, and a pair in their middle.
func sized(b *testing.B, n int) ([]Rule, Pair) {
	rules := make([]Rule, n)
	for i := range rules {
		rules[i] = Allow(pair(b, fmt.Sprintf("client%d", i), fmt.Sprintf("service%d", i)))
	}
	return rules, pair(b, fmt.Sprintf("client%d", n/2), fmt.Sprintf("service%d", n/2))
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			rules, p := sized(b, n)
			set := mustNew(b, rules...)
			b.ReportAllocs()
			for b.Loop() {
				if !set.Decide(p, noon).Allowed {
					b.Fatal("denied")
				}
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			rules, _ := sized(b, n)
			b.ReportAllocs()
			for b.Loop() {
				mustNew(b, rules...)
			}
		})
	}
}

// BenchmarkRevise makes the set after one rule of many changed.
func BenchmarkRevise(b *testing.B) {
	rules, p := sized(b, 10_000)
	set := mustNew(b, rules...)
	rules[17] = Deny(p)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := set.Revise(rules); err != nil {
			b.Fatal(err)
		}
	}
}
