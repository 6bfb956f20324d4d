package ca

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

var (
	now  = time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC)
	demo = testpki.Must(spiffeid.ParseTrustDomain("demo.signet"))
	prod = testpki.Must(spiffeid.ParseTrustDomain("prod.example"))
)

// saved returns an authority and the folder with its keys.
func saved(t *testing.T, domain spiffeid.TrustDomain) (*CA, string) {
	t.Helper()
	ca, err := New(domain, now)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "ca")
	if err := ca.Save(folder, Kept{}); err != nil {
		t.Fatal(err)
	}
	return ca, folder
}

func (c *CA) load(folder string) (*CA, error) {
	return Load(folder, c.domain, c.Stored(), nil)
}

func TestSaveAndLoad(t *testing.T) {
	made, folder := saved(t, demo)
	loaded, err := made.load(folder)
	if err != nil {
		t.Fatal(err)
	}
	if !loaded.Root().Equal(made.Root()) || !loaded.Intermediate().Equal(made.Intermediate()) {
		t.Error("other certificates were loaded than were saved")
	}
	wantVerified(t, made.Root(), issue(t, loaded, "web")) // by the key that was loaded
}

func TestSavedForTheOwnerAlone(t *testing.T) {
	_, folder := saved(t, demo)
	var files []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = fs.ModeDir | 0o700
		} else {
			files = append(files, entry.Name())
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if have, want := strings.Join(files, " "), "intermediate.pem root.pem"; have != want {
		t.Errorf("the files are %s, want %s", have, want)
	}
}

func chmod(t *testing.T, folder, name string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(folder, name), mode); err != nil {
		t.Fatal(err)
	}
}

func TestLoadRefuses(t *testing.T) {
	tests := []struct {
		name    string
		spoil   func(t *testing.T, folder string)
		code    fault.Code
		message string
	}{
		{"no folder", func(t *testing.T, folder string) { remove(t, folder) }, KeyLost, "root.pem is missing"},
		{"no root", func(t *testing.T, folder string) { remove(t, filepath.Join(folder, "root.pem")) }, KeyLost, "root.pem is missing"},
		{"no intermediate", func(t *testing.T, folder string) { remove(t, filepath.Join(folder, "intermediate.pem")) }, KeyLost, "intermediate.pem is missing"},
		{"another authority's root", func(t *testing.T, folder string) { replace(t, folder, "root.pem", demo) }, KeyLost, "the root's key is another authority's"},
		{"another authority's intermediate", func(t *testing.T, folder string) { replace(t, folder, "intermediate.pem", demo) }, KeyLost, "the intermediate's key is another authority's"},
		{"another trust domain's", func(t *testing.T, folder string) {
			replace(t, folder, "root.pem", prod)
			replace(t, folder, "intermediate.pem", prod)
		}, KeyLost, "the root's key is another authority's"},
		{"not PEM", func(t *testing.T, folder string) { write(t, folder, "root.pem", []byte("gone")) }, KeyFileFault, "root.pem"},
		{"empty", func(t *testing.T, folder string) { write(t, folder, "root.pem", nil) }, KeyFileFault, "root.pem"},
		{"no key in it", func(t *testing.T, folder string) {
			write(t, folder, "root.pem", testpki.Must(New(demo, now)).Root().PEM())
		}, KeyFileFault, "root.pem"},
		{"too large", func(t *testing.T, folder string) {
			write(t, folder, "root.pem", bytes.Repeat([]byte("x"), pki.MaxInput+1))
		}, KeyFileFault, "root.pem"},
		{"readable by the group", func(t *testing.T, folder string) { chmod(t, folder, "root.pem", 0o640) }, KeyExposed, "root.pem is open to others: its permissions are 0640"},
		{"readable by all", func(t *testing.T, folder string) { chmod(t, folder, "intermediate.pem", 0o644) }, KeyExposed, "intermediate.pem is open to others: its permissions are 0644"},
		{"writable by others", func(t *testing.T, folder string) { chmod(t, folder, "root.pem", 0o602) }, KeyExposed, "its permissions are 0602"},
		{"a folder in its place", func(t *testing.T, folder string) {
			remove(t, filepath.Join(folder, "root.pem"))
			if err := os.Mkdir(filepath.Join(folder, "root.pem"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, KeyFileFault, "root.pem"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			made, folder := saved(t, demo)
			test.spoil(t, folder)
			_, err := made.load(folder)
			wantFault(t, err, test.code, test.message)
		})
	}
}

func TestSaveRefused(t *testing.T) {
	made, folder := saved(t, demo)
	write(t, folder, "file", nil)
	err := made.Save(filepath.Join(folder, "file", "ca"), Kept{})
	wantFault(t, err, KeyFileFault, "cannot be kept")
}

func TestIssue(t *testing.T) {
	ca := testpki.Must(New(demo, now))
	wantVerified(t, ca.Root(), issue(t, ca, "web"))
	if ca.stands.Load() == nil {
		t.Error("the first certificate has shown nothing for those that follow")
	}
	chain := issue(t, ca, "proxy/edge-3")
	wantVerified(t, ca.Root(), chain)
	leaf := chain[0]
	if have, want := leaf.ID().String(), "spiffe://demo.signet/proxy/edge-3"; have != want {
		t.Errorf("the leaf is %s's, want %s's", have, want)
	}
	if have, want := leaf.NotAfter(), now.Add(DefaultLifetime); !have.Equal(want) {
		t.Errorf("the leaf ends at %v, want %v", have, want)
	}
	if len(chain) != 2 || !chain[1].Equal(ca.Intermediate()) {
		t.Errorf("the chain has %d certificates, want the leaf and the intermediate", len(chain))
	}
}

func TestIssueRefuses(t *testing.T) {
	ca := testpki.Must(New(demo, now))
	key := testpki.Must(pki.NewKey())
	tests := []struct {
		name string
		id   spiffeid.ID
		at   time.Time
		code fault.Code
	}{
		{"a foreign trust domain", testpki.Must(prod.ID("web")), now, ForeignID},
		{"nobody", spiffeid.ID{}, now, ForeignID},
		{"after the authority's own end", testpki.Must(demo.ID("web")), now.AddDate(100, 0, 0), pki.AuthorityIsOver},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ca.Issue(test.id, key.Public(), test.at)
			wantFault(t, err, test.code, "")
		})
	}
}

// TestSignRefuses has a plan that is not this authority's, before and after the
// intermediate has been shown to stand.
func TestSignRefuses(t *testing.T) {
	ca := testpki.Must(New(demo, now))
	plan := testpki.Must(ca.Plan(testpki.Must(demo.ID("web")), now))
	plan.ID = testpki.Must(prod.ID("web"))
	key := testpki.Must(pki.NewKey())
	for range 2 {
		_, err := ca.Sign(plan, key.Public())
		wantFault(t, err, ForeignID, "")
		issue(t, ca, "web")
	}
}

// TestForeignRootsRefuse shows that what one authority signs, another trust
// domain's roots do not believe.
func TestForeignRootsRefuse(t *testing.T) {
	chain := issue(t, testpki.Must(New(demo, now)), "web")
	roots := testpki.Must(verify.ForTrustDomain(demo, testpki.Must(New(demo, now)).Root()))
	_, err := verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Member(demo), Purpose: verify.ClientAuth, Now: now})
	if err == nil {
		t.Error("another authority's certificate was believed")
	}
}

func issue(t *testing.T, ca *CA, path string) []*pki.Certificate {
	t.Helper()
	chain, err := ca.Issue(testpki.Must(demo.ID(path)), testpki.Must(pki.NewKey()).Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	return chain
}

// wantVerified has the chain verified as the system does it, at both ends.
func wantVerified(t *testing.T, root *pki.Certificate, chain []*pki.Certificate) {
	t.Helper()
	roots, err := verify.ForTrustDomain(demo, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, purpose := range []verify.Purpose{verify.ClientAuth, verify.ServerAuth} {
		_, err := verify.Verify(chain, verify.Options{Roots: roots, Name: verify.Member(demo), Purpose: purpose, Now: now})
		if err != nil {
			t.Errorf("the chain was refused: %v", err)
		}
	}
}

func wantFault(t *testing.T, err error, code fault.Code, message string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) {
		t.Fatalf("the error is %v, want [%s]", err, code)
	}
	if !strings.Contains(e.Message, message) || strings.Contains(e.Message, "\n") || e.Hint == "" {
		t.Errorf("the message is %q, the next step %q; want one line with %q, and a step", e.Message, e.Hint, message)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// replace puts another authority's file in place of one of ours.
func replace(t *testing.T, folder, file string, domain spiffeid.TrustDomain) {
	t.Helper()
	_, other := saved(t, domain)
	data, err := os.ReadFile(filepath.Join(other, file))
	if err != nil {
		t.Fatal(err)
	}
	write(t, folder, file, data)
}

func write(t *testing.T, folder, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, file), data, 0o600); err != nil {
		t.Fatal(err)
	}
}
