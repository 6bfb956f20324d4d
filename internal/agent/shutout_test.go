package agent

import (
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestShutOut revokes the proxy itself: its log says so, once, and not only that a
// certificate is refused.
func TestShutOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		log := &testpki.Output{}
		a.logger = slog.New(slog.NewJSONHandler(log, nil))
		f.stream = func(n int) io.Reader {
			return lines(f.update(&api.Slice{Revision: int64(n), Revoked: []api.Revocation{{ID: id(self), By: id("operator/ann"), Revision: 7}}}))
		}
		stop := run(t, a, &enforcer{})
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if n := strings.Count(log.String(), `"code":"proxy_revoked"`); n != 1 {
			t.Errorf("it is told %d times:\n%s", n, log)
		}
		if !strings.Contains(log.String(), "was revoked by operator/ann in revision 7") {
			t.Errorf("by whom is not told:\n%s", log)
		}
		if n := f.get(func(f *fake) int { return f.watches }); n < 2 {
			t.Errorf("it asked %d times: who was let in again would not come back", n)
		}
	})
}

// TestComesBack has a proxy and one of its services restored after a revocation, in a
// folder that still has the dead certificate of the service: it gets another.
func TestComesBack(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFake(t)
		first := ran(t, f, home)
		dead := serial(t, first, "web")
		f.stream = func(int) io.Reader {
			return lines(f.update(&api.Slice{Revision: 9, Identities: []spiffeid.ID{id("web")}, Revoked: []api.Revocation{
				{ID: id(self), Cause: "restored", Serials: []string{"77"}, Revision: 8},
				{ID: id("web"), Cause: "restored", Serials: []string{dead}, Revision: 9}}}))
		}
		a := f.again(t, first)
		log := &testpki.Output{}
		a.logger = slog.New(slog.NewJSONHandler(log, nil))
		e := &enforcer{}
		a.Begin(e)
		stop := run(t, a, e)
		time.Sleep(time.Minute)
		synctest.Wait()
		defer stop()
		if strings.Contains(log.String(), string(SelfRevoked)) {
			t.Errorf("it counts itself as revoked:\n%s", log)
		}
		if have := serial(t, a, "web"); have == dead {
			t.Error("a certificate is used that is dead")
		}
	})
}

func TestShutOutByAnAlert(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"an alert", fault.New(signet.RefusedByPeer, "refused"), true},
		{"the authority's word", fault.New(api.IdentityRevoked, "revoked"), true},
		{"nobody there", fault.New(signet.Unreachable, "nobody"), false},
		{"another", errors.New("reset"), false},
		{"none", nil, false},
	} {
		if have := shutOut(test.err); have != test.want {
			t.Errorf("%s: %v", test.name, have)
		}
	}
}

// TestNotHeld asks for an identity that was never granted: before the first word of
// the authority nobody knows, then it is said.
func TestNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		f.stream = func(int) io.Reader { return lines(f.slice(1, "web")) }
		if _, err := a.Source(id("orders")).Credential(); !errors.Is(err, CertificatePending) {
			t.Errorf("before: %v", err)
		}
		stop := run(t, a, &enforcer{})
		defer stop()
		synctest.Wait()
		if _, err := a.Source(id("orders")).Credential(); !errors.Is(err, NotHeld) {
			t.Errorf("then: %v", err)
		}
		if _, err := a.Source(id("web")).Credential(); err != nil {
			t.Errorf("what was granted: %v", err)
		}
	})
}

func TestHolds(t *testing.T) {
	revoked := []api.Revocation{{ID: id("batch"), By: id("operator/ann"), Revision: 3}}
	held, err := NewView(&api.Slice{Revision: 1, Identities: ids("web"), Revoked: revoked})
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := NewView(&api.Slice{Revision: 1, Identities: ids(), Revoked: revoked})
	if err != nil {
		t.Fatal(err)
	}
	free, err := NewView(&api.Slice{Revision: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, who string
		view      *View
		want      error
	}{
		{"granted", "web", held, nil},
		{"another", "orders", held, NotHeld},
		{"one that was revoked", "batch", held, api.IdentityRevoked},
		{"nothing is granted", "web", nobody, NotHeld},
		{"in files", "web", free, nil},
		{"before the first view", "web", nil, nil},
	} {
		if have := test.view.Holds(id(test.who)); !errors.Is(have, test.want) || (have == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.name, have, test.want)
		}
	}
}

// ids are identities; none is not nil.
func ids(paths ...string) []spiffeid.ID {
	out := []spiffeid.ID{}
	for _, path := range paths {
		out = append(out, id(path))
	}
	return out
}
