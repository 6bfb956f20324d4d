package proxy

import "syscall"

// peerless says why a socket has no other end, if so.
func peerless(fd uintptr) error {
	_, err := syscall.Getpeername(syscall.Handle(fd))
	return err
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
