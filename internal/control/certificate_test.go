package control

import (
	"fmt"
	"slices"
	"strings"
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
		{"known", Certificate{Serial: "0a", ID: id("web"), NotAfter: soon}, ""},
		{"below another", Certificate{Serial: "0b", ID: id("web/inner"), NotAfter: soon}, ""},
		{"longest serial", Certificate{Serial: "0123456789abcdef0123456789abcdef01234567", ID: id("web"), NotAfter: soon}, ""},
		{"unknown", Certificate{Serial: "0a", ID: id("nobody"), NotAfter: soon}, IdentityUnknown},
		{"revoked", Certificate{Serial: "0a", ID: id("gone"), NotAfter: soon}, IdentityRevoked},
		{"no serial", Certificate{Serial: "", ID: id("web"), NotAfter: soon}, CertificateInvalid},
		{"upper-case serial", Certificate{Serial: "0A", ID: id("web"), NotAfter: soon}, CertificateInvalid},
		{"serial too long", Certificate{Serial: "0123456789abcdef0123456789abcdef012345678", ID: id("web"), NotAfter: soon}, CertificateInvalid},
		{"ended", Certificate{Serial: "0a", ID: id("web"), NotAfter: time.Now().Add(-time.Second)}, CertificateInvalid},
		{"without end", Certificate{Serial: "0a", ID: id("web"), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}, CertificateInvalid},
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
	cfg := configOf(t.TempDir())
	cfg.Now = func() time.Time { return now }
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	web := identified(t, s, "web")
	issue(t, s, Certificate{Serial: "01", ID: web, NotAfter: now.Add(time.Minute)})
	issue(t, s, Certificate{Serial: "02", ID: web, NotAfter: now.Add(time.Hour)})
	now = now.Add(2 * time.Minute)
	state := change(t, s, func(tx *Tx) {
		tx.Revoke(Revocation{ID: web, Because: "lost", Serials: []string{"ff"}, Revision: 99})
	})
	got := state.Revocations[web]
	if !slices.Equal(got.Serials, []string{"02"}) || got.Revision != 2 || !got.At.Equal(now) || got.Because != "lost" {
		t.Errorf("revocation %+v: want the serial 02, which alone is valid, and revision 2", got)
	}
}

// TestRevokeHolder revokes a proxy that held certificates of others: those die,
// the identities and what others hold of them do not.
func TestRevokeHolder(t *testing.T) {
	s := open(t, t.TempDir())
	web, edge, other := identified(t, s, "web"), identified(t, s, "proxy/edge"), identified(t, s, "proxy/other")
	soon := time.Now().Add(time.Hour)
	issue(t, s, Certificate{Serial: "01", ID: edge, Holder: edge, NotAfter: soon})
	issue(t, s, Certificate{Serial: "02", ID: web, Holder: edge, NotAfter: soon})
	issue(t, s, Certificate{Serial: "03", ID: web, Holder: other, NotAfter: soon})
	issue(t, s, Certificate{Serial: "04", ID: web, NotAfter: soon})
	if have := serials(t, s, "web"); !slices.Equal(have, []string{"02", "03", "04"}) {
		t.Errorf("recorded for web: %v", have)
	}
	if have := serials(t, s, "proxy/edge"); !slices.Equal(have, []string{"01"}) {
		t.Errorf("recorded for the proxy: %v, want its own", have)
	}
	state := change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: edge}) })
	if have := state.Revocations[edge].Serials; !slices.Equal(have, []string{"01", "02"}) || len(state.Revocations) != 1 {
		t.Errorf("dead are %v, want 01 and 02; %d revocations, want 1", have, len(state.Revocations))
	}
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "05", ID: web, Holder: edge, NotAfter: soon}), IdentityRevoked)
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "06", ID: web, Holder: id("proxy/nobody"), NotAfter: soon}), IdentityUnknown)
	issue(t, s, Certificate{Serial: "07", ID: web, Holder: other, NotAfter: soon})
	state = change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: web}) })
	if have := state.Revocations[web].Serials; !slices.Equal(have, []string{"02", "03", "04", "07"}) {
		t.Errorf("dead with web are %v, want all of web's", have)
	}
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "08", ID: web, Holder: other, NotAfter: soon}), IdentityRevoked)
}

// TestHolderIsBounded fills a proxy's hands: nobody else's are full.
func TestHolderIsBounded(t *testing.T) {
	s := open(t, t.TempDir())
	if s.maxHeld != maxHeld {
		t.Errorf("a proxy may hold %d, want %d", s.maxHeld, maxHeld)
	}
	s.maxHeld = 3
	web, edge, other := identified(t, s, "web"), identified(t, s, "proxy/edge"), identified(t, s, "proxy/other")
	soon := time.Now().Add(time.Hour)
	issue(t, s, Certificate{Serial: "01", ID: edge, Holder: edge, NotAfter: soon})
	issue(t, s, Certificate{Serial: "02", ID: web, Holder: edge, NotAfter: soon})
	issue(t, s, Certificate{Serial: "03", ID: web, Holder: edge, NotAfter: soon.Add(time.Minute)})
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "04", ID: web, Holder: edge, NotAfter: soon}), CertificatesFull)
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "05", ID: edge, Holder: edge, NotAfter: soon}), CertificatesFull)
	issue(t, s, Certificate{Serial: "06", ID: web, Holder: other, NotAfter: soon})
	issue(t, s, Certificate{Serial: "07", ID: web, NotAfter: soon})
	state := change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: edge, Until: soon.Add(time.Hour)}) })
	if have := state.Revocations[edge].Until; !have.Equal(soon.Add(time.Minute)) {
		t.Errorf("the last of its certificates expires at %v, want %v", have, soon.Add(time.Minute))
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
					err := store.RecordCertificate(t.Context(), Certificate{Serial: serial, ID: id(name), NotAfter: time.Now().Add(time.Hour)})
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
		issue(t, s, Certificate{Serial: fmt.Sprintf("%02x", n), ID: web, NotAfter: start.Add(time.Duration(n) * 3 * time.Second)})
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
	issue(t, s, Certificate{Serial: "ff", ID: web, NotAfter: start}) // although its lease is gone
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
	issue(t, s, Certificate{Serial: "01", ID: web, NotAfter: time.Now().Add(time.Hour)})
	issue(t, s, Certificate{Serial: "02", ID: web, NotAfter: time.Now().Add(48 * time.Hour)})
	closeStore(t, s)
	cfg := configOf(dir)
	cfg.Now = func() time.Time { return time.Now().Add(24 * time.Hour) }
	later, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, later) })
	kept, err := later.client.Get(t.Context(), certificatePrefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	if err != nil || kept.Count != 1 {
		t.Errorf("%d records, %v; want the one still valid", kept.Count, err)
	}
}

// TestBehind: of each identity in each pair of hands, the newest certificate tells.
func TestBehind(t *testing.T) {
	s := open(t, t.TempDir())
	change(t, s, func(tx *Tx) {
		for _, name := range []string{"web", "orders", "gone"} {
			tx.PutIdentity(Identity{ID: id(name), Kind: Service})
		}
		for _, name := range []string{"proxy/one", "proxy/two"} {
			tx.PutIdentity(Identity{ID: id(name), Kind: Proxy})
			tx.PutGrant(Grant{Proxy: id(name), Identity: id("web")})
		}
	})
	serial := 0
	put := func(name, holder string, generation int64) {
		serial++
		c := Certificate{Serial: fmt.Sprintf("%02x", serial), ID: id(name), NotAfter: time.Now().Add(time.Hour), At: time.Unix(int64(serial), 0), Generation: generation}
		if holder != "" {
			c.Holder = id(holder)
		}
		issue(t, s, c)
	}
	put("proxy/one", "proxy/one", 1)
	put("proxy/one", "proxy/one", 2)
	put("proxy/one", "proxy/one", 1) // asked for before, and answered later
	put("web", "proxy/one", 2)
	put("web", "proxy/two", 1)
	put("proxy/two", "", 0)
	put("proxy/two", "proxy/two", 2) // enrolled first, and renewed since
	put("orders", "proxy/one", 0)    // which it may not hold any more
	put("gone", "", 0)
	change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id("gone")}) })
	for generation, want := range map[int64]string{0: "", 1: "", 2: "web at proxy/two", 3: "proxy/one at proxy/one, proxy/two at proxy/two, web at proxy/one, web at proxy/two"} {
		behind, err := s.Behind(t.Context(), generation)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range behind {
			names = append(names, c.ID.Path()+" at "+c.Holder.Path())
		}
		if have := strings.Join(names, ", "); have != want {
			t.Errorf("behind generation %d: %q, want %q", generation, have, want)
		}
	}
}
