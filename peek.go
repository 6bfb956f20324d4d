package signet

import (
	"cmp"
	"context"
	"io"

	"github.com/signet-tls/signet/fault"
)

// maxPeek bounds how far Peek looks ahead, in bytes: what one TLS record carries
// at most (RFC 8446, section 5.1).
const maxPeek = 16 << 10

// lookahead is what has been decrypted and not yet been asked for by Read.
type lookahead struct {
	data []byte
	err  error // what ended it; Read returns it behind the data
}

// take hands out what is there. Nil has nothing.
func (l *lookahead) take(p []byte) (n int, ok bool, err error) {
	if l == nil {
		return 0, false, nil
	}
	if len(l.data) > 0 {
		n = copy(p, l.data)
		if l.data = l.data[n:]; len(l.data) == 0 {
			l.data = nil
		}
		return n, true, nil
	}
	if l.err != nil {
		err, l.err = l.err, nil // the next Read finds its own
		return 0, true, err
	}
	return 0, false, nil
}

// Peek returns the next n bytes, at most 16,384, without reading them: the next
// Read returns them again. It waits for them, as Read does; if the stream ends
// before, it returns those that came and Read's error. They are valid until the
// next Read.
func (c *Conn) Peek(n int) ([]byte, error) {
	if n < 0 || n > maxPeek {
		return nil, fault.New(PeekTooFar, "%d bytes ahead is not between 0 and %d", n, maxPeek).
			WithHint("read what is before, or put a bufio.Reader over the connection")
	}
	if err := c.Handshake(context.Background()); err != nil {
		return nil, err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.ahead = cmp.Or(c.ahead, new(lookahead))
	for len(c.ahead.data) < n && c.ahead.err == nil {
		c.look(n)
	}
	if have := len(c.ahead.data); have < n {
		err := c.ahead.err
		if timedOut(err) {
			c.ahead.err = nil // a later deadline may bring more
		}
		return c.ahead.data, err
	}
	return c.ahead.data[:n], nil
}

// Buffered returns how many bytes the next Reads return without waiting for the
// network: those that have been received in whole records, and those that Peek
// has seen. It waits for a Read that is under way.
func (c *Conn) Buffered() (int, error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	c.ahead = cmp.Or(c.ahead, new(lookahead))
	c.transport.dry.Store(true)
	defer c.transport.dry.Store(false)
	for len(c.ahead.data) < maxPeek && c.ahead.err == nil {
		c.look(maxPeek)
	}
	if c.ahead.err == errDry {
		c.ahead.err = nil
	}
	return len(c.ahead.data), nil
}

// look reads on, until there are n bytes at most; reading is locked.
func (c *Conn) look(n int) {
	c.dry = false
	have := len(c.ahead.data)
	more := make([]byte, n)
	copy(more, c.ahead.data)
	got, err := c.read(more[have:])
	c.ahead.data, c.ahead.err = more[:have+got], err
}

// read reads from the stream; reading is locked.
func (c *Conn) read(p []byte) (int, error) {
	n, err := c.tls.Read(p)
	switch err {
	case io.EOF:
		if !c.transport.truncates { // or nobody may have said it
			c.ends(Received)
		}
		return n, err
	case nil, errDry:
		return n, err
	}
	return n, c.fail(err)
}

// dryError is what a transport says that must not wait: crypto/tls keeps what it
// has, and goes on from there, since the error is temporary.
type dryError struct{}

var errDry error = dryError{}

func (dryError) Error() string   { return "nothing more has been received" }
func (dryError) Timeout() bool   { return true }
func (dryError) Temporary() bool { return true }
