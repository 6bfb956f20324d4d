package control

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
)

func TestRecordCertificate(t *testing.T) {
	s := open(t, t.TempDir())
	identified(t, s, "web")
	identified(t, s, "web/inner")
	identified(t, s, "gone")
	change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id("gone")}) })
	soon := time.Now().Add(time.Hour)
	for _, test := range []struct {
		name string
		c    Certificate
		code fault.Code
	}{
		{"known", Certificate{"0a", id("web"), soon}, ""},
		{"below another", Certificate{"0b", id("web/inner"), soon}, ""},
		{"longest serial", Certificate{"0123456789abcdef0123456789abcdef01234567", id("web"), soon}, ""},
		{"unknown", Certificate{"0a", id("nobody"), soon}, IdentityUnknown},
		{"revoked", Certificate{"0a", id("gone"), soon}, IdentityRevoked},
		{"no serial", Certificate{"", id("web"), soon}, CertificateInvalid},
		{"upper-case serial", Certificate{"0A", id("web"), soon}, CertificateInvalid},
		{"serial too long", Certificate{"0123456789abcdef0123456789abcdef012345678", id("web"), soon}, CertificateInvalid},
		{"ended", Certificate{"0a", id("web"), time.Now().Add(-time.Second)}, CertificateInvalid},
		{"without end", Certificate{"0a", id("web"), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}, CertificateInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.RecordCertificate(t.Context(), test.c)
			if test.code != "" {
				wantCode(t, err, test.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	if have := serials(t, s, "web"); !slices.Equal(have, []string{"0123456789abcdef0123456789abcdef01234567", "0a"}) {
		t.Errorf("recorded for web: %v", have)
	}
}

func serials(t testing.TB, s *Store, name string) (list []string) {
	t.Helper()
	held, err := s.Certificates(t.Context(), id(name))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range held {
		list = append(list, c.Serial)
	}
	return list
}

func TestRevokeAndComeBack(t *testing.T) {
	now := time.Now()
	s, err := Open(t.Context(), Config{Dir: t.TempDir(), TrustDomain: demo, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	web := identified(t, s, "web")
	issue(t, s, Certificate{"01", web, now.Add(time.Minute)})
	issue(t, s, Certificate{"02", web, now.Add(time.Hour)})
	now = now.Add(2 * time.Minute)
	state := change(t, s, func(tx *Tx) {
		tx.Revoke(Revocation{ID: web, Because: "lost", Serials: []string{"ff"}, Revision: 99})
	})
	got := state.Revocations[web]
	if !slices.Equal(got.Serials, []string{"02"}) || got.Revision != 2 || !got.At.Equal(now) || got.Because != "lost" {
		t.Errorf("revocation %+v: want the serial 02, which alone is valid, and revision 2", got)
	}
}

// TestRevokeAgainstRecord lets two stores on one etcd race: each certificate
// that was recorded is among the revoked, and none is recorded afterwards. A
// stream of certificates in the revoking process itself never ends, and must
// not keep it from revoking.
func TestRevokeAgainstRecord(t *testing.T) {
	s := open(t, t.TempDir())
	other := beside(t, s)
	for round := range 8 {
		name := fmt.Sprint("web-", round)
		identified(t, s, name)
		var mu sync.Mutex
		var recorded []string
		begun := make(chan struct{}, 4)
		var group sync.WaitGroup
		for worker := range 4 {
			store, most := s, 1<<30
			if worker%2 == 1 {
				store, most = other, 40
			}
			group.Go(func() {
				for n := range most {
					serial := fmt.Sprintf("%x%08x", worker+1, n)
					err := store.RecordCertificate(t.Context(), Certificate{serial, id(name), time.Now().Add(time.Hour)})
					if err != nil {
						wantCode(t, err, IdentityRevoked)
						return
					}
					mu.Lock()
					recorded = append(recorded, serial)
					mu.Unlock()
					if n == round {
						begun <- struct{}{}
					}
				}
			})
		}
		for range 4 {
			<-begun
		}
		state := change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id(name)}) })
		group.Wait()
		slices.Sort(recorded)
		if got := state.Revocations[id(name)].Serials; !slices.Equal(got, recorded) {
			t.Errorf("revoked %v, recorded %v", got, recorded)
		}
	}
}

func TestLeases(t *testing.T) {
	s := open(t, t.TempDir())
	web := identified(t, s, "web")
	start := time.Now().Add(time.Hour).Truncate(time.Minute)
	for n := range 60 {
		issue(t, s, Certificate{fmt.Sprintf("%02x", n), web, start.Add(time.Duration(n) * 3 * time.Second)})
	}
	leases, err := s.client.Leases(t.Context())
	if err != nil || len(leases.Leases) != 3 {
		t.Errorf("%d leases, %v; want one for each of the 3 minutes", len(leases.Leases), err)
	}
	for _, l := range leases.Leases { // as etcd does when they run out
		if _, err := s.client.Revoke(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
	}
	if have := serials(t, s, "web"); len(have) != 0 {
		t.Errorf("%v are left after their leases", have)
	}
	issue(t, s, Certificate{"ff", web, start}) // although its lease is gone
	if have := serials(t, s, "web"); !slices.Equal(have, []string{"ff"}) {
		t.Errorf("recorded %v, want ff", have)
	}
}

// TestSweep opens a store long after certificates ended: leases begin anew at
// every start, so that only Open itself can collect them.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	web := identified(t, s, "web")
	issue(t, s, Certificate{"01", web, time.Now().Add(time.Hour)})
	issue(t, s, Certificate{"02", web, time.Now().Add(48 * time.Hour)})
	closeStore(t, s)
	later, err := Open(t.Context(), Config{Dir: dir, TrustDomain: demo, Now: func() time.Time { return time.Now().Add(24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, later) })
	kept, err := later.client.Get(t.Context(), certificatePrefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || kept.Count != 1 {
		t.Errorf("%d records, %v; want the one still valid", kept.Count, err)
	}
}
