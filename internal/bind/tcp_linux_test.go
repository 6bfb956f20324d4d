package bind

import (
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// connected returns both ends of a connection that was dialled with Unpaced.
func connected(t *testing.T) (client, server *net.TCPConn) {
	t.Helper()
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialer := net.Dialer{Control: Unpaced}
	dialled, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialled.Close() })
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { accepted.Close() })
	return dialled.(*net.TCPConn), accepted.(*net.TCPConn)
}

// TestKeepAlive: an accepted connection is asked whether it is there.
func TestKeepAlive(t *testing.T) {
	_, conn := connected(t)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range []struct {
		name               string
		level, which, want int
	}{
		{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
		{"TCP_KEEPIDLE", syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, aliveAfter},
		{"TCP_KEEPINTVL", syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, aliveEach},
		{"TCP_KEEPCNT", syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, aliveMost},
	} {
		have := -1
		raw.Control(func(fd uintptr) { have, err = syscall.GetsockoptInt(int(fd), option.level, option.which) })
		if err != nil || have != option.want {
			t.Errorf("%s is %d (%v), want %d", option.name, have, err, option.want)
		}
	}
}

// TestUnpaced: what stays within the machine is not paced, and what leaves it has the
// system's congestion control.
func TestUnpaced(t *testing.T) {
	client, server := connected(t)
	for name, conn := range map[string]*net.TCPConn{"dialled": client, "accepted": server} {
		raw, err := conn.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if have := congestion(t, raw); have != withinMachine {
			t.Errorf("the connection that was %s has %s, want %s", name, have, withinMachine)
		}
	}

	usual, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"127.3.2.1:443":         withinMachine,
		"[::1]:443":             withinMachine,
		"[::ffff:127.0.0.1]:80": withinMachine,
		"0.0.0.0:443":           strings.TrimSpace(string(usual)),
		"192.0.2.1:443":         strings.TrimSpace(string(usual)),
		"[2001:db8::1]:443":     strings.TrimSpace(string(usual)),
	} {
		var have string
		config := net.ListenConfig{Control: func(network, _ string, raw syscall.RawConn) error {
			if err := Unpaced(network, address, raw); err != nil {
				return err
			}
			have = congestion(t, raw)
			return nil
		}}
		other, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		other.Close()
		if have != want {
			t.Errorf("a socket for %s has %s, want %s", address, have, want)
		}
	}
}

// congestion is the name of a socket's congestion control.
func congestion(t *testing.T, raw syscall.RawConn) (name string) {
	t.Helper()
	var err error
	raw.Control(func(fd uintptr) {
		name, err = unix.GetsockoptString(int(fd), syscall.IPPROTO_TCP, syscall.TCP_CONGESTION)
	})
	if err != nil {
		t.Fatal(err)
	}
	return name
}
