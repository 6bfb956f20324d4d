package proxy_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
)

// TestCut ends one connection, then all of a pair: both ends hear why, the others go
// on, and who was cut may come back.
func TestCut(t *testing.T) {
	w := newWorld(t, "ann", "bob")
	w.allow("ann")
	w.allow("bob")
	first := w.open(w.doors[0], "ann.0")
	w.open(w.doors[1], "bob.0")
	cut := func(request api.CutRequest) api.CutDone { return ask[api.CutDone](w, "POST", api.PathCut, request) }
	id := w.conns().Conns[0].ID
	done := cut(api.CutRequest{Conn: id[:9], Because: "it hangs", Most: 1})
	if len(done.Ended) != 1 || done.Ended[0].ID != id || done.Ended[0].Ends != 2 || done.Others != 1 || len(done.Remain)+len(done.Silent) != 0 {
		t.Errorf("one was cut: %+v", done)
	}
	if _, err := io.ReadAll(first); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v, want a reset", err)
	}
	for _, side := range []api.Side{api.Door, api.Service} {
		event := w.find("the end is told", func(e api.Event) bool { return e.Kind == api.Ended && e.Side == side })
		if event.Code != string(api.ConnectionCut) || !strings.HasSuffix(event.Reason, `cut it: "it hangs"`) || event.Conn != id {
			t.Errorf("the %s tells %+v", side, event)
		}
	}
	w.open(w.doors[0], "ann.1")
	w.open(w.doors[0], "ann.2")
	done = cut(api.CutRequest{From: "ann", To: "orders"})
	if len(done.Ended) != 2 || done.Others != 1 {
		t.Errorf("the pair was cut: %+v", done)
	}
	if done = cut(api.CutRequest{From: "ann", To: "orders"}); len(done.Ended) != 0 || done.Others != 1 {
		t.Errorf("there is nothing to cut: %+v", done)
	}
	w.until("the service sees the ends, and no other", func() bool { return w.backend.opened() == 1 })
	if _, over := w.backend.end("bob.0"); over {
		t.Error("the bystander was cut, too")
	}
}
