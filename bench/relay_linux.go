package main

import (
	"context"
	"io"
	"net"

	"github.com/signet-tls/signet/internal/bind"
)

// serveAt serves each connection to an address by itself, for ever.
func serveAt(address string, serve func(net.Conn)) error {
	listener, err := bind.Listen(context.Background(), address)
	if err != nil {
		return err
	}
	return serveEach(listener, serve)
}

func serveEach(listener net.Listener, serve func(net.Conn)) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go serve(conn)
	}
}

// relay carries connections to another address as they are: what no proxy can do
// without, and all but the TLS of what one does.
func relay(address, to string, pass func(to, from net.Conn)) error {
	dialer := net.Dialer{Control: bind.Unpaced} // as the proxy's own
	return serveAt(address, func(conn net.Conn) {
		defer conn.Close()
		far, err := dialer.Dial("tcp", to)
		if err != nil {
			return // the load sees that the connection ends
		}
		defer far.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			pass(far, conn)
			far.(*net.TCPConn).CloseWrite() // an error here, the other direction meets too
		}()
		pass(conn, far)
		conn.(*net.TCPConn).CloseWrite()
		<-done
	})
}

// spliced leaves the bytes to the system (splice(2)), which never shows them.
func spliced(to, from net.Conn) { io.Copy(to, from) }

// copied has each byte in this process once, 128 KiB a call of the system.
func copied(to, from net.Conn) {
	io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 128<<10))
}
