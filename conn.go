package signet

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// Conn is a TLS connection whose peer has been verified before the first byte
// of data. It is a net.Conn; read it to its end to know that all has arrived:
// Read returns io.EOF only if the peer said that this was all, else an error
// that is Truncated.
type Conn struct {
	tls        *tls.Conn
	transport  *transport
	timeout    time.Duration // for the handshake
	minVersion uint16
	owes       bool // a client that was asked for a certificate and has none; set by the handshake

	done      bool // guarded by handshake
	handshake sync.Mutex
	broken    atomic.Bool // a fatal error was seen: no close_notify from now on
	failed    error       // guarded by handshake
	meeting   *meeting    // guarded by handshake; nil once it is over

	reading sync.Mutex
	ahead   *lookahead // nil: nothing; guarded by reading
	dry     bool       // all that had come was read; guarded by reading

	writing sync.Mutex // of what takes several records

	peer  atomic.Pointer[Peer]
	id    atomic.Pointer[string] // nil: nobody has asked for it
	said  atomic.Bool            // our close_notify was traced
	heard atomic.Bool            // and the peer's
}

// meeting is what a handshake needs and a connection does not, which may last.
type meeting struct {
	logger      connLogger
	ctx         context.Context // set by Handshake
	visit       *visit          // of a client
	authorities []pki.Name      // that the server named to a client
}

// Handshake verifies the peer; Read, Write and Peer do it where it has not been
// done. It returns the first refusal again whenever it is called.
func (c *Conn) Handshake(ctx context.Context) error {
	c.handshake.Lock()
	defer c.handshake.Unlock()
	if c.done {
		return c.failed
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.done, c.meeting.ctx = true, ctx
	c.failed = c.shake(ctx)
	c.meeting = nil
	c.transport.shaken()
	if c.failed != nil {
		c.broken.Store(true)
		c.traceAlert(c.failed)
		if c.refused(c.failed) {
			c.transport.linger()
		}
		c.transport.Close()
	}
	return c.failed
}

// refused reports whether it was this end that ended the handshake, by an
// alert.
func (c *Conn) refused(err error) bool {
	if e, ok := fault.Of(err); ok {
		if alert, ok := e.Detail.(Alert); ok {
			return alert.Direction == Sent
		}
	}
	return c.transport.refusal.Load() != nil || errors.Is(err, HandshakeFailed) || errors.Is(err, verify.NoCertificate)
}

func (c *Conn) shake(ctx context.Context) error {
	if err := c.tls.HandshakeContext(ctx); err != nil {
		return c.explain(err)
	}
	state := c.tls.ConnectionState()
	peer := c.transport.peer.Load()
	if !c.bound(state) && !switches(peer.Dangerous).has(dangerous.LegacyVersions()) {
		return noMasterSecret("peer")
	}
	peer.complete(state)
	peer.WantsCertificate, peer.Authorities = c.owes, c.meeting.authorities
	c.peer.Store(peer)
	c.meeting.logger.established(ctx, peer)
	if c.transport.trace.Load() != nil {
		c.transport.tell(Event{Phase: PhaseFinished, Peer: peer, ID: c.ID()})
	}
	return nil
}

// Peer returns who stands at the other end, or nil before the handshake.
func (c *Conn) Peer() *Peer { return c.peer.Load() }

// ID names the connection: "c" and 32 hexadecimal digits, from a TLS exporter
// (RFC 8446, section 7.5), so that it is the same at both ends and nobody else
// can know it, unless dangerous.LegacyVersions have left it without an exporter.
// It is "" before the handshake.
func (c *Conn) ID() string {
	if c.Peer() == nil {
		return ""
	}
	known := c.id.Load()
	if known == nil {
		id := connectionName(c.newID())
		known = &id
		c.id.Store(known)
	}
	return *known
}

// bound reports whether the keys are bound to the handshake, without which there is
// no exporter; dangerous.LegacyVersions let others through.
func (c *Conn) bound(state tls.ConnectionState) bool {
	return state.Version >= tls.VersionTLS13 || c.transport.masterSecret
}

// What a connection is named by.
const (
	connectionIDLabel  = "EXPORTER-signet-connection-id"
	connectionIDLength = 16 // bytes
)

func connectionName(id []byte) string { return "c" + hex.EncodeToString(id) }

// newID makes the bytes that name the connection.
func (c *Conn) newID() []byte {
	if state := c.tls.ConnectionState(); c.bound(state) {
		if id, err := state.ExportKeyingMaterial(connectionIDLabel, nil, connectionIDLength); err == nil { // of so few it cannot fail
			return id
		}
	}
	hash := sha256.New()
	io.WriteString(hash, "signet-connection-id")
	hash.Write(c.transport.clientRandom[:])
	hash.Write(c.transport.serverRandom[:])
	return hash.Sum(nil)[:connectionIDLength]
}

// Read reads what the peer sent. Its error is io.EOF if the peer said that this
// was all, and Truncated if the stream just ended.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.dry = false
	if n, ok, err := c.ahead.take(p); ok {
		return n, err
	}
	return c.read(p)
}

// Write sends p.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	if len(p) > maxRecord {
		c.writing.Lock()
		defer c.writing.Unlock()
		c.transport.out.expect(len(p))
		defer c.transport.out.settle(c.transport.Conn)
	}
	n, err := c.tls.Write(p)
	if err != nil {
		err = c.fail(err)
	}
	return n, err
}

// fail notes that the connection can no longer end well, unless the caller's
// own deadline passed.
func (c *Conn) fail(err error) error {
	if timedOut(err) {
		return c.explain(err)
	}
	err = c.explain(err)
	if !c.broken.Swap(true) {
		c.traceAlert(err)
	}
	return err
}

// traceAlert tells a Trace of the alert by which the connection ended, and before it of
// a refusal of ours that it has not heard of.
func (c *Conn) traceAlert(err error) {
	e, ok := fault.Of(err)
	if !ok {
		return
	}
	alert, ok := e.Detail.(Alert)
	if told := c.transport.told; !ok && told != 0 {
		alert, ok = Alert{told, Sent}, true
	}
	if !ok {
		return
	}
	if alert.Direction == Sent && c.transport.refusal.Load() == nil {
		c.transport.tell(Event{Phase: PhaseRefused, Err: err})
	}
	c.transport.tell(Event{Phase: PhaseAlert, Alert: alert, Direction: alert.Direction, Err: err})
}

// CloseWrite says to the peer that this was all (close_notify) and leaves the
// other direction open.
func (c *Conn) CloseWrite() error {
	if err := c.Handshake(context.Background()); err != nil {
		return err
	}
	if c.broken.Load() {
		return net.ErrClosed
	}
	if err := c.tls.CloseWrite(); err != nil {
		return c.fail(err)
	}
	c.ends(Sent)
	return nil
}

// ends tells a Trace, once, that one end has said that this was all.
func (c *Conn) ends(direction Direction) {
	said := &c.said
	if direction == Received {
		said = &c.heard
	}
	if !said.Swap(true) {
		c.transport.tell(Event{Phase: PhaseAlert, Alert: Alert{Direction: direction}, Direction: direction})
	}
}

// Close says to the peer that this was all, and closes. After a fatal error it
// says nothing, so that the peer cannot take the stream for complete (crypto/tls
// alone would).
func (c *Conn) Close() error {
	if c.broken.Load() {
		return c.transport.reset()
	}
	if c.Peer() != nil {
		c.ends(Sent)
	}
	return c.tls.Close()
}

// Abort ends the connection for cause: at once, by a reset, and without
// close_notify, so that neither end takes the stream for complete.
func (c *Conn) Abort() error {
	c.broken.Store(true)
	return c.transport.reset()
}

// LocalAddr returns the local network address.
func (c *Conn) LocalAddr() net.Addr { return c.transport.LocalAddr() }

// RemoteAddr returns the peer's network address.
func (c *Conn) RemoteAddr() net.Addr { return c.transport.RemoteAddr() }

// SetDeadline sets the deadlines of Read and Write.
func (c *Conn) SetDeadline(t time.Time) error { return c.tls.SetDeadline(t) }

// SetReadDeadline sets the deadline of Read.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.tls.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of Write. A Write that misses it breaks the
// connection.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.tls.SetWriteDeadline(t) }
