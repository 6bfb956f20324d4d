package proxy_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/proxy"
)

// program is a service behind the proxy that does with a connection as the test
// says.
func program(t *testing.T, network, address string, serve func(net.Conn)) proxy.Address {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
	})
	return proxy.Address{Network: network, Address: listener.Addr().String()}
}

func (w *world) dial(door string) *net.TCPConn {
	w.t.Helper()
	conn, err := net.Dial("tcp", door)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func noise(size int) []byte {
	data := make([]byte, size)
	rand.Read(data)
	return data
}

type halfCloser interface{ CloseWrite() error }

// TestHalfClose sends much both ways. Each end says that this was all while the
// other still has something to say.
func TestHalfClose(t *testing.T) {
	question, answer := noise(3<<20+1), noise(5<<20+7)
	errs := make(chan error, 1)
	clientFirst := func(conn net.Conn) {
		asked, err := io.ReadAll(conn) // to the client's end
		if err == nil && !bytes.Equal(asked, question) {
			err = errors.New("the question was changed")
		}
		if err == nil {
			_, err = conn.Write(answer)
		}
		errs <- err
	}
	serviceFirst := func(conn net.Conn) {
		_, err := conn.Write(answer)
		if err == nil {
			err = conn.(halfCloser).CloseWrite()
		}
		asked, readErr := io.ReadAll(conn)
		if !bytes.Equal(asked, question) {
			readErr = errors.New("the question was changed")
		}
		errs <- errors.Join(err, readErr)
	}
	tests := []struct {
		name, network string
		serve         func(net.Conn)
		client        func(*net.TCPConn) ([]byte, error)
	}{
		{"the client first", "tcp", clientFirst, func(conn *net.TCPConn) ([]byte, error) {
			if _, err := conn.Write(question); err != nil {
				return nil, err
			}
			if err := conn.CloseWrite(); err != nil {
				return nil, err
			}
			return io.ReadAll(conn)
		}},
		{"the service first", "tcp", serviceFirst, func(conn *net.TCPConn) ([]byte, error) {
			answered, err := io.ReadAll(conn)
			if err == nil {
				_, err = conn.Write(question)
			}
			return answered, errors.Join(err, conn.CloseWrite())
		}},
		{"the client first, to a Unix socket", "unix", clientFirst, func(conn *net.TCPConn) ([]byte, error) {
			if _, err := conn.Write(question); err != nil {
				return nil, err
			}
			if err := conn.CloseWrite(); err != nil {
				return nil, err
			}
			return io.ReadAll(conn)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address := "127.0.0.1:0"
			if test.network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			w := newWorldOf(t, setup{names: []string{"ann"}, backend: program(t, test.network, address, test.serve)})
			w.allow("ann")
			answered, err := test.client(w.dial(w.doors[0]))
			if err != nil || !bytes.Equal(answered, answer) {
				t.Errorf("%d of %d bytes came back, the same: %v; %v", len(answered), len(answer), bytes.Equal(answered, answer), err)
			}
			if err := <-errs; err != nil {
				t.Errorf("at the service: %v", err)
			}
			for _, side := range []api.Side{api.Door, api.Service} {
				end := w.find(string(side)+" tells of the end", func(e api.Event) bool { return e.Kind == api.Ended && e.Side == side })
				if end.Code != "" || end.Sent != int64(len(question)) || end.Back != int64(len(answer)) {
					t.Errorf("%s tells of %+v; want a clean end with all bytes", side, end)
				}
			}
		})
	}
}

// TestCutIsReset breaks a connection off in each way there is: neither program
// may take what it got for complete.
func TestCutIsReset(t *testing.T) {
	const part = 64 << 10
	var wire *relay
	tests := []struct {
		name    string
		cut     func(client, service *net.TCPConn)
		service bool // the service is to see a reset, too
		client  bool // the client is
		code    string
	}{
		{"the service resets", func(_, service *net.TCPConn) { reset(service) }, false, true, "program_gone"},
		{"the client resets", func(client, _ *net.TCPConn) { reset(client) }, true, false, "program_gone"},
		{"TLS is cut by FIN", func(_, _ *net.TCPConn) { wire.cut(func(c *net.TCPConn) { c.Close() }) }, true, true, "truncated"},
		{"TLS is cut by RST", func(_, _ *net.TCPConn) { wire.cut(reset) }, true, true, "truncated"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			served := make(chan *net.TCPConn)
			ended := make(chan error)
			backend := program(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
				conn.Write(make([]byte, part))
				served <- conn.(*net.TCPConn)
				_, err := io.Copy(io.Discard, conn)
				ended <- err
			})
			w := newWorldOf(t, setup{names: []string{"ann"}, backend: backend, between: func(service string) string {
				wire = newRelay(t, service)
				return wire.listener.Addr().String()
			}})
			w.allow("ann")
			client := w.dial(w.doors[0])
			if _, err := io.ReadFull(client, make([]byte, part)); err != nil {
				t.Fatal(err)
			}
			test.cut(client, <-served)
			n, err := io.Copy(io.Discard, client)
			if test.client && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the client sees %d bytes and %v, want a reset", n, err)
			}
			if err := <-ended; test.service && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the service sees %v, want a reset", err)
			}
			w.find("why is told", func(e api.Event) bool { return e.Kind == api.Ended && e.Code == test.code })
		})
	}
}

// relay stands between the two proxies, as a network does.
type relay struct {
	listener net.Listener

	mu    sync.Mutex
	conns []*net.TCPConn // guarded by mu
}

func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				near.Close()
				continue
			}
			a, b := near.(*net.TCPConn), far.(*net.TCPConn)
			r.mu.Lock()
			r.conns = append(r.conns, a, b)
			r.mu.Unlock()
			wg.Go(func() { forward(a, b) })
			wg.Go(func() { forward(b, a) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		r.cut(func(c *net.TCPConn) { c.Close() })
		wg.Wait()
	})
	return r
}

// forward carries one direction, its end included.
func forward(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		reset(to)
		reset(from)
		return
	}
	to.CloseWrite()
}

func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

func (r *relay) cut(how func(*net.TCPConn)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, conn := range r.conns {
		how(conn)
	}
	r.conns = nil
}

// TestBackendUnreachable has nobody behind the proxy.
func TestBackendUnreachable(t *testing.T) {
	w := newWorldOf(t, setup{names: []string{"ann"}, backend: proxy.Address{Network: "tcp", Address: peers.FreeAddress(t)}})
	w.allow("ann")
	client := w.dial(w.doors[0])
	io.WriteString(client, "hello")
	if _, err := io.ReadAll(client); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client sees %v, want a reset", err)
	}
	event := w.find("the refusal is told", func(e api.Event) bool { return e.Code == "backend_unreachable" })
	if event.Kind != api.Refused || event.Side != api.Service || event.From != w.id("ann") || event.Conn == "" {
		t.Errorf("the event is %+v", event)
	}
}

// TestStrangers come to the service's port without being anybody.
func TestStrangers(t *testing.T) {
	w := newWorld(t, "ann")
	foreign := newForeigner(t)
	tests := []struct {
		name string
		call func(conn net.Conn) error
		code string
	}{
		{"no certificate", func(conn net.Conn) error {
			return readTLS(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}))
		}, "no_peer_certificate"},
		{"a foreign root's certificate", func(conn net.Conn) error {
			return readTLS(tls.Client(conn, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{foreign}}))
		}, "unknown_root"},
		{"TLS 1.2", func(conn net.Conn) error {
			return readTLS(tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}))
		}, "tls_version_mismatch"},
		{"no TLS", func(conn net.Conn) error {
			io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
			_, err := io.ReadAll(conn)
			return err
		}, "not_tls"},
		{"nothing at all", func(conn net.Conn) error {
			conn.(*net.TCPConn).CloseWrite()
			_, err := io.ReadAll(conn)
			return err
		}, "handshake_cut"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := w.events.count(func(e api.Event) bool { return e.Code == test.code })
			test.call(w.dial(w.service)) // how it fails is the library's tests' concern
			event := w.find("the refusal is told", func(e api.Event) bool { return e.Code == test.code })
			if event.Kind != api.Refused || event.Side != api.Service || !event.From.IsZero() || event.To != w.id("orders") || event.Reason == "" || event.Remote == "" || before != 0 {
				t.Errorf("the event is %+v", event)
			}
			if named := test.code == "unknown_root"; named != (event.Conn != "") { // whom nothing was shown by nobody can name
				t.Errorf("the connection's name is %q", event.Conn)
			}
		})
	}
	if n := w.backend.opened(); n != 0 {
		t.Errorf("%d strangers reached the service", n)
	}
}

func readTLS(conn *tls.Conn) error {
	_, err := io.ReadAll(conn)
	return err
}
