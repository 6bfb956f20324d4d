package proxy_test

import (
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// wire stands between two proxies for one connection, and does to it what a network may.
type wire struct {
	listener net.Listener
	up, down *strand // to the service's proxy and to the door's; set before ready is closed
	ready    chan struct{}
}

// strand is one direction of a wire.
type strand struct {
	to *net.TCPConn
	// flip is which of the bytes to come is changed, counted from 1; 0: none. It is
	// called for between writes alone.
	flip atomic.Int64
}

// Write passes bytes on.
func (s *strand) Write(p []byte) (int, error) {
	if at := s.flip.Load(); at > 0 {
		if at <= int64(len(p)) {
			p = slices.Clone(p)
			p[at-1] ^= 1
			at = int64(len(p))
		}
		s.flip.Add(-at)
	}
	return s.to.Write(p)
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, ready: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", target)
		if err != nil {
			return
		}
		defer far.Close()
		w.up, w.down = &strand{to: far.(*net.TCPConn)}, &strand{to: near.(*net.TCPConn)}
		close(w.ready)
		var both sync.WaitGroup
		both.Go(func() { w.up.carry(w.down) })
		both.Go(func() { w.down.carry(w.up) })
		both.Wait()
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return w
}

// carry passes on what the other strand's end sends, and how it ends.
func (s *strand) carry(back *strand) {
	_, err := io.Copy(s, struct{ io.Reader }{back.to})
	if err != nil {
		reset(s.to)
		reset(back.to)
		return
	}
	s.to.CloseWrite()
}
