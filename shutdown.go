package signet

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/signet-tls/signet/fault"
)

// maxUnread bounds what Shutdown reads of what nobody wanted, in bytes.
const maxUnread = 1 << 20

// UnreadBytes is the detail of an error that is Unread: how many bytes of the
// peer's Shutdown has thrown away.
type UnreadBytes int64

// Shutdown ends the connection at both ends, and says whether they agree: nil
// means that the peer has everything that was written, said that this was all of
// its own, and that all of it had been read. It says so to the peer
// (close_notify, RFC 8446, section 6.1), waits for the peer to say it, and
// closes. The wait ends with ctx, and after the handshake's timeout.
//
// The error is Unread if the peer sent data that nobody had read, Truncated if
// its stream just ended, and Timeout if it did not say its end in time. Any of
// them closes the connection. After a fatal error nothing is said to the peer:
// the connection is reset, and the error is net.ErrClosed.
func (c *Conn) Shutdown(ctx context.Context) error {
	if err := c.Handshake(ctx); err != nil {
		return err
	}
	if c.broken.Load() {
		c.transport.reset()
		return net.ErrClosed
	}
	if err := c.agree(ctx); err != nil {
		c.Close()
		return err
	}
	return c.Close()
}

// agree exchanges the ends of both streams.
func (c *Conn) agree(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	err := c.CloseWrite()
	if err == nil {
		err = c.drain()
	}
	if err == nil || ctx.Err() == nil {
		return err
	}
	if ctx.Err() == context.Canceled {
		return context.Canceled
	}
	return fault.New(Timeout, "the peer did not say in time that this was all").
		WithHint("have the peer close its end of the connection, too, once it has read to the end")
}

// drain reads to the end that the peer says.
func (c *Conn) drain() error {
	unread, err := io.Copy(io.Discard, io.LimitReader(c, maxUnread+1))
	switch {
	case unread > maxUnread:
		c.broken.Store(true)
	case err != nil:
		return err
	case unread == 0:
		return nil
	}
	return fault.New(Unread, "the peer had sent %d bytes that nobody read", unread).WithDetail(UnreadBytes(unread)).
		WithHint("read to io.EOF before the shutdown")
}
