//go:build unix

package signet

import (
	"net"
	"os"
	"syscall"
)

// socketOf returns the socket of a connection that is one and nothing more: what else
// there may be, such as a connection of the caller's own kind, is read by its Read.
func socketOf(conn net.Conn) syscall.RawConn {
	var socket syscall.RawConn
	switch conn := conn.(type) {
	case *net.TCPConn:
		socket, _ = conn.SyscallConn()
	case *net.UnixConn:
		if conn.LocalAddr().Network() == "unix" { // a stream
			socket, _ = conn.SyscallConn()
		}
	}
	return socket
}

// receive reads from a socket without waiting; EAGAIN means that there is nothing.
func receive(fd uintptr, p []byte) (int, error) {
	for {
		n, err := syscall.Read(int(fd), p)
		switch err {
		case syscall.EINTR:
			continue
		case nil, syscall.EAGAIN:
			return n, err
		}
		return 0, os.NewSyscallError("read", err)
	}
}
