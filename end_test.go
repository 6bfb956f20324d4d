package signet_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
)

// ending is a way for a peer's stream to end.
type ending struct {
	name  string
	end   func(over *tls.Conn, under *net.TCPConn)
	clean bool
}

var endings = []ending{
	{"close_notify", func(over *tls.Conn, _ *net.TCPConn) { over.Close() }, true},
	{"FIN between records", func(_ *tls.Conn, under *net.TCPConn) { under.CloseWrite() }, false},
	{"FIN inside a record's header", func(_ *tls.Conn, under *net.TCPConn) {
		under.Write([]byte{23, 3, 3})
		under.CloseWrite()
	}, false},
	{"FIN inside a record", func(_ *tls.Conn, under *net.TCPConn) {
		under.Write([]byte{23, 3, 3, 0, 64, 1, 2, 3})
		under.CloseWrite()
	}, false},
	{"RST", func(_ *tls.Conn, under *net.TCPConn) {
		under.SetLinger(0)
		under.Close()
	}, false},
}

// TestEndOfStream holds that an end which the peer did not announce is an error,
// however it comes about.
func TestEndOfStream(t *testing.T) {
	readers := map[string]func(io.Reader) (int64, error){
		"Read": func(r io.Reader) (int64, error) {
			data, err := io.ReadAll(r)
			return int64(len(data)), err
		},
		"io.Copy": func(r io.Reader) (int64, error) { return io.Copy(io.Discard, r) },
	}
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		for _, ending := range endings {
			for way, read := range readers {
				t.Run(ending.name+" by "+way, func(t *testing.T) {
					near, far := pair(t)
					conn, peer := w.facesOver(t, as, version, near, far)
					if _, err := peer.Write([]byte("hello")); err != nil {
						t.Fatal(err)
					}
					first := make([]byte, 5)
					if _, err := io.ReadFull(conn, first); string(first) != "hello" || err != nil {
						t.Fatalf("have %q, %v", first, err)
					}
					ending.end(peer, far)
					n, err := read(conn)
					if n != 0 {
						t.Errorf("%d bytes that were never sent", n)
					}
					if ending.clean && err != nil {
						t.Errorf("a clean end, called %v", err)
					}
					if !ending.clean {
						wantCode(t, way, err, signet.Truncated)
						_, again := conn.Read(first)
						wantCode(t, "asked again", again, signet.Truncated)
					}
				})
			}
		}
	})
}

// TestNoCloseNotifyAfterAFailure holds that what failed is not made to look
// complete by closing it: nothing more leaves (crypto/tls alone would send a
// close_notify).
func TestNoCloseNotifyAfterAFailure(t *testing.T) {
	failures := []struct {
		name string
		code error
		make func(over *tls.Conn, under *net.TCPConn)
		sent int // records of ours that answer it
	}{
		{"altered record", signet.RecordAltered, func(_ *tls.Conn, under *net.TCPConn) {
			under.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
		}, 1}, // our alert
		{"truncated", signet.Truncated, func(_ *tls.Conn, under *net.TCPConn) { under.CloseWrite() }, 0},
	}
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		for _, failure := range failures {
			t.Run(failure.name, func(t *testing.T) {
				near, far := pair(t)
				wire := &recorder{TCPConn: near}
				conn, peer := w.facesOver(t, as, version, wire, far)
				before := len(wire.records(t))
				failure.make(peer, far)
				_, err := conn.Read(make([]byte, 8))
				wantCode(t, "read", err, failure.code)
				conn.CloseWrite()
				conn.Close()
				if have := len(wire.records(t)) - before; have != failure.sent {
					t.Errorf("%d records left after the failure, want %d", have, failure.sent)
				}
				if _, err := io.Copy(io.Discard, far); failure.sent == 0 && !errors.Is(err, syscall.ECONNRESET) {
					t.Errorf("the peer's socket ended with %v, want a reset", err)
				}
			})
		}
	})
}

// TestNoCloseNotifyOfExits holds the same for the *tls.Conn of other libraries,
// but for one case: a fatal alert of TLS 1.3, which looks like data.
func TestNoCloseNotifyOfExits(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		for name, fail := range map[string]func(under *net.TCPConn){
			"altered record": func(under *net.TCPConn) {
				under.Write(append([]byte{23, 3, 3, 0, 64}, make([]byte, 64)...))
			},
			"truncated": func(under *net.TCPConn) { under.CloseWrite() },
		} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t)
				near, far := pair(t)
				wire := &recorder{TCPConn: near}
				under := signet.Transport(wire)
				over, peer := tls.Client(under, w.bare(asClient, version)), tls.Server(far, w.bare(asServer, version))
				if as == asServer {
					over, peer = tls.Server(under, w.bare(asServer, version)), tls.Client(far, w.bare(asClient, version))
				}
				go peer.Handshake()
				if err := over.Handshake(); err != nil {
					t.Fatal(err)
				}
				before := len(wire.records(t))
				fail(far)
				if _, err := over.Read(make([]byte, 8)); err == nil || err == io.EOF {
					t.Fatalf("read: have %v", err)
				}
				over.Close()
				want := 0
				if name != "truncated" {
					want = 1 // the fatal alert
					if version == tls.VersionTLS13 {
						want = 2
					}
				}
				if have := len(wire.records(t)) - before; have != want {
					t.Errorf("%d records left after the failure, want %d", have, want)
				}
			})
		}
	})
}

// TestClose holds the other way round: a connection that went well ends with
// exactly one record more, in TLS 1.2 visibly an alert.
func TestClose(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		near, far := pair(t)
		wire := &recorder{TCPConn: near}
		conn, peer := newWorld(t).facesOver(t, as, version, wire, far)
		before := len(wire.records(t))
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		after := wire.records(t)[before:]
		if len(after) != 1 || version == tls.VersionTLS12 && after[0] != 21 {
			t.Errorf("records of types %v left, want one alert", after)
		}
		if n, err := io.Copy(io.Discard, peer); n != 0 || err != nil {
			t.Errorf("the peer read %d bytes, %v; want a clean end", n, err)
		}
	})
}

// TestAbort holds that the peer of a connection ended for cause gets a reset and
// never a close_notify.
func TestAbort(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		near, far := pair(t)
		wire := &recorder{TCPConn: near}
		conn, peer := newWorld(t).facesOver(t, as, version, wire, far)
		before := len(wire.records(t))
		if err := conn.Abort(); err != nil {
			t.Fatal(err)
		}
		if have := len(wire.records(t)) - before; have != 0 {
			t.Errorf("%d records left", have)
		}
		if _, err := io.Copy(io.Discard, peer); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the peer's end: have %v, want a reset", err)
		}
		if err := conn.CloseWrite(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("close write: have %v, want %v", err, net.ErrClosed)
		}
		if _, err := conn.Write([]byte("x")); err == nil {
			t.Error("wrote to an aborted connection")
		}
	})
	t.Run("unblocks Read", func(t *testing.T) {
		w := newWorld(t)
		near, _ := meet(t, w.dialer(), w.listener())
		failed := make(chan error, 1)
		go func() {
			_, err := near.Read(make([]byte, 1))
			failed <- err
		}()
		near.Abort()
		if err := <-failed; err == nil || errors.Is(err, io.EOF) {
			t.Errorf("have %v, want an error that is no clean end", err)
		}
	})
	t.Run("in memory", func(t *testing.T) {
		w := newWorld(t)
		dialed, accepted := memory(t)
		near, far := shakeOver(t, w.dialer(), w.listener(), dialed, accepted)
		if near.err != nil || far.err != nil {
			t.Fatal(near.err, far.err)
		}
		near.conn.Abort()
		_, err := io.ReadAll(far.conn)
		wantCode(t, "the other end", err, signet.Truncated)
	})
}

func TestHalfClose(t *testing.T) {
	w := newWorld(t)
	near, far := meet(t, w.dialer(), w.listener())
	payload := bytes.Repeat([]byte("half of it "), 10_000)
	answered := make(chan error, 1)
	go func() {
		got, err := io.ReadAll(far)
		if err == nil {
			_, err = far.Write(got)
		}
		answered <- errors.Join(err, far.Close())
	}()
	if _, err := near.Write(payload); err != nil {
		t.Fatal(err)
	}
	if err := near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write([]byte("x")); err == nil {
		t.Error("wrote after CloseWrite")
	}
	have, err := io.ReadAll(near)
	if !bytes.Equal(have, payload) || err != nil {
		t.Errorf("have %d bytes back of %d, %v", len(have), len(payload), err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestConnectionIDs(t *testing.T) {
	w := newWorld(t)
	client, server := w.dialer(), w.listener()
	seen := map[string]bool{}
	for range 3 { // the later ones are resumed
		near, far := meet(t, client, server)
		if near.ID() != far.ID() || len(near.ID()) != 33 || near.ID()[0] != 'c' {
			t.Errorf("IDs: have %q and %q, want c and 32 digits, the same at both ends", near.ID(), far.ID())
		}
		if seen[near.ID()] {
			t.Errorf("two connections are called %s", near.ID())
		}
		seen[near.ID()] = true
		talk(t, near, far)
	}
	everyRole(t, func(t *testing.T, as role, version uint16) {
		conn, peer := w.faces(t, as, version)
		state := peer.ConnectionState()
		want, err := state.ExportKeyingMaterial("EXPORTER-signet-connection-id", nil, 16)
		if err != nil {
			t.Fatal(err)
		}
		if have := conn.ID(); have != "c"+hex.EncodeToString(want) {
			t.Errorf("have %s, the other end exports %x", have, want)
		}
	})
}

// TestDeadlines holds that the caller's own deadline stays what net.Conn's
// callers look for, and that a read deadline breaks nothing.
func TestDeadlines(t *testing.T) {
	w := newWorld(t)
	near, far := meet(t, w.dialer(), w.listener())
	past := time.Now().Add(-time.Second)
	if err := near.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	_, err := near.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("have %v, want a net.Error that timed out", err)
	}
	if err := near.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	talk(t, near, far)
	late, _ := meet(t, w.dialer(), w.listener())
	if err := late.SetWriteDeadline(past); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: have %v, want %v", err, os.ErrDeadlineExceeded)
	}
}

func TestAddresses(t *testing.T) {
	w := newWorld(t)
	near, far := meet(t, w.dialer(), w.listener())
	if near.LocalAddr().String() != far.RemoteAddr().String() || near.RemoteAddr().String() != far.LocalAddr().String() {
		t.Errorf("have %v to %v and %v to %v", near.LocalAddr(), near.RemoteAddr(), far.LocalAddr(), far.RemoteAddr())
	}
}

// closing is a connection whose end, from elsewhere, falls between a flight of ours and
// what is done next.
type closing struct {
	net.Conn
	end    context.CancelFunc
	closed chan struct{}
	once   sync.Once
}

func (c *closing) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.end()
	<-c.closed
	return n, err
}

func (c *closing) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// TestClosedBeforeTheVerdict holds that a server whose handshake is ended from elsewhere
// just before it would judge its client, or make a ticket for it, says so.
func TestClosedBeforeTheVerdict(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			w := newWorld(t)
			near, far := pair(t)
			go tls.Client(far, w.bare(asClient, version)).Handshake()
			ctx, cancel := context.WithCancel(t.Context())
			server := &signet.Server{Identity: identity.Static(w.server), Public: true}
			conn, err := server.Wrap(ctx, &closing{Conn: near, end: cancel, closed: make(chan struct{})})
			if err == nil || conn != nil {
				t.Errorf("have %v and %v, want an error", conn, err)
			}
		})
	}
}
