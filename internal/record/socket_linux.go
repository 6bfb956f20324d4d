package record

import (
	"os"
	"syscall"
	"unsafe"

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
func Close(fd int) { syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// The calls below are of sockets that do not block, and Go's scheduler is not told of them
// (RawSyscall). One that takes longer than 20 µs, as most do that move much, it would hold
// for one that waits: it gives the processor to another thread, from which the loop has to
// get it back.

// read is read(2).
func read(fd int, p []byte) (int, error) {
	return called(syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

// readv is readv(2).
func readv(fd int, p []unix.Iovec) (int, error) {
	return called(syscall.RawSyscall(unix.SYS_READV, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

// write is write(2).
func write(fd int, p []byte) (int, error) {
	return called(syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

// shutdown is shutdown(2) of the direction in which is written.
func shutdown(fd int) error {
	_, err := called(syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0))
	return err
}

func called(n, _ uintptr, failed syscall.Errno) (int, error) {
	if failed != 0 {
		return 0, failed
	}
	return int(n), nil
}
