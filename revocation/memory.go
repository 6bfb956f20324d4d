package revocation

import (
	"context"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/flight"
)

// memory keeps what was fetched, parsed, until it is out of date. Its zero value
// is ready.
type memory[V any] struct {
	flights flight.Group[V]

	mu   sync.Mutex
	kept map[string]memo[V] // guarded by mu
	size int                // of all of them; guarded by mu
}

// memo is one thing that is kept.
type memo[V any] struct {
	value V
	size  int
	until time.Time
}

// get returns what is kept under the key, or else gets and keeps it: once for all
// who want it at the same time. At most so many bytes are kept.
func (m *memory[V]) get(ctx context.Context, key string, now time.Time, most int, get func(context.Context) (memo[V], error)) (V, error) {
	m.mu.Lock()
	have, ok := m.kept[key]
	m.mu.Unlock()
	if ok && now.Before(have.until) {
		return have.value, nil
	}
	return m.flights.Do(ctx, key, func(ctx context.Context) (V, error) {
		got, err := get(ctx)
		if err == nil && got.until.After(now) && got.size <= most {
			m.keep(key, got, most)
		}
		return got.value, err
	})
}

// keep makes room by forgetting what is out of date first.
func (m *memory[V]) keep(key string, got memo[V], most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(key)
	for m.size+got.size > most {
		first := ""
		for key, have := range m.kept {
			if first == "" || have.until.Before(m.kept[first].until) {
				first = key
			}
		}
		m.forget(first)
	}
	if m.kept == nil {
		m.kept = map[string]memo[V]{}
	}
	m.kept[key] = got
	m.size += got.size
}

// forget is called with mu held.
func (m *memory[V]) forget(key string) {
	m.size -= m.kept[key].size
	delete(m.kept, key)
}
