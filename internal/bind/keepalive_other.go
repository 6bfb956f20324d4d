//go:build !linux

package bind

import "net"

// tcp is how TCP ports are listened on: with keep-alive, as package net has it.
var tcp net.ListenConfig
