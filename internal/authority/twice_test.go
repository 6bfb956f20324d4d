package authority

import (
	"net/http"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
)

// running is a transport of one run of an agent.
type running struct {
	http.RoundTripper
	run string
}

// RoundTrip implements http.RoundTripper.
func (r running) RoundTrip(request *http.Request) (*http.Response, error) {
	request.Header.Set(api.HeaderRun, r.run)
	return r.RoundTripper.RoundTrip(request)
}

// run is a client of one run of a proxy's agent.
func (r *rig) run(path, run string) client {
	c := r.as(path)
	c.http.Transport = running{c.http.Transport, run}
	return c
}

// TestFirstStays has two processes be the same proxy: the first stays, both hear of
// it, changes count the second among those that have not heard, and what it reports
// is not the first's.
func TestFirstStays(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = 20 * time.Second })
	first, slice := r.watchOf(r.run("proxy/one", "a"))
	first.report(api.Applied{Revision: slice.Revision})
	other, _ := r.watchAs("proxy/two")
	other.obey()
	rivals := make(chan string, 10)
	go func() {
		for {
			update, ok := first.next()
			switch {
			case !ok:
				return
			case update.Rival != "":
				rivals <- update.Rival
			case update.Ask != 0:
				first.http.Post("https://"+r.address+api.PathLive, "", jsonBody(api.Live{Ask: update.Ask}))
			case update.Slice != nil:
				first.http.Post("https://"+r.address+api.PathApplied, "", jsonBody(api.Applied{Revision: update.Head.Number}))
			}
		}
	}()
	copied := r.run("proxy/one", "b")
	for range 3 {
		status, refusal := copied.try("GET", api.PathWatch, nil)
		wantRefusal(t, refusal, api.ProxyTwice, "another process, at 127.0.0.1:", "is proxy/one already", "signet token new NAME")
		if status != http.StatusConflict {
			t.Errorf("the status is %d", status)
		}
	}
	if rival := <-rivals; rival == "" {
		t.Error("the first has not heard of the second")
	}
	for path, message := range map[string]any{api.PathApplied: api.Applied{Revision: 1}, api.PathLive: api.Live{Ask: 1}} {
		_, refusal := copied.try("POST", path, jsonBody(message))
		wantRefusal(t, refusal, api.ProxyTwice)
	}
	r.until("the first has all in force", func() bool { return r.Status().Proxies[0].Revision == r.store.State().Revision })
	change := r.as("operator/ann").allow("web", "orders")
	if change.Proxies != 3 || change.InForce != 2 || len(change.Missing) != 1 || change.Missing[0].Proxy != id("proxy/one") || change.Missing[0].Rival == "" {
		t.Errorf("the change says %+v", change)
	}
	if len(rivals) > 0 {
		t.Error("the first is told of each attempt")
	}
}

// TestSilentMakesRoom has the process that was there first hang: one that was
// started anew takes its place.
func TestSilentMakesRoom(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.presence = 50 * time.Millisecond })
	first, _ := r.watchOf(r.run("proxy/one", "a"))
	second, _ := r.watchOf(r.run("proxy/one", "b"))
	if _, ok := first.next(); ok { // the ask
		if _, ok := first.next(); ok {
			t.Error("the first watch goes on")
		}
	}
	revision := r.change(func(tx *control.Tx) { tx.Revoke(control.Revocation{ID: id("idle")}) }).Revision
	if slice := second.slice(); slice.Revision != revision {
		t.Errorf("the second has revision %d, want %d", slice.Revision, revision)
	}
}

// TestNoFalseGap has two processes of one name tell of events by turns: the log has
// all of them, each once, and no gap.
func TestNoFalseGap(t *testing.T) {
	r := newRig(t, nil)
	event := api.Event{Time: time.Now(), Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders")}
	for n := uint64(1); n <= 3; n++ {
		for _, run := range []string{"a", "b"} {
			c := r.run("proxy/one", run)
			for range 2 { // the answer was lost
				ask[struct{}](c, "POST", api.PathEvents, c.batch(run, n, 0, event))
			}
		}
	}
	if have, _ := r.journal.RefusedSince(time.Time{}); have != 6 {
		t.Errorf("%d events are known, want 6", have)
	}
	r.entries()
	again := testpki.Must(New(Config{Store: r.store, CA: r.ca, Log: openLog(t, r.dir)}))
	defer again.log.Close()
	if s := again.stream(id("proxy/one")); !s.took("a", 3) || !s.took("b", 3) || s.took("a", 4) {
		t.Errorf("after a start the runs are %+v", s.runs)
	}
}

// TestWarned lets a proxy tell of itself, and of nobody else.
func TestWarned(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/one")
	w.tell(api.Event{Kind: api.Warned, Code: "revision_rolled_back"}, api.Event{Kind: api.Warned, From: id("web"), Code: "x"})
	var told []api.Event
	for e := range r.journal.All() {
		told = append(told, *e)
	}
	if len(told) != 1 || told[0].Proxy != id("proxy/one") || told[0].Code != "revision_rolled_back" {
		t.Errorf("known is %+v", told)
	}
	r.entries()
}
