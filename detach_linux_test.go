package signet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
)

// loops returns some that run until the test ends.
func loops(t *testing.T) *signet.Loops {
	t.Helper()
	loops, err := signet.OpenLoops()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		loops.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return loops
}

// detached is a connection that loops carry, with the program that it is joined with.
type detached struct {
	*signet.Detached
	program    *net.TCPConn
	ended      chan error
	sent, back atomic.Int64
}

func detach(t *testing.T, loops *signet.Loops, conn *signet.Conn) (*detached, error) {
	t.Helper()
	plain, program := pair(t)
	program.SetDeadline(time.Now().Add(20 * time.Second))
	d := &detached{program: program, ended: make(chan error, 1)}
	var err error
	d.Detached, err = conn.Detach(loops, signet.Join{Plain: plain, Sent: &d.sent, Received: &d.back, Done: func(err error) { d.ended <- err }})
	return d, err
}

// TestDetach goes on with a connection where crypto/tls has stopped, at either end, with
// and without tickets and resumed; what the other end has said at once is not lost.
func TestDetach(t *testing.T) {
	for _, test := range []struct {
		name    string
		as      role
		tickets bool
		resumed bool
	}{
		{"a server", asServer, true, false},
		{"a server without tickets", asServer, false, false},
		{"a server whose client is resumed", asServer, true, true},
		{"a client", asClient, true, false},
		{"a client of a server without tickets", asClient, false, false},
		{"a client that is resumed", asClient, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			client, server := w.dialer(), w.listener()
			if !test.tickets {
				server.SessionLifetime = -1
			}
			if test.resumed {
				near, far := shake(t, client, server)
				far.conn.Write([]byte("x"))
				near.conn.Read(make([]byte, 1)) // and the ticket
			}
			client.Detachable, server.Detachable = test.as == asClient, test.as == asServer
			near, far := shake(t, client, server)
			ours, theirs := near.conn, far.conn
			if test.as == asServer {
				ours, theirs = theirs, ours
			}
			if ours.Peer().Resumed != test.resumed {
				t.Fatalf("resumed: %v, want %v", ours.Peer().Resumed, test.resumed)
			}
			up, down := make([]byte, 300_000), bytes.Repeat([]byte("signet "), 40_000)
			theirs.Write([]byte("at once"))
			d, err := detach(t, loops(t), ours)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ours.Read(make([]byte, 1)); err == nil {
				t.Error("a connection that was detached is read")
			}
			ours.Close()
			go func() {
				theirs.Write(up)
				theirs.CloseWrite()
			}()
			have, err := io.ReadAll(d.program)
			if want := append([]byte("at once"), up...); !bytes.Equal(have, want) || err != nil {
				t.Errorf("the program reads %d bytes of %d, %v", len(have), len(want), err)
			}
			go func() {
				d.program.Write(down)
				d.program.Close()
			}()
			if have, err := io.ReadAll(theirs); !bytes.Equal(have, down) || err != nil {
				t.Errorf("the peer reads %d bytes of %d, %v", len(have), len(down), err)
			}
			if err := <-d.ended; err != nil || d.sent.Load() != int64(len(down)) || d.back.Load() != int64(len(up)+7) {
				t.Errorf("it ended with %v, after %d and %d bytes", err, d.sent.Load(), d.back.Load())
			}
		})
	}
}

// TestDetachedEnds gives the codes that Read gives.
func TestDetachedEnds(t *testing.T) {
	tests := []struct {
		name  string
		end   func(peer *signet.Conn, wire *net.TCPConn, d *detached)
		code  fault.Code
		alert signet.Alert
	}{
		{"a FIN", func(_ *signet.Conn, wire *net.TCPConn, _ *detached) { wire.CloseWrite() }, signet.Truncated, signet.Alert{}},
		{"a reset", func(peer *signet.Conn, _ *net.TCPConn, _ *detached) { peer.Abort() }, signet.Truncated, signet.Alert{}},
		{"altered", func(_ *signet.Conn, wire *net.TCPConn, _ *detached) {
			wire.Write(append([]byte{23, 3, 3, 0, 40}, make([]byte, 40)...))
		}, signet.RecordAltered, signet.Alert{Number: 20, Direction: signet.Sent}},
		{"no TLS", func(_ *signet.Conn, wire *net.TCPConn, _ *detached) { io.WriteString(wire, "GET / HTTP/1.1\r\n\r\n") }, signet.RecordAltered, signet.Alert{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			client, server := w.dialer(), w.listener()
			server.Detachable = true
			dialed, accepted := pair(t)
			near, far := shakeOver(t, client, server, dialed, accepted)
			d, err := detach(t, loops(t), far.conn)
			if err != nil {
				t.Fatal(err)
			}
			test.end(near.conn, dialed, d)
			err = <-d.ended
			ours, ok := fault.Of(err)
			if !ok || ours.Code != test.code {
				t.Fatalf("it ended with %v, want %s", err, test.code)
			}
			if alert, _ := ours.Detail.(signet.Alert); alert != test.alert {
				t.Errorf("its alert is %v, want %v", alert, test.alert)
			}
		})
	}
}

// TestDetachedAbort tells the peer why.
func TestDetachedAbort(t *testing.T) {
	w := newWorld(t)
	client, server := w.dialer(), w.listener()
	client.Detachable, server.Detachable = true, true
	near, far := shake(t, client, server)
	on := loops(t)
	one, err := detach(t, on, near.conn)
	if err != nil {
		t.Fatal(err)
	}
	other, err := detach(t, on, far.conn)
	if err != nil {
		t.Fatal(err)
	}
	other.Abort(44)
	if err := <-other.ended; err != net.ErrClosed {
		t.Errorf("who aborts sees %v, want %v", err, net.ErrClosed)
	}
	err = <-one.ended
	if ours, ok := fault.Of(err); !ok || ours.Code != signet.RefusedByPeer || ours.Detail != (signet.Alert{Number: 44, Direction: signet.Received}) {
		t.Errorf("the peer sees %v, want %s by alert 44", err, signet.RefusedByPeer)
	}
}

// TestNotDetached leaves to crypto/tls what loops cannot carry: it can be used as if
// nobody had asked.
func TestNotDetached(t *testing.T) {
	on := loops(t)
	inMemory, other := net.Pipe()
	defer other.Close()
	tests := []struct {
		name    string
		server  func(*signet.Server)
		between func(near *tls.Conn, far *signet.Conn)
		loops   *signet.Loops
		plain   net.Conn // nil: a socket
		version uint16
	}{
		{name: "not detachable", loops: on, version: tls.VersionTLS13, server: func(s *signet.Server) { s.Detachable = false }},
		{name: "traced", loops: on, version: tls.VersionTLS13, server: func(s *signet.Server) { s.Trace = func(signet.Event) {} }},
		{name: "truncation is not noticed", loops: on, version: tls.VersionTLS13, server: func(s *signet.Server) { s.Dangerous = []dangerous.Switch{dangerous.AllowTruncation()} }},
		{name: "read from", loops: on, version: tls.VersionTLS13, between: func(near *tls.Conn, far *signet.Conn) {
			near.Write([]byte("x"))
			far.Read(make([]byte, 1))
		}},
		{name: "looked into", loops: on, version: tls.VersionTLS13, between: func(near *tls.Conn, far *signet.Conn) {
			near.Write([]byte("x"))
			far.Peek(1)
			far.Read(make([]byte, 1))
		}},
		{name: "written to", loops: on, version: tls.VersionTLS13, between: func(near *tls.Conn, far *signet.Conn) {
			far.Write([]byte("x"))
			near.Read(make([]byte, 1))
		}},
		{name: "joined with something else than a socket", loops: on, version: tls.VersionTLS13, plain: inMemory},
		{name: "no loops", version: tls.VersionTLS13},
		{name: "TLS 1.2", loops: on, version: tls.VersionTLS12},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			server := w.listener()
			server.Detachable = true
			if test.server != nil {
				test.server(server)
			}
			dialed, accepted := pair(t)
			near := tls.Client(dialed, w.bare(asClient, test.version))
			go near.Handshake()
			far, err := server.Wrap(t.Context(), accepted)
			if err != nil {
				t.Fatal(err)
			}
			defer far.Abort()
			if test.between != nil {
				test.between(near, far)
			}
			plain, _ := pair(t)
			join := signet.Join{Plain: plain, Done: func(err error) { t.Errorf("who was not detached ends with %v", err) }}
			if test.plain != nil {
				join.Plain = test.plain
			}
			if _, err := far.Detach(test.loops, join); !errors.Is(err, errors.ErrUnsupported) {
				t.Fatalf("detached: %v, want %v", err, errors.ErrUnsupported)
			}
			talk(t, near, far)
		})
	}
}

// TestDetachAfterTheEnd leaves a connection as it is where the loops have ended, or the
// connection itself.
func TestDetachAfterTheEnd(t *testing.T) {
	over, err := signet.OpenLoops()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	over.Run(ctx)
	for name, on := range map[string]*signet.Loops{"the loops": over, "the connection": loops(t)} {
		w := newWorld(t)
		server := w.listener()
		server.Detachable = true
		near, far := shake(t, w.dialer(), server)
		if on != over {
			far.conn.Abort()
		}
		if _, err := detach(t, on, far.conn); err == nil {
			t.Errorf("%s had ended, and it was detached", name)
		}
		if on == over {
			talk(t, near.conn, far.conn)
		}
	}
}

// TestDetachableKeyLog logs keys as if nobody else looked at them.
func TestDetachableKeyLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	keys := testpki.Must(dangerous.KeyLog(path))
	defer keys.Close()
	w := newWorld(t)
	server := w.listener()
	server.Detachable, server.Dangerous = true, []dangerous.Switch{keys}
	_, far := shake(t, w.dialer(), server)
	if _, err := detach(t, loops(t), far.conn); err != nil {
		t.Fatal(err)
	}
	if log, err := os.ReadFile(path); bytes.Count(log, []byte("\n")) != 4 || !bytes.Contains(log, []byte("SERVER_TRAFFIC_SECRET_0 ")) || err != nil {
		t.Errorf("the log has %q, %v", log, err)
	}
}
