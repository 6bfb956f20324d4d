package record

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bothNetworks runs a test with a program at each kind of socket.
func bothNetworks(t *testing.T, test func(t *testing.T, network string)) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) { test(t, network) })
	}
}

// TestBothWays carries much at once both ways, in pieces of all sizes, past readers that
// are slow; then each end says that this was all, in either order.
func TestBothWays(t *testing.T) {
	bothNetworks(t, func(t *testing.T, network string) {
		for _, peerFirst := range []bool{true, false} {
			c := newRig(t).join(network)
			up, down := random(3<<20+1), random(5<<20+7)
			var heard, got []byte
			var wg sync.WaitGroup
			wg.Go(func() {
				for i, rest := 0, up; len(rest) > 0; i++ {
					n := min(len(rest), 1+i*i%70_000)
					c.say(c.peer.Send(nil, rest[:n]))
					rest = rest[n:]
				}
			})
			wg.Go(func() {
				for i, rest := 0, down; len(rest) > 0; i++ {
					n, _ := c.program.Write(rest[:min(len(rest), 1+i*i%90_000)])
					rest = rest[n:]
				}
			})
			wg.Go(func() {
				time.Sleep(20 * time.Millisecond) // until nothing more goes into the sockets
				heard, _ = c.hearOnly(len(down))
			})
			wg.Go(func() {
				time.Sleep(20 * time.Millisecond)
				got = make([]byte, len(up))
				io.ReadFull(c.program, got)
			})
			wg.Wait()
			if !bytes.Equal(heard, down) || !bytes.Equal(got, up) {
				t.Fatalf("the peer has %d bytes of %d, the program %d of %d", len(heard), len(down), len(got), len(up))
			}
			peerEnds := func() {
				c.say(c.peer.CloseNotify(nil))
				c.wantProgram(nil, nil)
			}
			programEnds := func() {
				c.program.CloseWrite()
				if data, err := c.hear(1); len(data) > 0 || err != io.EOF {
					t.Errorf("the peer hears %d bytes and %v, want the end", len(data), err)
				}
			}
			if peerFirst {
				peerEnds()
				programEnds()
			} else {
				programEnds()
				peerEnds()
			}
			c.wantEnd(nil)
			if c.sealed.Load() != int64(len(down)) || c.opened.Load() != int64(len(up)) {
				t.Errorf("counted were %d and %d bytes, want %d and %d", c.sealed.Load(), c.opened.Load(), len(down), len(up))
			}
		}
	})
}

// hearOnly is hear with a session of its own, so that the peer can send meanwhile.
func (c *carried) hearOnly(n int) ([]byte, error) {
	other := &carried{t: c.t, wire: c.wire, peer: &Session{suite: c.peer.suite, client: true, in: c.peer.in}}
	defer func() { c.peer.in, c.unread = other.peer.in, other.unread }()
	return other.hear(n)
}

// TestReadAhead hands over what had come before: whole records and a part of one.
func TestReadAhead(t *testing.T) {
	sent := random(3*MaxData + 5)
	for _, ahead := range []int{1, 4, 5, 6, MaxRecord, 40_000} {
		var rest []byte
		c := newRig(t).start("tcp", func(peer *Session) []byte {
			records := peer.Send(nil, sent)
			rest = records[ahead:]
			return records[:ahead]
		}, []byte("head"))
		if data, err := c.hear(4); string(data) != "head" || err != nil {
			t.Errorf("the peer hears %q, %v", data, err)
		}
		c.say(rest)
		c.say(c.peer.CloseNotify(nil))
		c.wantProgram(sent, nil)
		c.program.Close()
		c.wantEnd(nil)
	}
}

// TestCutInRecord ends the peer's stream behind each of the first bytes of a record: none
// is an end, and what came in whole records before is delivered.
func TestCutInRecord(t *testing.T) {
	r := newRig(t)
	for cut := range 6 + Overhead {
		c := r.join("tcp")
		records := c.peer.Send(c.peer.Send(nil, []byte("whole")), []byte("a part"))
		c.say(records[:5+Overhead+cut])
		have := make([]byte, 5)
		io.ReadFull(c.program, have)
		c.wire.CloseWrite()
		if rest, err := io.ReadAll(c.program); string(have) != "whole" || len(rest) > 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("cut at %d: the program reads %q, %d bytes and %v, want a reset", cut, have, len(rest), err)
		}
		c.wantEnd(ErrCut)
	}
}

// TestEnds ends a link in each way that is not the word of both ends.
func TestEnds(t *testing.T) {
	reset := func(conn *net.TCPConn) {
		conn.SetLinger(0)
		conn.Close()
	}
	tests := []struct {
		name  string
		end   func(c *carried)
		wire  bool  // the error is the encrypted side's
		want  error // that the link ends with; nil: alert
		alert Error
	}{
		{"the peer resets", func(c *carried) { reset(c.wire) }, true, syscall.ECONNRESET, Error{}},
		{"the program resets", func(c *carried) { reset(c.program.(*net.TCPConn)) }, false, syscall.ECONNRESET, Error{}},
		{"the program resets behind its end", func(c *carried) {
			c.program.CloseWrite()
			c.hear(1)
			reset(c.program.(*net.TCPConn))
		}, false, syscall.EPIPE, Error{}}, // as the system has it of who had been told of the end
		{"the peer resets behind its end", func(c *carried) {
			c.say(c.peer.CloseNotify(nil))
			io.ReadAll(c.program)
			reset(c.wire)
		}, true, syscall.ECONNRESET, Error{}}, // of whom TCP has told no end
		{"the peer's FIN", func(c *carried) { c.wire.CloseWrite() }, false, ErrCut, Error{}},
		{"altered", func(c *carried) {
			records := c.peer.Send(nil, []byte("x"))
			records[7] ^= 1
			c.say(records)
		}, false, nil, Error{Alert: alertBadRecordMAC}},
		{"the peer's alert", func(c *carried) { c.say(c.peer.Alert(nil, 49)) }, false, nil, Error{Alert: 49, Received: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newRig(t).join("tcp")
			test.end(c)
			if test.want != nil {
				err := <-c.done
				var wire *WireError
				if !errors.Is(err, test.want) || errors.As(err, &wire) != test.wire {
					t.Errorf("the link ended with %v, want %v; of the encrypted side: %v", err, test.want, test.wire)
				}
				return
			}
			var refused *Error
			if err := <-c.done; !errors.As(err, &refused) || refused.Alert != test.alert.Alert || refused.Received != test.alert.Received {
				t.Errorf("the link ended with %+v, want %+v", refused, test.alert)
			}
			c.wantProgram(nil, syscall.ECONNRESET)
			if !test.alert.Received {
				var told *Error
				if _, err := c.hear(1); !errors.As(err, &told) || told.Alert != test.alert.Alert {
					t.Errorf("the peer hears %v, want alert %d", err, test.alert.Alert)
				}
			}
		})
	}
}

// TestAbort ends links for cause, whatever they are doing: the peer is told why unless
// half a record is in the way.
func TestAbort(t *testing.T) {
	full := func(write func([]byte) (int, error), conn net.Conn) {
		conn.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // by then nothing moves any more
		for {
			if _, err := write(zeros(64 << 10)); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name    string
		before  func(c *carried)
		alert   uint8
		told    bool
		program bool // what it gets is looked at
	}{
		{"idle", func(*carried) {}, 44, true, true},
		{"idle, without a word", func(*carried) {}, 0, false, true},
		{"the peer reads nothing", func(c *carried) { full(c.program.Write, c.program) }, 49, false, false},
		{"the program reads nothing", func(c *carried) {
			full(func(data []byte) (int, error) { return 0, c.say(c.peer.Send(nil, data)) }, c.wire)
		}, 49, true, false},
		{"behind the program's end", func(c *carried) {
			c.program.CloseWrite()
			c.hear(1)
		}, 49, false, false}, // behind a close_notify nothing is said
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newRig(t).join("tcp")
			test.before(c)
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { c.link.Abort(test.alert) })
			}
			wg.Wait()
			c.wantEnd(ErrAborted)
			if test.program {
				c.wantProgram(nil, syscall.ECONNRESET)
			}
			var told *Error
			_, err := c.hear(1 << 30)
			if errors.As(err, &told); (told != nil) != test.told || told != nil && told.Alert != test.alert {
				t.Errorf("the peer hears %v, want to be told: %v", err, test.told)
			}
			c.link.Abort(test.alert)
		})
	}
}

// TestKeyUpdateWhileBlocked has the peer ask for new keys while it reads nothing: the
// answer comes in its place, once.
func TestKeyUpdateWhileBlocked(t *testing.T) {
	c := newRig(t).join("tcp")
	sent := make(chan int, 1)
	go func() {
		n := 0
		for n < 32<<20 {
			more, err := c.program.Write(zeros(64 << 10))
			n += more
			if err != nil {
				break
			}
		}
		c.program.CloseWrite()
		sent <- n
	}()
	time.Sleep(50 * time.Millisecond) // until nothing moves, mostly; it must be right in any case
	for range 3 {
		c.say(c.peer.UpdateKeys(nil, true))
	}
	c.say(c.peer.Send(nil, []byte("under new keys")))
	have := make([]byte, 14)
	if _, err := io.ReadFull(c.program, have); err != nil || string(have) != "under new keys" {
		t.Errorf("the program reads %q, %v", have, err)
	}
	data, err := c.hear(1 << 30)
	if n := <-sent; len(data) != n || err != io.EOF || n < 32<<20 {
		t.Errorf("the peer hears %d bytes of %d, %v", len(data), n, err)
	}
	c.say(c.peer.CloseNotify(nil))
	c.wantEnd(nil)
}

// TestKeyUpdateIdle answers where nothing else is sent.
func TestKeyUpdateIdle(t *testing.T) {
	c := newRig(t).join("tcp")
	c.say(c.peer.UpdateKeys(nil, true))
	answer := make([]byte, lead)
	if _, err := io.ReadFull(c.wire, answer); err != nil {
		t.Fatal(err)
	}
	if got := inside(t, c.peer, answer); !slices.Equal(got, []string{isUpdate}) {
		t.Errorf("the answer is %q", got)
	}
	io.WriteString(c.program, "x")
	if data, err := c.hear(1); string(data) != "x" || err != nil {
		t.Errorf("the peer hears %q, %v", data, err)
	}
}
