package bind

import (
	"net"
	"sync"
)

// limited is a listener with so many places: Accept waits until one is free.
type limited struct {
	net.Listener
	places chan struct{}
}

// Limit returns a listener whose connections are so many at most: those beyond wait to
// be accepted until one is closed.
func Limit(listener net.Listener, most int) net.Listener {
	return limited{listener, make(chan struct{}, most)}
}

// Accept implements net.Listener.
func (l limited) Accept() (net.Conn, error) {
	l.places <- struct{}{} // whoever closes the listener closes its connections, too
	conn, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &placed{Conn: conn, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// placed is a connection that gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
