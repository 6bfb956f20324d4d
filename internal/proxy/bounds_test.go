package proxy

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestLobby fills it: the oldest makes room, and nobody else.
func TestLobby(t *testing.T) {
	var l lobby
	causes := make([]error, maxSilent+2)
	enter := func(i int) func() {
		place := l.enter(func(cause error) { causes[i] = cause })
		return func() { l.leave(place) }
	}
	leave := make([]func(), len(causes))
	for i := range maxSilent {
		leave[i] = enter(i)
	}
	leave[1]()
	leave[maxSilent] = enter(maxSilent) // has the place of 1
	if n := l.guests.Len(); n != maxSilent || causes[0] != nil {
		t.Fatalf("%d are in, the oldest was told %v; want %d, and nothing", n, causes[0], maxSilent)
	}
	leave[maxSilent+1] = enter(maxSilent + 1)
	for i, cause := range causes {
		if out := errors.Is(cause, CrowdedOut); out != (i == 0) {
			t.Errorf("%d was told %v", i, cause)
		}
	}
	for _, leave := range leave {
		leave() // 0 and 1 have left before
	}
	if n := l.guests.Len(); n != 0 {
		t.Errorf("%d are still in", n)
	}
}

// TestTurns has handshakes that never end: they are left alone while nobody
// waits, and have their turn if somebody does.
func TestTurns(t *testing.T) {
	const most = 3
	synctest.Test(t, func(t *testing.T) {
		shakes := turns{places: make(places, most)}
		ends := make(chan error, most)
		shake := func(begun func()) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if err := shakes.enter(ctx); err != nil {
				t.Error(err)
			}
			defer shakes.leave()
			begun()
			shakes.limit(ctx, cancel, turn)
			<-ctx.Done()
			ends <- context.Cause(ctx)
		}
		for range most {
			go shake(func() {})
		}
		time.Sleep(turn / 2)
		if len(ends) != 0 || len(shakes.places) != most {
			t.Fatalf("%d ended before anybody waited", len(ends))
		}
		start := time.Now()
		begun := make(chan time.Duration)
		for range most {
			go shake(func() { begun <- time.Since(start) })
		}
		for range most {
			if waited := <-begun; waited != turn/2 {
				t.Errorf("waited for %v, want %v: until the others had had their turn", waited, turn/2)
			}
			if err := <-ends; !errors.Is(err, CrowdedOut) {
				t.Errorf("the handshake ended with %v", err)
			}
		}
		time.Sleep(10 * turn) // nobody waits any more
		if len(ends) != 0 {
			t.Errorf("a handshake that nobody waited for ended with %v", <-ends)
		}
	})
}

// TestTurnsOver stops the proxy while somebody waits.
func TestTurnsOver(t *testing.T) {
	shakes := turns{places: make(places, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	if err := shakes.enter(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := shakes.enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a place that is not there: %v", err)
	}
}

// TestSeats takes them all: no identity gets more than its share.
func TestSeats(t *testing.T) {
	domain := testpki.Must(spiffeid.ParseTrustDomain("test.signet"))
	who := func(i int) spiffeid.ID { return testpki.Must(domain.ID(fmt.Sprintf("client-%d", i))) }
	s := newSeats()
	for client := range 2 {
		for i := range maxEach {
			if err := s.take(who(client)); err != nil {
				t.Fatalf("client %d, connection %d: %v", client, i, err)
			}
		}
		if err := s.take(who(client)); !errors.Is(err, TooManyConnections) {
			t.Errorf("client %d, one more than its share: %v", client, err)
		}
	}
	if err := s.take(who(2)); !errors.Is(err, TooManyConnections) {
		t.Errorf("one more than the port has: %v", err)
	}
	s.leave(who(0))
	if err := s.take(who(2)); err != nil {
		t.Errorf("a seat that was given back: %v", err)
	}
	s.leave(who(2))
	for client := range 2 {
		for range maxEach - (1 - client) {
			s.leave(who(client))
		}
	}
	if s.total != 0 || len(s.each) != 0 {
		t.Errorf("%d seats of %d identities are still taken", s.total, len(s.each))
	}
}
