package main

import (
	"encoding/binary"
	"io"
	"net"
)

// A wish is what a client of the backend sends first: one letter, and a number of
// bytes, big-endian.
const (
	wishEcho    = 'E' // all that comes is sent back; the number is nothing
	wishDiscard = 'D' // so many bytes come, and one is sent back then
	wishSend    = 'S' // so many bytes are sent
	wishBytes   = 9
)

// chunk is how much the load and its backend write at once, in bytes.
const chunk = 256 << 10

func wish(letter byte, bytes int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{letter}, uint64(bytes))
}

// startBackend serves in this process, for ever, and returns where.
func startBackend() (address string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go serveEach(listener, backend)
	return listener.Addr().String(), nil
}

// backend does what a client wishes, until that hangs up. It holds little for each
// connection: thousands are idle at once.
func backend(conn net.Conn) {
	defer conn.Close()
	var head [wishBytes]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return // how a connection ends, the load sees
	}
	left := int64(binary.BigEndian.Uint64(head[1:]))
	switch head[0] {
	case wishEcho:
		io.CopyBuffer(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}, make([]byte, 512))
	case wishDiscard:
		if n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(conn, left), make([]byte, chunk)); n == left {
			conn.Write([]byte{0})
		}
		conn.Read(head[:1]) // the client hangs up first
	case wishSend:
		buffer := make([]byte, chunk)
		for ; left > 0; left -= int64(len(buffer)) {
			buffer = buffer[:min(left, int64(len(buffer)))]
			if _, err := conn.Write(buffer); err != nil {
				return
			}
		}
		conn.Read(head[:1])
	}
}
