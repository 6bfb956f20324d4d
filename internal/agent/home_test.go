package agent

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// newHome returns what a host of a trust domain has.
func newHome(t *testing.T) Home {
	t.Helper()
	id := testpki.Must(spiffeid.Parse("spiffe://test.signet/proxy/edge-1"))
	root := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: "root", Now: time.Now()}))
	own := testpki.Must(root.New(pki.Spec{Profile: pki.Workload, ID: id}))
	return Home{Credential: own, Anchors: root.Chain, Authority: "authority.example:7400"}
}

func TestHome(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "host")
	if IsHome(dir) {
		t.Error("a folder that is not there is a host folder")
	}
	saved := newHome(t)
	if err := SaveHome(dir, saved); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadHome(dir)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.Credential.Leaf().Serial() != saved.Credential.Leaf().Serial() || loaded.ID() != saved.ID() ||
		loaded.Authority != saved.Authority || loaded.Roots.TrustDomain() != saved.ID().TrustDomain() || !IsHome(dir) {
		t.Errorf("loaded %+v, want what was saved", loaded)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("the folder holds %v (%v), want three files", entries, err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v (%v)", entry.Name(), info.Mode(), err)
		}
	}
	next := newHome(t).Credential
	if err := keepRenewed(dir, next); err != nil {
		t.Fatal(err)
	}
	if loaded, err = LoadHome(dir); err != nil || loaded.Credential.Leaf().Serial() != next.Leaf().Serial() {
		t.Errorf("after a renewal the folder has %v (%v)", loaded.Credential, err)
	}
}

func TestHomeRefused(t *testing.T) {
	put := func(name, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		damage func(t *testing.T, dir string)
		code   fault.Code
	}{
		{"no host.json", remove(homeHost), HomeMissing},
		{"no identity", remove(homeIdentity), HomeUnreadable},
		{"no roots", remove(homeRoots), HomeUnreadable},
		{"no JSON", put(homeHost, "{"), HomeUnreadable},
		{"no trust domain", put(homeHost, `{"authority":"a:1"}`), HomeUnreadable},
		{"another trust domain", put(homeHost, `{"trust_domain":"other.signet","authority":"a:1"}`), HomeUnreadable},
		{"no address", put(homeHost, `{"trust_domain":"test.signet","authority":"a"}`), HomeUnreadable},
		{"no certificate", put(homeIdentity, "hello"), HomeUnreadable},
		{"no root", put(homeRoots, ""), HomeUnreadable},
		{"a folder in its place", func(t *testing.T, dir string) {
			remove(homeRoots)(t, dir)
			if err := os.Mkdir(filepath.Join(dir, homeRoots), 0o700); err != nil {
				t.Fatal(err)
			}
		}, HomeUnreadable},
		{"open to others", func(t *testing.T, dir string) {
			if runtime.GOOS == "windows" {
				t.Skip("there are no such permissions here")
			}
			if err := os.Chmod(filepath.Join(dir, homeIdentity), 0o640); err != nil {
				t.Fatal(err)
			}
		}, HomeExposed},
	}
	home := newHome(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := SaveHome(dir, home); err != nil {
				t.Fatal(err)
			}
			test.damage(t, dir)
			if _, err := LoadHome(dir); !errors.Is(err, test.code) {
				t.Errorf("the error is %v, want [%s]", err, test.code)
			}
		})
	}
}

// TestRenewedIsKept: what a host renews for itself takes its place in the host folder.
func TestRenewedIsKept(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		first := testpki.Must(a.Source(id(self)).Credential())
		if err := SaveHome(dir, Home{Credential: first, Anchors: []*pki.Certificate{f.ca.Root()}, Authority: "authority.test:1"}); err != nil {
			t.Fatal(err)
		}
		a.home = dir
		f.stream = f.once("web")
		defer run(t, a, &enforcer{})()
		time.Sleep(12*time.Hour + 10*time.Minute)
		synctest.Wait()
		kept, err := LoadHome(dir)
		if err != nil {
			t.Fatal(err)
		}
		if have, old := kept.Credential.Leaf().Serial(), first.Leaf().Serial(); have == old || have != serial(t, a, self) {
			t.Errorf("kept is %s; it was %s, and in use is %s", have, old, serial(t, a, self))
		}
	})
}
