package record

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/signet-tls/signet/internal/buffers"
)

// Link is a pair that a loop carries. All but what Abort needs is the loop's goroutine's.
type Link struct {
	loop    *loop
	slot    int32
	busy    bool // it is among loop.busy
	over    bool
	session *Session
	secure  leg
	plain   leg
	partial *buffers.Buffer // begins with a record of which the end is to come, or that waits; nil: none
	part    int             // bytes of partial
	paused  bool            // partial has whole records, for the next turn
	head    []byte          // read ahead from plain
	done    func(error)

	doomed bool  // guarded by loop.mu; Abort was called
	alert  uint8 // guarded by loop.mu until the loop is told; 0: none
}

// The legs, as events name them.
const (
	secureLeg int32 = iota
	plainLeg
)

func newLink(l *loop, p Pair) *Link {
	k := &Link{loop: l, session: p.Session, head: p.Head, done: p.Done,
		secure: leg{fd: p.Secure, count: p.Sealed, writable: true, batch: 1},
		plain:  leg{fd: p.Plain, count: p.Opened, writable: true, batch: 1}}
	if len(p.Received) > 0 {
		k.keep(p.Received)
	}
	return k
}

// Abort ends the link at once, by resets, so that neither end takes its stream for
// complete. The peer is told why by an alert (RFC 8446, section 6.2) where nothing is in
// its way; 0 is none. It may be called at any time, and does not wait.
func (k *Link) Abort(alert uint8) {
	k.loop.order(func() { // which fails only where all links have been ended
		if !k.doomed {
			k.doomed, k.alert = true, alert
			k.loop.aborted = append(k.loop.aborted, k)
		}
	})
}

func (k *Link) leg(which int32) *leg {
	if which == secureLeg {
		return &k.secure
	}
	return &k.plain
}

// begin is the link's first turn. What its sockets have to say the system tells at once.
func (k *Link) begin() {
	err := k.secure.watch(k.loop.epoll, k.slot, secureLeg)
	if err == nil {
		err = k.plain.watch(k.loop.epoll, k.slot, plainLeg)
	}
	if err == nil && k.partial != nil {
		err = k.pass(k.recall())
	}
	if err != nil {
		k.fail(err)
		return
	}
	k.turn()
}

// turn moves what there is, a buffer each way at most.
func (k *Link) turn() {
	if k.over {
		return
	}
	err := k.open()
	if err == nil {
		err = k.seal()
	}
	if err == nil {
		err = k.settle()
	}
	switch {
	case err != nil:
		k.fail(err)
	case k.secure.ended && k.plain.ended && k.secure.pending == nil && k.plain.pending == nil:
		k.end(nil, 0)
	}
}

// settle leaves the link until its sockets have more to say, or until its next turn.
func (k *Link) settle() error {
	more := (k.secure.readable || k.paused) && !k.secure.ended && k.plain.pending == nil ||
		k.plain.readable && !k.plain.ended && k.secure.pending == nil
	if more && !k.busy {
		k.busy = true
		k.loop.busy = append(k.loop.busy, k)
	}
	if err := k.secure.ask(k.loop.epoll, k.slot, secureLeg); err != nil {
		return err
	}
	if err := k.plain.ask(k.loop.epoll, k.slot, plainLeg); err != nil {
		return err
	}
	if err := k.secure.failure(); err != nil {
		return &WireError{err}
	}
	return k.plain.failure()
}

// open carries what comes over TLS to the program.
func (k *Link) open() error {
	if flushed, err := k.plain.flush(); !flushed {
		return err
	}
	if k.paused {
		return k.pass(k.recall())
	}
	if k.secure.ended || !k.secure.readable {
		return nil
	}
	have := 0
	if k.partial != nil {
		have = copy(k.loop.in, k.partial.Bytes[:k.part])
	}
	most := min(mostSealed, k.loop.atOnce(k.secure.batch)*MaxRecord) - have
	n, ok, err := k.secure.read(k.loop.in[have : have+most])
	switch {
	case err != nil:
		return &WireError{err}
	case !ok:
		return nil
	case n == 0:
		return ErrCut
	}
	k.forget()
	k.secure.paces(n, most)
	return k.pass(k.loop.in[:have+n])
}

// pass opens the records in what has come, hands their data on and keeps the rest.
func (k *Link) pass(in []byte) error {
	data, used, err := k.session.Receive(k.loop.out.Bytes[:0], in)
	if len(data) > 0 {
		if err := k.plain.send(k.loop, data, len(data)); err != nil {
			return err
		}
		k.secure.slows(&k.plain)
	}
	switch err {
	case nil:
		k.keep(in[used:])
		k.paused = k.partial != nil && k.session.Paused()
		return nil
	case io.EOF:
		k.secure.ended, k.paused = true, false
		return k.plain.finish()
	}
	return err
}

// seal carries what the program sends.
func (k *Link) seal() error {
	if flushed, err := k.secure.flush(); !flushed {
		return wired(err)
	}
	if !k.plain.ended && (k.plain.readable || k.head != nil) {
		if err := k.sealNext(); err != nil {
			return err
		}
	}
	if k.secure.pending == nil && k.session.Owes() {
		return wired(k.secure.send(k.loop, k.session.Reply(k.loop.out.Bytes[:0]), 0))
	}
	return nil
}

func (k *Link) sealNext() error {
	if data := k.head; data != nil {
		k.head = nil
		return wired(k.secure.send(k.loop, k.session.Send(k.loop.out.Bytes[:0], data), len(data)))
	}
	records := k.loop.atOnce(k.plain.batch)
	n, ok, err := k.plain.fill(k.loop.out.Bytes, records)
	switch {
	case err != nil || !ok:
		return err
	case n == 0:
		return k.finish()
	}
	k.plain.paces(n, records*MaxData)
	err = k.secure.send(k.loop, k.session.SealPlaces(k.loop.out.Bytes, n), n)
	k.plain.slows(&k.secure)
	return wired(err)
}

// finish carries on the end of the program's stream. If the program was the one to be
// told of a reset by a write, a read sees the same as at a clean end; but there is
// another end still after a clean one, until we have said that this was all, too.
func (k *Link) finish() error {
	if _, err := unix.Getpeername(k.plain.fd); err != nil && !k.plain.said {
		return syscall.ECONNRESET
	}
	k.plain.ended = true
	return wired(k.secure.send(k.loop, k.session.CloseNotify(k.loop.out.Bytes[:0]), 0))
}

// keep holds what is left of what has come: the beginning of a record, or what the
// session paused before.
func (k *Link) keep(rest []byte) {
	if len(rest) > 0 {
		k.partial = buffers.Of(len(rest))
		k.part = copy(k.partial.Bytes, rest)
	}
}

// recall returns what keep has kept, in the loop's memory.
func (k *Link) recall() []byte {
	defer k.forget()
	return k.loop.in[:copy(k.loop.in, k.partial.Bytes[:k.part])]
}

func (k *Link) forget() {
	if k.partial != nil {
		k.partial.Return()
		k.partial, k.part = nil, 0
	}
}

// fail ends the link for what went wrong, and tells the peer if that was its doing.
func (k *Link) fail(err error) {
	var alert uint8
	if ours, ok := err.(*Error); ok && !ours.Received {
		alert = ours.Alert
	}
	k.end(err, alert)
}

// end closes both sockets, and tells whoever waits for it.
func (k *Link) end(err error, alert uint8) {
	if k.over {
		return
	}
	k.over = true
	if alert != 0 && k.secure.pending == nil {
		k.secure.send(k.loop, k.session.Alert(k.loop.out.Bytes[:0], alert), 0) // a kindness that may fail
	}
	k.secure.close(err != nil)
	k.plain.close(err != nil)
	k.session.Wipe()
	k.forget()
	k.session, k.head = nil, nil
	k.loop.leave(k)
	go k.done(err)
	k.done = nil
}

// wired says of an error of the system's that it is the encrypted side's.
func wired(err error) error {
	if err == nil {
		return nil
	}
	return &WireError{err}
}
