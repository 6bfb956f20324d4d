//go:build !linux

package bind

import (
	"net"
	"syscall"
)

// tcp is how TCP ports are listened on: with keep-alive, as package net has it.
var tcp net.ListenConfig

// Unpaced is a net.Dialer's Control that leaves all as the system has it.
func Unpaced(_, _ string, _ syscall.RawConn) error { return nil }
