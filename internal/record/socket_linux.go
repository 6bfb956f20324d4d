package record

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Duplicate returns a descriptor of its own of a socket.
func Duplicate(socket syscall.RawConn) (fd int, err error) {
	var failed error
	err = socket.Control(func(of uintptr) {
		fd, failed = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err == nil && failed != nil {
		err = os.NewSyscallError("fcntl", failed)
	}
	return fd, err
}

// Close closes a descriptor that Join did not take over.
func Close(fd int) { unix.Close(fd) }
