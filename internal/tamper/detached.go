package tamper

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/verify"
)

// newDetached returns Signet's other data path: ends whose connections loops carry to a
// program, as signet proxy's do. They face Signet's own, since what loops send is cut into
// records as it comes, and an attack's place must be the same each time. The function ends
// the loops.
func (f *fixture) newDetached(faces *stack) (s *stack, end func()) {
	s = &stack{name: "Signet record", faces: faces, detached: true}
	loops, err := signet.OpenLoops()
	if err != nil {
		if s.absent = err.Error(); errors.Is(err, errors.ErrUnsupported) {
			s.absent = "there are loops to carry connections on Linux alone"
		}
		return s, func() {}
	}
	s.client = func(uint16) connect {
		return detaching(loops, dialing(&signet.Client{Roots: f.roots, Identity: identity.Static(f.client.Credential), Detachable: true}))
	}
	s.server = func(uint16) connect {
		return detaching(loops, accepting(&signet.Server{Roots: f.roots, Name: verify.Host(clientName), Identity: identity.Static(f.server.Credential), Detachable: true}))
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		loops.Run(ctx)
	}()
	return s, func() { cancel(); <-over }
}

// detaching makes a handshake over a socket, and has loops carry the connection to a
// program's, which is what it returns.
func detaching(loops *signet.Loops, meet connect) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		far, wire, err := socketPair()
		if err != nil {
			raw.Close()
			return nil, err
		}
		go bridge(raw.(halfCloser), far)
		conn, err := meet(ctx, wire)
		if err != nil {
			return nil, err
		}
		plain, own, err := socketPair()
		if err != nil {
			conn.Close()
			return nil, err
		}
		p := &proxied{TCPConn: own, done: make(chan error, 1)}
		_, err = conn.(*signet.Conn).Detach(loops, signet.Join{Plain: plain, Sent: new(atomic.Int64), Received: new(atomic.Int64),
			Done: func(err error) { p.done <- err }})
		if err != nil {
			conn.Close()
			plain.Close()
			own.Close()
			return nil, err
		}
		return p, nil
	}
}

// proxied is what a program knows of its connection to a proxy.
type proxied struct {
	*net.TCPConn
	broken error      // what a Write was told: of a reset the system tells once
	done   chan error // what the loops say of the end
}

func (p *proxied) Write(data []byte) (int, error) {
	n, err := p.TCPConn.Write(data)
	if err != nil {
		p.broken = err
	}
	return n, err
}

// Read takes an end for a clean one if the socket, or the loops, say so.
func (p *proxied) Read(data []byte) (int, error) {
	n, err := p.TCPConn.Read(data)
	switch {
	case err == io.EOF && p.broken != nil:
		err = p.broken
	case err != nil && err != io.EOF:
		if <-p.done == nil {
			err = io.EOF
		}
	}
	return n, err
}
