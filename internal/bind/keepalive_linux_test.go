package bind

import (
	"net"
	"syscall"
	"testing"
)

// TestKeepAlive: an accepted connection is asked whether it is there.
func TestKeepAlive(t *testing.T) {
	listener, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
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
