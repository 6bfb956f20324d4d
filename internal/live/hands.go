package live

import (
	"context"
	"time"
)

const (
	// maxHands is how many goroutines wait for handshakes to make. More are made at once
	// by others, that end with them.
	maxHands = 64
	// handRest is how long one waits: so that their stacks, a MiB and more, are free when
	// after a second without load the memory is given back.
	handRest = 500 * time.Millisecond
)

// hands make handshakes apart from the goroutines of their connections. One needs a
// large stack, some 16 KiB, that is not to stay with the connection, and that takes
// 4 % of a resumed handshake to grow. So who has made one waits a while for the next.
type hands struct {
	shakes chan func()
	stay   places        // of those that wait; all are taken once it is over
	over   chan struct{} // closed by run
}

func newHands() *hands {
	return &hands{shakes: make(chan func()), stay: make(places, maxHands), over: make(chan struct{})}
}

// run returns when ctx has ended, and nobody waits any more.
func (h *hands) run(ctx context.Context) {
	<-ctx.Done()
	close(h.over)
	for range maxHands {
		h.stay <- struct{}{}
	}
}

// apart has a handshake made, and what follows it, and returns when that is done.
func (h *hands) apart(shake func()) {
	done := make(chan struct{})
	task := func() {
		defer close(done)
		shake()
	}
	select {
	case h.shakes <- task:
	default:
		go h.work(task)
	}
	<-done
}

// work does a first task, and those that follow if there is a place to stay.
func (h *hands) work(task func()) {
	task()
	select {
	case h.stay <- struct{}{}:
	default:
		return
	}
	defer h.stay.leave()
	rest := time.NewTimer(handRest)
	defer rest.Stop()
	for {
		select {
		case next := <-h.shakes:
			next()
			rest.Reset(handRest)
		case <-rest.C:
			return
		case <-h.over:
			return
		}
	}
}
