package signet_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// TestShutdown holds that its result says whether both ends agree that all has
// been said and read.
func TestShutdown(t *testing.T) {
	tests := []struct {
		name string
		peer func(over *tls.Conn, under *net.TCPConn) error // what it does meanwhile
		want error
	}{
		{"the peer says its end, too", func(over *tls.Conn, _ *net.TCPConn) error {
			data, err := io.ReadAll(over)
			if string(data) != "all of it" {
				return errors.Join(err, errors.New("have "+string(data)))
			}
			return errors.Join(err, over.CloseWrite())
		}, nil},
		{"the peer has more to say", func(over *tls.Conn, _ *net.TCPConn) error {
			_, err := io.WriteString(over, "and yet")
			return errors.Join(err, over.CloseWrite())
		}, signet.Unread},
		{"the peer cuts the stream", func(over *tls.Conn, under *net.TCPConn) error {
			io.ReadAll(over)
			return under.CloseWrite()
		}, signet.Truncated},
		{"the peer resets", func(over *tls.Conn, under *net.TCPConn) error {
			io.ReadAll(over)
			under.SetLinger(0)
			return under.Close()
		}, signet.Truncated},
		{"the peer's last record is altered", func(_ *tls.Conn, under *net.TCPConn) error {
			_, err := under.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
			return err
		}, signet.RecordAltered},
	}
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				near, far := pair(t)
				conn, peer := w.facesOver(t, as, version, near, far)
				if _, err := conn.Write([]byte("all of it")); err != nil {
					t.Fatal(err)
				}
				ended := make(chan error, 1)
				go func() { ended <- test.peer(peer, far) }()
				err := conn.Shutdown(t.Context())
				if test.want == nil && err != nil {
					t.Errorf("have %v", err)
				}
				if test.want != nil {
					wantCode(t, "shutdown", err, test.want)
				}
				if e, ok := fault.Of(err); ok && e.Code == signet.Unread && e.Detail != signet.UnreadBytes(len("and yet")) {
					t.Errorf("have detail %v, want the number of bytes", e.Detail)
				}
				if err := <-ended; err != nil {
					t.Errorf("the peer: %v", err)
				}
				if _, err := near.Write([]byte{0}); !errors.Is(err, net.ErrClosed) {
					t.Errorf("the socket is open: %v", err)
				}
			})
		}
	})
}

// TestShutdownIsBounded has peers that never say their end: silent ones, and
// such as send without an end.
func TestShutdownIsBounded(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		t.Run("canceled", func(t *testing.T) {
			conn, _ := w.faces(t, as, version)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := conn.Shutdown(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("have %v, want %v", err, context.Canceled)
			}
		})
		t.Run("too late", func(t *testing.T) {
			conn, _ := w.faces(t, as, version)
			ctx, cancel := context.WithTimeout(t.Context(), 1)
			defer cancel()
			wantCode(t, "shutdown", conn.Shutdown(ctx), signet.Timeout)
		})
		t.Run("endless", func(t *testing.T) {
			near, far := pair(t)
			conn, peer := w.facesOver(t, as, version, near, far)
			go func() {
				for {
					if _, err := peer.Write(make([]byte, 16<<10)); err != nil {
						return
					}
				}
			}()
			wantCode(t, "shutdown", conn.Shutdown(t.Context()), signet.Unread)
		})
	})
}

// TestShutdownAfterAFailure holds that nothing is said of a connection that
// failed: it is reset.
func TestShutdownAfterAFailure(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		near, far := pair(t)
		wire := &recorder{TCPConn: near}
		conn, _ := newWorld(t).facesOver(t, as, version, wire, far)
		far.CloseWrite()
		_, err := conn.Read(make([]byte, 1))
		wantCode(t, "read", err, signet.Truncated)
		before := len(wire.records(t))
		if err := conn.Shutdown(t.Context()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("have %v, want %v", err, net.ErrClosed)
		}
		if have := len(wire.records(t)) - before; have != 0 {
			t.Errorf("%d records left after the failure", have)
		}
		if _, err := io.Copy(io.Discard, far); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer's socket ended with %v, want a reset", err)
		}
	})
}
