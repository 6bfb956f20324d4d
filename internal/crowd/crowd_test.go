package crowd_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/internal/crowd"
)

// TestRoom fills it: the oldest makes room, and nobody else.
func TestRoom(t *testing.T) {
	const most = 8
	room := crowd.NewRoom(most)
	out := make([]int, most+2)
	enter := func(i int) func() { return room.Enter(func() { out[i]++ }) }
	leave := make([]func(), len(out))
	for i := range most {
		leave[i] = enter(i)
	}
	leave[1]()
	leave[most] = enter(most) // has the place of 1
	for i, times := range out {
		if times != 0 {
			t.Errorf("%d was put out of a room that had a place", i)
		}
	}
	leave[most+1] = enter(most + 1)
	leave[0]() // who was put out may leave, too, and takes nobody's place along
	for i, times := range out {
		if want := map[bool]int{i == 0: 1}[true]; times != want {
			t.Errorf("%d was put out %d times, want %d", i, times, want)
		}
	}
	for _, leave := range leave {
		leave()
	}
	for i := range most {
		leave[i] = enter(i)
	}
	if out[2] != 0 {
		t.Error("places of those who left were not given back")
	}
}

// TestTurns has guests that never leave by themselves: they stay while nobody
// waits, and for their turn if somebody does.
func TestTurns(t *testing.T) {
	const most, turn = 3, time.Second
	synctest.Test(t, func(t *testing.T) {
		turns := crowd.NewTurns(most, most, turn)
		never := make(chan struct{})
		ended := make(chan time.Duration, 2*most)
		start := time.Now()
		stay := func() (waited time.Duration) {
			asked := time.Now()
			var leave func()
			leave = turns.Enter(never, func() {
				ended <- time.Since(start)
				leave()
			})
			return time.Since(asked)
		}
		for range most {
			if waited := stay(); waited != 0 {
				t.Errorf("waited %v for a place that is free", waited)
			}
		}
		time.Sleep(turn / 2)
		for range most {
			go stay()
		}
		synctest.Wait()
		if len(ended) != 0 {
			t.Fatalf("%d ended within their turn", len(ended))
		}
		time.Sleep(turn/2 + 1)
		synctest.Wait()
		if len(ended) != most {
			t.Fatalf("%d of %d made room after their turn", len(ended), most)
		}
		time.Sleep(10 * turn) // nobody waits any more
		synctest.Wait()
		if len(ended) != most {
			t.Errorf("%d ended for whom nobody waited", len(ended)-most)
		}
		go stay() // who waits later than a turn gets a place at the next look
		time.Sleep(turn / 8)
		synctest.Wait()
		if len(ended) == most {
			t.Error("whoever came later waits for a place whose turn is long over")
		}
	})
}

// TestQueue holds that it is bounded, and that done ends the wait.
func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := crowd.NewTurns(1, 1, time.Hour)
		leave := turns.Enter(nil, func() { t.Error("put out of a turn that is not over") })
		type guest struct {
			done, out chan struct{}
			leave     chan func()
		}
		queue := func() guest {
			g := guest{make(chan struct{}), make(chan struct{}), make(chan func(), 1)}
			go func() {
				g.leave <- turns.Enter(g.done, func() {
					close(g.out)
					close(g.done)
				})
			}()
			synctest.Wait()
			return g
		}
		first := queue()
		second := queue() // has the first one's place in the queue
		<-first.out
		if <-first.leave != nil {
			t.Error("who was put out of the queue has a place")
		}
		close(second.done)
		if <-second.leave != nil {
			t.Error("who gave up has a place")
		}
		third := queue()
		leave()
		leave() // twice is once
		if (<-third.leave) == nil {
			t.Error("the place was not given on")
		}
		select {
		case <-second.out:
			t.Error("who gave up was put out")
		case <-third.out:
			t.Error("who has a place was put out of the queue")
		default:
		}
	})
}
