package bind

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-tls/signet/fault"
)

func TestRefusals(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		listen  func(context.Context, string) (net.Listener, error)
		address string
		code    fault.Code
		message string
	}{
		{"taken", Listen, "127.0.0.1:" + port, AddressInUse, "port " + port + " is in use by another program"},
		{"taken, loopback", Loopback, "127.0.0.1:" + port, AddressInUse, "port " + port + " is in use by another program"},
		{"no port", Listen, "127.0.0.1", CannotListen, "cannot listen on 127.0.0.1: "},
		{"impossible port", Listen, "127.0.0.1:70000", CannotListen, "cannot listen on 127.0.0.1:70000: "},
		{"not of this machine", Listen, "192.0.2.1:7400", CannotListen, "cannot listen on 192.0.2.1:7400: "},
		{"all addresses", Loopback, ":7400", NotLoopback, `not on ":7400"`},
		{"every IPv4 address", Loopback, "0.0.0.0:7400", NotLoopback, `not on "0.0.0.0:7400"`},
		{"every IPv6 address", Loopback, "[::]:7400", NotLoopback, `not on "[::]:7400"`},
		{"another address", Loopback, "192.0.2.1:7400", NotLoopback, `not on "192.0.2.1:7400"`},
		{"a name, which may mean any address", Loopback, "localhost:7400", NotLoopback, `not on "localhost:7400"`},
		{"no address", Loopback, "", NotLoopback, `not on ""`},
		{"loopback without a port", Loopback, "127.0.0.1", NotLoopback, `not on "127.0.0.1"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			listener, err := test.listen(t.Context(), test.address)
			if err == nil {
				listener.Close()
				t.Fatal("it listens")
			}
			wantFault(t, err, test.code, test.message)
		})
	}
}

func TestPortForbidden(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may listen on every port; run as another user")
	}
	for port := 1; port < 1024; port++ {
		listener, err := Listen(t.Context(), "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			listener.Close()
			t.Skip("this system lets everybody listen on every port")
		}
		if !errors.Is(err, AddressInUse) {
			wantFault(t, err, PortForbidden, "this user may not listen on port "+strconv.Itoa(port))
			return
		}
	}
	t.Skip("every port below 1024 is in use")
}

// TestExplain covers what root never sees.
func TestExplain(t *testing.T) {
	wantFault(t, explain(syscall.EACCES, "127.0.0.1:443"), PortForbidden, "this user may not listen on port 443")
}

func TestListens(t *testing.T) {
	tests := []struct {
		name    string
		listen  func(context.Context, string) (net.Listener, error)
		address string
	}{
		{"a free port", Listen, "127.0.0.1:0"},
		{"loopback", Loopback, "127.0.0.1:0"},
		{"another loopback address", Loopback, "127.0.0.2:0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			listener, err := test.listen(t.Context(), test.address)
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			host, _, _ := net.SplitHostPort(test.address)
			if have := listener.Addr().(*net.TCPAddr); have.IP.String() != host || have.Port == 0 {
				t.Errorf("listens on %v, want a port of %s", have, host)
			}
		})
	}
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	listener, err := Listen(ctx, "localhost:0")
	if err == nil {
		listener.Close()
		t.Fatal("it listens")
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want one that is context.Canceled", err)
	}
}

func wantFault(t *testing.T, err error, code fault.Code, message string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || e.Code != code {
		t.Fatalf("the error is %v, want [%s]", err, code)
	}
	if !strings.Contains(e.Message, message) || strings.Contains(e.Message, "\n") {
		t.Errorf("the message is %q, want one line with %q", e.Message, message)
	}
	if e.Hint == "" {
		t.Error("there is no next step")
	}
	if !slices.ContainsFunc(Codes(), func(entry fault.Entry) bool { return entry.Code == code }) {
		t.Errorf("%s is not in the table", code)
	}
}
