package main

import (
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/record"
)

// rekeying is a connection of TLS 1.3 that asks its peer for new keys again and again, as
// crypto/tls cannot: that makes the handshake alone. One goroutine may read and one write.
type rekeying struct {
	net.Conn // the socket
	stop     chan struct{}
	asking   sync.WaitGroup

	writing sync.Mutex // held while records leave, so that they do in their order
	sealed  []byte     // guarded by writing
	asked   int        // guarded by writing; KeyUpdates that have left

	mu         sync.Mutex
	session    *record.Session // guarded by mu
	went, came bool            // guarded by mu; data, each way, since the last KeyUpdate

	in, opened []byte // what has come and is not opened; all that Receive may fill. Who reads has them
	have       int    // bytes of in
	data       []byte // of opened, and not read yet
}

// rekey makes the handshake by crypto/tls, takes over, and asks for new keys now and
// after each interval until the connection is closed.
func rekey(raw net.Conn, client bool, settings *tls.Config, interval time.Duration) (*rekeying, error) {
	keys := record.Keys{Client: client}
	settings = settings.Clone()
	settings.KeyLogWriter = trafficSecrets{&keys}
	settings.SessionTicketsDisabled = true // as a server none are sent, and counted
	wire, end := &recordwise{Conn: raw}, tls.Server
	if client {
		end = tls.Client
	}
	secure := end(wire, settings)
	if err := secure.Handshake(); err != nil {
		return nil, err
	}
	keys.Suite = secure.ConnectionState().CipherSuite
	session, err := record.NewSession(keys)
	if err != nil {
		return nil, err
	}
	c := &rekeying{Conn: raw, stop: make(chan struct{}), session: session, in: make([]byte, chunk), opened: make([]byte, 0, chunk), went: true, came: true}
	if err := c.ask(); err != nil {
		return nil, err
	}
	c.asking.Go(func() { c.askAgain(interval) })
	return c, nil
}

// trafficSecrets takes them out of a key log (RFC 9850, section 1.1).
type trafficSecrets struct{ keys *record.Keys }

func (s trafficSecrets) Write(line []byte) (int, error) {
	fields := strings.Fields(string(line))
	ours := map[string]*[]byte{"CLIENT_TRAFFIC_SECRET_0": &s.keys.Read, "SERVER_TRAFFIC_SECRET_0": &s.keys.Write}
	if s.keys.Client {
		ours = map[string]*[]byte{"CLIENT_TRAFFIC_SECRET_0": &s.keys.Write, "SERVER_TRAFFIC_SECRET_0": &s.keys.Read}
	}
	if into := ours[fields[0]]; into != nil {
		secret, err := hex.DecodeString(fields[2])
		if err != nil {
			return 0, err
		}
		*into = secret
	}
	return len(line), nil
}

// recordwise reads no byte beyond the record that crypto/tls needs, so that all behind
// the handshake is left in the socket.
type recordwise struct {
	net.Conn
	header []byte // of the record, as far as it was read
	left   int    // bytes of its body
}

// Read implements net.Conn.
func (r *recordwise) Read(p []byte) (int, error) {
	const header = 5 // the last two bytes are the body's length (RFC 8446, section 5.1)
	if r.left > 0 {
		n, err := r.Conn.Read(p[:min(len(p), r.left)])
		r.left -= n
		return n, err
	}
	n, err := r.Conn.Read(p[:min(len(p), header-len(r.header))])
	if r.header = append(r.header, p[:n]...); len(r.header) == header {
		r.left, r.header = int(r.header[3])<<8|int(r.header[4]), nil
	}
	return n, err
}

// askAgain asks for new keys after each interval until the connection is closed. What a
// write fails for, the next Write meets, too. No peer takes more than 16 or 32 KeyUpdates
// in a row that no data follows, so a key that has sealed none is not replaced, and the
// peer is asked for a new one of its own only where it has sent some.
func (c *rekeying) askAgain(interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.ask()
		case <-c.stop:
			return
		}
	}
}

func (c *rekeying) ask() error {
	return c.leave(func(dst []byte) []byte {
		if !c.went {
			return dst
		}
		begun := len(dst)
		if dst = c.session.UpdateKeys(dst, c.came); len(dst) > begun {
			c.asked++
			c.went, c.came = false, false
		}
		return dst
	})
}

// leave has records leave that the session makes.
func (c *rekeying) leave(seal func(dst []byte) []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	c.sealed = seal(c.sealed[:0])
	c.mu.Unlock()
	if len(c.sealed) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.sealed)
	return err
}

// Write implements net.Conn.
func (c *rekeying) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		part := p[n:min(len(p), n+chunk)]
		if err = c.leave(func(dst []byte) []byte {
			c.went = true
			return c.session.Send(dst, part)
		}); err == nil {
			n += len(part)
		}
	}
	return n, err
}

// CloseWrite says that this was all.
func (c *rekeying) CloseWrite() error { return c.leave(c.session.CloseNotify) }

// Read implements net.Conn. The error is io.EOF if the peer said that this was all.
func (c *rekeying) Read(p []byte) (int, error) {
	for len(c.data) == 0 {
		var used int
		var err error
		c.mu.Lock()
		c.data, used, err = c.session.Receive(c.opened[:0], c.in[:c.have])
		paused := c.session.Paused()
		c.came = c.came || len(c.data) > 0
		c.mu.Unlock()
		c.have = copy(c.in, c.in[used:c.have])
		if len(c.data) > 0 || err == nil && paused {
			continue
		}
		if err == nil && used == 0 {
			err = c.more()
		}
		if err != nil {
			return 0, err
		}
	}
	n := copy(p, c.data)
	c.data = c.data[n:]
	return n, nil
}

// more waits for more bytes; one that ends without a word is cut.
func (c *rekeying) more() error {
	n, err := c.Conn.Read(c.in[c.have:])
	c.have += n
	if err == io.EOF {
		return fmt.Errorf("%w: no close_notify", io.ErrUnexpectedEOF)
	}
	return err
}

// Close implements net.Conn.
func (c *rekeying) Close() error {
	close(c.stop)
	err := c.Conn.Close()
	c.asking.Wait()
	return err
}

// updates is how many KeyUpdates have left for the peer, and have come from it. It is
// called once, behind Close.
func (c *rekeying) updates() (sent, received int) {
	_, brought := c.session.Renewed()
	c.session.Wipe()
	return c.asked, int(brought)
}
