package engine_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

func TestTalks(t *testing.T) {
	near, far := newWorld(t).pair(t)
	meet(t, near, far)
	if near.Conn().ID() != far.Conn().ID() || near.Conn().ID() == "" {
		t.Errorf("client: %q, server: %q", near.Conn().ID(), far.Conn().ID())
	}
	sent := make([]byte, 100_000)
	rand.Read(sent)
	if n, err := near.Write(sent); n != len(sent) || err != nil {
		t.Fatal(n, err)
	}
	if err := near.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	carry(t, near, far, 1000)
	received, err := readAll(far)
	if err != io.EOF || !bytes.Equal(received, sent) {
		t.Errorf("have %d bytes and %v", len(received), err)
	}
	if _, err := far.Write([]byte("answer")); err != nil { // the other direction is still open
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	carry(t, far, near, 1)
	if received, err := readAll(near); err != io.EOF || string(received) != "answer" {
		t.Errorf("have %q and %v", received, err)
	}
}

// Whatever the order and the size of the pieces, all arrives, and nobody waits.
func TestAnyOrder(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(r *rapid.T) {
		near, far := w.pair(t)
		sent, received := map[*engine.Engine][]byte{}, map[*engine.Engine][]byte{}
		ends := []*engine.Engine{near, far}
		step := func(act string, e, other *engine.Engine) {
			switch act {
			case "write":
				data := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(r, "data")
				n, err := e.Write(data)
				if err != nil && !errors.Is(err, engine.WantRead) {
					r.Fatal(err)
				}
				sent[e] = append(sent[e], data[:n]...)
			case "read":
				data, err := readAll(e)
				if !errors.Is(err, engine.WantRead) {
					r.Fatal(err)
				}
				received[e] = append(received[e], data...)
			case "carry":
				carry(t, e, other, rapid.IntRange(1, 700).Draw(r, "size"))
			}
		}
		for range rapid.IntRange(5, 60).Draw(r, "steps") {
			i := rapid.IntRange(0, 1).Draw(r, "end")
			step(rapid.SampledFrom([]string{"write", "read", "carry", "carry"}).Draw(r, "act"), ends[i], ends[1-i])
		}
		for range 20 {
			for i, e := range ends {
				step("read", e, ends[1-i])
				step("carry", e, ends[1-i])
			}
		}
		if near.Conn() == nil || far.Conn() == nil || !bytes.Equal(sent[near], received[far]) || !bytes.Equal(sent[far], received[near]) {
			r.Fatal("not all has arrived")
		}
	})
}

// The handshake of crypto/tls needs a goroutine; nothing else may.
func TestGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	near, far := newWorld(t).pair(t)
	count := func(when string, want int) {
		t.Helper()
		have := runtime.NumGoroutine() - before
		for range 5000 { // one that has done its work is counted until it is gone
			if have <= want {
				return
			}
			time.Sleep(time.Millisecond)
			have = runtime.NumGoroutine() - before
		}
		t.Errorf("%s: %d goroutines, want at most %d", when, have, want)
	}
	count("before the handshake", 0)
	want(t, near.Handshake(), engine.WantRead)
	count("with one in the handshake", 1)
	want(t, far.Handshake(), engine.WantRead)
	count("with both in the handshake", 2)
	meet(t, near, far)
	count("after the handshake", 0)
	if _, err := near.Write([]byte("more")); err != nil {
		t.Fatal(err)
	}
	carry(t, near, far, 1)
	readAll(far)
	count("after some data", 0)

	one, other := newWorld(t).pair(t)
	one.Handshake()
	other.Handshake()
	one.Close()
	other.Close()
	count("closed in the handshake", 0)
	want(t, one.Handshake(), signet.HandshakeCut)
}

// An engine that is dropped in the middle of a handshake must not hold its
// goroutine for ever.
func TestAbandoned(t *testing.T) {
	before := runtime.NumGoroutine()
	client := newWorld(t).dialer()
	client.HandshakeTimeout = 200 * time.Millisecond
	want(t, engine.Client(context.Background(), client, testpki.Host).Handshake(), engine.WantRead)
	peers.Settled(t, before)
}

func TestClosedBeforeItBegan(t *testing.T) {
	near, _ := newWorld(t).pair(t)
	near.Close()
	want(t, near.Handshake(), signet.HandshakeCut)
	if near.Drain() != nil {
		t.Error("something was said")
	}
}

// A stream that just ends is not one that its peer has ended.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name string
		end  func(*engine.Engine)
		want error
	}{
		{"announced", func(e *engine.Engine) { e.Close() }, io.EOF},
		{"cut", func(e *engine.Engine) {}, signet.Truncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := w.pair(t)
			meet(t, near, far)
			near.Write([]byte("all?"))
			c.end(near)
			carry(t, near, far, 7)
			far.FeedEnd()
			data, err := readAll(far)
			if string(data) != "all?" || !errors.Is(err, c.want) {
				t.Errorf("have %q and %v, want %v", data, err, c.want)
			}
		})
	}
	t.Run("in the handshake", func(t *testing.T) {
		near, _ := w.pair(t)
		want(t, near.Handshake(), engine.WantRead)
		near.FeedEnd()
		want(t, near.Handshake(), signet.HandshakeCut)
	})
}

// A client of TLS 1.3 that refuses has sent its last word when the server still
// thinks that all is well: over a pipe without a buffer both would wait for ever.
func TestRefusal(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	near, far := w.pairOf(t, stranger.dialer(), w.listener())
	nearErr, farErr := shake(t, near, far, 100)
	want(t, nearErr, verify.UnknownRoot)
	want(t, farErr, signet.RefusedByPeer)
	near, far = w.pairOf(t, w.dialer(), stranger.listener())
	nearErr, _ = shake(t, near, far, 100)
	want(t, nearErr, verify.UnknownRoot)
}

// No altered byte is delivered, and after the alert there is no close_notify.
func TestAltered(t *testing.T) {
	w := newWorld(t)
	near, far := w.pair(t)
	meet(t, near, far)
	near.Write([]byte("to be altered"))
	record := near.Drain()
	record[len(record)-1] ^= 1
	far.Feed(record)
	data, err := readAll(far)
	if len(data) != 0 {
		t.Errorf("delivered: %q", data)
	}
	want(t, err, signet.RecordAltered)
	alert := far.Drain()
	far.Close()
	if len(alert) == 0 || far.Drain() != nil {
		t.Error("want an alert, and no close_notify behind it")
	}
	near.Feed(alert)
	_, err = readAll(near)
	want(t, err, signet.RecordAltered)
}

func TestFull(t *testing.T) {
	near, far := newWorld(t).pair(t)
	meet(t, near, far)
	chunk := make([]byte, 300_000)
	written := 0
	for n, err := near.Write(chunk); err != engine.Full; n, err = near.Write(chunk) {
		if written += n; err != nil || written > 2*engine.MaxWaiting {
			t.Fatal(written, err)
		}
	}
	want(t, far.Feed(near.Drain()), nil)
	want(t, far.Feed([]byte{0}), engine.Full)
	data, err := readAll(far)
	want(t, err, engine.WantRead)
	if len(data) != written {
		t.Errorf("%d of %d bytes have arrived", len(data), written)
	}
	want(t, far.Feed(nil), nil)
}

// Whatever a peer sends, the answer is an error with a code, or a wish for more.
func FuzzFeed(f *testing.F) {
	w := newWorld(f)
	near, far := w.pair(f)
	near.Handshake()
	hello := near.Drain()
	far.Feed(hello)
	far.Handshake()
	f.Add(hello, true)
	f.Add(far.Drain(), false)
	f.Fuzz(func(t *testing.T, data []byte, server bool) {
		near, far := w.pair(t)
		e := near
		if server {
			e = far
		}
		for _, piece := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
			if err := e.Feed(piece); err != nil {
				t.Fatal(err)
			}
			e.Handshake()
		}
		if err := e.Handshake(); err != engine.WantRead {
			if coded, ok := fault.Of(err); !ok || coded.Hint == "" {
				t.Fatal(err)
			}
			return
		}
		e.FeedEnd()
		if err := e.Handshake(); !errors.As(err, new(*fault.Error)) {
			t.Fatal(err)
		}
	})
}
