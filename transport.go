package signet

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signet-tls/signet/fault"
)

// transport is the connection under a *tls.Conn. crypto/tls takes a bare FIN
// between two records for the end of the stream; the rule that an end needs the
// peer's word therefore lives here, below it, where net/http's *tls.Conn keeps
// it too: crypto/tls makes io.EOF of a close_notify by itself, so every end that
// is seen here is a cut.
type transport struct {
	net.Conn
	peer    atomic.Pointer[Peer]  // whom verification accepted
	refusal atomic.Pointer[error] // why it rejected the peer
	dry     atomic.Bool           // Read must not wait
}

// Read never returns io.EOF.
func (t *transport) Read(p []byte) (int, error) {
	if t.dry.Load() {
		return 0, errDry
	}
	n, err := t.Conn.Read(p)
	if n > 0 || err == nil {
		return n, nil
	}
	return 0, t.ended(err)
}

// Write says of a reset what Read says.
func (t *transport) Write(p []byte) (int, error) {
	n, err := t.Conn.Write(p)
	if err != nil {
		err = t.ended(err)
	}
	return n, err
}

func (t *transport) ended(err error) error {
	switch {
	case err == io.EOF:
		// The cause is left out: errors.Is(err, io.EOF) must be false.
		return truncated("cut: the peer never said that this was all", nil)
	case errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE):
		return truncated("cut: the peer reset the connection and never said that this was all", err)
	}
	return err
}

func truncated(message string, cause error) error {
	return &fault.Error{Code: Truncated, Err: cause, Message: message,
		Hint: "treat what arrived as unfinished (it is unaltered) and fetch it again"}
}

// judged keeps the outcome of verification. crypto/tls wraps and hides it.
func (t *transport) judged(peer *Peer, err error) {
	if err != nil {
		t.refusal.Store(&err)
		return
	}
	t.peer.Store(peer)
}

// Bounds of what a refused peer may still send.
const (
	lingerTime  = 250 * time.Millisecond
	lingerBytes = 64 << 10
)

// linger gives a refused peer time to read our alert. Closed with bytes of the
// peer unread, TCP sends a reset, and the peer's system drops the alert: it
// would learn of a cut instead of the refusal.
func (t *transport) linger() {
	half, ok := t.Conn.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	t.Conn.SetReadDeadline(time.Now().Add(lingerTime))
	io.CopyN(io.Discard, t.Conn, lingerBytes) // until the peer hangs up, or a bound
}

// reset ends the connection so that the peer cannot take it for complete: by a
// TCP reset where there is TCP, and never with a close_notify.
func (t *transport) reset() error {
	if tcp, ok := t.Conn.(interface{ SetLinger(int) error }); ok {
		tcp.SetLinger(0) // an error here means that the socket is closed already
	}
	return t.Conn.Close()
}
