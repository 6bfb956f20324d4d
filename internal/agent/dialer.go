package agent

import (
	"context"
	"net"
	"sync"
)

// dialer remembers the connections that it made, so that all of them can be
// closed: net/http keeps an HTTP/2 connection whose other end is gone as long
// as anybody asks over it.
type dialer struct {
	net.Dialer

	mu   sync.Mutex
	open map[*dialed]struct{} // guarded by mu
}

// DialContext implements signet.Client's Dialer.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = map[*dialed]struct{}{}
	}
	made := &dialed{conn, d}
	d.open[made] = struct{}{}
	return made, nil
}

func (d *dialer) closeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.open {
		conn.Conn.Close() // an error here means that it is closed already
	}
	clear(d.open)
}

// dialed is a connection that its dialer forgets when it is closed.
type dialed struct {
	net.Conn
	dialer *dialer
}

// Close implements net.Conn.
func (c *dialed) Close() error {
	c.dialer.mu.Lock()
	defer c.dialer.mu.Unlock()
	delete(c.dialer.open, c)
	return c.Conn.Close()
}
