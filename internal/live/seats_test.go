package live

import (
	"errors"
	"fmt"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestSeats takes them all: no identity gets more than its share.
func TestSeats(t *testing.T) {
	domain := testpki.Must(spiffeid.ParseTrustDomain("test.signet"))
	who := func(i int) spiffeid.ID { return testpki.Must(domain.ID(fmt.Sprintf("client-%d", i))) }
	s := NewSeats()
	s.Limit(Limits{}.Settled())
	for client := range 2 {
		for i := range defaultEach {
			if err := s.Take(who(client)); err != nil {
				t.Fatalf("client %d, connection %d: %v", client, i, err)
			}
		}
		if err := s.Take(who(client)); !errors.Is(err, TooManyConnections) {
			t.Errorf("client %d, one more than its share: %v", client, err)
		}
	}
	if err := s.Take(who(2)); !errors.Is(err, TooManyConnections) {
		t.Errorf("one more than the port has: %v", err)
	}
	s.Leave(who(0))
	if err := s.Take(who(2)); err != nil {
		t.Errorf("a seat that was given back: %v", err)
	}
	s.Leave(who(2))
	for client := range 2 {
		for range defaultEach - (1 - client) {
			s.Leave(who(client))
		}
	}
	if s.total != 0 || len(s.each) != 0 {
		t.Errorf("%d seats of %d identities are still taken", s.total, len(s.each))
	}
}
