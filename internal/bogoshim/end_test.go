package bogoshim

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/fault"
)

// end is one end of a connection whose peer has been accepted.
type end interface {
	io.ReadWriteCloser
	Handshake() error
	Shutdown() error
	Conn() *signet.Conn
}

// blocking is a Conn over a socket.
type blocking struct {
	io.ReadWriteCloser
	conn *signet.Conn
}

func (b blocking) Handshake() error   { return b.conn.Handshake(context.Background()) }
func (b blocking) Shutdown() error    { return b.conn.Shutdown(context.Background()) }
func (b blocking) Conn() *signet.Conn { return b.conn }

// stepping is an engine that gets each byte by itself, and is asked again after
// each: it must be able to wait anywhere.
type stepping struct {
	engine *engine.Engine
	raw    net.Conn
}

func step(e *engine.Engine, raw net.Conn) (end, error) {
	s := stepping{e, raw}
	return s, s.Handshake()
}

// until does what an engine is to do until it needs nothing more for it.
func (s stepping) until(act func() error) error {
	for {
		err := act()
		if out := s.engine.Drain(); out != nil {
			s.raw.Write(out) // where the runner is gone, the next read says so
		}
		if !errors.Is(err, engine.WantRead) {
			return err
		}
		var one [1]byte
		if n, _ := s.raw.Read(one[:]); n == 0 {
			s.engine.FeedEnd()
		} else if err := s.engine.Feed(one[:]); err != nil {
			return err
		}
	}
}

func (s stepping) Handshake() error { return s.until(s.engine.Handshake) }

func (s stepping) Read(p []byte) (n int, err error) {
	err = s.until(func() (err error) {
		n, err = s.engine.Read(p)
		return err
	})
	return n, err
}

func (s stepping) Write(p []byte) (n int, err error) {
	err = s.until(func() (err error) {
		n, err = s.engine.Write(p)
		return err
	})
	return n, err
}

func (s stepping) Close() error {
	err := s.until(s.engine.Close)
	s.raw.Close()
	return err
}

func (s stepping) Shutdown() error {
	if err := s.until(s.engine.CloseWrite); err != nil {
		return err
	}
	unread, err := io.Copy(io.Discard, s)
	if err == nil && unread > 0 {
		err = fault.New(signet.Unread, "the runner had sent %d bytes that nobody read", unread).WithHint("read the runner's test")
	}
	if err != nil {
		return err
	}
	return s.Close()
}

func (s stepping) Conn() *signet.Conn { return s.engine.Conn() }
