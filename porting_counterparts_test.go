package signet_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestALPN has the ends of a connection want protocols inside, in common and
// not.
func TestALPN(t *testing.T) {
	tests := []struct {
		name           string
		client, server []string
		agreed         string
		refused        bool
	}{
		{"one in common", []string{"spam", "eggs"}, []string{"ham", "eggs"}, "eggs", false},
		{"the server's order counts", []string{"a", "b"}, []string{"b", "a"}, "b", false},
		{"none in common", []string{"spam"}, []string{"ham"}, "", true},
		{"a server without any", []string{"spam"}, nil, "", false},
		{"a client without any", nil, []string{"ham"}, "", false},
	}
	for _, test := range tests {
		everyRole(t, func(t *testing.T, as role, version uint16) {
			w := newWorld(t)
			t.Run(test.name, func(t *testing.T) {
				client, server := w.dialer(), w.listener()
				client.ALPN, server.ALPN = test.client, test.server
				bare, wants := w.bare(asServer, version), test.server
				if as == asServer {
					bare, wants = w.bare(asClient, version), test.client
				}
				bare.NextProtos = wants
				near, far := pair(t)
				var conn *signet.Conn
				var err error
				if as == asClient {
					go tls.Server(far, bare).HandshakeContext(t.Context())
					conn, err = client.Wrap(t.Context(), near, testpki.Host)
				} else {
					go tls.Client(far, bare).HandshakeContext(t.Context())
					conn, err = server.Wrap(t.Context(), near)
				}
				if (err != nil) != test.refused {
					t.Fatalf("have %v, want a refusal: %t", err, test.refused)
				}
				if err != nil {
					if !strings.Contains(err.Error(), "protocol") {
						t.Errorf("have %v, which does not say that it is about the protocol inside", err)
					}
					return
				}
				defer conn.Abort()
				if have := conn.Peer().ALPN; have != test.agreed {
					t.Errorf("have %q, want %q", have, test.agreed)
				}
			})
		})
	}
}

// TestReadFillsNoMore holds that a Read fills what it is given at most, and that
// the rest is there for the next, whatever the size.
func TestReadFillsNoMore(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		conn, peer := newWorld(t).faces(t, as, version)
		sent := []byte("three parts of one record")
		if _, err := peer.Write(sent); err != nil {
			t.Fatal(err)
		}
		room := bytes.Repeat([]byte{'.'}, 10)
		if n, err := conn.Read(room[:5]); n != 5 || err != nil || string(room) != "three....." {
			t.Errorf("have %d bytes, %v: %q", n, err, room)
		}
		if n, err := conn.Read(nil); n != 0 || err != nil {
			t.Errorf("no room: have %d bytes, %v", n, err)
		}
		rest := make([]byte, 2*len(sent))
		if n, err := io.ReadAtLeast(conn, rest, len(sent)-5); err != nil || string(rest[:n]) != string(sent[5:]) {
			t.Errorf("have %q, %v", rest[:n], err)
		}
	})
}

// TestWriteIsWhole holds that one Write sends all of it, however many records
// that takes.
func TestWriteIsWhole(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		conn, peer := newWorld(t).faces(t, as, version)
		for _, size := range []int{0, 1, 16 << 10, 1<<20 + 1} {
			sent := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
			written := make(chan error, 1)
			go func() {
				n, err := conn.Write(sent)
				if n != len(sent) {
					err = errors.Join(err, io.ErrShortWrite)
				}
				written <- err
			}()
			received := make([]byte, size)
			if _, err := io.ReadFull(peer, received); err != nil || !bytes.Equal(sent, received) {
				t.Errorf("%d bytes did not arrive as they were: %v", size, err)
			}
			if err := <-written; err != nil {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	})
}

// TestSocketClosedBeneath holds that a connection whose socket is gone says so,
// whatever it is asked.
func TestSocketClosedBeneath(t *testing.T) {
	uses := map[string]func(*signet.Conn) error{
		"write":      func(conn *signet.Conn) error { _, err := conn.Write([]byte("hello")); return err },
		"read":       func(conn *signet.Conn) error { _, err := conn.Read(make([]byte, 1)); return err },
		"shutdown":   func(conn *signet.Conn) error { return conn.Shutdown(t.Context()) },
		"closewrite": func(conn *signet.Conn) error { return conn.CloseWrite() },
	}
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		for name, use := range uses {
			t.Run(name, func(t *testing.T) {
				near, far := pair(t)
				conn, _ := w.facesOver(t, as, version, near, far)
				near.Close()
				err := use(conn)
				if err == nil || err == io.EOF {
					t.Errorf("have %v of a socket that is closed", err)
				}
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("have %v, which is not net.ErrClosed", err)
				}
			})
		}
	})
}

// TestPassphraseIsWhole holds that every byte of a passphrase counts: those
// behind a NUL, and those behind the 1,024 that OpenSSL has room for.
func TestPassphraseIsWhole(t *testing.T) {
	key := testpki.Must(pki.GenerateKey(pki.P256))
	long := strings.Repeat("a", 2000)
	for _, test := range []struct{ name, passphrase, part string }{
		{"behind a NUL", "hello\x00world", "hello"},
		{"behind a NUL, another", "hello\x00world", "hello\x00w0rld"},
		{"long", long, long[:1024]},
		{"long, another end", long, long[:1999] + "b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sealed := pem.EncodeToMemory(testpki.Must(pki.EncryptKey(key, []byte(test.passphrase))))
			answer := func(passphrase string) pki.Passphrase {
				return func() ([]byte, error) { return []byte(passphrase), nil }
			}
			if _, err := pki.ParsePrivateKey(sealed, answer(test.passphrase)); err != nil {
				t.Errorf("the passphrase itself: %v", err)
			}
			_, err := pki.ParsePrivateKey(sealed, answer(test.part))
			wantCode(t, "a part of it", err, pki.PassphraseWrong)
		})
	}
}

// TestAnchorTwice holds that a root which is given twice is believed once, and
// that others beside it are not in its way.
func TestAnchorTwice(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	root := w.Root.Leaf()
	roots, err := verify.NewRoots("twice", root, other.Root.Leaf(), root)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a question may be asked again
		for _, chain := range [][]*pki.Certificate{w.server.Chain, other.server.Chain} {
			proof, err := verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Host(testpki.Host)})
			if err != nil {
				t.Fatal(err)
			}
			if path := proof.Path(); len(path) != 3 {
				t.Errorf("have a path of %d certificates, want leaf, intermediate and root", len(path))
			}
		}
	}
}

// TestServerWithoutItsCertificate holds that a server whose source has no
// certificate for a connection says why, and that the client gets no further.
func TestServerWithoutItsCertificate(t *testing.T) {
	w := newWorld(t)
	server := w.listener()
	server.Identity = failing{}
	near, far := shake(t, w.dialer(), server)
	if !errors.Is(far.err, errNoCredential) {
		t.Errorf("the server: have %v, want %v", far.err, errNoCredential)
	}
	if near.err == nil {
		t.Error("the client has a connection")
	}
}
