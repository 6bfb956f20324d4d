package proxy

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/crowd"
	"github.com/signet-tls/signet/spiffeid"
)

// Bounds of what has said nothing yet, at each service's port; those of
// handshakes are the Server's. Strangers can use all of it up, so none of it may
// be theirs for long.
const (
	maxSilent = 2048            // connections before their first byte: the oldest makes room. One costs a descriptor and some 6 KiB
	firstByte = 5 * time.Second // until the first byte. A client speaks first and at once; TCP has sent a lost segment twice more by then
)

// crowdedOut is told to who had to make room for others.
func crowdedOut() error {
	return fault.New(signet.CrowdedOut, "it had not begun its handshake when too many others came").
		WithHint("find out who keeps so many connections open that prove nothing")
}

func saidNothing() error {
	return fault.New(signet.Timeout, "the peer said nothing for %v", firstByte).WithHint("check that the peer speaks TLS at this address")
}

// awaitSpeech returns when a connection has said something; an error ends it.
// What waits here costs less than a handshake that waits.
func awaitSpeech(ctx context.Context, silent *crowd.Room, raw net.Conn) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer silent.Enter(func() { cancel(crowdedOut()) })()
	late := time.AfterFunc(firstByte, func() { cancel(saidNothing()) })
	defer late.Stop()
	err := awaitFirstByte(ctx, raw)
	if err != nil {
		raw.Close()
	}
	return err
}

// awaitFirstByte returns when the peer has sent something, or hung up, or ctx has ended.
func awaitFirstByte(ctx context.Context, conn net.Conn) error {
	stop := context.AfterFunc(ctx, func() { conn.SetReadDeadline(past) })
	awaitReadable(conn.(stream)) // what is wrong shows in the handshake
	if !stop() {
		return context.Cause(ctx)
	}
	return nil
}

// seats are the connections that a port carries. They stay with the port when its
// settings change.
type seats struct {
	mu     sync.Mutex
	limits Limits              // guarded by mu
	total  int                 // guarded by mu
	each   map[spiffeid.ID]int // guarded by mu
}

func newSeats() *seats { return &seats{each: map[spiffeid.ID]int{}} }

func (s *seats) limit(limits Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
}

// take takes a seat for one more connection of an identity, or refuses.
func (s *seats) take(id spiffeid.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.total >= s.limits.Conns:
		return tooMany("this port carries %d connections already", s.total)
	case s.each[id] >= s.limits.Each:
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

// past, as a deadline, ends a read that would wait.
var past = time.Unix(1, 0)
