package flight

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestOnce: all who ask while one gets it have what that one got.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group Group[int]
		var runs atomic.Int32
		release := make(chan struct{})
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				have, err := group.Do(t.Context(), "key", func(context.Context) (int, error) { <-release; return int(runs.Add(1)), nil })
				if have != 1 || err != nil {
					t.Errorf("have %d, %v", have, err)
				}
			})
		}
		synctest.Wait()
		other, err := group.Do(t.Context(), "another key", func(context.Context) (int, error) { return 7, nil })
		if other != 7 || err != nil {
			t.Errorf("another key: %d, %v", other, err)
		}
		close(release)
		all.Wait()
		again, err := group.Do(t.Context(), "key", func(context.Context) (int, error) { return 0, errors.ErrUnsupported })
		if again != 0 || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("afterwards: %d, %v", again, err)
		}
		if len(group.calls) != 0 {
			t.Errorf("%d calls are kept", len(group.calls))
		}
	})
}

// TestLeave: who gives up takes nothing from the others, and the last one ends it.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var group Group[string]
		ended := errors.New("enough")
		first, giveUp := context.WithCancelCause(t.Context())
		second, alsoGiveUp := context.WithCancelCause(t.Context())
		var cancelled atomic.Bool
		work := func(ctx context.Context) (string, error) {
			<-ctx.Done()
			cancelled.Store(true)
			return "late", nil
		}
		var all sync.WaitGroup
		for _, ctx := range []context.Context{first, second} {
			all.Go(func() {
				if have, err := group.Do(ctx, "key", work); have != "" || err != ended {
					t.Errorf("have %q, %v", have, err)
				}
			})
			synctest.Wait()
		}
		giveUp(ended)
		synctest.Wait()
		if cancelled.Load() {
			t.Error("cancelled while somebody waits")
		}
		alsoGiveUp(ended)
		synctest.Wait()
		// Whoever comes after the last one left starts anew.
		if have, err := group.Do(t.Context(), "key", func(context.Context) (string, error) { return "new", nil }); err != nil || have != "new" {
			t.Errorf("have %q, %v", have, err)
		}
		all.Wait()
		synctest.Wait()
		if !cancelled.Load() {
			t.Error("not cancelled, though nobody waits")
		}
	})
}
