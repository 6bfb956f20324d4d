package bogoshim

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// carried is a connection that loops carry, at its plain end.
type carried struct {
	*net.TCPConn
	conn *signet.Conn
	link *signet.Detached
	done chan error // what the loops say of its end
	rest func()     // ends the loops
}

// patience is how long a connection that is over for us may take to be so for the runner.
const patience = 5 * time.Second

// detach has loops carry a connection. The runner has tests of what they do not carry.
func detach(conn *signet.Conn) (end, error) {
	loops, err := signet.OpenLoops()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		loops.Run(ctx)
	}()
	c := &carried{conn: conn, done: make(chan error, 1), rest: func() { stop(); <-over }}
	ours, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	c.TCPConn = ours
	c.link, err = conn.Detach(loops, signet.Join{Plain: theirs, Sent: new(atomic.Int64), Received: new(atomic.Int64), Done: func(err error) { c.done <- err }})
	if errors.Is(err, errors.ErrUnsupported) {
		err = errUnimplemented
	}
	return c, err
}

// pair returns both ends of a connection.
func pair() (a, b *net.TCPConn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	accepted, err := listener.Accept()
	if err != nil {
		return nil, nil, err
	}
	return conn.(*net.TCPConn), accepted.(*net.TCPConn), nil
}

// Read says of an end that is none what the loops say.
func (c *carried) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	return n, c.told(err)
}

func (c *carried) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	return n, c.told(err)
}

func (c *carried) told(err error) error {
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		return err
	}
	return c.wait()
}

// wait returns what became of the connection.
func (c *carried) wait() error {
	defer c.rest()
	select {
	case err := <-c.done:
		c.done <- err
		return err
	case <-time.After(patience):
		c.link.Abort(0)
		return nil
	}
}

func (c *carried) Handshake() error { return nil }

// Close says that this was all, and waits until the runner has been told. What it then
// does is no error, as it is none of a Conn that is closed.
func (c *carried) Close() error {
	c.CloseWrite()
	c.SetReadDeadline(time.Now().Add(patience))
	io.Copy(io.Discard, c.TCPConn)
	c.TCPConn.Close()
	c.wait()
	return nil
}

func (c *carried) Shutdown() error {
	if err := c.CloseWrite(); err != nil {
		return c.told(err)
	}
	unread, err := io.Copy(io.Discard, struct{ io.Reader }{c}) // its own WriteTo would not ask the loops
	if err == nil && unread > 0 {
		err = fault.New(signet.Unread, "the runner had sent %d bytes that nobody read", unread).WithHint("read the runner's test")
	}
	if err != nil {
		return err
	}
	return c.Close()
}

func (c *carried) Conn() *signet.Conn { return c.conn }

// pumped returns a socket of the system's from and to which everything is carried: loops
// take no other. A reset by them is an end to the runner, who is to read an alert first.
// Flush waits until all has left.
func pumped(runner net.Conn) (raw net.Conn, flush func(), err error) {
	ours, theirs, err := pair()
	if err != nil {
		return nil, nil, err
	}
	go func() {
		if _, err := io.Copy(theirs, runner); err != nil {
			theirs.SetLinger(0)
			theirs.Close()
			return
		}
		theirs.CloseWrite()
	}()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		io.Copy(runner, theirs)
		runner.(*socket).CloseWrite()
	}()
	return ours, func() {
		ours.Close()
		select {
		case <-sent:
		case <-time.After(patience):
		}
	}, nil
}
