package agent

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// joined is what a host has that has just joined an authority.
func joined(t *testing.T, by *ca.CA, authority string, age time.Duration) Home {
	t.Helper()
	root := by.Root()
	return Home{Credential: newCredential(t, by, id(self), time.Now().Add(-age)), Anchors: []*pki.Certificate{root},
		Roots: testpki.Must(verify.ForTrustDomain(domain, root)), Authority: authority}
}

// TestEnrolledAnewWhileItRuns enrolls hosts whose agents run and are shut out: they go on
// as what their folders say then.
func TestEnrolledAnewWhileItRuns(t *testing.T) {
	other := testpki.Must(ca.New(domain, time.Now()))
	for _, test := range []struct {
		name string
		was  func(r *rig, authority string) Home
	}{
		{"it was away for too long", func(r *rig, authority string) Home { return joined(r.t, r.ca, authority, 2*ca.DefaultLifetime) }},
		{"the root was replaced", func(r *rig, authority string) Home { return joined(r.t, other, authority, 0) }},
		{"the authority has moved", func(r *rig, _ string) Home { return joined(r.t, r.ca, peers.FreeAddress(r.t), 0) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, dir := newRig(t), t.TempDir()
			r.ca = testpki.Must(ca.New(domain, time.Now().Add(-3*ca.DefaultLifetime)))
			r.start()
			was := test.was(r, r.address)
			testpki.Must(0, SaveHome(dir, was))
			a := testpki.Must(New(Config{Authority: was.Authority, Self: was.Credential, Roots: was.Roots, Anchors: was.Anchors, Home: dir}))
			e := &enforcer{}
			run(t, a, e)
			time.Sleep(100 * time.Millisecond) // for a first attempt, which is in vain
			if e.current() != nil {
				t.Fatal("it is not shut out")
			}
			testpki.Must(0, SaveHome(dir, joined(t, r.ca, r.address, 0)))
			until(t, "it is let in again", func() bool { return e.revision() == r.store.State().Revision })
			until(t, "it has what it may hold", func() bool { return a.keys.get(id("web")) != nil })
		})
	}
}

// TestMemoryOfOtherRoots enrolls a host by an authority that has none of the roots that
// it believed: what it remembers would be called damaged.
func TestMemoryOfOtherRoots(t *testing.T) {
	mine, other, dir := testpki.Must(ca.New(domain, time.Now())), testpki.Must(ca.New(domain, time.Now())), t.TempDir()
	remember := func() string {
		t.Helper()
		testpki.Must(0, SaveHome(dir, joined(t, mine, "authority.test:1", 0)))
		for _, name := range []string{cacheSlice, heldFile(id("web"))} {
			path := filepath.Join(dir, name)
			testpki.Must(0, os.MkdirAll(filepath.Dir(path), 0o700))
			testpki.Must(0, os.WriteFile(path, []byte("{}"), 0o600))
		}
		return filepath.Join(dir, cacheSlice)
	}
	for name, test := range map[string]struct {
		by   *ca.CA
		want error
	}{
		"the same root": {mine, nil},
		"another":       {other, os.ErrNotExist},
	} {
		slice := remember()
		testpki.Must(0, SaveHome(dir, joined(t, test.by, "authority.test:1", 0)))
		for _, path := range []string{slice, filepath.Join(dir, heldFile(id("web")))} {
			if _, err := os.Stat(path); !errors.Is(err, test.want) {
				t.Errorf("%s: %s: %v, want %v", name, path, err, test.want)
			}
		}
	}
}

// TestRevokedFromTheStart runs an agent that was revoked before: its log says so once,
// whatever net/http makes of the alert.
func TestRevokedFromTheStart(t *testing.T) {
	r := newRig(t)
	r.change(func(tx *control.Tx) { tx.Revoke(control.Revocation{ID: id(self), By: id("operator/ann")}) })
	r.start()
	a, log := r.agent(), &testpki.Output{}
	a.logger = slog.New(slog.NewTextHandler(log, nil))
	run(t, a, &enforcer{})
	until(t, "it is told", func() bool { return strings.Contains(log.String(), string(SelfRevoked)) })
	time.Sleep(time.Second) // in which it tries again
	if text := log.String(); strings.Count(text, string(SelfRevoked)) != 1 || strings.Contains(text, "trying again") {
		t.Errorf("the log says\n%s", text)
	}
}
