package proxy_test

import (
	"errors"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
)

// TestAuthorityGone: eleven hours without an authority have no effect, even if they
// begin when certificates were about to be renewed: what is open goes on, and who is
// allowed still gets in. That the clock has been looked at shows bob, who has no
// proxy and a certificate that ends before.
func TestAuthorityGone(t *testing.T) {
	var clock stepped
	w := newWorldOf(t, setup{names: []string{"ann", "bob"}, now: clock.now})
	w.allow("ann")
	w.allow("bob")
	w.open(w.doors[0], "ann.before")
	bob := testpki.Must(w.client(w.credentialOf("bob", time.Now().Add(90*time.Minute-ca.DefaultLifetime))))
	w.stopLast()
	w.stopLast = func() {}
	clock.step(ca.DefaultLifetime/2 + 11*time.Hour)
	w.open(w.doors[0], "ann.during")
	bob.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := bob.Read(make([]byte, 1)); !errors.Is(err, signet.Truncated) {
		t.Errorf("bob reads %v, want a cut", err)
	}
	for _, name := range []string{"ann.before", "ann.during"} {
		if end, ended := w.backend.end(name); ended {
			t.Errorf("%s has ended: %v", name, end)
		}
	}
}
