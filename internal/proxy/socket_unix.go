//go:build !windows

package proxy

import (
	"os"
	"syscall"
)

// peerless says why a socket has no other end, if so.
func peerless(fd uintptr) error {
	_, err := syscall.Getpeername(int(fd))
	return err
}

// awaitReadable returns when a read would not block, or how it would fail.
// Nothing is read, so nobody holds a buffer meanwhile.
func awaitReadable(conn stream) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var one [1]byte
	var failed error // must not be dropped: a reset is told once, and looks like a clean end from then on
	err = raw.Read(func(fd uintptr) bool {
		_, _, failed = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK)
		return failed != syscall.EAGAIN
	})
	if err == nil && failed != nil {
		err = os.NewSyscallError("recvfrom", failed)
	}
	return err
}
