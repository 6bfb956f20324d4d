package signet

import (
	"net"
	"sync"

	"github.com/signet-tls/signet/internal/buffers"
)

// maxRecord is how much data one record carries, in bytes (RFC 8446, section 5.1).
const maxRecord = 16 << 10

// outbox gathers the records of one large Write, which crypto/tls writes one by one, so
// that many leave by one call of the system. Whatever else is written leaves at once.
type outbox struct {
	mu     sync.Mutex
	coming int             // records that follow at once; guarded by mu
	buffer *buffers.Buffer // nil: none; guarded by mu
	held   int             // bytes of buffer; guarded by mu
}

// expect says that a Write of so many bytes follows.
func (o *outbox) expect(bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.coming = (bytes + maxRecord - 1) / maxRecord
}

// settle sends what a Write has left behind that ended early: the records of others.
func (o *outbox) settle(conn net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.coming = 0
	o.flush(conn) // an error here is that of the Write, too
}

// Write sends a record, or keeps it until the last of those that follow it, or until
// there is no room. A record of another that comes in between counts as one of them;
// the last then leaves alone. An error means that the connection is of no use any more.
func (o *outbox) Write(conn net.Conn, record []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.coming <= 1
	o.coming = max(0, o.coming-1)
	if last && o.held == 0 {
		return conn.Write(record)
	}
	if o.buffer == nil {
		o.buffer = buffers.Large()
	}
	if o.held+len(record) > len(o.buffer.Bytes) {
		if err := o.send(conn); err != nil {
			return 0, err
		}
	}
	if len(record) > len(o.buffer.Bytes) {
		return conn.Write(record)
	}
	o.held += copy(o.buffer.Bytes[o.held:], record)
	if last {
		return len(record), o.flush(conn)
	}
	return len(record), nil
}

// send sends what has been gathered; mu is locked.
func (o *outbox) send(conn net.Conn) (err error) {
	if o.held > 0 {
		_, err = conn.Write(o.buffer.Bytes[:o.held])
		o.held = 0
	}
	return err
}

// flush is send, and gives the buffer back.
func (o *outbox) flush(conn net.Conn) error {
	err := o.send(conn)
	if o.buffer != nil {
		o.buffer.Return()
		o.buffer = nil
	}
	return err
}
