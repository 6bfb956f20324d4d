package member_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/member"
	"github.com/signet-tls/signet/policy"
)

// say has a connection echo a line.
func say(conn net.Conn, line string) error {
	if _, err := fmt.Fprintln(conn, line); err != nil {
		return err
	}
	back, err := bufio.NewReader(conn).ReadString('\n')
	if err == nil && back != line+"\n" {
		err = fmt.Errorf("%q came back of %q", back, line)
	}
	return err
}

// ending reads a connection to its end.
func ending(conn net.Conn) chan error {
	end := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		end <- err
	}()
	return end
}

// TestFollows: who may connects, at an address that the authority tells; a rule that is
// taken away ends exactly what it concerns, at both ends, by name of the reason; what
// operators ask is answered as by any proxy.
func TestFollows(t *testing.T) {
	w := newWorld(t)
	w.change(func(tx *control.Tx) { tx.PutGrant(control.Grant{Proxy: w.id("proxy/web"), Identity: w.id("ops")}) })
	orders, _ := w.member("orders")
	web, _ := w.member("web")
	w.serve(orders)
	_, err := web.Dial(t.Context(), "orders")
	if !errors.Is(err, policy.NoRule) {
		t.Fatalf("before it is allowed: %v", err)
	}
	w.wantEvent(api.Refused, api.Door, "no_rule")
	if change := w.allow("web", "orders"); change.InForce != 2 {
		t.Errorf("in force at %d, want both", change.InForce)
	}
	conn, err := web.Dial(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := say(conn, "hello"); err != nil {
		t.Fatal(err)
	}
	if conn.Peer().ID != orders.ID() {
		t.Errorf("the peer is %v", conn.Peer().ID)
	}
	live := w.conns()
	if len(live.Conns) != 1 || live.Conns[0].ID != conn.ID() || live.Conns[0].Sent != 6 || live.Conns[0].Back != 6 || !live.Conns[0].Renewing || live.Proxies != 2 || live.UpToDate != 2 {
		t.Errorf("conns: %+v", live)
	}
	end := ending(conn)
	change := w.deny("web", "orders")
	if len(change.Ended) != 1 || change.Ended[0].ID != conn.ID() || change.Ended[0].Ends != 2 {
		t.Errorf("the change ended %+v", change.Ended)
	}
	if err := <-end; !errors.Is(err, policy.DeniedByRule) {
		t.Errorf("the connection ended with %v", err)
	}
	if _, err := conn.Write([]byte("x")); !errors.Is(err, policy.DeniedByRule) {
		t.Errorf("a Write after the end: %v", err)
	}
	w.wantEvent(api.Ended, api.Door, "denied_by_rule")
	w.wantEvent(api.Ended, api.Service, "denied_by_rule")
	if err := conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestEndsByItself: a clean end is told as one, at both ends, and is io.EOF.
func TestEndsByItself(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.member("orders")
	web, _ := w.member("web")
	w.serve(orders)
	conn, err := web.Dial(t.Context(), "spiffe://test.signet/orders")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(say(conn, "hello"), conn.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the end is %d, %v", n, err)
	}
	conn.SetReadDeadline(time.Unix(1, 0))
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	w.wantEvent(api.Ended, api.Door, "")
	w.wantEvent(api.Ended, api.Service, "")
	w.until("nothing is live", func() bool { return len(w.conns().Conns) == 0 })
}

// TestRevokedAndCut: an operator's cut ends a connection that may come back, and a
// revocation ends it for good; both say who, and why.
func TestRevokedAndCut(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.member("orders")
	web, _ := w.member("web")
	w.serve(orders)
	open := func() *member.Conn {
		t.Helper()
		conn, err := web.Dial(t.Context(), "orders")
		if err == nil {
			err = say(conn, "hello")
		}
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first := open()
	end := ending(first)
	cut := ask[api.CutDone](w, "POST", api.PathCut, api.CutRequest{Conn: first.ID(), Because: "a test"})
	if err := <-end; !errors.Is(err, api.ConnectionCut) || len(cut.Ended) != 1 || cut.Ended[0].Ends != 2 {
		t.Errorf("cut: %+v; it ended with %v", cut, err)
	}
	end = ending(open())
	ask[api.Change](w, "POST", api.PathRevoke, api.RevokeRequest{Who: "web", Because: "a test"})
	if err := <-end; !errors.Is(err, api.IdentityRevoked) {
		t.Errorf("revoked: it ended with %v", err)
	}
	if _, err := web.Dial(t.Context(), "orders"); !errors.Is(err, api.IdentityRevoked) {
		t.Errorf("who is revoked dials: %v", err)
	}
}

// TestStops: when the program stops both ends know that nothing was complete, the
// authority hears why, and the folder is free.
func TestStops(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.member("orders")
	host := w.home("proxy/web")
	web, err := member.Open(member.Config{Host: host, Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := member.Open(member.Config{Host: host, Name: "web"}); !errors.Is(err, agent.HomeInUse) {
		t.Errorf("a second one of the folder: %v", err)
	}
	stop := background(t, "web", web.Run)
	w.serve(orders)
	conn, err := web.Dial(t.Context(), "orders")
	if err == nil {
		err = say(conn, "hello")
	}
	if err != nil {
		t.Fatal(err)
	}
	end := ending(conn)
	stop()
	if err := <-end; !errors.Is(err, live.ShuttingDown) {
		t.Errorf("it ended with %v", err)
	}
	w.wantEvent(api.Ended, api.Door, "shutting_down")
	w.wantEvent(api.Ended, api.Service, "truncated")
	if _, err := web.Dial(t.Context(), "orders"); !errors.Is(err, live.ShuttingDown) {
		t.Errorf("it dials after the end: %v", err)
	}
	if _, err := web.Listen(t.Context(), "127.0.0.1:0"); !errors.Is(err, live.ShuttingDown) {
		t.Errorf("it listens after the end: %v", err)
	}
	again, err := member.Open(member.Config{Host: host, Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestClosedInHandshake closes connections while their handshake is made: none of them
// stays behind, with its seat or in what operators see.
func TestClosedInHandshake(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.run(member.Config{Name: "orders", MaxConns: 1})
	web, _ := w.member("web")
	listener, err := orders.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for n := range 20 {
		dialed := make(chan struct{})
		go func() {
			defer close(dialed)
			if conn, err := web.Dial(t.Context(), "orders"); err == nil {
				conn.Abort()
			}
		}()
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		shaken := make(chan struct{})
		go func() {
			defer close(shaken)
			conn.(*member.Conn).Handshake(t.Context())
		}()
		time.Sleep(time.Duration(n) * 500 * time.Microsecond) // at another point of it each time
		conn.Close()
		<-shaken
		<-dialed
	}
	w.until("nothing is live", func() bool { return len(w.conns().Conns) == 0 })
	w.serve(orders)
	w.until("the seat is free", func() bool {
		conn, err := web.Dial(t.Context(), "orders")
		if err != nil {
			return false
		}
		defer conn.Abort()
		return say(conn, "hello") == nil
	})
}

// TestMaxConns: one more than there may be is refused, and a seat that is given back is
// taken again.
func TestMaxConns(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.run(member.Config{Name: "orders", MaxConns: 1})
	web, _ := w.member("web")
	w.serve(orders)
	try := func() (*member.Conn, error) {
		conn, err := web.Dial(t.Context(), "orders")
		if err == nil {
			err = say(conn, "hello")
		}
		return conn, err
	}
	first, err := try()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := try(); err == nil {
		t.Error("a second connection has a seat")
	}
	w.wantEvent(api.Refused, api.Service, "too_many_connections")
	first.Close()
	w.until("the seat is free", func() bool {
		conn, err := try()
		if err == nil {
			conn.Abort()
		}
		return err == nil
	})
}

// TestHTTP: net/http on both ends, over connections that are held.
func TestHTTP(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.member("orders")
	web, _ := w.member("web")
	listener, err := orders.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := orders.HTTPServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(out, "hello %s", signet.PeerOf(r.Context()).ID.Path())
	}))
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	client := web.HTTP()
	for range 3 {
		answer, err := client.Get("https://orders/")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(text) != "hello web" || err != nil {
			t.Errorf("the answer is %q, %v", text, err)
		}
	}
	if live := w.conns().Conns; len(live) != 1 {
		t.Errorf("%d connections for 3 requests", len(live))
	}
	w.deny("web", "orders")
	if _, err := client.Get("https://orders/"); !errors.Is(err, policy.DeniedByRule) {
		t.Errorf("who is denied asks: %v", err)
	}
	if _, err := client.Get("http://orders/"); !errors.Is(err, signet.PlaintextRefused) {
		t.Errorf("plaintext: %v", err)
	}
	if err := server.Shutdown(t.Context()); err != nil || !errors.Is(<-served, http.ErrServerClosed) {
		t.Error(err)
	}
}

// TestWithoutAuthority: what is in force stays so while the authority is gone, and a
// program that starts then goes on with what its folder keeps.
func TestWithoutAuthority(t *testing.T) {
	w := newWorld(t)
	w.allow("web", "orders")
	orders, _ := w.member("orders")
	listener := w.serve(orders)
	host := w.home("proxy/web")
	start := func() (*member.Member, func()) {
		t.Helper()
		m, err := member.Open(member.Config{Host: host, Name: "web", Addresses: map[string][]string{"orders": {listener.Addr().String()}}})
		if err != nil {
			t.Fatal(err)
		}
		return m, background(t, "web", m.Run)
	}
	web, stop := start()
	first, err := web.Dial(t.Context(), "orders")
	if err == nil {
		err = say(first, "hello")
	}
	if err != nil {
		t.Fatal(err)
	}
	w.stop()
	if err := say(first, "still here"); err != nil {
		t.Errorf("without the authority: %v", err)
	}
	stop()
	web, _ = start()
	again, err := web.Dial(t.Context(), "orders")
	if err == nil {
		err = say(again, "hello again")
	}
	if err != nil {
		t.Errorf("after a start without the authority: %v", err)
	}
}

// TestOpenRefuses: what is wrong is said when the program starts.
func TestOpenRefuses(t *testing.T) {
	w := newWorld(t)
	ours := w.home("proxy/web")
	tests := []struct {
		name string
		cfg  member.Config
		code fault.Code
	}{
		{"nothing", member.Config{}, signet.ConfigInvalid},
		{"no folder", member.Config{Host: t.TempDir(), Name: "web"}, agent.HomeMissing},
		{"a folder that carries nothing", member.Config{Host: w.home("operator/ann"), Name: "web"}, signet.ConfigInvalid},
		{"another trust domain", member.Config{Host: ours, Name: "spiffe://other.example/web"}, signet.ConfigInvalid},
		{"addresses of another", member.Config{Host: ours, Name: "web", Addresses: map[string][]string{"spiffe://other.example/x": nil}}, signet.ConfigInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := member.Open(test.cfg); !errors.Is(err, test.code) {
				t.Errorf("%v, want [%s]", err, test.code)
			}
		})
	}
	m, err := member.Open(member.Config{Host: ours, Name: "orders"})
	if err != nil {
		t.Fatalf("after refusals the folder is free: %v", err)
	}
	background(t, "web as orders", m.Run)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := m.Ready(ctx); !errors.Is(err, agent.NotHeld) {
		t.Errorf("an identity that the host may not hold: %v", err)
	}
}
