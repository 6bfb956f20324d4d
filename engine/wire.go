package engine

import (
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/signet-tls/signet"
)

// wire is the connection under TLS: two buffers. While the handshake runs, a
// Read of an empty one waits for Feed; afterwards it says starved at once.
type wire struct {
	mu      sync.Mutex
	changed sync.Cond // of any field below
	in, out []byte
	ended   bool // nothing more will be fed
	closed  bool
	waiting bool // a Read of the handshake waits for more of in

	done bool // the handshake is; then:
	conn *signet.Conn
	err  error
}

func newWire() *wire {
	w := &wire{}
	w.changed.L = &w.mu
	return w
}

func (w *wire) feed(p []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.in) >= MaxWaiting {
		return Full
	}
	w.in = append(w.in, p...)
	w.changed.Broadcast()
	return nil
}

func (w *wire) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.changed.Broadcast()
}

func (w *wire) drain() []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.out
	w.out = nil
	return out
}

func (w *wire) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.out) >= MaxWaiting
}

// shaken keeps the outcome of the handshake.
func (w *wire) shaken(conn *signet.Conn, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done, w.conn, w.err = true, conn, err
	w.changed.Broadcast()
}

// await waits until the handshake is done or needs bytes that are not there,
// and reports which.
func (w *wire) await() (done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.done && !(w.waiting && w.dry()) {
		w.changed.Wait()
	}
	return w.done
}

// dry reports whether a Read has nothing to return yet.
func (w *wire) dry() bool { return len(w.in) == 0 && !w.ended && !w.closed }

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for !w.done && w.dry() {
		w.waiting = true
		w.changed.Broadcast()
		w.changed.Wait()
	}
	w.waiting = false
	switch {
	case w.closed:
		return 0, net.ErrClosed
	case len(w.in) > 0:
		n := copy(p, w.in)
		if w.in = w.in[n:]; len(w.in) == 0 {
			w.in = nil // a large buffer is not kept
		}
		return n, nil
	case w.ended:
		return 0, io.EOF
	}
	return 0, starved{}
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, net.ErrClosed
	}
	w.out = append(w.out, p...)
	return len(p), nil
}

func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.changed.Broadcast()
	return nil
}

// There is no network under it, and nothing to wait for.

func (w *wire) LocalAddr() net.Addr              { return address{} }
func (w *wire) RemoteAddr() net.Addr             { return address{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

type address struct{}

func (address) Network() string { return "engine" }
func (address) String() string  { return "engine" }

// starved is the error of a Read that found nothing. crypto/tls goes on after an
// error only if it is a temporary one of the network, and package signet only
// after a deadline that passed.
type starved struct{}

func (starved) Error() string        { return "nothing was fed" }
func (starved) Timeout() bool        { return true }
func (starved) Temporary() bool      { return true }
func (starved) Is(target error) bool { return target == os.ErrDeadlineExceeded }
