package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/signet-tls/signet"
)

// plainConn is the leg to a program on this host.
type plainConn struct{ net.Conn }

// Abort ends the leg by a reset, where there is one to send.
func (c plainConn) Abort() error {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) // an error here means that it is closed already
	}
	return c.Conn.Close()
}

// CloseWrite says that this was all, and leaves the other direction open.
func (c plainConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Conn.Close()
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
