package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/live"
)

// programRest is how long a program that did not answer is left alone.
const programRest = time.Second

// backend is the program behind a service. While it does not answer, connections
// end before TLS begins, so that a door goes on to the next address with nothing
// lost; one a second tries it first.
type backend struct {
	service Service
	now     func() time.Time

	mu    sync.Mutex
	gone  bool      // guarded by mu; it did not answer last
	rests time.Time // guarded by mu; until then nobody tries it again
}

// present refuses a connection that has not begun, unless the program answered last.
func (b *backend) present(ctx context.Context) error {
	if !b.mayTry() {
		return unreachable(nil)
	}
	conn, err := b.dial(ctx)
	if conn != nil {
		conn.Close()
	}
	return err
}

// absent reports whether the program did not answer last.
func (b *backend) absent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gone
}

// mayTry has one connection in a while try a program that is gone.
func (b *backend) mayTry() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.now(); !now.Before(b.rests) {
		b.rests = now.Add(programRest)
		return true
	}
	return false
}

// dial connects to the program, and notes whether it answers.
func (b *backend) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: b.service.Connect, Control: bind.Unpaced}
	if b.service.Backend.local() {
		dialer.KeepAlive = -1 // on this host no end is lost unnoticed, and it takes four calls
	}
	conn, err := dialer.DialContext(ctx, b.service.Backend.Network, b.service.Backend.Address)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gone = err != nil; b.gone {
		b.rests = b.now().Add(programRest)
		return nil, unreachable(err)
	}
	return conn, nil
}

func unreachable(err error) error {
	return &fault.Error{Code: BackendUnreachable, Err: err, Message: "the service behind the proxy does not answer", Hint: "start the program, or correct its address"}
}

// open connects to the program, and tells it first who comes, if it wants to know.
func (b *backend) open(ctx context.Context, l *live.Conn, raw net.Conn) (*plainConn, error) {
	conn, err := b.dial(ctx)
	if err != nil {
		return nil, err
	}
	if b.service.Header {
		conn.SetWriteDeadline(time.Now().Add(b.service.Connect))
		_, err = conn.Write(proxyHeader(raw.RemoteAddr(), raw.LocalAddr(), l.From, l.ID))
		conn.SetWriteDeadline(time.Time{})
		if err != nil {
			conn.Close()
			return nil, unreachable(err)
		}
	}
	return newPlainConn(conn.(stream), "the service's program"), nil
}
