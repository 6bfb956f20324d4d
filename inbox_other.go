//go:build !unix

package signet

import (
	"net"
	"syscall"
)

// socketOf knows no way to a socket here but by the connection's own Read.
func socketOf(net.Conn) syscall.RawConn { return nil }

func receive(uintptr, []byte) (int, error) { return 0, syscall.EAGAIN }
