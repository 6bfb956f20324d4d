package fetch_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
)

// TestOutage: a server that has cost a whole timeout is not asked again for a short
// time, whatever is wanted of it; any other failure does not count.
func TestOutage(t *testing.T) {
	r := newRig(t, withCRL)
	var later atomic.Int64
	client := r.client(func(cfg *fetch.Config) {
		cfg.Timeout = 200 * time.Millisecond
		cfg.Now = func() time.Time { return r.now.Add(time.Duration(later.Load())) }
	})
	asked := func(path string, times int, text string) {
		t.Helper()
		_, err := r.get(client, path)
		wantCode(t, err, fetch.Failed, text)
		if have := len(r.requests()); have != times {
			t.Errorf("%s: asked %d times, want %d", path, have, times)
		}
	}
	r.serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) })
	asked("/a", 1, "answers 500")
	asked("/a", 2, "answers 500")
	silent := func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }
	gone, cancel := context.WithCancel(t.Context())
	r.serve(func(w http.ResponseWriter, q *http.Request) { cancel(); silent(w, q) })
	if _, err := client.Fetch(gone, revocation.Request{URL: r.url + "/left", Check: anything}); err == nil {
		t.Error("who has gone got an answer")
	}
	r.serve(silent)
	asked("/b", 1, "no whole answer within 200ms")
	asked("/c", 1, "no whole answer within 200ms")
	later.Store(int64(30 * time.Second))
	asked("/d", 2, "no whole answer within 200ms")
	r.serve(raw("", []byte("there again")))
	later.Store(int64(time.Minute))
	if data, err := r.get(client, "/d"); data != "there again" {
		t.Errorf("have %q, %v", data, err)
	}
}

// TestUnsaidLength: an answer as long as one may be, of which the server does not say
// how long it is, is in memory once, and a short one takes no more than it has.
func TestUnsaidLength(t *testing.T) {
	r := newRig(t, withCRL)
	for _, length := range []int{3 << 20, pki.MaxCRL} {
		r.serve(func(w http.ResponseWriter, _ *http.Request) {
			some := make([]byte, 1<<18)
			for range length / len(some) {
				w.Write(some)
				w.(http.Flusher).Flush()
			}
		})
		client := r.client()
		all, retained := allocated(func() any {
			data, err := client.Fetch(t.Context(), revocation.Request{URL: r.url, Check: anything})
			if err != nil || len(data) != length {
				t.Errorf("have %d bytes, %v; want %d", len(data), err, length)
			}
			return data
		})
		if all > pki.MaxCRL+int64(length)/10+16<<20 || retained > int64(length)+4<<20 {
			t.Errorf("of %d bytes: %d allocated, %d retained", length, all, retained)
		}
	}
}
