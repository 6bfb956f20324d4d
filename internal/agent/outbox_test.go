package agent

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/agent/api"
)

func TestOutboxBound(t *testing.T) {
	o := newOutbox()
	for i := range maxOutbox {
		if !o.event(api.Event{Reason: fmt.Sprint(i)}) {
			t.Fatalf("no room for event %d", i)
		}
	}
	if o.event(api.Event{Reason: "one too many"}) {
		t.Error("there was room for one too many")
	}
	_, taken, putBack := o.take()
	have := taken.(batch)
	if len(have.events) != api.MaxBatch || have.events[0].Reason != "0" || have.lost != 1 {
		t.Errorf("a batch of %d begins with %s and tells of %d lost; the oldest are wanted, %d, and 1 lost", len(have.events), have.events[0].Reason, have.lost, api.MaxBatch)
	}
	putBack()
	if _, again, _ := o.take(); again.(batch).lost != 1 || again.(batch).number != have.number {
		t.Errorf("what was put back is %+v, want it as it was", again)
	}
	if !o.event(api.Event{}) {
		t.Error("there is no room where a batch was taken")
	}
}

// TestOutboxOrder takes, puts back, and takes again.
func TestOutboxOrder(t *testing.T) {
	o := newOutbox()
	o.live(api.Live{Ask: 1})
	o.applied(api.Applied{Revision: 1, Ended: []api.EndedConn{{ID: "c1"}}})
	o.event(api.Event{Reason: "a"})
	o.event(api.Event{Reason: "b"})
	o.live(api.Live{Ask: 2})

	path, message, putBack := o.take()
	first := batch{run: o.last.run, number: 1, events: []api.Event{{Reason: "a"}, {Reason: "b"}}}
	wantTaken(t, path, message, api.PathEvents, first)
	o.event(api.Event{Reason: "c"})
	putBack()
	path, message, _ = o.take()
	wantTaken(t, path, message, api.PathEvents, first)
	path, message, _ = o.take()
	wantTaken(t, path, message, api.PathEvents, batch{run: o.last.run, number: 2, events: []api.Event{{Reason: "c"}}})
	if other := newOutbox(); other.last.run == "" || other.last.run == o.last.run {
		t.Errorf("two runs are called %q and %q", o.last.run, other.last.run)
	}

	path, message, putBack = o.take()
	wantTaken(t, path, message, api.PathApplied, api.Applied{Revision: 1, Ended: []api.EndedConn{{ID: "c1"}}})
	putBack()
	o.applied(api.Applied{Revision: 2, Ended: []api.EndedConn{{ID: "c2"}}, Doors: 3})
	path, message, putBack = o.take()
	both := api.Applied{Revision: 2, Ended: []api.EndedConn{{ID: "c1"}, {ID: "c2"}}, Doors: 3}
	wantTaken(t, path, message, api.PathApplied, both)
	o.applied(api.Applied{Revision: 3, Ended: []api.EndedConn{{ID: "c3"}}})
	putBack()
	path, message, _ = o.take()
	wantTaken(t, path, message, api.PathApplied, api.Applied{Revision: 3, Ended: []api.EndedConn{{ID: "c1"}, {ID: "c2"}, {ID: "c3"}}})

	path, message, putBack = o.take()
	wantTaken(t, path, message, api.PathLive, api.Live{Ask: 2})
	putBack()
	if path, message, _ = o.take(); message != nil {
		t.Errorf("%s has %v left", path, message)
	}
}

// TestOutboxGathers: behind a batch events wait for others, unless they fill the next one
// or a report waits for them.
func TestOutboxGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		expect := func(when string, want int) {
			t.Helper()
			_, message, _ := o.take()
			taken, _ := message.(batch)
			if len(taken.events) != want {
				t.Errorf("%s: %d events are taken, want %d", when, len(taken.events), want)
			}
		}
		o.event(api.Event{})
		expect("at first", 1)
		o.rest()
		<-o.wake
		o.event(api.Event{})
		o.event(api.Event{})
		expect("behind a batch", 0)
		if len(o.wake) > 0 {
			t.Error("who sends is woken for nothing")
		}
		time.Sleep(gatherFor)
		synctest.Wait()
		<-o.wake
		expect("after a while", 2)
		o.rest()
		for range api.MaxBatch {
			o.event(api.Event{})
		}
		<-o.wake
		expect("where there are enough", api.MaxBatch)
		o.event(api.Event{})
		o.applied(api.Applied{Revision: 1})
		<-o.wake
		expect("before a report", 1)
	})
}

func wantTaken(t *testing.T, path string, message any, wantPath string, want any) {
	t.Helper()
	if path != wantPath {
		t.Errorf("the path is %s, want %s", path, wantPath)
	}
	if diff := cmp.Diff(want, message, cmp.AllowUnexported(batch{}), cmp.Comparer(func(a, b fmt.Stringer) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("taken (- want, + have):\n%s", diff)
	}
}

// TestReportWhenFull loses an event and does not wait.
func TestReportWhenFull(t *testing.T) {
	_, a := newFake(t)
	for range maxOutbox + 1 {
		a.Report(api.Event{})
	}
	if len(a.outbox.events) != maxOutbox {
		t.Errorf("%d events wait, want %d", len(a.outbox.events), maxOutbox)
	}
}

func TestDialer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var d dialer
	dial := func() net.Conn {
		t.Helper()
		conn, err := d.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first, second := dial(), dial()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	if len(d.open) != 1 {
		t.Errorf("%d connections are remembered, want the one that is open", len(d.open))
	}
	d.closeAll()
	if _, err := second.Write([]byte("x")); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("writing to a closed connection: %v", err)
	}
	if len(d.open) != 0 {
		t.Errorf("%d connections are remembered", len(d.open))
	}
	listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if conn, err := d.DialContext(ctx, "tcp", listener.Addr().String()); err == nil {
		conn.Close()
		t.Error("it dials where nobody listens")
	}
}
