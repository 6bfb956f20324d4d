package agent

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
)

// again is an agent of the same host, started anew.
func (f *fake) again(t *testing.T, before *Agent) *Agent {
	t.Helper()
	a := testpki.Must(New(Config{Authority: "authority.test:1", Self: before.keys.get(before.self), Roots: before.Roots(), Anchors: before.anchors, Home: before.home}))
	a.http = before.http
	return a
}

// ran runs an agent until it has revision 3 and a certificate of web.
func ran(t *testing.T, f *fake, home string) *Agent {
	t.Helper()
	a := f.agent
	a.home = home
	f.stream = func(int) io.Reader { return lines(f.slice(3, "web", "team/ops")) }
	stop := run(t, a, &enforcer{})
	synctest.Wait()
	serial(t, a, "team/ops")
	stop()
	return a
}

// TestStartedWithoutAuthority starts a proxy anew while its authority is gone: it
// goes on with what it had, for as long as before, and goes back on nothing.
func TestStartedWithoutAuthority(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFake(t)
		first := ran(t, f, home)
		f.down = true
		time.Sleep(10 * time.Minute)

		second, e := f.again(t, first), &enforcer{}
		second.Begin(e)
		if e.revision() != 3 || serial(t, second, "web") != serial(t, first, "web") || serial(t, second, "team/ops") != serial(t, first, "team/ops") {
			t.Errorf("revision %d is in force, or there are other certificates", e.revision())
		}
		if silent := time.Since(second.Heard()); silent < 10*time.Minute || silent > 11*time.Minute {
			t.Errorf("it counts as silent for %v, want 10m", silent)
		}
		stop := run(t, second, e)
		defer stop()
		f.set(func(f *fake) {
			f.down = false
			f.stream = func(watch int) io.Reader { return lines(f.slice(2, "web")) }
		})
		time.Sleep(time.Minute)
		if e.revision() != 3 {
			t.Errorf("revision %d is in force, want 3", e.revision())
		}
		f.set(func(f *fake) { f.stream = func(watch int) io.Reader { return lines(f.slice(4, "web")) } })
		time.Sleep(time.Minute)
		synctest.Wait()
		if e.revision() != 4 || time.Since(second.Heard()) > time.Minute {
			t.Errorf("revision %d is in force, heard %v ago", e.revision(), time.Since(second.Heard()))
		}
		if _, err := os.Stat(filepath.Join(home, heldFile(id("team/ops")))); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the key of an identity that is no longer ours: %v", err)
		}
	})
}

// TestKeptIsPrivate looks at the permissions of what is kept.
func TestKeptIsPrivate(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFake(t)
		ran(t, f, home)
	})
	for _, name := range []string{cacheSlice, heldFile(id("web")), heldFile(id("team/ops"))} {
		info, err := os.Stat(filepath.Join(home, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the permissions %v", name, info.Mode())
		}
	}
}

// TestKeptUntilItEnds starts a proxy when what it held has ended.
func TestKeptUntilItEnds(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFake(t)
		first := ran(t, f, home)
		time.Sleep(ca.DefaultLifetime + time.Minute)
		second, e := f.again(t, first), &enforcer{}
		second.Begin(e)
		if e.revision() != 3 {
			t.Errorf("revision %d is in force, want 3: it has no end", e.revision())
		}
		if _, err := second.Source(id("web")).Credential(); !errors.Is(err, CertificatePending) {
			t.Errorf("a certificate that has ended is used: %v", err)
		}
	})
}

// TestDamagedMemory starts proxies whose host folder is not as they left it: they
// begin as if new, and nobody passes.
func TestDamagedMemory(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFake(t)
		first := ran(t, f, home)
		path := filepath.Join(home, cacheSlice)
		good := testpki.Must(os.ReadFile(path))
		begin := func(data []byte) (*Agent, *enforcer) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			a, e := f.again(t, first), &enforcer{}
			a.Begin(e)
			return a, e
		}
		warned := func(a *Agent) bool {
			return len(a.outbox.events) == 1 && a.outbox.events[0].Kind == api.Warned && a.outbox.events[0].Code == string(CacheDamaged)
		}
		if a, e := begin(good); e.revision() != 3 || len(a.outbox.events) != 0 {
			t.Fatal("what was kept is not taken up")
		}
		for name, data := range map[string]string{
			"empty":           "",
			"cut short":       string(good[:len(good)/2]),
			"no head":         `{"slice":{"revision":3}}`,
			"nothing":         `{}`,
			"another's":       strings.Replace(string(good), id(self).String(), id("proxy/other").String(), 1),
			"a later number":  strings.ReplaceAll(string(good), `:3,`, `:9,`),
			"more identities": strings.Replace(string(good), "/web", "/ops", 1),
		} {
			a, e := begin([]byte(data))
			if e.current() != nil || !warned(a) || a.belief.number != 0 || a.keys.get(id("web")) != nil {
				t.Errorf("%s: revision %d is in force, told %v", name, e.revision(), a.outbox.events)
			}
		}
		for i := 0; i < len(good); i += 1 + len(good)/150 { // a byte each
			bad := append([]byte(nil), good...)
			bad[i] ^= 1
			if a, e := begin(bad); e.current() != nil && e.revision() != 3 || e.current() == nil && !warned(a) {
				t.Errorf("byte %d: revision %d is in force, told %v", i, e.revision(), a.outbox.events)
			}
		}
	})
}

// TestOlderCopy puts an older slice back into a host folder whose signs of life are of a
// later one: nobody passes by it.
func TestOlderCopy(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, _ := newFake(t)
		first := ran(t, f, home)
		for name, test := range map[string]struct {
			heard any
			want  bool
		}{
			"signs of the same":      {f.signed(f.last), true},
			"signs of a later one":   {f.signed(api.Head{For: id(self), Epoch: 1, Number: 4, Digest: f.last.Digest}), false},
			"signs of a new epoch":   {f.signed(api.Head{For: id(self), Epoch: 2, Number: 1, Digest: f.last.Digest}), false},
			"signs of one before":    {f.signed(api.Head{For: id(self), Epoch: 1, Number: 2, Digest: f.last.Digest}), true},
			"signs for somebody":     {f.signed(api.Head{For: id("proxy/other"), Epoch: 1, Number: 9, Digest: f.last.Digest}), true},
			"what is no sign at all": {"[", false},
		} {
			data := testpki.Must(json.Marshal(test.heard))
			if err := os.WriteFile(filepath.Join(home, cacheHeard), data, 0o600); err != nil {
				t.Fatal(err)
			}
			a, e := f.again(t, first), &enforcer{}
			a.Begin(e)
			if have := e.current() != nil; have != test.want {
				t.Errorf("%s: in force is %v, want %v; told %v", name, have, test.want, a.outbox.events)
			}
		}
	})
}

// TestNothingCanBeKept has a host folder that cannot be written: what comes is in
// force all the same, and the authority hears of it once.
func TestNothingCanBeKept(t *testing.T) {
	home := filepath.Join(t.TempDir(), "file", "home")
	if err := os.WriteFile(filepath.Dir(home), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		a.home = home
		e := &enforcer{}
		f.stream = func(watch int) io.Reader { return lines(f.slice(int64(watch), "web")) }
		stop := run(t, a, e)
		defer stop()
		time.Sleep(time.Minute)
		if e.revision() < 3 {
			t.Errorf("revision %d is in force", e.revision())
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if have := strings.Count(strings.Join(f.messages, " "), api.PathEvents); have != 1 {
			t.Errorf("the authority was told %d times, want once", have)
		}
	})
}
