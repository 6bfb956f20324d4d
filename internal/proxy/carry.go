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
	"github.com/signet-tls/signet/internal/buffers"
)

// plainConn is the leg to a program on this host, over TCP or a Unix socket.
type plainConn struct {
	stream
	program string      // whose it is, for messages
	said    atomic.Bool // that this was all
	head    []byte      // what was read ahead; only who reads touches it
}

// newPlainConn takes a program's connection over. Until Close it ends by a reset, where it
// can, whatever ends it: if this process is killed the system closes it, and the program
// is not to take what it has had by then for all.
func newPlainConn(conn stream, program string) *plainConn {
	linger(conn, 0)
	return &plainConn{stream: conn, program: program}
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
	return n, c.ended(err)
}

// ended says what an error of reading means.
func (c *plainConn) ended(err error) error {
	if err == io.EOF && c.gone() && !c.said.Load() { // in this order
		err = syscall.ECONNRESET
	}
	return c.explain(err)
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

// take waits until there is something to read, and reads it into a buffer that the
// caller returns; nil where it waited in vain.
func (c *plainConn) take() (*buffers.Buffer, int, error) {
	if len(c.head) > 0 {
		buffer := buffers.Large()
		n, err := c.Read(data(buffer))
		return buffer, n, err
	}
	buffer, n, err := take(c.stream)
	return buffer, n, c.ended(err)
}

// data is the part of a buffer that is filled: as many records as it holds encrypted.
func data(buffer *buffers.Buffer) []byte {
	return buffer.Bytes[:min(len(buffer.Bytes), buffers.Plain)]
}

// CloseWrite says to the program that this was all, and leaves the other
// direction open.
func (c *plainConn) CloseWrite() error {
	c.said.Store(true)
	return c.explain(c.stream.CloseWrite())
}

func (c *plainConn) explain(err error) error { return explainProgram(c.program, err) }

func explainProgram(program string, err error) error {
	for _, gone := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ENOTCONN} {
		if errors.Is(err, gone) {
			return &fault.Error{Code: ProgramGone, Err: err, Message: program + " broke off", Hint: "look into that program's log"}
		}
	}
	return err
}

// Close ends the leg when all has been said: what has been written still arrives.
func (c *plainConn) Close() error {
	linger(c.stream, -1)
	return c.stream.Close()
}

// Abort ends the leg by a reset. A Unix socket has none: see Address.
func (c *plainConn) Abort() error {
	return reset(c.stream)
}

// reset closes a connection so that nobody takes it for complete, where it can be.
func reset(conn net.Conn) error {
	linger(conn, 0)
	return conn.Close()
}

// linger says how a connection ends that is closed with data on its way: at 0 seconds by a
// reset (socket(7), SO_LINGER), at -1 as the system does it. A Unix socket has no resets.
func linger(conn net.Conn, seconds int) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(seconds) // an error here means that it is closed already
	}
}

// counted counts what is written.
type counted struct {
	io.Writer
	count *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.count.Add(int64(n))
	return n, err
}

// legs are both ends of a live connection, whoever carries it.
type legs struct {
	mu       sync.Mutex
	secure   *signet.Conn     // guarded by mu; nil once the loops have it, as plain
	plain    *plainConn       // guarded by mu
	detached *signet.Detached // guarded by mu; nil until then
}

// path is who carries the connection, once that is settled.
func (l *legs) path() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.detached != nil {
		return string(Record)
	}
	return string(Std)
}

// abort ends both legs by reset. The peer is told why by an alert, where that can be said
// at all: crypto/tls has no words of ours for it.
func (l *legs) abort(alert uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.detached != nil {
		l.detached.Abort(alert)
		return
	}
	l.secure.Abort() // an error here means that the leg is gone already
	l.plain.Abort()
}

// join joins two legs until both directions have ended, and then calls done. Each end of
// a stream is carried on as what it was: the peer's word that this was all as such, and
// everything else as a reset. The error is the first thing that went wrong. Loops carry
// what they can; the rest is carried by who calls what join returns.
func (l *legs) join(loops *signet.Loops, out, in *atomic.Int64, done func(error)) (rest func()) {
	secure, plain := l.secure, l.plain
	if l.detach(loops, out, in, done) {
		return nil
	}
	return func() { done(carry(secure, plain, out, in)) }
}

// detach reports whether loops carry the connection from now on.
func (l *legs) detach(loops *signet.Loops, out, in *atomic.Int64, done func(error)) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	program := l.plain.program
	detached, err := l.secure.Detach(loops, signet.Join{Plain: l.plain.stream, Head: l.plain.head, Sent: out, Received: in, Done: func(err error) {
		if _, ours := fault.Of(err); !ours {
			err = explainProgram(program, err)
		}
		done(err)
	}})
	if err != nil {
		return false
	}
	l.secure, l.plain, l.detached = nil, nil, detached
	return true
}

// carry carries two legs until both directions have ended, by a goroutine for each.
func carry(conn *signet.Conn, plain *plainConn, out, in *atomic.Int64) error {
	var wg sync.WaitGroup
	var first atomic.Pointer[error]
	end := func(err error) {
		if err != nil {
			first.CompareAndSwap(nil, &err)
			conn.Abort()
			plain.Abort()
		}
	}
	wg.Go(func() { end(seal(counted{conn, out}, plain, conn.CloseWrite)) })
	end(open(counted{plain, in}, conn, plain.CloseWrite))
	wg.Wait()
	conn.Close()
	plain.Close()
	if err := first.Load(); err != nil {
		return *err
	}
	return nil
}

// open carries what comes over TLS to the program, to its clean end, and passes that on.
func open(to io.Writer, from *signet.Conn, end func() error) error {
	if _, err := from.WriteTo(to); err != nil {
		return err
	}
	return end()
}

// seal carries what the program sends, to its clean end, and passes that on.
func seal(to io.Writer, from *plainConn, end func() error) error {
	for {
		err := pass(to, from)
		if errors.Is(err, io.EOF) {
			return end()
		}
		if err != nil {
			return err
		}
	}
}

// pass waits until there is something and passes it on. Only from then on does it hold
// a buffer: most connections are idle most of the time.
func pass(to io.Writer, from *plainConn) error {
	buffer, n, err := from.take()
	if buffer == nil {
		return err
	}
	defer buffer.Return()
	if n == 0 {
		return err
	}
	if _, failed := to.Write(buffer.Bytes[:n]); failed != nil {
		return failed
	}
	return err
}
