package control

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// hash is a stand-in for a hash.
func hash(digit string) string { return strings.Repeat(digit, hashDigits) }

// openAt opens a store with a clock of its own.
func openAt(t testing.TB, dir string, now func() time.Time) *Store {
	t.Helper()
	cfg := configOf(dir)
	cfg.Now = now
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

// planner plans a new certificate each time it is called.
func planner(end time.Time) func(spiffeid.ID) (Certificate, error) {
	n := 0
	return func(id spiffeid.ID) (Certificate, error) {
		n++
		return Certificate{Serial: fmt.Sprintf("%x", n), ID: id, NotAfter: end}, nil
	}
}

func putToken(t testing.TB, s *Store, token Token) {
	t.Helper()
	if err := s.PutToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
}

func TestAdmit(t *testing.T) {
	clock := time.Now().UTC().Truncate(time.Second)
	dir := t.TempDir()
	s := openAt(t, dir, func() time.Time { return clock })
	identified(t, s, "web")
	identified(t, s, "gone")
	end := clock.Add(24 * time.Hour)
	for digit, who := range map[string]string{"a": "web", "b": "web", "c": "stranger", "d": "gone"} {
		putToken(t, s, Token{Hash: hash(digit), ID: id(who), Expires: clock.Add(10 * time.Minute), By: id("operator/ann")})
	}
	change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id("gone"), By: id("operator/ann")}) })
	before := s.State().Revision
	plan := planner(end)
	admit := func(token, key string, code fault.Code) Certificate {
		t.Helper()
		c, err := s.Admit(t.Context(), hash(token), hash(key), plan)
		if code == "" && err != nil || code != "" && !errors.Is(err, code) {
			t.Errorf("token %s for key %s: %v, want [%s]", token, key, err, code)
		}
		return c.Certificate
	}
	first := admit("a", "1", "")
	if again := admit("a", "1", ""); again != first {
		t.Errorf("the same key gets %+v, and had %+v", again, first)
	}
	admit("a", "2", TokenUsed)
	admit("e", "1", TokenUnknown)
	admit("c", "1", IdentityUnknown)
	admit("d", "1", IdentityRevoked)
	if _, err := s.Admit(t.Context(), "short", hash("1"), plan); !errors.Is(err, TokenUnknown) {
		t.Errorf("what is no hash: %v", err)
	}
	recorded, err := s.Certificates(t.Context(), id("web"))
	if err != nil || len(recorded) != 1 || recorded[0].Serial != first.Serial {
		t.Errorf("on record are %+v (%v), want the one that was planned", recorded, err)
	}
	if after := s.State().Revision; after != before {
		t.Errorf("the revision went from %d to %d", before, after)
	}
	closeStore(t, s)
	s = openAt(t, dir, func() time.Time { return clock }) // what was used stays so
	if again := admit("a", "1", ""); !again.NotAfter.Equal(first.NotAfter) || again.Serial != first.Serial {
		t.Errorf("after a restart the same key gets %+v, and had %+v", again, first)
	}
	admit("a", "2", TokenUsed)
	clock = clock.Add(10 * time.Minute)
	admit("b", "1", TokenExpired)
	admit("a", "1", "")
	clock = end
	admit("a", "1", TokenExpired)
}

// TestAdmitOnce has many race for one token: one key gets in.
func TestAdmitOnce(t *testing.T) {
	s := open(t, t.TempDir())
	identified(t, s, "web")
	end := time.Now().Add(time.Hour)
	putToken(t, s, Token{Hash: hash("a"), ID: id("web"), Expires: end})
	var mu sync.Mutex
	var admitted []Certificate
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			c, err := s.Admit(t.Context(), hash("a"), hash(fmt.Sprintf("%x", n)), func(id spiffeid.ID) (Certificate, error) {
				return Certificate{Serial: fmt.Sprintf("%x", n+1), ID: id, NotAfter: end}, nil
			})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				admitted = append(admitted, c.Certificate)
			} else if !errors.Is(err, TokenUsed) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	recorded, err := s.Certificates(t.Context(), id("web"))
	if err != nil || len(admitted) != 1 || len(recorded) != 1 || recorded[0].Serial != admitted[0].Serial {
		t.Errorf("admitted were %+v, on record are %+v (%v): want one and the same", admitted, recorded, err)
	}
}

func TestPutTokenRefused(t *testing.T) {
	s := open(t, t.TempDir())
	for name, token := range map[string]Token{"no hash": {}, "used": {Hash: hash("a"), Key: hash("b")}} {
		if err := s.PutToken(t.Context(), token); !errors.Is(err, ChangeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprint("clients=", clients), func(b *testing.B) {
			s := open(b, b.TempDir())
			identified(b, s, "web")
			end := time.Now().Add(time.Hour)
			name := func(n int64) string { return fmt.Sprintf("%064x", n) }
			together(b, clients, func(n int64) { putToken(b, s, Token{Hash: name(n), ID: id("web"), Expires: end}) })
			together(b, clients, func(n int64) {
				_, err := s.Admit(b.Context(), name(n), hash("1"), func(id spiffeid.ID) (Certificate, error) {
					return Certificate{Serial: fmt.Sprintf("%x", n), ID: id, NotAfter: end}, nil
				})
				if err != nil {
					b.Error(err)
				}
			})
		})
	}
}
