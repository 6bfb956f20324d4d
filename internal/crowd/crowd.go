// Package crowd holds in bounds what has proved nothing yet: strangers can use
// all of it up, so none of it may be theirs for long.
package crowd

import (
	"container/list"
	"sync"
	"sync/atomic"
	"time"
)

// Room holds a bounded number of guests. When it is full, the one that has been
// in it longest makes room: whoever does at once what it came for gets through,
// however many only wait.
type Room struct {
	most   int
	mu     sync.Mutex
	guests list.List // of func(), the oldest first; guarded by mu
}

// NewRoom returns a room for so many guests.
func NewRoom(most int) *Room { return &Room{most: most} }

// Enter lets a guest in, and returns how it leaves. Out is called, once at most,
// if it must make room for others; it has left by then.
func (r *Room) Enter(out func()) (leave func()) {
	guest, oldest := r.enter(out)
	if oldest != nil {
		oldest()
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.guests.Remove(guest) // which it may have been already
	}
}

func (r *Room) enter(out func()) (guest *list.Element, oldest func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.guests.Len() == r.most {
		oldest = r.guests.Remove(r.guests.Front()).(func())
	}
	return r.guests.PushBack(out), oldest
}

// Turns are a bounded number of places, given in the order of asking. Each is
// its owner's for one turn for sure, and for longer while nobody waits.
type Turns struct {
	places  chan struct{}
	queue   *Room
	turn    time.Duration
	waiting atomic.Int64
}

// checks is how often in a turn it is looked whether somebody waits for a place
// whose turn is over.
const checks = 16

// NewTurns returns so many places, and a queue for so many who wait for one.
func NewTurns(places, queue int, turn time.Duration) *Turns {
	return &Turns{places: make(chan struct{}, places), queue: NewRoom(queue), turn: turn}
}

// Enter waits for a place and returns how it is given back; leave may be called
// more than once. It is nil if done was closed before there was a place. Out is
// called, once at most, if the caller must make room: in the queue, where done
// must follow, or in its place, after its turn, where leave must.
func (t *Turns) Enter(done <-chan struct{}, out func()) (leave func()) {
	out = sync.OnceFunc(out)
	if !t.wait(done, out) {
		return nil
	}
	watch := &watch{turns: t, out: out}
	watch.start(t.turn)
	return sync.OnceFunc(func() {
		watch.stop()
		<-t.places
	})
}

func (t *Turns) wait(done <-chan struct{}, out func()) bool {
	select {
	case t.places <- struct{}{}:
		return true
	default:
	}
	leave := t.queue.Enter(out)
	defer leave()
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	select {
	case t.places <- struct{}{}:
		return true
	case <-done:
		return false
	}
}

// watch ends the stay of somebody whose turn is over and whom others wait for.
type watch struct {
	turns *Turns
	out   func()
	mu    sync.Mutex
	timer *time.Timer // guarded by mu
	over  bool        // guarded by mu
}

func (w *watch) start(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.timer = time.AfterFunc(after, w.look)
	}
}

func (w *watch) look() {
	if w.turns.waiting.Load() == 0 {
		w.start(w.turns.turn / checks)
		return
	}
	w.mu.Lock()
	over := w.over
	w.mu.Unlock()
	if !over {
		w.out()
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	w.timer.Stop()
}
