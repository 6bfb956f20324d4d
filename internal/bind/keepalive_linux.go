package bind

import (
	"net"
	"os"
	"syscall"
)

// As package net has it for connections.
const (
	aliveAfter = 15 // seconds without a byte before the other end is asked whether it is there
	aliveEach  = 15 // seconds between one question and the next
	aliveMost  = 9  // questions without an answer before the connection is broken
)

// tcp is how TCP ports are listened on. Keep-alive is a matter of the listening socket,
// from which Linux hands it on to those that are accepted: package net would ask for it
// by four calls for each.
var tcp = net.ListenConfig{
	KeepAlive: -1,
	Control: func(_, _ string, conn syscall.RawConn) (err error) {
		failed := conn.Control(func(fd uintptr) {
			for _, option := range []struct{ level, name, value int }{
				{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
				{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, aliveAfter},
				{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, aliveEach},
				{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, aliveMost},
			} {
				if err == nil {
					err = os.NewSyscallError("setsockopt", syscall.SetsockoptInt(int(fd), option.level, option.name, option.value))
				}
			}
		})
		if failed != nil {
			return failed
		}
		return err
	},
}
