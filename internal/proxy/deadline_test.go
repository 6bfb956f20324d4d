package proxy_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
)

// stepped is a clock that a test moves.
type stepped struct {
	mu    sync.Mutex
	later time.Duration // guarded by mu
}

func (s *stepped) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.later)
}

func (s *stepped) step(to time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later = to
}

// TestPeerExpired has two clients without a proxy, with certificates that end
// in 90 minutes. A newer one of bob's is on record, none of ann's: the
// connection of ann ends with her certificate, that of bob goes on.
func TestPeerExpired(t *testing.T) {
	var clock stepped
	w := newWorldOf(t, setup{names: []string{"ann", "bob"}, now: clock.now})
	w.allow("ann")
	w.allow("bob")
	earlier := time.Now().Add(90*time.Minute - 24*time.Hour)
	ann := testpki.Must(w.client(w.credentialOf("ann", earlier)))
	bob := testpki.Must(w.client(w.credentialOf("bob", earlier)))
	newer := w.credential("bob").Leaf().NotAfter()
	ends := func() map[string]api.Conn {
		ends := map[string]api.Conn{}
		for _, conn := range w.conns().Conns {
			ends[conn.ID] = conn
		}
		return ends
	}
	for id, conn := range ends() {
		if conn.Renewing || time.Until(conn.Deadline) > 2*time.Hour {
			t.Errorf("%s ends at %v, renewing: %v; want the end of the client's certificate", id, conn.Deadline, conn.Renewing)
		}
	}
	clock.step(45 * time.Minute)
	w.until("bob's newer certificate is known", func() bool { return ends()[bob.ID()].Deadline.Equal(newer) })
	if live := ends(); len(live) != 2 || live[ann.ID()].Deadline.After(time.Now().Add(2*time.Hour)) {
		t.Errorf("live are %+v, want both, and ann's to end as before", live)
	}
	clock.step(100 * time.Minute)
	w.find("ann's end is told", func(e api.Event) bool {
		return e.Kind == api.Ended && e.Conn == ann.ID() && e.Code == "peer_certificate_expired"
	})
	ann.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := ann.Read(make([]byte, 1)); !errors.Is(err, signet.Truncated) {
		t.Errorf("ann reads %v, want a cut", err)
	}
	if live := ends(); len(live) != 1 || live[bob.ID()].ID == "" {
		t.Errorf("live are %+v, want bob's alone", live)
	}
}
