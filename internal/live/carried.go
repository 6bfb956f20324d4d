package live

import (
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// Place is where a connection is carried: at which side, as whom of ours.
type Place struct {
	Side api.Side
	Own  spiffeid.ID
}

// Carried is how much.
type Carried struct{ Conns, Sent, Back int64 }

// Carried adds up what is and was carried.
func (t *Table) Carried() map[Place]Carried {
	t.mu.Lock()
	defer t.mu.Unlock()
	sums := map[Place]Carried{}
	for at, done := range t.done {
		sums[at] = done
	}
	for l := range t.conns {
		sum := sums[l.place()]
		sum.Conns, sum.Sent, sum.Back = sum.Conns+1, sum.Sent+l.Sent.Load(), sum.Back+l.Back.Load()
		sums[l.place()] = sum
	}
	return sums
}

// take takes a connection out, and keeps what it has carried. The caller holds mu.
func (t *Table) take(l *Conn) {
	delete(t.conns, l)
	if t.done == nil {
		t.done = map[Place]Carried{}
	}
	sum := t.done[l.place()]
	sum.Sent, sum.Back = sum.Sent+l.Sent.Load(), sum.Back+l.Back.Load()
	t.done[l.place()] = sum
}

func (l *Conn) place() Place { return Place{l.Side, l.Own} }
