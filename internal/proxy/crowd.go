package proxy

import (
	"container/list"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of what has proved nothing yet, at each service's port. Strangers can
// use all of it up, so none of it may be theirs for long: 2,048 silent and 1,024
// slow ones leave room for 512 handshakes a second.
const (
	maxSilent = 2048            // connections before their handshake: the oldest makes room. One costs a descriptor and some 6 KiB
	firstByte = 5 * time.Second // until the first byte. A client speaks first and at once; TCP has sent a lost segment twice more by then
	maxShakes = 1024            // handshakes at once. One costs some 50 KiB
	turn      = 2 * time.Second // that a handshake has for sure. Others may wait from then on, and end it. 1,024 honest ones at once need one core for 0.9 s
	turnCheck = turn / 16       // how often it is looked whether others wait
)

// crowd holds the connections at a service's port that have proved nothing yet.
type crowd struct {
	lobby  lobby
	shakes turns
}

func newCrowd() *crowd { return &crowd{shakes: turns{places: make(places, maxShakes)}} }

// pass takes a connection from its first byte to the end of its handshake. An
// error ends the connection.
func (c *crowd) pass(ctx context.Context, raw net.Conn, shake func(context.Context) (*signet.Conn, error)) (*signet.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := c.wait(ctx, cancel, raw); err != nil {
		raw.Close()
		return nil, err
	}
	defer c.shakes.leave()
	c.shakes.limit(ctx, cancel, turn)
	secure, err := apart(func() (*signet.Conn, error) { return shake(ctx) })
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return secure, err
}

// wait returns when a connection has spoken and has a place for its handshake.
func (c *crowd) wait(ctx context.Context, cancel context.CancelCauseFunc, raw net.Conn) error {
	place := c.lobby.enter(cancel)
	defer c.lobby.leave(place)
	if err := awaitFirstByte(ctx, raw); err != nil {
		return err
	}
	return c.shakes.enter(ctx)
}

// crowdedOut is told to who had to make room for others.
func crowdedOut(message string) error {
	return fault.New(CrowdedOut, "%s", message).WithHint("find out who keeps so many connections open that prove nothing")
}

// lobby holds connections whose handshake has not begun. When it is full, the
// one that has been in it longest makes room: whoever speaks at once gets
// through, however many are silent.
type lobby struct {
	mu     sync.Mutex
	guests list.List // of context.CancelCauseFunc, the oldest first; guarded by mu
}

func (l *lobby) enter(cancel context.CancelCauseFunc) *list.Element {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.guests.Len() == maxSilent {
		oldest := l.guests.Remove(l.guests.Front()).(context.CancelCauseFunc)
		oldest(crowdedOut("it had not begun its handshake when too many others came"))
	}
	return l.guests.PushBack(cancel)
}

func (l *lobby) leave(guest *list.Element) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.guests.Remove(guest) // which it may have been already
}

// turns are places for handshakes, given in the order of asking.
type turns struct {
	places
	waiting atomic.Int64
}

// enter waits for a place.
func (t *turns) enter(ctx context.Context) error {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	if !t.places.enter(ctx) {
		return context.Cause(ctx)
	}
	return nil
}

// limit ends a handshake that others wait for, once it has had its turn; ctx is
// the handshake's, and done when it is over.
func (t *turns) limit(ctx context.Context, cancel context.CancelCauseFunc, after time.Duration) {
	time.AfterFunc(after, func() {
		switch {
		case ctx.Err() != nil:
		case t.waiting.Load() > 0:
			cancel(crowdedOut("its handshake took long while others waited"))
		default:
			t.limit(ctx, cancel, turnCheck)
		}
	})
}

// awaitFirstByte returns when the peer has sent something, or hung up.
func awaitFirstByte(ctx context.Context, conn net.Conn) error {
	ctx, cancel := context.WithTimeoutCause(ctx, firstByte, fault.New(signet.Timeout, "the peer said nothing for %v", firstByte).
		WithHint("check that the peer speaks TLS at this address"))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(past) })
	awaitReadable(conn.(stream)) // what is wrong shows in the handshake
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// Bounds of what has proved who it is. A connection costs two descriptors.
const (
	maxConns = 8192         // of one port
	maxEach  = maxConns / 2 // of one identity at one port, so that none takes all of it
)

// seats are the connections that a port carries.
type seats struct {
	mu    sync.Mutex
	total int                 // guarded by mu
	each  map[spiffeid.ID]int // guarded by mu
}

func newSeats() *seats { return &seats{each: map[spiffeid.ID]int{}} }

// take takes a seat for one more connection of an identity, or refuses.
func (s *seats) take(id spiffeid.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.total == maxConns:
		return tooMany("this port carries %d connections already", s.total)
	case s.each[id] == maxEach:
		return tooMany("this port carries %d connections of %s already", s.each[id], id)
	}
	s.total++
	s.each[id]++
	return nil
}

func tooMany(format string, args ...any) error {
	return fault.New(TooManyConnections, format, args...).WithHint("have the client close what it does not use, or spread the service over more ports")
}

// leave gives a seat back.
func (s *seats) leave(id spiffeid.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.each[id]--; s.each[id] == 0 {
		delete(s.each, id)
	}
}
