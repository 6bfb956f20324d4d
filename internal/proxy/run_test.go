package proxy_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// newForeigner has a certificate of another authority for one of our names.
func newForeigner(t *testing.T) tls.Certificate {
	t.Helper()
	authority := testpki.Must(testpki.New(time.Now()))
	credential := testpki.Must(authority.Workload("spiffe://test.signet/ann"))
	var chain [][]byte
	for _, cert := range credential.Chain {
		chain = append(chain, cert.Raw())
	}
	return tls.Certificate{Certificate: chain, PrivateKey: credential.Key}
}

// open opens a connection through a door and waits until the service echoes.
func (w *world) open(door, name string) *net.TCPConn {
	w.t.Helper()
	conn := w.dial(door)
	io.WriteString(conn, name+"\n")
	if _, err := io.ReadFull(conn, make([]byte, len(name)+1)); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return conn
}

// TestRunEndsEverything stops both proxies while a connection is open.
func TestRunEndsEverything(t *testing.T) {
	w := newWorld(t, "ann")
	w.allow("ann")
	client := w.open(w.doors[0], "ann.0")
	w.dial(w.service) // one that never proves anything
	w.stop()
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v, want a reset", err)
	}
	w.until("the service sees it", func() bool { _, ok := w.backend.end("ann.0"); return ok })
	if end, _ := w.backend.end("ann.0"); end.clean {
		t.Error("the service took it for complete")
	}
	for _, port := range []string{w.doors[0], w.service} {
		if conn, err := net.Dial("tcp", port); err == nil {
			conn.Close()
			t.Errorf("%s still listens", port)
		}
	}
	// Run has returned, so what there was to tell has been told.
	if n := w.events.count(func(e api.Event) bool { return e.Code == "shutting_down" && e.Kind == api.Ended }); n == 0 {
		t.Errorf("nobody told that a proxy was stopped; the last event is %s", w.events.last())
	}
	if n := w.events.count(func(e api.Event) bool { return e.Kind == api.Refused }); n != 0 {
		t.Errorf("%d refusals were told of, want none: %s", n, w.events.last())
	}
}

// TestBeforeTheFirstView has connections come before the authority was heard.
func TestBeforeTheFirstView(t *testing.T) {
	w := newWorldOf(t, setup{names: []string{"ann"}, late: true})
	client := w.dial(w.doors[0])
	io.WriteString(client, "hello\n")
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("through a door: %v, want a reset", err)
	}
	direct := &signet.Client{Roots: w.roots, Name: verify.ID(w.id("orders")), Identity: identity.Static(w.credential("ann"))}
	if conn, err := direct.Dial(t.Context(), "tcp", w.service); err == nil {
		conn.Close()
		t.Error("the service's port lets somebody in")
	}
	w.start()
	door := w.find("the door tells", func(e api.Event) bool { return e.Side == api.Door })
	if door.Kind != api.Refused || door.Code != string(agent.NoTruthYet) || door.From != w.id("ann") {
		t.Errorf("the door told of %+v", door)
	}
	service := w.find("the service's port tells", func(e api.Event) bool { return e.Side == api.Service })
	if service.Kind != api.Refused || service.Code != string(agent.CertificatePending) {
		t.Errorf("the service's port told of %+v", service)
	}
	w.allow("ann")
	w.open(w.doors[0], "ann.0")
}

// TestDenied is reset only after its first bytes, none of which leaves.
func TestDenied(t *testing.T) {
	w := newWorld(t, "ann")
	client := w.dial(w.doors[0])
	io.WriteString(client, "hello\n")
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v, want a reset", err)
	}
	event := w.find("the refusal is told", func(e api.Event) bool { return e.Kind == api.Refused })
	if event.Side != api.Door || event.Code != "no_rule" || event.Reason != "no rule allows it" || event.Revision != 1 {
		t.Errorf("the event is %+v", event)
	}
}

// TestServiceDecidesToo has a client that speaks TLS itself, past every door.
func TestServiceDecidesToo(t *testing.T) {
	w := newWorld(t, "ann")
	direct := w.directClient("ann")
	conn, err := direct.Dial(t.Context(), "tcp", w.service)
	if err != nil {
		t.Fatal(err) // with TLS 1.3 the refusal comes after the client's handshake
	}
	_, err = io.ReadAll(conn)
	conn.Close()
	if !errors.Is(err, signet.RefusedByPeer) {
		t.Errorf("the client sees %v, want a refusal", err)
	}
	event := w.find("the refusal is told", func(e api.Event) bool { return e.Kind == api.Refused })
	if event.Side != api.Service || event.Code != "no_rule" || event.From != w.id("ann") || event.Revision != 1 ||
		event.Conn != conn.ID() || event.Remote != conn.LocalAddr().String() {
		t.Errorf("the event is %+v", event)
	}
	if n := w.events.count(func(e api.Event) bool { return e.Kind == api.Refused }); n != 1 {
		t.Errorf("%d events tell of one refusal", n)
	}
}

// TestTargetUnreachable has a door that leads nowhere.
func TestTargetUnreachable(t *testing.T) {
	w := newWorldOf(t, setup{names: []string{"ann"}, between: func(string) string { return peers.FreeAddress(t) }})
	w.allow("ann")
	client := w.dial(w.doors[0])
	io.WriteString(client, "hello\n")
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v, want a reset", err)
	}
	event := w.find("the refusal is told", func(e api.Event) bool { return e.Kind == api.Refused })
	if event.Side != api.Door || event.Code != string(signet.Unreachable) || event.To != w.id("orders") {
		t.Errorf("the event is %+v", event)
	}
}

// TestExpired steps the clock past the end of the certificates, and the
// authority is gone: what is open ends, at both proxies.
func TestExpired(t *testing.T) {
	var clock stepped
	w := newWorldOf(t, setup{names: []string{"ann"}, now: clock.now})
	w.allow("ann")
	client := w.open(w.doors[0], "ann.0")
	w.stopLast()
	w.stopLast = func() {}
	clock.step(25 * time.Hour)
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v, want a reset", err)
	}
	w.until("the service sees it", func() bool { _, ok := w.backend.end("ann.0"); return ok })
	w.until("both proxies know why", func() bool { return len(w.inbound.Live())+len(w.outbound.Live()) == 0 })
	clock.step(0) // so that the authority is believed again, and hears of it
	w.start()
	for _, side := range []api.Side{api.Door, api.Service} {
		w.find(string(side)+" tells why", func(e api.Event) bool {
			return e.Kind == api.Ended && e.Side == side && e.Code == "own_certificate_expired"
		})
	}
}

func TestListenRefuses(t *testing.T) {
	w := newWorld(t)
	free := peers.FreeAddress(t)
	service := func(address string) proxy.Service {
		return proxy.Service{ID: w.id("orders"), Address: address, Backend: proxy.Address{Network: "tcp", Address: free}}
	}
	door := func(address string) proxy.Door {
		return proxy.Door{From: w.id("ann"), To: w.id("orders"), Address: address, Targets: []string{w.service}}
	}
	tests := []struct {
		name string
		cfg  proxy.Config
		code fault.Code
	}{
		{"a door for everybody", proxy.Config{Services: []proxy.Service{service(free)}, Doors: []proxy.Door{door("0.0.0.0:0")}}, bind.NotLoopback},
		{"a door for the network", proxy.Config{Services: []proxy.Service{service(free)}, Doors: []proxy.Door{door("192.0.2.1:0")}}, bind.NotLoopback},
		{"a door on a taken port", proxy.Config{Services: []proxy.Service{service(free)}, Doors: []proxy.Door{door(w.service)}}, bind.AddressInUse},
		{"a service on a taken port", proxy.Config{Services: []proxy.Service{service(free), service(w.service)}}, bind.AddressInUse},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var err error
			test.cfg.Truth, err = agent.New(agent.Config{Authority: w.authority, Self: w.credential("proxy/in"), Roots: w.roots})
			if err != nil {
				t.Fatal(err)
			}
			if err := proxy.New(test.cfg).Listen(t.Context()); !errors.Is(err, test.code) {
				t.Errorf("the error is %v, want [%s]", err, test.code)
			}
			listener, err := net.Listen("tcp", free) // what was bound before it has been let go
			if err != nil {
				t.Fatal(err)
			}
			listener.Close()
		})
	}
}
