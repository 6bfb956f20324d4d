package tamper

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/verify"
)

// newDetached returns Signet's other data path: ends whose connections loops carry to a
// program, as signet proxy's do. They face Signet's own, since what loops send is cut into
// records as it comes, and an attack's place must be the same each time. The function ends
// what was started.
func (f *fixture) newDetached(faces *stack) (s *stack, end func(), err error) {
	s = &stack{name: "Signet record", faces: faces, detached: true}
	c, err := newCarrier()
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		s.absent = "there are loops to carry connections on Linux alone"
		return s, func() {}, nil
	case err != nil:
		return nil, nil, err
	}
	s.client = func(uint16) connect {
		return c.detach(dialing(&signet.Client{Roots: f.roots, Identity: identity.Static(f.client.Credential), HandshakeTimeout: 2 * patience, Detachable: true}))
	}
	s.server = func(uint16) connect {
		return c.detach(accepting(&signet.Server{Roots: f.roots, Name: verify.Host(clientName), Identity: identity.Static(f.server.Credential), HandshakeTimeout: 2 * patience, Detachable: true}))
	}
	return s, c.end, nil
}

// carrier is loops that run, and the sockets that they carry between: to the adversary,
// and to programs. A program's are TCP's, which alone can be told of a reset.
type carrier struct {
	loops    *signet.Loops
	wires    meeting
	programs meeting
	end      func()
}

func newCarrier() (c *carrier, err error) {
	c = new(carrier)
	if c.loops, err = signet.OpenLoops(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { c.loops.Run(ctx) })
	stop := func() {
		cancel()
		running.Wait()
	}
	if c.wires.Listener, err = net.Listen("unix", ""); err != nil { // at an address of the system's choice
		stop()
		return nil, err
	}
	if c.programs.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		c.wires.Close()
		stop()
		return nil, err
	}
	c.end = func() {
		c.wires.Close()
		c.programs.Close()
		stop()
	}
	return c, nil
}

// meeting is an address where sockets are joined in pairs. It is one for all: a port of a
// connection that has ended is not free for a while, and there are too few of them for a
// new address each time.
type meeting struct {
	mu sync.Mutex // held from a call to its answer
	net.Listener
}

func (m *meeting) pair() (near, far halfCloser, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	called, err := net.Dial(m.Addr().Network(), m.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	answered, err := m.Accept()
	if err != nil {
		called.Close()
		return nil, nil, err
	}
	return called.(halfCloser), answered.(halfCloser), nil
}

// detach makes a handshake over a socket, and has loops carry the connection to a
// program's, which is what it returns.
func (c *carrier) detach(meet connect) connect {
	return func(ctx context.Context, raw net.Conn) (stream, error) {
		far, wire, err := c.wires.pair()
		if err != nil {
			raw.Close()
			return nil, err
		}
		go bridge(raw.(halfCloser), far)
		conn, err := meet(ctx, wire)
		if err != nil {
			return nil, err
		}
		plain, own, err := c.programs.pair()
		if err != nil {
			conn.Close()
			return nil, err
		}
		p := &proxied{halfCloser: own, done: make(chan error, 1)}
		_, err = conn.(*signet.Conn).Detach(c.loops, signet.Join{Plain: plain, Sent: new(atomic.Int64), Received: new(atomic.Int64),
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
	halfCloser
	broken error      // what a Write was told: of a reset the system tells once
	done   chan error // what the loops say of the end
}

func (p *proxied) Write(data []byte) (int, error) {
	n, err := p.halfCloser.Write(data)
	if err != nil {
		p.broken = err
	}
	return n, err
}

// Read takes an end for a clean one if the socket, or the loops, say so.
func (p *proxied) Read(data []byte) (int, error) {
	n, err := p.halfCloser.Read(data)
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
