package live

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/signet-tls/signet"
)

// TestHands has more handshakes made at once than hands may stay: all are made, no more
// than maxHands stay, those are used again, and none is left in the end, when handshakes
// are made nevertheless.
func TestHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHands()
		want := errors.New("refused")
		var all sync.WaitGroup
		hold := make(chan struct{})
		for range 2 * maxHands {
			all.Go(func() {
				if _, err := h.apart(func() (*signet.Conn, error) { <-hold; return nil, want }); err != want {
					t.Errorf("a handshake came to %v, want %v", err, want)
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
			h.apart(func() (*signet.Conn, error) { return nil, nil })
			synctest.Wait()
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		h.run(ctx)
		if _, err := h.apart(func() (*signet.Conn, error) { return nil, want }); err != want { // and where a hand is left, the bubble does not end
			t.Errorf("a late handshake came to %v, want %v", err, want)
		}
	})
}

// BenchmarkApart makes what takes as much stack as a handshake: by a goroutine of its
// own, and by one that has made one before.
func BenchmarkApart(b *testing.B) {
	deep := func() (*signet.Conn, error) { grow(50); return nil, nil }
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
