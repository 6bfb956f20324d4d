package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// plainConn is the leg to a program on this host, over TCP or a Unix socket.
type plainConn struct {
	stream
	program string      // whose it is, for messages
	said    atomic.Bool // that this was all
	head    []byte      // what was read ahead; only who reads touches it
}

// stream is what *net.TCPConn and *net.UnixConn are.
type stream interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// Read reads what the program sends. The error is io.EOF if the program said
// that this was all.
func (c *plainConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 {
		n := copy(p, c.head)
		c.head = c.head[n:]
		return n, nil
	}
	n, err := c.stream.Read(p)
	if err == io.EOF && c.gone() && !c.said.Load() { // in this order
		err = syscall.ECONNRESET
	}
	return n, c.explain(err)
}

// gone reports whether there is no other end any more. The system tells of a
// reset once; if a Write was told, a Read sees the same as at a clean end. But
// there is another end still after a clean one, until we have said that this was
// all, too.
func (c *plainConn) gone() bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return true
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = peerless(fd) })
	return err != nil || failed != nil
}

// Write sends p to the program.
func (c *plainConn) Write(p []byte) (int, error) {
	n, err := c.stream.Write(p)
	return n, c.explain(err)
}

// await returns when Read has something to give.
func (c *plainConn) await() error {
	if len(c.head) > 0 {
		return nil
	}
	return c.explain(awaitReadable(c.stream))
}

// CloseWrite says to the program that this was all, and leaves the other
// direction open.
func (c *plainConn) CloseWrite() error {
	c.said.Store(true)
	return c.explain(c.stream.CloseWrite())
}

func (c *plainConn) explain(err error) error {
	for _, gone := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ENOTCONN} {
		if errors.Is(err, gone) {
			return &fault.Error{Code: ProgramGone, Err: err, Message: c.program + " broke off", Hint: "look into that program's log"}
		}
	}
	return err
}

// Abort ends the leg by a reset. A Unix socket has none: see Address.
func (c *plainConn) Abort() error {
	if tcp, ok := c.stream.(*net.TCPConn); ok {
		tcp.SetLinger(0) // an error here means that it is closed already
	}
	return c.Close()
}

// secureConn is the leg over TLS.
type secureConn struct {
	*signet.Conn
	first [1]byte // what await got; only who reads touches it
}

// await returns when Read has something to give. crypto/tls tells nobody but a
// reader, so the first byte is read.
func (c *secureConn) await() error {
	n, err := c.Conn.Read(c.first[:])
	if n > 0 {
		return nil // the next read fails as this one did
	}
	return err
}

// Read gives what await got and what has come with it: the rest of its record.
func (c *secureConn) Read(p []byte) (int, error) {
	n := copy(p, c.first[:])
	c.SetReadDeadline(past)
	more, err := c.Conn.Read(p[n:])
	c.SetReadDeadline(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil // there is no more yet
	}
	return n + more, err
}

// past, as a deadline, ends a read that would wait.
var past = time.Unix(1, 0)

// leg is one of the two connections that are joined. Each Read follows an await.
type leg interface {
	io.ReadWriteCloser
	abortable
	await() error
	CloseWrite() error
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// carry joins two legs until both directions have ended. Each end of a stream
// is carried on as what it was: the peer's word that this was all as such, and
// everything else as a reset. The error is the first thing that went wrong.
func carry(conn *signet.Conn, plain *plainConn, out, in *atomic.Int64) error {
	secure := &secureConn{Conn: conn}
	var wg sync.WaitGroup
	var first atomic.Pointer[error]
	direction := func(to, from leg, count *atomic.Int64) {
		if err := pump(to, from, count); err != nil {
			first.CompareAndSwap(nil, &err)
			to.Abort()
			from.Abort()
		}
	}
	wg.Go(func() { direction(secure, plain, out) })
	direction(plain, secure, in)
	wg.Wait()
	secure.Close()
	plain.Close()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// pump copies one direction to its end and passes a clean end on.
func pump(to, from leg, count *atomic.Int64) error {
	for {
		n, err := pass(to, from)
		count.Add(int64(n))
		if errors.Is(err, io.EOF) {
			return to.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}

// pass waits until there is something and passes it on. Only from then on does
// it hold a buffer: most connections are idle most of the time.
func pass(to, from leg) (int, error) {
	if err := from.await(); err != nil {
		return 0, err
	}
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	n, err := from.Read(buffer[:])
	if n == 0 {
		return 0, err
	}
	if _, failed := to.Write(buffer[:n]); failed != nil {
		return 0, failed
	}
	return n, err
}
