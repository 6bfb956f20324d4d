package record

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
	"syscall"
	"testing"
	"time"
)

// patience bounds what must happen soon.
const patience = 20 * time.Second

// rig is loops that run, until the test ends or stop is called.
type rig struct {
	t     testing.TB
	loops *Loops
	stop  func() // returns when all is closed
}

func newRig(t testing.TB) *rig {
	t.Helper()
	loops, err := OpenLoops()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		loops.Run(ctx)
	}()
	r := &rig{t: t, loops: loops, stop: func() { cancel(); <-done }}
	t.Cleanup(r.stop)
	return r
}

// carried is a link with both of its other ends: a peer, and a program.
type carried struct {
	t              testing.TB
	link           *Link
	wire           *net.TCPConn // the peer's
	peer           *Session
	program        stream
	ours           *Session // the loop's, until the link has ended
	done           chan error
	sealed, opened atomic.Int64

	unread []byte // by peer
}

// stream is a TCP or Unix socket.
type stream interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// start has the loops carry a new pair, with what had been read of both before.
func (r *rig) start(network string, received func(peer *Session) []byte, head []byte) *carried {
	r.t.Helper()
	return r.startBehind(network, func(stream) {}, received, head)
}

// startBehind has the program do something first, so that it is all there at once.
func (r *rig) startBehind(network string, first func(program stream), received func(peer *Session) []byte, head []byte) *carried {
	r.t.Helper()
	peer, ours := fresh(r.t, tls.TLS_AES_128_GCM_SHA256)
	near, wire := sockets(r.t, "tcp")
	inner, program := sockets(r.t, network)
	first(program)
	c := &carried{t: r.t, wire: wire.(*net.TCPConn), peer: peer, ours: ours, program: program, done: make(chan error, 1)}
	pair := Pair{Session: ours, Secure: taken(r.t, near), Plain: taken(r.t, inner), Head: head,
		Sealed: &c.sealed, Opened: &c.opened, Done: func(err error) { c.done <- err }}
	if received != nil {
		pair.Received = received(peer)
	}
	var err error
	if c.link, err = r.loops.Join(pair); err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) join(network string) *carried {
	r.t.Helper()
	return r.start(network, nil, nil)
}

// taken returns a socket's descriptor, which nobody else has.
func taken(t testing.TB, conn stream) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := Duplicate(raw)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	return fd
}

// sockets are the two ends of a connection.
func sockets(t testing.TB, network string) (near, far stream) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "s")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		address = filepath.Join(dir, "s")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	one, err := net.Dial(network, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, conn := range []net.Conn{one, other} {
		conn.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { conn.Close() })
	}
	return one.(stream), other.(stream)
}

// say has the peer send records.
func (c *carried) say(records []byte) error {
	_, err := c.wire.Write(records)
	return err
}

// hear returns what the peer receives until it has n bytes of data, or to the stream's
// end.
func (c *carried) hear(n int) (data []byte, err error) {
	for len(data) < n && err == nil {
		more := make([]byte, MaxRecord)
		got, failed := c.wire.Read(more)
		c.unread = append(c.unread, more[:got]...)
		opened, used, ended := c.peer.Receive(make([]byte, 0, len(c.unread)+MaxRecord), c.unread)
		c.unread = c.unread[used:]
		data = append(data, opened...)
		if err = ended; err == nil {
			err = failed
		}
	}
	return data, err
}

// wantEnd waits for the link's end.
func (c *carried) wantEnd(want error) {
	c.t.Helper()
	select {
	case err := <-c.done:
		if !errors.Is(err, want) {
			c.t.Errorf("the link ended with %v, want %v", err, want)
		}
	case <-time.After(patience):
		c.t.Fatal("the link does not end")
	}
}

// wantProgram reads to the end of what the program gets.
func (c *carried) wantProgram(want []byte, end error) {
	c.t.Helper()
	have, err := io.ReadAll(c.program)
	if !bytes.Equal(have, want) || !errors.Is(err, end) {
		c.t.Errorf("the program reads %d bytes, the same %d: %v; %v, want %v", len(have), len(want), bytes.Equal(have, want), err, end)
	}
}
