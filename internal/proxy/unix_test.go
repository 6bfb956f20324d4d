package proxy_test

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"syscall"
	"testing"
)

// TestCutAtUnixSocket has a stream cut on its way to a program behind a Unix
// socket. It may read that as an end, but then it cannot answer, as it could if
// the end were its client's word (TestHalfClose).
func TestCutAtUnixSocket(t *testing.T) {
	const part = 64 << 10
	var wire *relay
	tests := []struct {
		name string
		cut  func(client *net.TCPConn)
	}{
		{"the client resets", reset},
		{"TLS is cut by FIN", func(*net.TCPConn) { wire.cut(func(c *net.TCPConn) { c.Close() }) }},
		{"TLS is cut by RST", func(*net.TCPConn) { wire.cut(reset) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, answered := make(chan struct{}), make(chan error, 1)
			backend := program(t, "unix", filepath.Join(t.TempDir(), "s"), func(conn net.Conn) {
				io.ReadFull(conn, make([]byte, part))
				close(got)
				io.Copy(io.Discard, conn)
				_, err := conn.Write([]byte("thank you, all is stored"))
				answered <- err
			})
			w := newWorldOf(t, setup{names: []string{"ann"}, backend: backend, between: func(service string) string {
				wire = newRelay(t, service)
				return wire.listener.Addr().String()
			}})
			w.allow("ann")
			client := w.dial(w.doors[0])
			if _, err := client.Write(make([]byte, part)); err != nil {
				t.Fatal(err)
			}
			<-got
			test.cut(client)
			if err := <-answered; !errors.Is(err, syscall.EPIPE) {
				t.Errorf("the program's answer to a part: %v, want %v", err, syscall.EPIPE)
			}
		})
	}
}
