// Package engine is TLS without a socket: bytes that came from the peer are fed
// in, bytes for the peer are taken out, and who carries them is the caller's
// affair: an event loop, a simulation, another protocol. Everything else is
// package signet's: the same Client and Server, the same rules, the same errors.
package engine

import (
	"context"
	"errors"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// MaxWaiting is how many bytes may wait in either direction, 1 MiB, before Feed
// and Write take no more. One call of them takes all of its bytes or none, so
// that no more than this and one call's bytes are held.
const MaxWaiting = 1 << 20

// Engine is one end of a TLS connection. No method waits for the peer: what
// cannot go on without it says WantRead. An Engine is used by one goroutine at a
// time; Client and Server make it.
//
// The handshake runs in a goroutine of its own, since crypto/tls cannot pause in
// it; it is gone once Handshake has said anything but WantRead, and at the
// latest after the handshake's timeout.
type Engine struct {
	wire  *wire
	shake func() (*signet.Conn, error)

	begun bool
	conn  *signet.Conn // nil until the handshake is done
	err   error        // its refusal
}

// Client returns the client's end of a connection to host, which counts as it
// does in signet.Client.Wrap. The context bounds the handshake.
func Client(ctx context.Context, client *signet.Client, host string) *Engine {
	return begin(func(w *wire) (*signet.Conn, error) { return client.Wrap(ctx, w, host) })
}

// Server returns the server's end of a connection. The context bounds the
// handshake.
func Server(ctx context.Context, server *signet.Server) *Engine {
	return begin(func(w *wire) (*signet.Conn, error) { return server.Wrap(ctx, w) })
}

func begin(wrap func(*wire) (*signet.Conn, error)) *Engine {
	w := newWire()
	return &Engine{wire: w, shake: func() (*signet.Conn, error) { return wrap(w) }}
}

// Feed hands over bytes that came from the peer, in their order and of any
// number. It keeps no reference to p. It takes all of p, or none and says Full:
// then Handshake or Read has work to do first.
func (e *Engine) Feed(p []byte) error { return e.wire.feed(p) }

// FeedEnd says that no more bytes will come from the peer. Without the peer's
// own word for it (close_notify) Read then says signet.Truncated.
func (e *Engine) FeedEnd() { e.wire.end() }

// Drain returns all bytes that wait to be sent to the peer, and nil if none do.
// Any method may leave some, those that return an error (an alert) and Close too.
func (e *Engine) Drain() []byte { return e.wire.drain() }

// Handshake goes on with the handshake. It returns nil once the peer is
// verified, WantRead where the peer's next bytes are needed, and else why there
// will be no connection. Read and Write do it where it has not been done.
func (e *Engine) Handshake() error {
	if e.conn != nil || e.err != nil {
		return e.err
	}
	if !e.begun {
		e.begun = true
		go func() { e.wire.shaken(e.shake()) }()
	}
	if !e.wire.await() {
		return WantRead
	}
	e.conn, e.err = e.wire.conn, e.wire.err
	return e.err
}

// Read reads what the peer sent. Its error is WantRead where more bytes are
// needed, io.EOF if the peer said that this was all, and signet.Truncated if the
// stream just ended.
func (e *Engine) Read(p []byte) (int, error) {
	if err := e.Handshake(); err != nil {
		return 0, err
	}
	n, err := e.conn.Read(p)
	if errors.As(err, new(starved)) {
		err = WantRead
	}
	return n, err
}

// Write encrypts p for Drain. It takes all of p, or none and says Full: then
// Drain has bytes to carry first.
func (e *Engine) Write(p []byte) (int, error) {
	if err := e.Handshake(); err != nil {
		return 0, err
	}
	if e.wire.full() {
		return 0, Full
	}
	return e.conn.Write(p)
}

// CloseWrite says to the peer that this was all (close_notify) and leaves the
// other direction open.
func (e *Engine) CloseWrite() error {
	if err := e.Handshake(); err != nil {
		return err
	}
	return e.conn.CloseWrite()
}

// Close says to the peer that this was all, unless a fatal error was seen, and
// ends the engine; in the middle of a handshake it ends that. What Drain returns
// is still to be carried.
func (e *Engine) Close() error {
	if e.conn != nil {
		return e.conn.Close()
	}
	if e.err != nil {
		return nil
	}
	e.err = fault.New(signet.HandshakeCut, "the engine was closed before the handshake was done").WithHint("make a new one")
	if e.begun {
		e.wire.Close()
		e.wire.await() // until its goroutine is done
	}
	return nil
}

// Conn returns the connection once its peer is verified, and nil before: for its
// Peer, its ID and what else it knows. Read, write and close by the Engine.
func (e *Engine) Conn() *signet.Conn { return e.conn }
