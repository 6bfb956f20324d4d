package member

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Conn is a connection to another member that goes on for as long as policy allows
// it. It is a net.Conn; Read returns io.EOF only if the peer said that this was all.
// A connection that ended for cause says why in the error of Read and Write, such as
// policy.NoRule for errors.Is, or a revocation with its operator's words.
type Conn struct {
	member *Member
	raw    net.Conn // under TLS; of one that was dialed, TLS itself

	handshake sync.Mutex
	done      bool  // guarded by handshake
	failed    error // guarded by handshake

	secure atomic.Pointer[signet.Conn] // nil until the peer is verified
	held   atomic.Pointer[live.Conn]   // nil until it is admitted
	closed atomic.Bool

	leaving sync.Once
	left    error // why it ended; set by leaving
}

// Handshake verifies the peer of a connection that a Listener accepted, and asks the
// policy; Read and Write do it where it has not been done. It returns the refusal again
// whenever it is called.
func (c *Conn) Handshake(ctx context.Context) error {
	c.handshake.Lock()
	defer c.handshake.Unlock()
	if !c.done {
		c.done = true
		c.failed = c.receive(ctx)
	}
	return c.failed
}

// receive makes a server's handshake.
func (c *Conn) receive(ctx context.Context) error {
	m := c.member
	server, roots := m.servers.Get()
	meets, met := live.Meet(ctx)
	var secure *signet.Conn
	var err error
	m.table.Apart(func() { secure, err = server.Wrap(meets, c.raw) })
	if err != nil {
		m.table.Refused(ctx, met.Event(m.id, c.raw.RemoteAddr().String()), err)
		return err
	}
	from := secure.Peer().ID
	held := c.holding(secure, api.Service, from, m.id, roots)
	if m.table.Silent(m.limits) {
		err = m.table.StaleFault()
	} else {
		err = m.seats.Take(from)
	}
	if err != nil {
		held.End(err)
		m.table.Refused(ctx, api.Event{Side: held.Side, Conn: held.ID, From: from, To: m.id, Remote: held.Remote}, err)
		return err
	}
	return c.admit(ctx, held)
}

// holding describes a connection whose peer is verified.
func (c *Conn) holding(secure *signet.Conn, side api.Side, from, to spiffeid.ID, roots verify.Roots) *live.Conn {
	c.secure.Store(secure)
	peer := secure.Peer()
	return &live.Conn{ID: secure.ID(), Side: side, From: from, To: to, Own: c.member.id, Remote: secure.RemoteAddr().String(),
		Limits: c.member.limits, Roots: roots, Chain: peer.Chain, TLS: peer.TLS(),
		End: func(error) { secure.Abort() }} // an error here means that it is gone already
}

// admit has the table hold the connection, unless its program has closed it meanwhile.
func (c *Conn) admit(ctx context.Context, held *live.Conn) error {
	if err := c.member.table.Admit(ctx, held); err != nil {
		c.vacate(held)
		return err
	}
	c.held.Store(held)
	if c.closed.Load() {
		c.secure.Load().Close()
		c.leave(net.ErrClosed)
		return net.ErrClosed
	}
	return nil
}

// leave tells that the connection has ended, once, and returns why: what the policy or
// an operator ended has their reason, not what it looked like here.
func (c *Conn) leave(err error) error {
	c.leaving.Do(func() {
		held := c.held.Load()
		if errors.Is(err, net.ErrClosed) {
			err = nil // by this program itself, or by the table, which says why
		}
		c.left = c.member.table.Leave(held, err)
		c.vacate(held)
	})
	return c.left
}

// vacate gives the seat back that a connection to a listener has.
func (c *Conn) vacate(held *live.Conn) {
	if held.Side == api.Service {
		c.member.seats.Leave(held.From)
	}
}

// ended returns what an error of the connection means. A deadline of the program's own,
// and the peer's word that this was all, end nothing.
func (c *Conn) ended(err error) error {
	var ours net.Error
	if err == nil || err == io.EOF || errors.As(err, &ours) && ours.Timeout() {
		return err
	}
	if cause := c.leave(err); cause != nil {
		return cause
	}
	return err
}

// Read reads what the peer sent.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	n, err := c.secure.Load().Read(p)
	c.count(n, api.Service)
	return n, c.ended(err)
}

// Write sends p.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	n, err := c.secure.Load().Write(p)
	c.count(n, api.Door)
	return n, c.ended(err)
}

// count adds bytes that go towards the service at one side, and back at the other.
func (c *Conn) count(n int, towards api.Side) {
	held := c.held.Load()
	if held.Side == towards {
		held.Sent.Add(int64(n))
		return
	}
	held.Back.Add(int64(n))
}

// CloseWrite says to the peer that this was all, and leaves the other direction open.
func (c *Conn) CloseWrite() error {
	if err := c.Handshake(context.Background()); err != nil {
		return err
	}
	return c.ended(c.secure.Load().CloseWrite())
}

// Close says to the peer that this was all, and closes. After an error it says nothing,
// so that the peer cannot take the stream for complete.
func (c *Conn) Close() error {
	c.closed.Store(true)
	if c.held.Load() == nil {
		return c.raw.Close()
	}
	err := c.secure.Load().Close()
	c.leave(nil)
	return err
}

// Abort ends the connection by a reset, so that the peer cannot take it for complete.
func (c *Conn) Abort() error {
	c.closed.Store(true)
	if c.held.Load() == nil {
		return c.raw.Close()
	}
	err := c.secure.Load().Abort()
	c.leave(nil)
	return err
}

// Peer returns who stands at the other end, or nil before the handshake.
func (c *Conn) Peer() *signet.Peer {
	if secure := c.secure.Load(); secure != nil {
		return secure.Peer()
	}
	return nil
}

// ID names the connection as "signet conns" and both ends' records do; it is "" before
// the handshake.
func (c *Conn) ID() string {
	if secure := c.secure.Load(); secure != nil {
		return secure.ID()
	}
	return ""
}

// LocalAddr returns the local network address.
func (c *Conn) LocalAddr() net.Addr { return c.raw.LocalAddr() }

// RemoteAddr returns the peer's network address.
func (c *Conn) RemoteAddr() net.Addr { return c.raw.RemoteAddr() }

// SetDeadline sets the deadlines of Read and Write, of the handshake too.
func (c *Conn) SetDeadline(t time.Time) error { return c.raw.SetDeadline(t) }

// SetReadDeadline sets the deadline of Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.raw.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of Write. A Write that misses it breaks the
// connection.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.raw.SetWriteDeadline(t) }
