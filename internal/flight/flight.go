// Package flight lets those who want the same thing at the same time wait for one
// of them to get it.
package flight

import (
	"context"
	"sync"
)

// Group is what is being got at the moment, by key. Its zero value is ready.
type Group[V any] struct {
	mu    sync.Mutex
	calls map[string]*call[V] // guarded by mu
}

type call[V any] struct {
	done    chan struct{} // closed once value and err are there
	value   V
	err     error
	waiting int // guarded by the group's mu
	cancel  context.CancelFunc
}

// Do returns what get returns. While it runs, others with the same key wait for
// its result instead of running their own. Its context has the values of the first
// one's, and ends once nobody waits any more.
func (g *Group[V]) Do(ctx context.Context, key string, get func(context.Context) (V, error)) (V, error) {
	c := g.join(ctx, key, get)
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		g.leave(key, c)
		var none V
		return none, context.Cause(ctx)
	}
}

func (g *Group[V]) join(ctx context.Context, key string, get func(context.Context) (V, error)) *call[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	c, running := g.calls[key]
	if !running {
		shared, cancel := context.WithCancel(context.WithoutCancel(ctx))
		c = &call[V]{done: make(chan struct{}), cancel: cancel}
		if g.calls == nil {
			g.calls = map[string]*call[V]{}
		}
		g.calls[key] = c
		go func() {
			defer cancel()
			c.value, c.err = get(shared)
			g.mu.Lock()
			defer g.mu.Unlock()
			g.forget(key, c)
			close(c.done)
		}()
	}
	c.waiting++
	return c
}

func (g *Group[V]) leave(key string, c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.waiting--; c.waiting == 0 {
		c.cancel()
		g.forget(key, c) // whoever comes now starts anew
	}
}

func (g *Group[V]) forget(key string, c *call[V]) {
	if g.calls[key] == c {
		delete(g.calls, key)
	}
}
