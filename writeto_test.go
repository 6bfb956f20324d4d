package signet_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"

	"github.com/signet-tls/signet"
)

// TestWriteTo has the peer send much and little, and end or be cut: what arrives is all
// of it, whatever was looked at before, and only the peer's word is an end.
func TestWriteTo(t *testing.T) {
	w := newWorld(t)
	data := make([]byte, 300_000)
	rand.Read(data)
	everyRole(t, func(t *testing.T, as role, version uint16) {
		for _, cut := range []bool{false, true} {
			conn, peer := w.faces(t, as, version)
			go func() {
				for rest := data; len(rest) > 0; {
					n := min(len(rest), 1+len(rest)/3)
					peer.Write(rest[:n])
					rest = rest[n:]
				}
				if cut {
					peer.NetConn().Close()
				} else {
					peer.Close()
				}
			}()
			first := make([]byte, 10)
			if _, err := io.ReadFull(conn, first); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Peek(100); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Buffered(); err != nil {
				t.Fatal(err)
			}
			var rest bytes.Buffer
			n, err := conn.WriteTo(&rest)
			if have := append(first, rest.Bytes()...); !bytes.Equal(have, data) || n != int64(rest.Len()) {
				t.Errorf("%d bytes arrived, of which %d are told; want %d", len(have), n, len(data))
			}
			if cut {
				wantCode(t, "a cut", err, signet.Truncated)
			} else if err != nil {
				t.Errorf("the end is %v", err)
			}
		}
	})
}

// TestWriteToFails has nobody take what the peer sent.
func TestWriteToFails(t *testing.T) {
	conn, peer := newWorld(t).faces(t, asClient, tls.VersionTLS13)
	peer.Write([]byte("hello"))
	broken := errors.New("broken")
	if n, err := conn.WriteTo(unable{broken}); n != 0 || err != broken {
		t.Errorf("have %d, %v", n, err)
	}
}

type unable struct{ err error }

func (u unable) Write([]byte) (int, error) { return 0, u.err }

// TestLargeWrites has several write at once, much and little. crypto/tls keeps each Write
// together, so that pieces of one letter each show whether all has arrived in order.
func TestLargeWrites(t *testing.T) {
	const rounds = 50
	w := newWorld(t)
	near, far := meet(t, w.dialer(), w.listener())
	sizes := []int{1, 16 << 10, 16<<10 + 1, 64 << 10, 200_000}
	var writers sync.WaitGroup
	for i, size := range sizes {
		writers.Go(func() {
			for range rounds {
				if n, err := near.Write(bytes.Repeat([]byte{byte('a' + i)}, size)); n != size || err != nil {
					t.Errorf("%d of %d bytes are written: %v", n, size, err)
				}
			}
		})
	}
	go func() {
		writers.Wait()
		near.CloseWrite()
	}()
	all, err := io.ReadAll(far)
	if err != nil {
		t.Fatal(err)
	}
	counts := make([]int, len(sizes))
	for len(all) > 0 {
		i := int(all[0] - 'a')
		size := sizes[i]
		if want := bytes.Repeat(all[:1], size); !bytes.HasPrefix(all, want) {
			t.Fatalf("a Write of %d bytes was taken apart", size)
		}
		counts[i]++
		all = all[size:]
	}
	if slices.Min(counts) != rounds || slices.Max(counts) != rounds {
		t.Errorf("have %v writes, want %d of each", counts, rounds)
	}
}
