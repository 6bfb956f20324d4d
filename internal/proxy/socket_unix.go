//go:build !windows

package proxy

import (
	"io"
	"os"
	"syscall"

	"github.com/signet-tls/signet/internal/buffers"
)

// peerless says why a socket has no other end, if so.
func peerless(fd uintptr) error {
	_, err := syscall.Getpeername(int(fd))
	return err
}

// take waits until a read gives something, and only then takes a buffer, which is the
// caller's to return.
func take(conn stream) (buffer *buffers.Buffer, n int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		buffer = buffers.Large()
		for {
			n, failed = syscall.Read(int(fd), data(buffer))
			if failed != syscall.EINTR {
				break
			}
		}
		if failed != syscall.EAGAIN {
			return true
		}
		buffer.Return()
		buffer = nil
		return false
	})
	switch {
	case err != nil:
		return nil, 0, err
	case failed != nil:
		return buffer, 0, os.NewSyscallError("read", failed)
	case n == 0:
		return buffer, 0, io.EOF
	}
	return buffer, n, nil
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
