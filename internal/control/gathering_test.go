package control

import (
	"context"
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

// TestGatheredGivesUp has somebody give up before anybody commits: what they wanted is
// not written afterwards.
func TestGatheredGivesUp(t *testing.T) {
	s := open(t, t.TempDir())
	identified(t, s, "web")
	s.gathering.turn <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, cancel)
	err := s.RecordCertificate(ctx, Certificate{Serial: "1", ID: id("web"), NotAfter: time.Now().Add(time.Hour)})
	if !errors.Is(err, Interrupted) {
		t.Errorf("who gives up hears %v", err)
	}
	<-s.gathering.turn
	issue(t, s, Certificate{Serial: "2", ID: id("web"), NotAfter: time.Now().Add(time.Hour)})
	if have := serials(t, s, "web"); len(have) != 1 || have[0] != "2" {
		t.Errorf("on record are %v, want 2 alone", have)
	}
}
