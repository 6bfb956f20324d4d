package revocation

import (
	"context"
	"fmt"
	"math/big"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestMemoryBound: what ends first goes first, and what is larger than all that is
// kept is not kept.
func TestMemoryBound(t *testing.T) {
	now := time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)
	var m memory[string]
	gets := 0
	get := func(key string, size int, until time.Duration) {
		have, err := m.get(t.Context(), key, now, 100, func(context.Context) (memo[string], error) {
			gets++
			return memo[string]{"value of " + key, size, now.Add(until)}, nil
		})
		if have != "value of "+key || err != nil {
			t.Errorf("%s: have %q, %v", key, have, err)
		}
	}
	for i := range 10 {
		get(fmt.Sprint(i), 10, time.Duration(10-i)*time.Hour)
	}
	if m.size != 100 || len(m.kept) != 10 {
		t.Errorf("%d bytes of %d things are kept, want all 100 of 10", m.size, len(m.kept))
	}
	get("one more", 25, time.Minute)
	if m.size != 95 || len(m.kept) != 8 {
		t.Errorf("%d bytes of %d things are kept, want 95 of 8", m.size, len(m.kept))
	}
	before := gets
	for _, key := range []string{"0", "6", "one more"} {
		get(key, 10, time.Hour)
	}
	if gets != before {
		t.Errorf("%d of those that are kept were got again", gets-before)
	}
	get("7", 10, time.Hour) // was forgotten, as were 8 and 9
	get("huge", 101, time.Hour)
	get("huge", 101, time.Hour)
	get("over", 1, 0)
	get("over", 1, 0)
	if gets != before+5 || m.size > 100 {
		t.Errorf("%d were got, want 5; %d bytes are kept", gets-before, m.size)
	}
	if _, err := m.get(t.Context(), "failure", now, 100, func(context.Context) (memo[string], error) {
		return memo[string]{"no", 1, now.Add(time.Hour)}, context.Canceled
	}); err != context.Canceled || m.kept["failure"].size != 0 {
		t.Errorf("a failure is kept: %v", err)
	}
}

// TestSignatureOnce: a signature that was checked is not checked again, be it
// right or wrong.
func TestSignatureOnce(t *testing.T) {
	now := time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)
	fixture, stranger := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	list := testpki.Must(stranger.Intermediate.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}))
	q := Question{Cert: testpki.Must(fixture.Server(testpki.Host)).Leaf(), Issuer: fixture.Intermediate.Leaf(), Now: now}
	e := testpki.Must(New([]*pki.RevocationList{list}, nil))
	if e.Ask(q); len(e.verified) != 1 || e.Ask(q).Status != Unknown {
		t.Errorf("remembered %v, want one signature that is wrong", e.verified)
	}
	e.verified[signing{list, q.Issuer.PublicKey().Pin()}] = nil
	if answer := e.Ask(q); answer.Status != Good {
		t.Errorf("have %+v by a signature that was right", answer)
	}
}
