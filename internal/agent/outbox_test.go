package agent

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

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
	batch := taken.(api.Batch)
	if len(batch.Events) != api.MaxBatch || batch.Events[0].Reason != "0" || batch.Lost != 1 {
		t.Errorf("a batch of %d begins with %s and tells of %d lost; the oldest are wanted, %d, and 1 lost", len(batch.Events), batch.Events[0].Reason, batch.Lost, api.MaxBatch)
	}
	putBack()
	if _, again, _ := o.take(); again.(api.Batch).Lost != 1 || again.(api.Batch).Number != batch.Number {
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
	first := api.Batch{Run: o.last.Run, Number: 1, Events: []api.Event{{Reason: "a"}, {Reason: "b"}}}
	wantTaken(t, path, message, api.PathEvents, first)
	o.event(api.Event{Reason: "c"})
	putBack()
	path, message, _ = o.take()
	wantTaken(t, path, message, api.PathEvents, first)
	path, message, _ = o.take()
	wantTaken(t, path, message, api.PathEvents, api.Batch{Run: o.last.Run, Number: 2, Events: []api.Event{{Reason: "c"}}})
	if other := newOutbox(); other.last.Run == "" || other.last.Run == o.last.Run {
		t.Errorf("two runs are called %q and %q", o.last.Run, other.last.Run)
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

func wantTaken(t *testing.T, path string, message any, wantPath string, want any) {
	t.Helper()
	if path != wantPath {
		t.Errorf("the path is %s, want %s", path, wantPath)
	}
	if diff := cmp.Diff(want, message, cmp.Comparer(func(a, b fmt.Stringer) bool { return a.String() == b.String() })); diff != "" {
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
