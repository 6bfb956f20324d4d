package live

import (
	"sync"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Seats are the connections that a port carries. They stay with the port when its
// settings change.
type Seats struct {
	mu     sync.Mutex
	limits Limits              // guarded by mu
	total  int                 // guarded by mu
	each   map[spiffeid.ID]int // guarded by mu
}

// NewSeats returns none that are taken.
func NewSeats() *Seats { return &Seats{each: map[spiffeid.ID]int{}} }

// Limit has them be as many as a port has from now on.
func (s *Seats) Limit(limits Limits) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits = limits
}

// Take takes a seat for one more connection of an identity, or refuses.
func (s *Seats) Take(id spiffeid.ID) error {
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

// Leave gives a seat back.
func (s *Seats) Leave(id spiffeid.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total--
	if s.each[id]--; s.each[id] == 0 {
		delete(s.each, id)
	}
}
