package signet

import (
	"encoding/binary"
	"io"
	"net"
	"syscall"

	"github.com/signet-tls/signet/internal/buffers"
)

// inbox reads what a peer has sent, many records by one call of the system, and hands
// them out one by one, as crypto/tls wants them: a record that does not share its
// memory with the next is not copied there to make room. A buffer is taken when the
// socket has something, and given back when all of it has been handed out. Only who
// reads uses it.
type inbox struct {
	socket  syscall.RawConn
	receive func(fd uintptr) bool // in.arrived, made once
	wide    bool                  // the peer is known: it may fill a large buffer

	buffer *buffers.Buffer // nil: none
	data   []byte          // of buffer, not handed out yet
	err    error           // behind data; told once
	record position
	more   bool // the last Read handed out more than a record
}

// newInbox returns nil for a connection that only its own Read may read.
func newInbox(conn net.Conn) *inbox {
	socket := socketOf(conn)
	if socket == nil {
		return nil
	}
	in := &inbox{socket: socket}
	in.receive = in.arrived
	return in
}

// ready reports whether Read has something to say without waiting.
func (in *inbox) ready() bool { return len(in.data) > 0 || in.err != nil }

// await returns when the inbox is ready.
func (in *inbox) await(wide bool) {
	if in.ready() {
		return
	}
	in.wide = wide
	if err := in.socket.Read(in.receive); err != nil {
		in.err = err
	}
}

// arrived takes what the socket has, and reports whether that, or an error, is there.
func (in *inbox) arrived(fd uintptr) bool {
	buffer := buffers.Small
	if in.wide {
		buffer = buffers.Large
	}
	in.buffer = buffer()
	n, err := receive(fd, in.buffer.Bytes)
	if n > 0 {
		in.data = in.buffer.Bytes[:n]
		return true
	}
	in.clear()
	if err == nil {
		err = io.EOF
	}
	if err == syscall.EAGAIN {
		return false
	}
	in.err = err
	return true
}

// clear gives the buffer back.
func (in *inbox) clear() {
	if in.buffer != nil {
		in.buffer.Return()
		in.buffer, in.data = nil, nil
	}
}

// Read hands out what await has brought, but no more than the rest of a record, and an
// alert behind it that stands in the clear: crypto/tls looks for the peer's last word
// there.
func (in *inbox) Read(p []byte) (n int, err error) {
	in.more = false
	if len(in.data) == 0 {
		err, in.err = in.err, nil
		return 0, err
	}
	for n < len(p) && len(in.data) > 0 && (n == 0 || in.record.left == 0 && in.data[0] == recordAlert) {
		in.more = n > 0
		more := copy(p[n:], in.record.rest(in.data))
		in.record.pass(in.data[:more])
		in.data = in.data[more:]
		n += more
	}
	if len(in.data) == 0 {
		in.clear()
	}
	return n, nil
}

// whole reports whether whoever reads has been handed whole records, and will have used
// the last one up before it reads on.
func (in *inbox) whole() bool { return !in.more && in.record.have == 0 && in.record.left == 0 }

// position is where in a record a stream is.
type position struct {
	header [recordHeader]byte
	have   int // of the header
	left   int // of the body; 0: the next is a header
}

// rest returns how much of the data belongs to the record.
func (r *position) rest(data []byte) []byte {
	end := r.left
	if end == 0 {
		header := r.header
		if r.have+copy(header[r.have:], data) < len(header) {
			return data
		}
		end = len(header) - r.have + int(binary.BigEndian.Uint16(header[3:]))
	}
	return data[:min(end, len(data))]
}

// pass notes what has been handed out.
func (r *position) pass(data []byte) {
	if r.left == 0 {
		n := copy(r.header[r.have:], data)
		if r.have += n; r.have < len(r.header) {
			return
		}
		r.have, r.left, data = 0, int(binary.BigEndian.Uint16(r.header[3:])), data[n:]
	}
	r.left -= len(data)
}
