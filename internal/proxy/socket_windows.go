package proxy

import (
	"syscall"

	"github.com/signet-tls/signet/internal/buffers"
)

// peerless says why a socket has no other end, if so.
func peerless(fd uintptr) error {
	_, err := syscall.Getpeername(syscall.Handle(fd))
	return err
}

// take waits until a read gives something, and only then takes a buffer, which is the
// caller's to return.
func take(conn stream) (*buffers.Buffer, int, error) {
	if err := awaitReadable(conn); err != nil {
		return nil, 0, err
	}
	buffer := buffers.Large()
	n, err := conn.Read(data(buffer))
	return buffer, n, err
}

// awaitReadable returns when a read would not block, or how it would fail.
// Nothing is read, so nobody holds a buffer meanwhile: between two calls of the
// function, Go waits by a read of no bytes.
func awaitReadable(conn stream) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	waited := false
	return raw.Read(func(uintptr) bool {
		done := waited
		waited = true
		return done
	})
}
