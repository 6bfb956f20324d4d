package signet

import (
	"cmp"
	"context"
	"io"

	"github.com/signet-tls/signet/internal/buffers"
)

// WriteTo writes what the peer sends to w until the peer says that this was all, which
// is no error here; io.Copy calls it. While nothing comes it holds no buffer, and
// what has come at once it writes at once, as far as that is not very much.
func (c *Conn) WriteTo(w io.Writer) (n int64, err error) {
	if err := c.Handshake(context.Background()); err != nil {
		return 0, err
	}
	for err == nil {
		var more int
		more, err = c.passOn(w)
		n += int64(more)
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

// passOn waits until the peer has sent something, and writes that.
func (c *Conn) passOn(w io.Writer) (int, error) {
	buffer, n, err := c.receive()
	defer buffer.Return()
	if n == 0 {
		return 0, err
	}
	written, failed := w.Write(buffer.Bytes[:n])
	if failed == nil && written < n {
		failed = io.ErrShortWrite
	}
	return written, cmp.Or(failed, err)
}

// receive reads all that has come, if that has room in one buffer, which is taken when
// there is something.
func (c *Conn) receive() (buffer *buffers.Buffer, n int, err error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		if c.dry && c.transport.in != nil {
			c.transport.in.await(true)
		}
		buffer = buffers.Large()
		if n, err = c.readAll(buffer.Bytes[:min(len(buffer.Bytes), buffers.Plain)]); n > 0 || err != nil {
			return buffer, n, err
		}
		buffer.Return()
	}
}

// readAll reads until there is no more room, or nothing more has come; of a connection
// without an inbox it reads once.
func (c *Conn) readAll(p []byte) (n int, err error) {
	if n, ok, err := c.ahead.take(p); ok {
		return n, err
	}
	if c.transport.in == nil {
		return c.read(p)
	}
	c.transport.dry.Store(true)
	defer c.transport.dry.Store(false)
	for n < len(p) && err == nil {
		var more int
		more, err = c.read(p[n:])
		n += more
	}
	if c.dry = err == errDry; c.dry {
		err = nil
	}
	return n, err
}
