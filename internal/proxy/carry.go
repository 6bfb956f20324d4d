package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// plainConn is the leg to a program on this host, over TCP or a Unix socket.
type plainConn struct {
	stream
	program string // whose it is, for messages
}

// stream is what *net.TCPConn and *net.UnixConn are.
type stream interface {
	net.Conn
	syscall.Conn
	CloseWrite() error
}

// Read reads what the program sends. The error is io.EOF if the program said
// that this was all.
func (c plainConn) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	return n, c.explain(err)
}

// Write sends p to the program.
func (c plainConn) Write(p []byte) (int, error) {
	n, err := c.stream.Write(p)
	return n, c.explain(err)
}

// CloseWrite says to the program that this was all, and leaves the other
// direction open.
func (c plainConn) CloseWrite() error { return c.explain(c.stream.CloseWrite()) }

func (c plainConn) explain(err error) error {
	for _, gone := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ENOTCONN} {
		if errors.Is(err, gone) {
			return &fault.Error{Code: ProgramGone, Err: err, Message: c.program + " broke off", Hint: "look into that program's log"}
		}
	}
	return err
}

// Abort ends the leg by a reset. A Unix socket has none: the program sees the
// stream's end there.
func (c plainConn) Abort() error {
	if tcp, ok := c.stream.(*net.TCPConn); ok {
		tcp.SetLinger(0) // an error here means that it is closed already
	}
	return c.Close()
}

// leg is one of the two connections that are joined.
type leg interface {
	io.ReadWriteCloser
	abortable
	CloseWrite() error
}

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// carry joins two legs until both directions have ended. Each end of a stream
// is carried on as what it was: the peer's word that this was all as such, and
// everything else as a reset. The error is the first thing that went wrong.
func carry(secure *signet.Conn, plain plainConn, out, in *atomic.Int64) error {
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
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	for {
		n, err := from.Read(buffer[:])
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return err
			}
			count.Add(int64(n))
		}
		if errors.Is(err, io.EOF) {
			return to.CloseWrite()
		}
		if err != nil {
			return err
		}
	}
}
