package live

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestHands has more handshakes made at once than hands may stay: all are made, no more
// than maxHands stay, those are used again, none stays for long without work, and none is
// left in the end, when handshakes are made nevertheless.
func TestHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHands()
		var all sync.WaitGroup
		hold := make(chan struct{})
		for range 2 * maxHands {
			all.Go(func() {
				made := false
				if h.apart(func() { <-hold; made = true }); !made {
					t.Error("apart returned before the handshake was made")
				}
			})
		}
		synctest.Wait()
		close(hold)
		all.Wait()
		synctest.Wait()
		if stay := len(h.stay); stay != maxHands {
			t.Errorf("%d hands stay, want %d", stay, maxHands)
		}
		for range maxHands {
			h.apart(func() {})
			synctest.Wait()
		}
		time.Sleep(handRest)
		synctest.Wait()
		if stay := len(h.stay); stay != 0 {
			t.Errorf("%d hands stay where there is nothing to do", stay)
		}
		h.apart(func() {}) // by a hand that stays
		ctx, stop := context.WithCancel(t.Context())
		stop()
		h.run(ctx)
		late := false
		if h.apart(func() { late = true }); !late { // and where a hand is left, the bubble does not end
			t.Error("a late handshake was not made")
		}
	})
}

// BenchmarkApart makes what takes as much stack as a handshake: by a goroutine of its
// own, and by one that has made one before.
func BenchmarkApart(b *testing.B) {
	deep := func() { grow(50) }
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			done := make(chan struct{})
			go func() { deep(); close(done) }()
			<-done
		}
	})
	b.Run("again", func(b *testing.B) {
		h := newHands()
		for b.Loop() {
			h.apart(deep)
		}
	})
}

// grow uses some 16 KiB of stack, by many frames, as a handshake does.
//
//go:noinline
func grow(depth int) byte {
	var frame [256]byte
	frame[depth] = byte(depth)
	if depth == 0 {
		return frame[0]
	}
	return grow(depth-1) + frame[depth]
}
