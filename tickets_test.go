package signet

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"
)

// TestTickets: a ticket opens as it was made and no other way, under the keys that made it
// alone.
func TestTickets(t *testing.T) {
	var tickets, others Tickets
	state := []byte("the state of a session")
	ticket := tickets.seal(state)
	if have := tickets.open(ticket); !bytes.Equal(have, state) {
		t.Errorf("it opens as %q, want %q", have, state)
	}
	if bytes.Equal(ticket, tickets.seal(state)) || bytes.Contains(ticket, state) {
		t.Error("a ticket can be recognised, or read")
	}
	others.seal(state)
	if have := others.open(ticket); have != nil {
		t.Errorf("other keys open it as %q", have)
	}
	for bit := range 8 * len(ticket) {
		altered := bytes.Clone(ticket)
		altered[bit/8] ^= 1 << (bit % 8)
		if have := tickets.open(altered); have != nil {
			t.Fatalf("with bit %d altered it opens as %q", bit, have)
		}
	}
	for n := range ticket {
		if have := tickets.open(ticket[:n]); have != nil {
			t.Fatalf("cut to %d bytes it opens as %q", n, have)
		}
	}
}

// TestTicketKeys: a key makes tickets for a day, or so many, and opens them for a week.
func TestTicketKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tickets Tickets
		seal := func(want int) []byte {
			t.Helper()
			ticket := tickets.seal([]byte("state"))
			if have := len(tickets.keys); have != want {
				t.Errorf("there are %d keys, want %d", have, want)
			}
			return ticket
		}
		first := seal(1)
		time.Sleep(sealsFor - time.Nanosecond)
		seal(1)
		time.Sleep(time.Nanosecond)
		second := seal(2)
		tickets.keys[0].count.Store(sealsOf)
		seal(3)
		time.Sleep(opensFor - sealsFor - time.Nanosecond)
		if tickets.open(first) == nil || tickets.open(second) == nil {
			t.Error("a ticket of this week does not open")
		}
		time.Sleep(time.Nanosecond)
		if tickets.open(first) != nil {
			t.Error("a ticket opens after a week")
		}
		if tickets.open(second) == nil {
			t.Error("a ticket of this week does not open")
		}
		time.Sleep(opensFor)
		seal(1)
	})
}

// BenchmarkTickets makes a ticket with two certificates in it, and opens it.
func BenchmarkTickets(b *testing.B) {
	var tickets Tickets
	state := make([]byte, 1400)
	b.ReportAllocs()
	for b.Loop() {
		if tickets.open(tickets.seal(state)) == nil {
			b.Fatal("it does not open")
		}
	}
}
