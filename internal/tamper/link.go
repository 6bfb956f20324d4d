package tamper

import (
	"bytes"
	"io"
	"net"
	"os"
	"strings"
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

// attacks are what is done to the flow towards each side; nil is nothing.
type attacks [2]mutation

// on is an attack on one flow alone.
func on(toward side, attack mutation) (a attacks) {
	a[toward] = attack
	return a
}

// any reports whether there is one.
func (a attacks) any() bool { return a[client] != nil || a[server] != nil }

// String says what is done.
func (a attacks) String() string {
	var all []string
	for _, attack := range []mutation{a[server], a[client]} {
		if attack != nil {
			all = append(all, attack.String())
		}
	}
	return strings.Join(all, "; ")
}

// link is a connection in memory with an adversary in its path. Its buffers have
// no bound, so that a Write never waits. Where both ends wait for each other,
// which on a network would last until their deadlines, both are told at once
// that the deadline has passed.
type link struct {
	mu    sync.Mutex
	moved sync.Cond
	ends  [2]half
	over  bool        // no end can get any more bytes
	stuck bool        // patience ran out
	far   bool        // an end lies behind sockets: nobody knows whether it waits
	quiet *time.Timer // ends an attacked link to a process when nothing moves; else nil
}

// half is the flow towards one side, and what that side does. Its link's mu
// guards it.
type half struct {
	delivered []byte // what passed the adversary
	original  []byte // what the sender wrote, if the flow is attacked
	read      int    // how much of what was delivered was read
	sent      int    // how much the sender wrote
	alter     alter  // nil: no attack
	fin       bool   // nothing comes after delivered
	waiting   bool   // this side is in Read
	closed    bool   // this side was closed
	hit       bool   // the attack has changed something
}

// newLink returns a link with the attacks on its flows. Where an end is a
// process, silence ends an attacked one.
func newLink(done attacks, process bool) *link {
	l := &link{far: process}
	l.moved.L = &l.mu
	for toward, attack := range done {
		if attack != nil {
			l.ends[toward].alter = attack.begin(&l.ends[1-toward])
			if process && l.quiet == nil {
				l.quiet = time.AfterFunc(patience, l.hangUp)
			}
		}
	}
	return l
}

// patience bounds a try, whatever the stacks do, so that Signet's own handshakes are given
// longer: one that ran out of time would not be one that was attacked. Nothing waits for it in a run
// that goes well: ends that wait for each other are noticed at once.
const patience = 30 * time.Second

// silence is how long nothing may move on a link to a process, once the attack has
// changed something, before both ends are told that the deadline has passed.
const silence = 2 * time.Second

// hangUp tells both ends that no more bytes come.
func (l *link) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.moved.Broadcast()
}

// expire ends both directions for good.
func (l *link) expire() {
	l.mu.Lock()
	l.stuck = true
	l.mu.Unlock()
	l.hangUp()
}

// end returns the connection as one side sees it.
func (l *link) end(at side) end { return end{l, at} }

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
			l.stir()
			return n, nil
		case in.fin:
			return 0, io.EOF
		case l.over:
			return 0, os.ErrDeadlineExceeded
		}
		in.waiting = true
		if !l.far && l.ends[client].starved() && l.ends[server].starved() {
			l.over = true
			l.moved.Broadcast()
		} else {
			l.moved.Wait()
		}
		in.waiting = false
	}
}

// stir puts off the end for silence: something has moved.
func (l *link) stir() {
	switch {
	case l.quiet == nil || l.over:
	case l.ends[client].hit || l.ends[server].hit:
		l.quiet.Reset(silence)
	default:
		l.quiet.Reset(patience) // a slow program is not attacked yet
	}
}

// starved reports whether h's side waits in Read with nothing to wake up for.
func (h *half) starved() bool {
	return h.waiting && !h.closed && !h.fin && h.read == len(h.delivered)
}

// Write hands p to the adversary, who delivers what it likes.
func (e end) Write(p []byte) (int, error) {
	l := e.link
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends[e.at].closed {
		return 0, net.ErrClosed
	}
	l.ends[e.at.other()].pass(p)
	l.stir()
	l.moved.Broadcast()
	return len(p), nil
}

// pass delivers p as the adversary leaves it.
func (h *half) pass(p []byte) {
	h.sent += len(p)
	if h.alter != nil {
		h.original = append(h.original, p...)
	}
	if h.fin {
		return
	}
	if h.alter != nil {
		sent := h.original[len(h.original)-len(p):]
		p, h.fin = h.alter(p)
		h.hit = h.hit || h.fin || !bytes.Equal(p, sent)
	}
	h.delivered = append(h.delivered, p...)
}

// touched reports whether something else was delivered than was written.
func (h *half) touched() bool { return !bytes.Equal(h.original, h.delivered) }

// CloseWrite ends the flow to the other side, as a FIN would.
func (e end) CloseWrite() error {
	e.link.mu.Lock()
	defer e.link.mu.Unlock()
	e.link.ends[e.at.other()].fin = true
	e.link.moved.Broadcast()
	return nil
}

// Close ends both directions, as a FIN would.
func (e end) Close() error {
	e.link.mu.Lock()
	e.link.ends[e.at].closed = true
	e.link.mu.Unlock()
	return e.CloseWrite()
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
