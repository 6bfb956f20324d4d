package tamper

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// side is an end of a connection; a flow is named by the side that receives it.
type side int

const (
	client side = iota
	server
)

func (s side) other() side { return 1 - s }

// arrow names the flow that s receives.
func (s side) arrow() string {
	if s == client {
		return "server → client"
	}
	return "client → server"
}

// link is a connection in memory with an adversary in its path. Its buffers have
// no bound, so that a Write never waits. Where both ends wait for each other,
// which on a network would last until their deadlines, both are told at once
// that the deadline has passed.
type link struct {
	mu    sync.Mutex
	moved sync.Cond
	ends  [2]half
	over  bool // no end can get any more bytes
	stuck bool // patience ran out
}

// half is the flow towards one side, and what that side does. Its link's mu
// guards it.
type half struct {
	delivered []byte   // what passed the adversary
	read      int      // how much of it was read
	sent      int      // how much the sender wrote
	touched   int      // how many bytes were delivered changed, or withheld
	attack    mutation // nil: none
	fin       bool     // nothing comes after delivered
	waiting   bool     // this side is in Read
	closed    bool     // this side was closed
}

// newLink returns a link whose flow towards one side is attacked.
func newLink(toward side, attack mutation) *link {
	l := &link{}
	l.moved.L = &l.mu
	l.ends[toward].attack = attack
	return l
}

// patience bounds a try, whatever the stacks do. Nothing waits for it in a run
// that goes well: ends that wait for each other are noticed at once.
const patience = 30 * time.Second

// expire ends both directions for good.
func (l *link) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over, l.stuck = true, true
	l.moved.Broadcast()
}

// end returns the connection as one side sees it.
func (l *link) end(at side) net.Conn { return end{l, at} }

type end struct {
	link *link
	at   side
}

// Read waits for bytes, the end of the flow, or the link's end.
func (e end) Read(p []byte) (int, error) {
	l, in := e.link, &e.link.ends[e.at]
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		switch {
		case in.closed:
			return 0, net.ErrClosed
		case in.read < len(in.delivered):
			n := copy(p, in.delivered[in.read:])
			in.read += n
			return n, nil
		case in.fin:
			return 0, io.EOF
		case l.over:
			return 0, os.ErrDeadlineExceeded
		}
		in.waiting = true
		if l.ends[client].starved() && l.ends[server].starved() {
			l.over = true
			l.moved.Broadcast()
		} else {
			l.moved.Wait()
		}
		in.waiting = false
	}
}

// starved reports whether h's side waits in Read with nothing to wake up for.
func (h *half) starved() bool {
	return h.waiting && !h.closed && !h.fin && h.read == len(h.delivered)
}

// Write hands p to the adversary, who delivers what it likes.
func (e end) Write(p []byte) (int, error) {
	l, out := e.link, &e.link.ends[e.at.other()]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends[e.at].closed {
		return 0, net.ErrClosed
	}
	out.pass(p)
	l.moved.Broadcast()
	return len(p), nil
}

// pass delivers p as the adversary leaves it, and counts what that touched.
func (h *half) pass(p []byte) {
	from, before := h.sent, len(h.delivered)
	h.sent += len(p)
	if h.fin {
		h.touched += len(p)
		return
	}
	h.delivered = append(h.delivered, p...)
	if h.attack == nil {
		return
	}
	kept := h.attack.apply(from, h.delivered[before:])
	h.delivered = h.delivered[:before+kept]
	h.fin = kept < len(p)
	h.touched += len(p) - kept
	for i, b := range h.delivered[before:] {
		if b != p[i] {
			h.touched++
		}
	}
}

// Close ends both directions, as a FIN would.
func (e end) Close() error {
	l := e.link
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ends[e.at].closed = true
	l.ends[e.at.other()].fin = true
	l.moved.Broadcast()
	return nil
}

func (e end) LocalAddr() net.Addr  { return address{} }
func (e end) RemoteAddr() net.Addr { return address{} }

// Deadlines are the link's own.
func (e end) SetDeadline(time.Time) error      { return nil }
func (e end) SetReadDeadline(time.Time) error  { return nil }
func (e end) SetWriteDeadline(time.Time) error { return nil }

type address struct{}

func (address) Network() string { return "memory" }
func (address) String() string  { return "memory" }
