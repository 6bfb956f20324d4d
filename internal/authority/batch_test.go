package authority

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// TestBatchIsTakenOnce sends batches again, as a proxy does whose answer was
// lost, and from another run of it.
func TestBatchIsTakenOnce(t *testing.T) {
	r := newRig(t, nil)
	var heard []string
	r.onEvent = func(e api.Event) { heard = append(heard, e.Reason) }
	one, two := r.as("proxy/one"), r.as("proxy/two")
	send := func(c client, run string, number uint64, reason string) {
		t.Helper()
		event := api.Event{Time: time.Now(), Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders"), Reason: reason}
		if c.http == two.http {
			event.Side = api.Service
		}
		ask[struct{}](c, "POST", api.PathEvents, c.batch(run, number, 3, event))
	}
	send(one, "a", 1, "first")
	send(one, "a", 1, "first, again")
	send(two, "a", 1, "another proxy's")
	send(one, "a", 2, "second")
	send(one, "a", 1, "first, once more")
	send(one, "b", 1, "another run's")
	send(one, "b", 1, "another run's, again")
	want := []string{"first", "another proxy's", "second", "another run's"}
	if len(heard) != len(want) {
		t.Fatalf("heard %q, want %q", heard, want)
	}
	for i := range want {
		if heard[i] != want[i] {
			t.Errorf("heard %q, want %q", heard, want)
		}
	}
	live := ask[api.Conns](r.as("operator/ann"), "GET", api.PathConns, nil)
	if live.Lost != 3*len(want) || live.Refused != len(want) || !live.RefusedMore {
		t.Errorf("%d events lost, %d refused, more: %v; want %d, %d and more", live.Lost, live.Refused, live.RefusedMore, 3*len(want), len(want))
	}
}
