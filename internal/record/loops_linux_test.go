package record

import (
	"bytes"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/buffers"
)

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestManyIdle has very many links that have carried something: none of them has a
// goroutine, and when all have ended no descriptor is left.
func TestManyIdle(t *testing.T) {
	const many = 1000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 5*many {
		t.Skipf("NOT RUN: %d descriptors are not enough", limit.Cur)
	}
	runtime.GC()
	before := descriptors(t)
	r := newRig(t)
	ping := func(c *carried) {
		c.say(c.peer.Send(nil, []byte("ping")))
		have := make([]byte, 4)
		if _, err := io.ReadFull(c.program, have); err != nil || string(have) != "ping" {
			t.Fatalf("the program reads %q, %v", have, err)
		}
		c.program.Write(have)
		if data, err := c.hear(4); string(data) != "ping" || err != nil {
			t.Fatalf("the peer hears %q, %v", data, err)
		}
	}
	ping(r.join("tcp"))
	goroutines := runtime.NumGoroutine()
	var all []*carried
	for i := range many {
		c := r.join([]string{"tcp", "unix"}[i%2])
		ping(c)
		all = append(all, c)
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d links have %d goroutines", many, now-goroutines)
	}
	for i, c := range all {
		if i%2 == 0 {
			c.link.Abort(0)
			continue
		}
		c.say(c.peer.CloseNotify(nil))
		c.program.CloseWrite()
	}
	for i, c := range all {
		c.wantEnd([]error{ErrAborted, nil}[i%2])
		c.wire.Close()
		c.program.Close()
	}
	r.stop()
	if now := descriptors(t); now > before+2 { // those of the first, which the test holds
		t.Errorf("%d descriptors were open before, %d are left", before, now)
	}
}

// TestHotAmongIdle has one link carry as much as it can: all others get their turns.
func TestHotAmongIdle(t *testing.T) {
	r := newRig(t)
	hot := r.join("tcp")
	go func() {
		for {
			if _, err := hot.program.Write(zeros(256 << 10)); err != nil {
				return
			}
		}
	}()
	go io.Copy(io.Discard, hot.wire)
	var others sync.WaitGroup
	for range 50 {
		c := r.join("tcp")
		others.Go(func() {
			for range 20 {
				c.program.Write([]byte("x"))
				if data, err := c.hear(1); string(data) != "x" || err != nil {
					t.Errorf("beside a hot link the peer hears %q, %v", data, err)
					return
				}
			}
		})
	}
	others.Wait()
	if hot.sealed.Load() == 0 {
		t.Error("the hot link has carried nothing")
	}
}

// TestSlowReaders has links that nobody reads from, and readers that begin late: what
// each holds has a bound, and nothing is lost.
func TestSlowReaders(t *testing.T) {
	r := newRig(t)
	var all []*carried
	var writers sync.WaitGroup
	for range 6 {
		c := r.join("tcp")
		c.program.(*net.TCPConn).SetWriteBuffer(64 << 10)
		all = append(all, c)
		writers.Go(func() {
			c.program.Write(random(16 << 20))
			c.program.CloseWrite()
		})
	}
	time.Sleep(100 * time.Millisecond) // until most are full; it must be right in any case
	for _, c := range all {
		if taken := c.sealed.Load(); taken > 15<<20 {
			t.Errorf("%d bytes were taken of a program that nobody reads from", taken)
		}
	}
	for _, c := range all {
		if data, err := c.hear(1 << 30); len(data) != 16<<20 || err != io.EOF {
			t.Errorf("the peer hears %d bytes, %v", len(data), err)
		}
	}
	writers.Wait()
}

// TestScarce carries while all large buffers are lent: a record at once, and all of it.
func TestScarce(t *testing.T) {
	var lent []*buffers.Buffer
	for buffers.Share() > 0 {
		lent = append(lent, buffers.Large())
	}
	defer func() {
		for _, buffer := range lent {
			buffer.Return()
		}
	}()
	c := newRig(t).join("unix")
	up, down := random(4<<20), random(4<<20)
	go func() {
		c.program.Write(down)
		c.program.CloseWrite()
	}()
	go c.say(c.peer.CloseNotify(c.peer.Send(nil, up)))
	time.Sleep(50 * time.Millisecond)
	have, err := io.ReadAll(c.program)
	if !bytes.Equal(have, up) || err != nil {
		t.Errorf("the program reads %d bytes of %d, %v", len(have), len(up), err)
	}
	if data, err := c.hearOnly(1 << 30); !bytes.Equal(data, down) || err != io.EOF {
		t.Errorf("the peer hears %d bytes of %d, %v", len(data), len(down), err)
	}
	c.wantEnd(nil)
}

// TestRunEnds aborts the links that are left, and takes none afterwards.
func TestRunEnds(t *testing.T) {
	r := newRig(t)
	c := r.join("tcp")
	r.stop()
	c.wantEnd(ErrAborted)
	c.wantProgram(nil, syscall.ECONNRESET)
	if _, err := r.loops.Join(Pair{}); err != net.ErrClosed {
		t.Errorf("a link after the end: %v, want %v", err, net.ErrClosed)
	}
	if _, err := r.loops.Join(Pair{Received: zeros(mostSealed + 1)}); err != errTooMuch {
		t.Errorf("too much read ahead: %v, want %v", err, errTooMuch)
	}
}
