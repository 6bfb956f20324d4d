package bind

import (
	"net"
	"net/netip"
	"os"
	"syscall"
)

// As package net has it for connections.
const (
	aliveAfter = 15 // seconds without a byte before the other end is asked whether it is there
	aliveEach  = 15 // seconds between one question and the next
	aliveMost  = 9  // questions without an answer before the connection is broken
)

// tcp is how TCP ports are listened on. What is set on a listening socket Linux hands on
// to those that are accepted: package net would ask for keep-alive by four calls for each.
var tcp = net.ListenConfig{
	KeepAlive: -1,
	Control: func(network, address string, conn syscall.RawConn) (err error) {
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
		if err == nil {
			err = Unpaced(network, address, conn)
		}
		return err
	},
}

// withinMachine is the congestion control of what never meets a network. Linux has it
// always, and for every user; it does not pace.
const withinMachine = "reno"

// Unpaced is a net.Dialer's Control that has Linux not pace what stays within this
// machine. Where the system's congestion control is one that paces, as BBR does, a timer
// would fire for each 64 KiB, and there is no network to be spared. Other connections
// have what the system has.
func Unpaced(_, address string, conn syscall.RawConn) error {
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return nil
	}
	return conn.Control(func(fd uintptr) {
		syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, withinMachine) // without it all works, too
	})
}
