package signet_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// descriptors returns how many files this process has open, where the system
// tells.
func descriptors() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}

// TestBadStreams feeds other people's malformed streams to both roles: each is
// refused with a code, and leaves nothing behind.
func TestBadStreams(t *testing.T) {
	w := newWorld(t)
	client, server := w.dialer(), w.listener()
	for _, test := range []struct {
		as    role
		kind  string
		least int
	}{{asServer, "tls-server-in", 4000}, {asClient, "tls-client-in", 1500}} {
		t.Run(string(test.as), func(t *testing.T) {
			goroutines, files, fed := runtime.NumGoroutine(), descriptors(), 0
			for name, data := range peers.BadInputs(t, test.kind) {
				fed++
				near, far := memory(t)
				far.Write(data)
				far.(memoryEnd).out.end()
				var conn *signet.Conn
				var err error
				if test.as == asClient {
					conn, err = client.Wrap(t.Context(), near, testpki.Host)
				} else {
					conn, err = server.Wrap(t.Context(), near)
				}
				if conn != nil {
					t.Fatalf("%s made a handshake", name)
				}
				if peers.WantCoded(t, err); t.Failed() {
					t.Fatal(name)
				}
				near.Close()
				far.Close()
			}
			t.Logf("%d streams", fed)
			if fed < test.least {
				t.Errorf("there are only %d streams", fed)
			}
			peers.Settled(t, goroutines)
			if have := descriptors(); have > files {
				t.Errorf("%d descriptors are open, %d before", have, files)
			}
		})
	}
}

// TestMutatedHandshake changes bytes that a peer says, one at a time, to the end
// of its stream: either the error has a code, or it goes as if nothing had been
// changed. SIGNET_EVERY_BYTE=1 changes each of them, which takes minutes; else it
// is every eighth.
func TestMutatedHandshake(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, as := range []role{asClient, asServer} {
			t.Run(string(as)+" "+tls.VersionName(version), func(t *testing.T) {
				w := newWorld(t)
				goroutines := runtime.NumGoroutine()
				run := func(mutate func([]byte) []byte) (data string, sent int, err error) {
					near, far := memory(t)
					changed := &mutating{Conn: far, change: mutate}
					var all sync.WaitGroup
					var conn *signet.Conn
					all.Go(func() {
						peer := tls.Client(changed, w.bare(asClient, version))
						if as == asClient {
							peer = tls.Server(changed, w.bare(asServer, version))
						}
						if peer.Handshake() == nil {
							io.WriteString(peer, "hello")
							peer.Close()
						}
						far.Close()
					})
					if as == asClient {
						conn, err = (&signet.Client{Roots: w.roots, Identity: identity.Static(w.client)}).Wrap(t.Context(), near, testpki.Host)
					} else {
						conn, err = w.listener().Wrap(t.Context(), near)
					}
					if err == nil {
						var got []byte
						got, err = io.ReadAll(conn)
						data = string(got)
						conn.Close()
					}
					near.Close()
					all.Wait()
					return data, changed.sent, err
				}
				data, whole, err := run(func(p []byte) []byte { return p })
				if err != nil || data != "hello" {
					t.Fatalf("unchanged: have %q, %v", data, err)
				}
				step := 8
				if os.Getenv("SIGNET_EVERY_BYTE") != "" {
					step = 1
				}
				tried, same := 0, 0
				for at := 0; at < whole; at += step {
					tried++
					offset := 0
					data, _, err := run(func(p []byte) []byte {
						start := offset
						offset += len(p)
						if at < start || at >= offset {
							return p
						}
						p = bytes.Clone(p)
						p[at-start] ^= byte(1 + at%255)
						return p
					})
					switch {
					case err == nil && data == "hello":
						same++
					case err == nil:
						t.Fatalf("byte %d: have %q and a clean end", at, data)
					case data != "" && data != "hello":
						t.Fatalf("byte %d: have %q, which was never sent", at, data)
					default:
						if peers.WantCoded(t, err); t.Failed() || errors.Is(err, io.EOF) {
							t.Fatalf("byte %d: %v", at, err)
						}
					}
				}
				t.Logf("%d bytes were changed, one at a time; %d made no difference", tried, same)
				if tried < 500/step || same > tried/4 {
					t.Errorf("%d bytes, of which %d made no difference", tried, same)
				}
				peers.Settled(t, goroutines)
			})
		}
	}
}

// mutating is a connection that sends something else.
type mutating struct {
	net.Conn
	change func([]byte) []byte
	sent   int
}

func (m *mutating) Write(p []byte) (int, error) {
	m.sent += len(p)
	return m.Conn.Write(m.change(slices.Clone(p)))
}
