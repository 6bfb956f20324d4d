package proxy_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// TestResetInStream has a program reset its connection while bytes flow to it:
// the system tells of a reset once, and the proxy that writes may be the one to
// hear it. The other program must not take that for a clean end.
func TestResetInStream(t *testing.T) {
	const rounds = 100
	// send has much on its way when the other end breaks off, and returns how
	// that looked. It does not write then: it would be the one to hear it.
	send := func(conn net.Conn) error {
		if _, err := conn.Write(make([]byte, 512<<10)); err != nil {
			return err
		}
		_, err := io.Copy(io.Discard, conn)
		return err
	}
	breakOff := func(conn net.Conn) {
		io.ReadFull(conn, make([]byte, 4<<10))
		reset(conn.(*net.TCPConn))
	}
	ends := make(chan error, 1)
	tests := []struct {
		name    string
		service func(net.Conn)
		client  func(net.Conn)
	}{
		{"the client", func(conn net.Conn) { ends <- send(conn) }, breakOff},
		{"the service", breakOff, func(conn net.Conn) { ends <- send(conn) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorldOf(t, setup{names: []string{"ann"}, backend: program(t, "tcp", "127.0.0.1:0", test.service)})
			w.allow("ann")
			for i := range rounds {
				test.client(w.dial(w.doors[0]))
				if err := <-ends; !errors.Is(err, syscall.ECONNRESET) {
					t.Fatalf("round %d: the other program sees %v, want a reset", i, err)
				}
			}
		})
	}
}
