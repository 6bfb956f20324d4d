package signet_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// serve runs an HTTP server of Signet until the test ends.
func serve(t *testing.T, server *signet.Server, handler http.HandlerFunc) (address string) {
	t.Helper()
	listener, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := server.HTTP(handler)
	web.ErrorLog = log.New(io.Discard, "", 0)
	go web.Serve(listener.TLS())
	t.Cleanup(func() { web.Close() })
	return listener.Addr().String()
}

// httpClient is the client's HTTP client; its idle connections end with the test.
func httpClient(t *testing.T, client *signet.Client) *http.Client {
	t.Helper()
	web := client.HTTP()
	t.Cleanup(web.CloseIdleConnections)
	return web
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		name  string
		alpn  []string
		proto string
	}{
		{"as it comes", nil, "HTTP/2.0"},
		{"HTTP/1.1", []string{"http/1.1"}, "HTTP/1.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			server, client := w.listener(), w.dialer()
			server.ALPN, client.ALPN = []string{"h2", "http/1.1"}, test.alpn
			address := serve(t, server, func(out http.ResponseWriter, in *http.Request) {
				peer := signet.PeerOf(in.Context())
				body, err := io.ReadAll(in.Body)
				fmt.Fprintf(out, "%s from %s: %s %v", in.Proto, peer.Chain[0].NamesOf(pki.DNSName)[0], body, err)
			})
			response, err := httpClient(t, client).Post("https://"+address+"/", "text/plain", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			want := test.proto + " from " + clientHost + ": hello <nil>"
			if have, err := io.ReadAll(response.Body); string(have) != want || err != nil || response.Proto != test.proto {
				t.Errorf("have %s %q, %v; want %q", response.Proto, have, err, want)
			}
		})
	}
}

// TestHTTPKeepsEveryRule holds that the HTTP client of a Client is that Client:
// whatever it refuses, observes or believes.
func TestHTTPKeepsEveryRule(t *testing.T) {
	w := newWorld(t)
	address := serve(t, &signet.Server{Identity: identity.Static(w.server), Public: true}, func(http.ResponseWriter, *http.Request) {})
	get := func(change func(*signet.Client)) error {
		client := w.dialer()
		change(client)
		response, err := httpClient(t, client).Get("https://" + address + "/")
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	observed := false
	if err := get(func(c *signet.Client) { c.Observe = func(*signet.Peer) { observed = true } }); err != nil || !observed {
		t.Errorf("observed %v, %v", observed, err)
	}
	wantCode(t, "rules", get(func(c *signet.Client) { c.Rules.MaxIntermediates = new(int) }), verify.PathOverLimit)
	wantCode(t, "revocation in the rules", get(func(c *signet.Client) { c.Rules.Revocation = w.revoking(t, w.server.Leaf()) }), verify.CertRevoked)
	wantCode(t, "revocation", get(func(c *signet.Client) {
		c.Revocation = func() *verify.Revocation { return w.revoking(t, w.server.Leaf()) }
	}), verify.CertRevoked)
	wantCode(t, "name", get(func(c *signet.Client) { c.Name = verify.Host("other.example") }), verify.NameMismatch)
	wantCode(t, "clock", get(func(c *signet.Client) { c.Now = func() time.Time { return w.server.Leaf().NotAfter().Add(time.Hour) } }), verify.CertExpired)
}

func TestPeerOfAStranger(t *testing.T) {
	if peer := signet.PeerOf(t.Context()); peer != nil {
		t.Errorf("no connection at all: have %+v", peer)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		if peer := signet.PeerOf(in.Context()); peer != nil {
			t.Errorf("a server that is not ours: have %+v", peer)
		}
	}))
	// Our ConnContext over a TLS listener of somebody else.
	server.Config.ConnContext = newWorld(t).listener().HTTP(nil).ConnContext
	server.StartTLS()
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
}

func TestHTTPRefusesImpostors(t *testing.T) {
	w := newWorld(t)
	reached := false
	address := serve(t, w.listener(), func(http.ResponseWriter, *http.Request) { reached = true })
	client := w.dialer()
	client.Name = verify.Host("other.example")
	_, err := httpClient(t, client).Post("https://"+address+"/", "text/plain", strings.NewReader("secret"))
	wantCode(t, "post", err, verify.NameMismatch)
	if reached {
		t.Error("the impostor got the request")
	}
}

func TestHTTPNeverLeavesTLS(t *testing.T) {
	w := newWorld(t)
	asked := false
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer plain.Close()
	server := w.listener()
	server.ALPN = []string{"h2", "http/1.1"}
	address := serve(t, server, func(out http.ResponseWriter, in *http.Request) {
		http.Redirect(out, in, plain.URL, http.StatusFound)
	})
	for name, target := range map[string]string{"plain": plain.URL, "redirected": "https://" + address + "/"} {
		t.Run(name, func(t *testing.T) {
			_, err := httpClient(t, w.dialer()).Get(target)
			wantCode(t, "get", err, signet.PlaintextRefused)
			var failed *url.Error
			if !errors.As(err, &failed) {
				t.Errorf("have %T, want a *url.Error as net/http's callers expect", err)
			}
		})
	}
	if asked {
		t.Error("the plain server was asked")
	}
}

// TestTruncatedResponse holds that no way of ending a response makes a part of
// it look like the whole, whatever the protocol. The server is Go's own, on
// crypto/tls alone; it says "hello" of a longer answer.
func TestTruncatedResponse(t *testing.T) {
	bodies := []struct {
		name, proto string
		header      string // of an HTTP/1.1 answer; "" lets net/http write it
	}{
		{"HTTP/1.1 without a length", "http/1.1", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"},
		{"HTTP/1.1 with a length", "http/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"},
		{"HTTP/1.1 in chunks", "http/1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"},
		{"h2", "h2", ""},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, body := range bodies {
			for _, ending := range endings {
				if ending.clean && body.name != bodies[0].name {
					continue // an end that the peer announced too early is the protocol's to notice
				}
				t.Run(tls.VersionName(version)+" "+body.name+", "+ending.name, func(t *testing.T) {
					w := newWorld(t)
					config := w.bare(asServer, version)
					config.NextProtos = []string{body.proto}
					client := w.dialer()
					client.ALPN = []string{body.proto}
					arrived := make(chan bool)
					response, err := httpClient(t, client).Get("https://" + cutShort(t, config, body.header, arrived, ending) + "/")
					if err != nil {
						t.Fatal(err)
					}
					defer response.Body.Close()
					first := make([]byte, 5)
					if _, err := io.ReadFull(response.Body, first); string(first) != "hello" || err != nil {
						t.Errorf("have %q, %v; want hello", first, err)
					}
					close(arrived)
					rest, err := io.ReadAll(response.Body)
					if len(rest) > 0 {
						t.Errorf("have %q that was never sent", rest)
					}
					if ending.clean {
						if err != nil {
							t.Errorf("a clean end, called %v", err)
						}
						return
					}
					wantCode(t, "body", err, signet.Truncated)
				})
			}
		}
	}
}

// cutShort serves one answer, whose stream ends behind "hello" once that has
// arrived.
func cutShort(t *testing.T, config *tls.Config, header string, arrived <-chan bool, how ending) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	type underKey struct{}
	web := &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, underKey{}, conn)
		},
		Handler: http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			over := in.Context().Value(underKey{}).(*tls.Conn)
			if header == "" {
				io.WriteString(out, "hello")
				out.(http.Flusher).Flush()
			} else {
				hijacked, _, err := out.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				io.WriteString(hijacked, header+"hello")
			}
			<-arrived
			how.end(over, over.NetConn().(*net.TCPConn))
			<-t.Context().Done()
		}),
	}
	go web.Serve(tls.NewListener(listener, config))
	t.Cleanup(func() { web.Close() })
	return listener.Addr().String()
}

// TestTruncatedRequest holds the same for the other role: a handler never takes
// a part of a request's body for the whole.
func TestTruncatedRequest(t *testing.T) {
	bodies := []struct{ name, head string }{
		{"with a length", "Content-Length: 100\r\n\r\nhello"},
		{"in chunks", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"},
	}
	type got struct {
		body string
		err  error
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, body := range bodies {
			for _, ending := range endings[1:] {
				t.Run(tls.VersionName(version)+" "+body.name+", "+ending.name, func(t *testing.T) {
					w := newWorld(t)
					started, handled := make(chan bool), make(chan got, 1)
					address := serve(t, w.listener(), func(_ http.ResponseWriter, in *http.Request) {
						first := make([]byte, 5)
						io.ReadFull(in.Body, first)
						close(started)
						rest, err := io.ReadAll(in.Body)
						handled <- got{string(first) + string(rest), err}
					})
					under, err := net.Dial("tcp", address)
					if err != nil {
						t.Fatal(err)
					}
					defer under.Close()
					over := tls.Client(under, w.bare(asClient, version))
					if _, err := io.WriteString(over, "POST / HTTP/1.1\r\nHost: localhost\r\n"+body.head); err != nil {
						t.Fatal(err)
					}
					<-started
					ending.end(over, under.(*net.TCPConn))
					if have := <-handled; have.body != "hello" || have.err == nil {
						t.Errorf("have %q, %v; want hello and an error", have.body, have.err)
					}
				})
			}
		}
	}
}

// TestTruncatedRequestOfHTTP2 holds it for h2, whose every request has an end of
// its own: a cut is never one, and neither is a close_notify.
func TestTruncatedRequestOfHTTP2(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, ending := range endings {
			t.Run(tls.VersionName(version)+", "+ending.name, func(t *testing.T) {
				w := newWorld(t)
				server := w.listener()
				server.ALPN = []string{"h2"}
				started, handled := make(chan bool), make(chan error, 1)
				address := serve(t, server, func(_ http.ResponseWriter, in *http.Request) {
					io.ReadFull(in.Body, make([]byte, 5))
					close(started)
					_, err := io.ReadAll(in.Body)
					handled <- err
				})
				config := w.bare(asClient, version)
				config.NextProtos = []string{"h2"}
				var under net.Conn
				var over *tls.Conn
				web := &http.Transport{ForceAttemptHTTP2: true, DialTLSContext: func(_ context.Context, network, address string) (conn net.Conn, err error) {
					if under, err = net.Dial(network, address); err != nil {
						return nil, err
					}
					over = tls.Client(under, config)
					return over, over.Handshake()
				}}
				body, write := io.Pipe()
				go (&http.Client{Transport: web}).Post("https://"+address+"/", "text/plain", body)
				io.WriteString(write, "hello")
				<-started
				ending.end(over, under.(*net.TCPConn))
				if err := <-handled; err == nil {
					t.Error("a part of the body was taken for the whole")
				}
				write.Close()
				under.Close()
			})
		}
	}
}

// TestListenerTLSKeepsTheRule holds that the *tls.Conn that net/http gets tells
// a cut stream from a whole one.
func TestListenerTLSKeepsTheRule(t *testing.T) {
	for _, ending := range endings {
		t.Run(ending.name, func(t *testing.T) {
			w := newWorld(t)
			listener, err := w.listener().Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			read := make(chan error, 1)
			go func() {
				conn, err := listener.TLS().Accept()
				if err == nil {
					defer conn.Close()
					in := bufio.NewReader(conn)
					in.ReadString('\n')
					conn.Write([]byte("go\n"))
					_, err = io.Copy(io.Discard, in)
				}
				read <- err
			}()
			under, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer under.Close()
			over := tls.Client(under, w.bare(asClient, tls.VersionTLS13))
			io.WriteString(over, "hello\n")
			bufio.NewReader(over).ReadString('\n')
			ending.end(over, under.(*net.TCPConn))
			err = <-read
			if ending.clean && err != nil {
				t.Errorf("a clean end, called %v", err)
			}
			if !ending.clean {
				wantCode(t, "read", err, signet.Truncated)
			}
		})
	}
}
