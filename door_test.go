package signet_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// TestHandshakeBytes holds that who is not verified yet may send so much and no
// more, whoever reads it.
func TestHandshakeBytes(t *testing.T) {
	const some = 700 // less than either end sends
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		client, server := w.dialer(), w.listener()
		if as == asClient {
			client.MaxHandshakeBytes = some
		} else {
			server.MaxHandshakeBytes = some
		}
		near, far := pair(t)
		var err error
		if as == asClient {
			go tls.Server(far, w.bare(asServer, version)).Handshake()
			_, err = client.Wrap(t.Context(), near, testpki.Host)
		} else {
			go tls.Client(far, w.bare(asClient, version)).Handshake()
			_, err = server.Wrap(t.Context(), near)
		}
		wantCode(t, "handshake", err, signet.HandshakeTooLarge)
	})
	t.Run("of a TLSConfig", func(t *testing.T) {
		w := newWorld(t)
		sparing := w.listener()
		sparing.MaxHandshakeBytes = some // the hello is read before, within crypto/tls's own bound
		client, server := configs(t, w.dialer(), sparing, verify.Host(testpki.Host))
		_, _, _, err := exit(t, client, server, true)
		wantCode(t, "handshake", err, signet.HandshakeTooLarge)
	})
	t.Run("and then as much as it likes", func(t *testing.T) {
		w := newWorld(t)
		near, far := meet(t, w.dialer(), w.listener())
		whole := make([]byte, 4*signet.DefaultMaxHandshakeBytes)
		go func() { near.Write(whole); near.CloseWrite() }()
		if have, err := io.ReadAll(far); len(have) != len(whole) || err != nil {
			t.Errorf("have %d bytes, %v; want %d", len(have), err, len(whole))
		}
	})
}

// beginning is a ClientHello that goes on for so many bytes and has not come to
// its end.
func beginning(bytes int) []byte {
	records := []byte{22, 3, 1, 0, 4, 1, 0, 0xff, 0xff}
	for bytes -= len(records); bytes > 5; bytes = bytes - 5 - 1<<10 {
		records = append(records, 22, 3, 1, 4, 0)
		records = append(records, make([]byte, 1<<10)...)
	}
	return records
}

// TestDoor has strangers at a server that makes one handshake at a time. They
// may stay until there are too many of them, or somebody else has waited for
// their turn to end.
func TestDoor(t *testing.T) {
	tests := []struct {
		name string
		say  []byte        // each stranger's words
		many int           // strangers
		out  int           // the oldest of them, who make room
		late time.Duration // until somebody else is through
	}{
		{"a silent one", nil, 1, 0, 0}, // there is room for two, and whoever comes is silent at first
		{"too many silent ones", nil, 5, 4, 0},
		{"a slow one", beginning(100), 1, 1, 2 * time.Second},
		{"slow ones", beginning(100), 2, 2, 4 * time.Second},
		{"too many slow ones", beginning(100), 5, 5, 4 * time.Second}, // a place and a queue of two; two of the five have to leave that
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				server := w.listener()
				server.MaxHandshakes, server.HandshakeTimeout = 1, time.Hour
				ended := make([]error, test.many)
				var all sync.WaitGroup
				for i := range test.many {
					near, far := memory(t)
					far.Write(test.say)
					all.Go(func() { _, ended[i] = server.Wrap(t.Context(), near) })
					synctest.Wait()
				}
				start := time.Now()
				client := w.dialer()
				client.HandshakeTimeout = time.Hour
				dialed, accepted := memory(t)
				near, far := shakeOver(t, client, server, dialed, accepted)
				if near.err != nil || far.err != nil {
					t.Fatalf("client: %v; server: %v", near.err, far.err)
				}
				if waited := time.Since(start); waited < test.late || waited > test.late+time.Second {
					t.Errorf("waited for %v, want %v", waited, test.late)
				}
				synctest.Wait()
				time.Sleep(2 * time.Hour) // the rest has no more time
				all.Wait()
				for i, err := range ended {
					want := signet.Timeout
					if i < test.out {
						want = signet.CrowdedOut
					}
					wantCode(t, fmt.Sprintf("stranger %d", i), err, want)
				}
				talk(t, near.conn, far.conn) // who is through has nothing to do with it any more
			})
		})
	}
}

// TestDoorOfExits holds the same for the *tls.Conn of other libraries: each has
// its place until its handshake has ended, and no longer.
func TestDoorOfExits(t *testing.T) {
	const short = 300 * time.Millisecond
	w := newWorld(t)
	for name, server := range map[string]*signet.Server{
		"with clients' certificates": w.listener(),
		"public":                     {Public: true, Identity: identity.Static(w.server)},
	} {
		t.Run(name, func(t *testing.T) {
			server.MaxHandshakes, server.HandshakeTimeout = 1, short
			listener, err := server.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			conns := make(chan net.Conn, 3)
			go func() {
				for range cap(conns) {
					conn, err := listener.TLS().Accept()
					if err != nil {
						return
					}
					if err := conn.(*tls.Conn).Handshake(); err != nil {
						t.Error(err)
					}
					conns <- conn
				}
			}()
			for range cap(conns) {
				near, err := w.dialer().Dial(t.Context(), "tcp", listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer near.Close()
				far := <-conns
				defer far.Close()
				time.Sleep(2 * short) // a handshake that were not over would be by now
				talk(t, near, far)
			}
			stalled, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer stalled.Close()
			late, err := listener.TLS().Accept()
			if err != nil {
				t.Fatal(err)
			}
			wantCode(t, "a silent client", late.(*tls.Conn).Handshake(), signet.Timeout)
		})
	}
}

// TestStalledPeers holds what a thousand peers cost that have sent as much as
// they may and go no further.
func TestStalledPeers(t *testing.T) {
	const many, most = 1000, 256 << 10
	w := newWorld(t)
	client, server := w.dialer(), w.listener()
	client.HandshakeTimeout, server.HandshakeTimeout = time.Hour, time.Hour
	toServer := beginning(signet.DefaultMaxHandshakeBytes - 1<<11)
	toClient := bytes.Clone(toServer)
	toClient[5] = 2 // a ServerHello
	for as, say := range map[role][]byte{asClient: toClient, asServer: toServer} {
		t.Run(string(as), func(t *testing.T) {
			before := heapInUse()
			var all sync.WaitGroup
			ends := make([]memoryEnd, many)
			for i := range ends {
				near, far := memory(t)
				ends[i] = near.(memoryEnd)
				far.Write(say)
				all.Go(func() {
					if as == asClient {
						client.Wrap(t.Context(), near, testpki.Host)
					} else {
						server.Wrap(t.Context(), near)
					}
				})
			}
			for _, end := range ends {
				end.in.untilRead()
			}
			each := (heapInUse() - before) / many
			t.Logf("%d KiB each", each>>10)
			if each > most {
				t.Errorf("a stalled peer holds %d bytes of the heap, want %d at most", each, most)
			}
			for _, end := range ends {
				end.Close()
			}
			all.Wait()
		})
	}
}

// untilRead waits until all has been read and somebody waits for more.
func (f *flow) untilRead() {
	for {
		f.mu.Lock()
		idle := len(f.data) == 0 && f.waiting > 0
		f.mu.Unlock()
		if idle {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// heapInUse returns how many bytes are in use.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what a sync.Pool kept goes with the second
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
