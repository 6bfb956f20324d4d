package signet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// dialerFunc is a Client's Dialer that makes connections in its own way.
type dialerFunc func() (net.Conn, error)

func (f dialerFunc) DialContext(context.Context, string, string) (net.Conn, error) { return f() }

// TestImpostorServer holds that a server which cannot prove who it is gets no
// byte of data: its Read ends with an alert.
func TestImpostorServer(t *testing.T) {
	cases := testpki.Must(testpki.Broken(time.Now(), pki.Server))
	for _, broken := range cases {
		t.Run(broken.Name, func(t *testing.T) {
			authorized := false
			client := &signet.Client{
				Roots:     testpki.Must(verify.NewRoots("demo", broken.Roots...)),
				Authorize: func(context.Context, *signet.Peer) error { authorized = true; return nil },
			}
			dialed, accepted := pair(t)
			client.Dialer = dialerFunc(func() (net.Conn, error) { return dialed, nil })
			server := &signet.Server{Identity: identity.Static(broken.Credential), Public: true}
			var both sync.WaitGroup
			var dialing, reading error
			var got []byte
			both.Go(func() {
				conn, err := client.Dial(t.Context(), "tcp", net.JoinHostPort(broken.Host, "443"))
				if dialing = err; err == nil {
					conn.Write([]byte("secret"))
					conn.Close()
				}
			})
			both.Go(func() {
				conn, err := server.Wrap(t.Context(), accepted)
				if reading = err; err == nil {
					got, reading = io.ReadAll(conn)
					conn.Close()
				}
			})
			both.Wait()
			wantCode(t, "client", dialing, broken.Code)
			wantCode(t, "server", reading, signet.RefusedByPeer)
			if len(got) > 0 {
				t.Errorf("the impostor got %q", got)
			}
			if authorized {
				t.Error("Authorize was asked about a peer that verification refused")
			}
			e, _ := fault.Of(dialing)
			report, ok := e.Detail.(*verify.Report)
			if !ok || report.Trusted || report.Code != broken.Code {
				t.Errorf("the refusal has no report of its own: %+v", e.Detail)
			}
			if n, err := dialed.Write([]byte("x")); err == nil {
				t.Errorf("the connection is still open: %d bytes were sent", n)
			}
		})
	}
}

// TestImpostorClient holds the same for clients: no byte of theirs is read, and
// none of ours sent.
func TestImpostorClient(t *testing.T) {
	for _, broken := range testpki.Must(testpki.Broken(time.Now(), pki.Client)) {
		t.Run(broken.Name, func(t *testing.T) {
			w := newWorld(t)
			server := &signet.Server{Identity: identity.Static(w.server), Roots: testpki.Must(verify.NewRoots("demo", broken.Roots...)), Name: verify.Host(broken.Host)}
			client := &signet.Client{Roots: w.roots, Identity: identity.Static(broken.Credential)}
			near, far := shake(t, client, server)
			wantCode(t, "server", far.err, broken.Code)
			if near.err != nil {
				t.Fatalf("a client of TLS 1.3 learns of its refusal at its first read, not before: %v", near.err)
			}
			n, err := near.conn.Read(make([]byte, 8))
			wantCode(t, "client", err, signet.RefusedByPeer)
			if n != 0 {
				t.Errorf("the impostor got %d bytes", n)
			}
		})
	}
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	orders, web := w.orders.Leaf().ID(), w.web.Leaf().ID()
	tests := []struct {
		name  string
		roots verify.Roots
		us    *pki.Credential
		want  verify.Name
		dial  string
		code  error
	}{
		{"dialed host", w.roots, w.server, verify.Name{}, "localhost:443", nil},
		{"dialed address", w.roots, w.server, verify.Name{}, "127.0.0.1:443", nil},
		{"dialed another host", w.roots, w.server, verify.Name{}, "other.example:443", verify.NameMismatch},
		{"named, whatever is dialed", w.roots, w.server, verify.Host("localhost"), "10.0.0.1:443", nil},
		{"named another", w.roots, w.server, verify.Host("other.example"), "localhost:443", verify.NameMismatch},
		{"ID", w.members, w.orders, verify.ID(orders), "10.0.0.1:443", nil},
		{"another ID", w.members, w.orders, verify.ID(web), "10.0.0.1:443", verify.NameMismatch},
		{"member", w.members, w.orders, verify.Member(w.domain), "10.0.0.1:443", nil},
		{"host is no member", w.members, w.server, verify.Member(w.domain), "10.0.0.1:443", verify.NameMismatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dialed, accepted := pair(t)
			client := &signet.Client{Roots: test.roots, Name: test.want, Dialer: dialerFunc(func() (net.Conn, error) { return dialed, nil })}
			server := &signet.Server{Identity: identity.Static(test.us), Public: true}
			go server.Wrap(t.Context(), accepted)
			conn, err := client.Dial(t.Context(), "tcp", test.dial)
			wantCode(t, "dial", err, test.code)
			if err == nil {
				conn.Abort()
			}
		})
	}
}

func TestPeer(t *testing.T) {
	w := newWorld(t)
	client := &signet.Client{Roots: w.members, Name: verify.ID(w.orders.Leaf().ID()), Identity: identity.Static(w.web), ALPN: []string{"b", "a"}}
	server := &signet.Server{Roots: w.members, Name: verify.Member(w.domain), Identity: identity.Static(w.orders), ALPN: []string{"a", "b"}}
	near, far := meet(t, client, server)
	for end, want := range map[*signet.Conn]*pki.Credential{near: w.orders, far: w.web} {
		peer := end.Peer()
		if peer.ID != want.Leaf().ID() {
			t.Errorf("ID: have %s, want %s", peer.ID, want.Leaf().ID())
		}
		if !slices.EqualFunc(peer.Chain, want.Chain, (*pki.Certificate).Equal) {
			t.Errorf("chain: have %d certificates, want the %d that %s showed", len(peer.Chain), len(want.Chain), peer.ID)
		}
		if peer.Proof == nil || !peer.Proof.Report().Trusted {
			t.Errorf("%s: the report does not say that it is trusted", peer.ID)
		}
		if peer.Resumed || peer.ALPN != "a" || !peer.PostQuantum() {
			t.Errorf("%s: resumed %v, ALPN %q, post-quantum %v", peer.ID, peer.Resumed, peer.ALPN, peer.PostQuantum())
		}
		if have := peer.TLS(); !strings.HasPrefix(have, "1.3, ") || !strings.HasSuffix(have, ", X25519MLKEM768 (post-quantum)") {
			t.Errorf("TLS: have %q", have)
		}
	}
}

func TestPublicServer(t *testing.T) {
	w := newWorld(t)
	near, far := meet(t, w.dialer(), &signet.Server{Identity: identity.Static(w.server), Public: true})
	if peer := far.Peer(); len(peer.Chain) != 0 || peer.Proof != nil || !peer.ID.IsZero() {
		t.Errorf("a public server asked who its client is: %+v", peer)
	}
	if have := near.Peer().Chain[0]; !have.Equal(w.server.Leaf()) {
		t.Errorf("the client saw %s", have.Title())
	}
}

// TestTLS12Peer holds what is shown of an older peer.
func TestTLS12Peer(t *testing.T) {
	w := newWorld(t)
	for _, as := range []role{asClient, asServer} {
		t.Run(string(as), func(t *testing.T) {
			conn, _ := w.faces(t, as, 0x0303)
			if have := conn.Peer().TLS(); !regexp.MustCompile(`^1\.2, (AES-\d+-GCM|CHACHA20-POLY1305), X25519$`).MatchString(have) || conn.Peer().PostQuantum() {
				t.Errorf("have %q, post-quantum %v", have, conn.Peer().PostQuantum())
			}
		})
	}
}

func TestAuthorize(t *testing.T) {
	w := newWorld(t)
	ours := fault.New("no_rule", "no rule allows it")
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"accepted", nil, nil},
		{"refused in the caller's words", errors.New("not on Sundays"), signet.NotAuthorized},
		{"refused with a code", ours, fault.Code("no_rule")},
	}
	for _, test := range tests {
		for _, as := range []role{asClient, asServer} {
			t.Run(test.name+" by the "+string(as), func(t *testing.T) {
				client, server := w.dialer(), w.listener()
				var asked *signet.Peer
				authorize := func(_ context.Context, peer *signet.Peer) error { asked = peer; return test.err }
				if as == asClient {
					client.Authorize = authorize
				} else {
					server.Authorize = authorize
				}
				near, far := shake(t, client, server)
				judge, other := near, far
				if as == asServer {
					judge, other = far, near
				}
				if !errors.Is(judge.err, test.want) {
					t.Errorf("have %v, want %v", judge.err, test.want)
				}
				if asked == nil || asked.Proof == nil || !asked.Proof.Report().Trusted {
					t.Fatalf("asked about %+v, want a verified peer", asked)
				}
				if test.err == nil {
					return
				}
				if other.err == nil {
					_, other.err = other.conn.Read(make([]byte, 1))
				}
				wantCode(t, "the refused end", other.err, signet.RefusedByPeer)
				if text := other.err.Error(); strings.Contains(text, "Sundays") || strings.Contains(text, "rule") {
					t.Errorf("the refused end was told more than its alert may say: %s", text)
				}
			})
		}
	}
}

// TestClock holds that each end judges dates by its own clock, sessions from
// before a certificate's end included.
func TestClock(t *testing.T) {
	for _, as := range []role{asClient, asServer} {
		t.Run(string(as), func(t *testing.T) {
			w := newWorld(t)
			var late time.Duration
			clock := func() time.Time { return time.Now().Add(late) }
			client := &signet.Client{Roots: w.members, Name: verify.Member(w.domain), Identity: identity.Static(w.web)}
			server := &signet.Server{Roots: w.members, Name: verify.Member(w.domain), Identity: identity.Static(w.orders)}
			if as == asClient {
				client.Now = clock
			} else {
				server.Now = clock
			}
			near, far := meet(t, client, server)
			talk(t, near, far)
			late = 25 * time.Hour // a workload's certificate has 24
			one, other := shake(t, client, server)
			judge := one
			if as == asServer {
				judge = other
			}
			wantCode(t, "a day later", judge.err, verify.CertExpired)
		})
	}
}

// TestNothingBeforeTheHandshake holds that Read, Write and CloseWrite of an
// accepted connection verify first, and go on failing where that failed.
func TestNothingBeforeTheHandshake(t *testing.T) {
	w := newWorld(t)
	listener, err := w.listener().Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accept := func() *signet.Conn {
		t.Helper()
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { accepted.Close() })
		return accepted.(*signet.Conn)
	}
	t.Run("verified by the first read", func(t *testing.T) {
		client := w.dialer()
		go func() {
			if conn, err := client.Dial(t.Context(), "tcp", listener.Addr().String()); err == nil {
				conn.Write([]byte("hello"))
				conn.Close()
			}
		}()
		conn := accept()
		if conn.Peer() != nil || conn.ID() != "" {
			t.Errorf("before the handshake: peer %+v, ID %q", conn.Peer(), conn.ID())
		}
		if have, err := io.ReadAll(conn); string(have) != "hello" || err != nil {
			t.Errorf("have %q, %v", have, err)
		}
		if conn.Peer() == nil {
			t.Error("data without a peer")
		}
	})
	t.Run("refused again and again", func(t *testing.T) {
		stranger := testpki.Must(testpki.Must(testpki.New(time.Now())).Client(clientHost))
		client := &signet.Client{Roots: w.roots, Identity: identity.Static(stranger)}
		go client.Dial(t.Context(), "tcp", listener.Addr().String())
		conn := accept()
		_, read := conn.Read(make([]byte, 1))
		_, write := conn.Write([]byte("x"))
		failures := map[string]error{"read": read, "write": write, "close write": conn.CloseWrite(), "handshake": conn.Handshake(t.Context())}
		for what, err := range failures {
			if diff := cmp.Diff(read.Error(), err.Error()); diff != "" {
				t.Errorf("%s (-first +now)\n%s", what, diff)
			}
		}
		wantCode(t, "read", read, verify.UnknownRoot)
		if conn.Peer() != nil || conn.ID() != "" {
			t.Errorf("a refused peer is shown: %+v, %q", conn.Peer(), conn.ID())
		}
	})
}
