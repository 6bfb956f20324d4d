package control

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestGathered has many callers write at the same time: who may not is refused, by the
// reason, and what the others wrote is there.
func TestGathered(t *testing.T) {
	s := open(t, t.TempDir())
	identified(t, s, "web")
	identified(t, s, "gone")
	change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id("gone")}) })
	end := time.Now().Add(time.Hour)
	s.gathering.turn <- struct{}{} // as somebody commits, so that all of them wait
	var all sync.WaitGroup
	refusals := make([]error, 3*maxTogether)
	for n := range refusals {
		all.Go(func() {
			name := "web"
			if n%40 == 3 {
				name = []string{"gone", "nobody"}[n/40%2]
			}
			refusals[n] = s.RecordCertificate(t.Context(), Certificate{Serial: fmt.Sprintf("%x", n+1), ID: id(name), NotAfter: end})
		})
	}
	for waiting := 0; waiting < len(refusals); time.Sleep(time.Millisecond) {
		s.gathering.mu.Lock()
		waiting = len(s.gathering.waiting)
		s.gathering.mu.Unlock()
	}
	<-s.gathering.turn
	all.Wait()
	written := 0
	for n, err := range refusals {
		switch {
		case n%40 != 3 && err == nil:
			written++
		case n%40 != 3:
			t.Errorf("%d: %v", n, err)
		case n/40%2 == 0 && !errors.Is(err, IdentityRevoked), n/40%2 == 1 && !errors.Is(err, IdentityUnknown):
			t.Errorf("%d is refused by %v", n, err)
		}
	}
	if have := serials(t, s, "web"); len(have) != written {
		t.Errorf("%d are on record, %d were written", len(have), written)
	}
}
