package signet_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/signet-tls/signet"
)

func TestPeek(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		conn, peer := newWorld(t).faces(t, as, version)
		for _, part := range []string{"hel", "lo, ", "world"} { // a record each
			if _, err := io.WriteString(peer, part); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{"he", "hello, w", "hello, w", ""} {
			if have, err := conn.Peek(len(want)); string(have) != want || err != nil {
				t.Errorf("have %q, %v; want %q", have, err, want)
			}
		}
		for _, want := range []string{"h", "ello, w", "orld"} {
			have := make([]byte, len(want))
			if n, err := conn.Read(have); string(have[:n]) != want || err != nil {
				t.Errorf("have %q, %v; want %q", have[:n], err, want)
			}
		}
		for _, n := range []int{-1, 16<<10 + 1} {
			_, err := conn.Peek(n)
			wantCode(t, "peek", err, signet.PeekTooFar)
		}
		whole := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
		go func() { peer.Write(whole); peer.CloseWrite() }()
		if have, err := conn.Peek(len(whole)); !bytes.Equal(have, whole) || err != nil {
			t.Errorf("have %d bytes, %v; want %d", len(have), err, len(whole))
		}
		if have, err := io.ReadAll(conn); !bytes.Equal(have, whole) || err != nil {
			t.Errorf("have %d bytes, %v; want %d and a clean end", len(have), err, len(whole))
		}
	})
}

// TestPeekAtTheEnd holds that looking ahead loses neither what came before the
// end nor what kind of end it was.
func TestPeekAtTheEnd(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		for _, ending := range endings {
			t.Run(ending.name, func(t *testing.T) {
				near, far := pair(t)
				conn, peer := w.facesOver(t, as, version, near, far)
				io.WriteString(peer, "hello")
				if _, err := conn.Peek(5); err != nil {
					t.Fatal(err)
				}
				ending.end(peer, far)
				for range 2 {
					have, err := conn.Peek(6)
					if string(have) != "hello" || err == nil || (err == io.EOF) != ending.clean {
						t.Errorf("peek: have %q, %v", have, err)
					}
				}
				have, err := io.ReadAll(conn)
				if string(have) != "hello" || (err == nil) != ending.clean {
					t.Errorf("read: have %q, %v", have, err)
				}
				if !ending.clean {
					wantCode(t, "read", err, signet.Truncated)
				}
			})
		}
	})
	t.Run("deadline", func(t *testing.T) {
		conn, peer := newWorld(t).faces(t, asClient, tls.VersionTLS13)
		conn.SetReadDeadline(time.Now().Add(-time.Second))
		if _, err := conn.Peek(1); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("have %v, want %v", err, os.ErrDeadlineExceeded)
		}
		conn.SetReadDeadline(time.Time{})
		talk(t, conn, peer)
	})
}

// TestBuffered holds that it counts what has come, waits for nothing, and harms
// nothing.
func TestBuffered(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		near, far := pair(t)
		conn, peer := newWorld(t).facesOver(t, as, version, near, far)
		want := func(step string, want int) {
			t.Helper()
			if have, err := conn.Buffered(); have != want || err != nil {
				t.Errorf("%s: have %d bytes, %v; want %d", step, have, err, want)
			}
		}
		read := func(want string) {
			t.Helper()
			have := make([]byte, len(want))
			if _, err := io.ReadFull(conn, have); string(have) != want || err != nil {
				t.Errorf("have %q, %v; want %q", have, err, want)
			}
		}
		want("at first", 0)
		io.WriteString(peer, "0123456789")
		read("01")
		want("of the record that was begun", 8)
		want("again", 8)
		read("23")
		want("later", 6)
		conn.Peek(3)
		want("after a look", 6)
		read("456789")
		want("at the end", 0)
		peer.CloseWrite()
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("have %v, want %v", err, io.EOF)
		}
		want("behind the end", 0)
		if _, err := conn.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("have %v, want %v", err, io.EOF)
		}
	})
}
