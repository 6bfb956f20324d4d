package signet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"

	"github.com/signet-tls/signet/internal/record"
)

// Loops carry detached connections on a few goroutines, however many there are: one that
// has nothing to move costs neither a goroutine nor a buffer. There are none but on
// Linux.
type Loops struct{ loops *record.Loops }

// OpenLoops returns loops that carry nothing until Run is called. Its error is
// errors.ErrUnsupported where there are none.
func OpenLoops() (*Loops, error) {
	loops, err := record.OpenLoops()
	if err != nil {
		return nil, fmt.Errorf("no loops to carry connections: %w", err)
	}
	return &Loops{loops}, nil
}

// Run carries connections until ctx ends; then it aborts those that are left, and returns
// when all is closed. It is called once.
func (l *Loops) Run(ctx context.Context) { l.loops.Run(ctx) }

// Join is what a connection is joined with that is detached: what one brings leaves by
// the other, to the end that each says for itself.
type Join struct {
	Plain    net.Conn      // a TCP or Unix socket
	Head     []byte        // that has been read from Plain already, at most 64 KiB
	Sent     *atomic.Int64 // counts bytes of data that have left by the connection
	Received *atomic.Int64 // and by Plain
	// Done is called once, in a goroutine of its own, when both are closed: with nil if
	// each end said that this was all, else with what went wrong first. That is an error
	// of Read's or Write's, net.ErrClosed after an Abort, or an error of Plain's as the
	// system has it.
	Done func(error)
}

// Detached is a connection that loops carry.
type Detached struct{ link *record.Link }

// Abort ends the connection for cause: at once, by resets, and without close_notify, so
// that neither end takes its stream for complete. Unless alert is 0 and where nothing is
// in its way the peer is told by it (RFC 8446, section 6.2). It does not wait.
func (d *Detached) Abort(alert uint8) { d.link.Abort(alert) }

// Detach has loops carry the connection and what it is joined with, and takes both over:
// they are closed for everybody else. After an error nothing has changed, and the
// connection is to be carried by Read and Write: it is errors.ErrUnsupported where loops
// cannot carry it. They carry TLS 1.3 over a TCP or Unix socket, without a Trace, of a
// Client or Server that is Detachable, and only if nothing has been read or written
// since the handshake. Nil loops carry nothing. Sessions of a client that are detached are not resumed.
func (c *Conn) Detach(loops *Loops, join Join) (*Detached, error) {
	c.handshake.Lock()
	defer c.handshake.Unlock()
	c.reading.Lock()
	defer c.reading.Unlock()
	defer c.transport.secrets.wipe()
	secure, plain := c.detachable(), socketOf(join.Plain)
	if loops == nil || secure == nil || plain == nil {
		return nil, fmt.Errorf("the connection cannot be detached: %w", errors.ErrUnsupported)
	}
	session, err := c.session()
	if err != nil {
		return nil, err
	}
	pair := record.Pair{Session: session, Received: c.transport.in.data, Head: join.Head,
		Sealed: join.Sent, Opened: join.Received, Done: c.standing().done(join.Done)}
	link, err := c.hand(loops, pair, secure, plain)
	if err != nil {
		session.Wipe()
		return nil, err
	}
	c.broken.Store(true) // no close_notify is ours to send any more
	c.transport.Close()
	c.transport.in.clear()
	join.Plain.Close()
	return &Detached{link}, nil
}

// detachable returns the connection's socket, or nil if it must stay with crypto/tls.
func (c *Conn) detachable() syscall.RawConn {
	t := c.transport
	state := c.tls.ConnectionState()
	switch {
	case c.Peer() == nil, c.failed != nil, c.broken.Load(), state.Version != tls.VersionTLS13, !record.Supports(state.CipherSuite):
		return nil
	case t.secrets == nil, t.used.Load(), t.truncates, t.trace.Load() != nil, c.ahead != nil:
		return nil
	case t.in == nil, !t.in.whole():
		return nil
	}
	return t.in.socket
}

// session is what goes on where crypto/tls has stopped: behind the handshake, and behind
// a server's tickets.
func (c *Conn) session() (*record.Session, error) {
	s := c.transport.secrets
	keys := record.Keys{Suite: c.tls.ConnectionState().CipherSuite, Client: c.transport.peerIsServer}
	if keys.Client {
		keys.Read, keys.Write = s.server.get(), s.client.get()
	} else {
		keys.Read, keys.Write, keys.WriteSequence = s.client.get(), s.server.get(), s.tickets
	}
	return record.NewSession(keys)
}

// hand hands the sockets over, by descriptors of their own: closing the others takes
// them from the Go runtime.
func (c *Conn) hand(loops *Loops, pair record.Pair, secure, plain syscall.RawConn) (link *record.Link, err error) {
	if pair.Secure, err = record.Duplicate(secure); err != nil {
		return nil, err
	}
	if pair.Plain, err = record.Duplicate(plain); err == nil {
		if link, err = loops.loops.Join(pair); err == nil {
			return link, nil
		}
		record.Close(pair.Plain)
	}
	record.Close(pair.Secure)
	return nil, err
}

// standing is what an alert's meaning depends on.
type standing struct {
	minVersion uint16
	openly     uint8 // the alert that the peer sent last in the clear, or 0
	owes       bool  // a certificate of ours was asked for, and there is none
	met        bool  // the peer has been verified
	shaken     bool  // the handshake is over
}

func (c *Conn) standing() standing {
	return standing{c.minVersion, c.transport.openly, c.owes, c.transport.peer.Load() != nil, c.Peer() != nil}
}

// done has done hear what it would have heard of Read and Write.
func (s standing) done(done func(error)) func(error) {
	return func(err error) { done(s.explain(err)) }
}

func (s standing) explain(err error) error {
	var wire *record.WireError
	var refused *record.Error
	switch {
	case errors.Is(err, record.ErrAborted):
		return net.ErrClosed
	case errors.Is(err, record.ErrCut):
		return cutOff()
	case errors.As(err, &wire):
		if hungUp(wire.Err) {
			return cutByReset(wire.Err)
		}
		return broke(wire.Err)
	case errors.As(err, &refused):
		if alert, ok := alertOf(err); ok {
			return s.explainAlert(err, alert)
		}
		return recordAltered(err)
	}
	return err
}
