// Package bind opens listening sockets and says in plain words why one could
// not be had.
package bind

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/signet-tls/signet/fault"
)

// Codes of this package.
const (
	AddressInUse  fault.Code = "address_in_use"
	CannotListen  fault.Code = "cannot_listen"
	NotLoopback   fault.Code = "not_loopback"
	PortForbidden fault.Code = "port_forbidden"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: AddressInUse, Meaning: "Another program listens on this port.",
			Cause: "The same service runs already, or another program took its port.",
			Next:  "End that program, or choose other ports: signet up --port 8400."},
		{Code: CannotListen, Meaning: "It is not possible to listen on this address.",
			Cause: "The address is not HOST:PORT, or not an address of this machine.",
			Next:  "Write an address of this machine and a port, such as 127.0.0.1:7400."},
		{Code: NotLoopback, Meaning: "A plaintext port was to be opened to the network.",
			Cause: "What enters a plain door has not proved who it is, so only this machine may use one.",
			Next:  "Listen on 127.0.0.1 or [::1]."},
		{Code: PortForbidden, Meaning: "This user may not listen on this port.",
			Cause: "Ports below 1024 need a privilege.",
			Next:  "Choose a port of 1024 or above."},
	}
}

// Listen listens on a TCP address.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := tcp.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, explain(err, address)
	}
	return listener, nil
}

func explain(err error, address string) error {
	_, port, _ := net.SplitHostPort(address) // no system refuses an address as used or forbidden that has no port
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &fault.Error{Code: AddressInUse, Err: err,
			Message: "port " + port + " is in use by another program", Hint: "end that program, or choose another port"}
	case errors.Is(err, syscall.EACCES):
		return &fault.Error{Code: PortForbidden, Err: err,
			Message: "this user may not listen on port " + port, Hint: "choose a port of 1024 or above"}
	}
	return fault.Wrap(err, CannotListen, "cannot listen on %s", address).
		WithHint("write an address of this machine and a port, such as 127.0.0.1:7400")
}

// Loopback listens on a TCP address that only this machine can reach, or
// refuses.
func Loopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	ip, notIP := netip.ParseAddr(host)
	if err != nil || notIP != nil || !ip.IsLoopback() {
		return nil, fault.New(NotLoopback, "a plain port listens on this machine's loopback only, not on %q", address).
			WithHint("listen on 127.0.0.1 or [::1]")
	}
	return Listen(ctx, address)
}

// Unix listens on a Unix socket. One that a program left behind which is gone is
// replaced. Every user may connect: who listens asks the system who came.
func Unix(ctx context.Context, path string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && abandoned(ctx, path) {
		os.Remove(path) // an error here shows below
		listener, err = config.Listen(ctx, "unix", path)
	}
	if info, lost := os.Lstat(path); errors.Is(err, syscall.EADDRINUSE) && lost == nil && info.Mode()&os.ModeSocket == 0 {
		return nil, &fault.Error{Code: AddressInUse, Err: err, Message: path + " is there already, and is no socket", Hint: "choose another path: it was left as it is"}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &fault.Error{Code: AddressInUse, Err: err, Message: path + " is there already, and in use", Hint: "end the program that listens there, or choose another path"}
	}
	if err == nil {
		if err = os.Chmod(path, 0o666); err == nil {
			return listener, nil
		}
		listener.Close()
	}
	return nil, fault.Wrap(err, CannotListen, "cannot listen on %s", path).
		WithHint("name a path in a folder that this user may write to")
}

// abandoned reports whether a path is a socket at which nobody listens.
func abandoned(ctx context.Context, path string) bool {
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSocket == 0 {
		return false
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
