package cli

import (
	"context"
	"errors"
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
)

// TestListenInACrowd has more connections than there used to be places stand
// there, silent and established ones: the next client has its answer, and none of
// the others had to go for that.
func TestListenInACrowd(t *testing.T) {
	const many = 300
	h := newHosts(t)
	l := h.listen(nil, "--as", "server.pem", "--public", "--echo")
	client := h.client(nil)
	for range many {
		silent, err := net.Dial("tcp", l.address)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	for range many {
		idle, err := client.Dial(t.Context(), "tcp", l.address)
		if err != nil {
			t.Fatal(err)
		}
		defer idle.Close()
	}
	if heard, err := talk(t.Context(), client, l.address, "hello"); heard != "hello" || err != nil {
		t.Errorf("have %q, %v", heard, err)
	}
	if gone := regexp.MustCompile(`(?m)^(failed|cut|turned away) .*`).FindString(l.stderr.String()); gone != "" {
		t.Errorf("somebody had to go: %s", gone)
	}
}

// TestListenTurnsAwayWhomThereIsNoSeatFor fills a small reception, and empties it.
func TestListenTurnsAwayWhomThereIsNoSeatFor(t *testing.T) {
	h := newHosts(t)
	server := signet.Server{Identity: identity.Static(testpki.Must(h.Server("127.0.0.1"))), Public: true}
	ctx, stop := context.WithCancel(t.Context())
	var stderr testpki.Output
	l := &listening{stderr: &stderr}
	r := &reception{shell: &shell{stderr: &stderr}, echo: true, seats: make(seats, 1)}
	under, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.Listener = &poor{Listener: under}
	over := make(chan error, 1)
	go func() { over <- r.run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	address := under.Addr().String()
	first, err := h.client(nil).Dial(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	l.wait(t, "^accepted ")
	if heard, err := talk(ctx, h.client(nil), address, "hello"); heard != "" || !errors.Is(err, signet.Truncated) {
		t.Errorf("have %q, %v; want to be turned away", heard, err)
	}
	l.wait(t, `^turned away  127\.0\.0\.1:\d+: 1 client is here, and no more are served at a time$`)
	first.Close()
	l.wait(t, "^complete ")
	for { // its place is free a moment later
		if heard, err := talk(ctx, h.client(nil), address, "hello"); err == nil && heard == "hello" {
			break
		} else if ctx.Err() != nil {
			t.Fatal("the place was not given back")
		}
	}
	if n := strings.Count(stderr.String(), "waiting    no more clients can come in"); n != 1 {
		t.Errorf("a shortage was told %d times: %s", n, &stderr)
	}
}

// poor is a listener that has no descriptors at first.
type poor struct {
	net.Listener
	asked int // used by Accept alone
}

func (p *poor) Accept() (net.Conn, error) {
	if p.asked++; p.asked <= 2 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return p.Listener.Accept()
}
