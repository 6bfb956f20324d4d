package proxy_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// strangers keep many connections to an address open, of which none proves
// anything: whichever is ended is opened again.
func strangers(t *testing.T, many int, address string, behave func(context.Context, net.Conn)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg, opened sync.WaitGroup
	for range many {
		opened.Add(1)
		wg.Go(func() {
			first := sync.OnceFunc(opened.Done)
			defer first()
			for ctx.Err() == nil {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				first()
				hangUp := context.AfterFunc(ctx, func() { conn.Close() })
				behave(ctx, conn)
				hangUp()
				conn.Close()
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	opened.Wait()
}

// untilEnded waits for the other end to hang up.
func untilEnded(_ context.Context, conn net.Conn) { io.Copy(io.Discard, conn) }

// drip begins a TLS record (RFC 8446, section 5.1) of 512 bytes and sends one of
// them a second.
func drip(ctx context.Context, conn net.Conn) {
	next := []byte{22, 3, 1, 2, 0}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if _, err := conn.Write(next); err != nil {
			return
		}
		next = []byte{1}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// TestCrowd has more strangers at a service's port than it holds, and somebody
// who may come in.
func TestCrowd(t *testing.T) {
	const many = 2500
	tests := []struct {
		name   string
		behave func(context.Context, net.Conn)
	}{
		{"silent", untilEnded},
		{"dripping", drip},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "ann")
			w.allow("ann")
			strangers(t, many, w.service, test.behave)
			w.open(w.doors[0], "ann.0")
			w.find("a stranger that had to make room is told of", func(e api.Event) bool {
				return e.Kind == api.Refused && e.Side == api.Service && e.Code == "crowded_out" && e.From.IsZero() && e.To == w.id("orders")
			})
		})
	}
}

// TestDoorFull has more programs at a door than one identity may carry, none of
// which gets anywhere.
func TestDoorFull(t *testing.T) {
	w := newWorldOf(t, setup{names: []string{"ann"}, between: func(string) string {
		return program(t, "tcp", "127.0.0.1:0", func(conn net.Conn) { untilEnded(t.Context(), conn) }).Address
	}})
	w.allow("ann")
	strangers(t, 4097, w.doors[0], untilEnded)
	event := w.find("the one too many is told of", func(e api.Event) bool { return e.Code == "too_many_connections" })
	if event.Kind != api.Refused || event.Side != api.Door || event.From != w.id("ann") || event.To != w.id("orders") {
		t.Errorf("the event is %+v", event)
	}
}
