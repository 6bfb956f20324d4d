package control

import (
	"context"
	"sync"
)

// replica holds the current State for readers, and hands each new one to those
// who watch.
type replica struct {
	mu       sync.Mutex // guards all fields
	state    *State
	replaced chan struct{}               // closed when state is replaced
	watchers map[chan *State]func() bool // capacity 1 each; the function detaches it from its context
	closed   bool
}

func newReplica(state *State) *replica {
	return &replica{state: state, replaced: make(chan struct{}), watchers: map[chan *State]func() bool{}}
}

// current returns the state and a channel that is closed once it is replaced.
func (r *replica) current() (*State, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state, r.replaced
}

// publish replaces the state.
func (r *replica) publish(state *State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
	close(r.replaced)
	r.replaced = make(chan struct{})
	for c := range r.watchers {
		offer(c, state)
	}
}

// offer puts state into c in place of one not yet taken. It never blocks: only
// offer sends, under the replica's mutex.
func offer(c chan *State, state *State) {
	select {
	case <-c:
	default:
	}
	c <- state
}

// watch returns a channel with the current state and, from then on, the latest.
func (r *replica) watch(ctx context.Context) <-chan *State {
	c := make(chan *State, 1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		close(c)
		return c
	}
	c <- r.state
	r.watchers[c] = context.AfterFunc(ctx, func() { r.unwatch(c) })
	return c
}

func (r *replica) unwatch(c chan *State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.watchers[c]; ok {
		delete(r.watchers, c)
		close(c)
	}
}

// close ends all watches.
func (r *replica) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for c, detach := range r.watchers {
		detach()
		close(c)
	}
	clear(r.watchers)
}

// await returns the first state that holds etcd's revision, or an error when
// ctx ends before.
func (r *replica) await(ctx context.Context, revision int64) (*State, error) {
	for {
		state, replaced := r.current()
		if state.head >= revision {
			return state, nil
		}
		select {
		case <-replaced:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
