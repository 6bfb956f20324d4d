package identity_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// keyPEM is the private key alone.
func keyPEM(t testing.TB, c *pki.Credential) []byte {
	t.Helper()
	return testpki.Must(c.PEM())[len(c.ChainPEM()):]
}

// logged is a logger, and what it wrote.
func logged() (*slog.Logger, *testpki.Output) {
	out := new(testpki.Output)
	return slog.New(slog.NewTextHandler(out, nil)), out
}

// TestExposed has keys of this system's that others can get at.
func TestExposed(t *testing.T) {
	server := testpki.Must(testpki.Must(testpki.New(time.Now())).Server("web.example"))
	sealed := pem.EncodeToMemory(testpki.Must(pki.EncryptKey(server.Key, []byte("secret"))))
	folder := t.TempDir()
	for name, data := range map[string][]byte{"chain.pem": server.ChainPEM(), "key.pem": keyPEM(t, server), "both.pem": testpki.Must(server.PEM()), "sealed.pem": sealed} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	opens := func(files identity.Files) error {
		files.Chain = filepath.Join(folder, files.Chain)
		if files.Key != "" {
			files.Key = filepath.Join(folder, files.Key)
		}
		_, err := identity.Open(files)
		return err
	}
	for _, files := range []identity.Files{{Chain: "both.pem"}, {Chain: "chain.pem", Key: "key.pem"}} {
		if err := opens(files); !errors.Is(err, identity.Exposed) {
			t.Errorf("%v: have %v, want %s", files, err, identity.Exposed)
		}
	}
	if err := opens(identity.Files{Chain: "chain.pem", Key: "sealed.pem", Passphrase: func() ([]byte, error) { return []byte("secret"), nil }}); err != nil {
		t.Errorf("an encrypted key: %v", err)
	}
	if err := os.Chmod(filepath.Join(folder, "key.pem"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := opens(identity.Files{Chain: "chain.pem", Key: "key.pem"}); err != nil {
		t.Errorf("its owner's alone: %v", err)
	}
}

func TestOpen(t *testing.T) {
	now := time.Now()
	p := testpki.Must(testpki.New(now))
	server, client := testpki.Must(p.Server("web.example")), testpki.Must(p.Client("client.example"))
	workload := testpki.Must(p.Workload("spiffe://demo.signet/web"))
	forged := func(change func(*x509.Certificate)) []byte {
		template := &x509.Certificate{SerialNumber: server.Leaf().SerialNumber(), DNSNames: []string{"web.example"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		change(template)
		return testpki.Must(testpki.Must(testpki.Forge(template, p.Intermediate)).PEM())
	}
	sealed := pem.EncodeToMemory(testpki.Must(pki.EncryptKey(server.Key, []byte("secret"))))
	files := func(chain, key []byte) fstest.MapFS {
		return fstest.MapFS{"chain.pem": {Data: chain}, "key.pem": {Data: key}}
	}
	const signed = "signed by a store"
	tests := []struct {
		name  string
		files identity.Files
		code  error // nil: it opens
	}{
		{"one file", identity.Files{FS: files(testpki.Must(server.PEM()), nil), Chain: "chain.pem"}, nil},
		{"two files", identity.Files{FS: files(server.ChainPEM(), keyPEM(t, server)), Chain: "chain.pem", Key: "key.pem"}, nil},
		{"for clients", identity.Files{FS: files(testpki.Must(client.PEM()), nil), Chain: "chain.pem", Purpose: verify.ClientAuth}, nil},
		{"for either", identity.Files{FS: files(testpki.Must(client.PEM()), nil), Chain: "chain.pem", Purpose: verify.AnyPurpose}, nil},
		{"a workload's", identity.Files{FS: files(testpki.Must(workload.PEM()), nil), Chain: "chain.pem"}, nil},
		{"a key that never leaves its store", identity.Files{FS: files(server.ChainPEM(), nil), Chain: "chain.pem", Signer: struct{ crypto.Signer }{server.Key}}, nil},
		{"an encrypted key", identity.Files{FS: files(server.ChainPEM(), sealed), Chain: "chain.pem", Key: "key.pem", Passphrase: func() ([]byte, error) { return []byte("secret"), nil }}, nil},
		{"an encrypted key without its passphrase", identity.Files{FS: files(server.ChainPEM(), sealed), Chain: "chain.pem", Key: "key.pem"}, identity.Unreadable},
		{"another store's key", identity.Files{FS: files(server.ChainPEM(), nil), Chain: "chain.pem", Signer: client.Key}, pki.KeyMismatch},
		{"another's key", identity.Files{FS: files(server.ChainPEM(), keyPEM(t, client)), Chain: "chain.pem", Key: "key.pem"}, pki.KeyMismatch},
		{"no key", identity.Files{FS: files(server.ChainPEM(), nil), Chain: "chain.pem"}, pki.KeyMissing},
		{"no such file", identity.Files{FS: files(nil, nil), Chain: "other.pem"}, fs.ErrNotExist},
		{"no such key", identity.Files{FS: files(server.ChainPEM(), nil), Chain: "chain.pem", Key: "other.pem"}, fs.ErrNotExist},
		{"too large", identity.Files{FS: files(make([]byte, 1<<20+1), nil), Chain: "chain.pem"}, identity.Unreadable},
		{"for servers, wanted for clients", identity.Files{FS: files(testpki.Must(server.PEM()), nil), Chain: "chain.pem", Purpose: verify.ClientAuth}, identity.Unfit},
		{"for clients, wanted for servers", identity.Files{FS: files(testpki.Must(client.PEM()), nil), Chain: "chain.pem"}, identity.Unfit},
		{"wanted for signing code", identity.Files{FS: files(testpki.Must(server.PEM()), nil), Chain: "chain.pem", Purpose: verify.CodeSigning}, identity.Unfit},
		{"no purpose", identity.Files{FS: files(forged(func(c *x509.Certificate) { c.ExtKeyUsage = nil }), nil), Chain: "chain.pem"}, identity.Unfit},
		{"no name", identity.Files{FS: files(forged(func(c *x509.Certificate) { c.DNSNames = nil }), nil), Chain: "chain.pem"}, identity.Unfit},
		{"expired", identity.Files{FS: files(forged(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }), nil), Chain: "chain.pem"}, identity.Expired},
		{"not valid yet", identity.Files{FS: files(forged(func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) }), nil), Chain: "chain.pem"}, identity.Unfit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source, err := identity.Open(test.files)
			if test.code != nil {
				e, ok := fault.Of(err)
				if !errors.Is(err, test.code) || !ok || e.Hint == "" || strings.Contains(e.Message, "PRIVATE") {
					t.Errorf("have %v, want %v with a next step and no secret", err, test.code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			credential, err := source.Credential()
			if err != nil {
				t.Fatal(err)
			}
			digest := make([]byte, 32)
			if _, err := credential.Key.Sign(nil, digest, crypto.SHA256); err != nil {
				t.Errorf("%s: %v", signed, err)
			}
		})
	}
}

// TestRotate writes the two files of a new pair one after the other, as most
// programs do, and looks in between.
func TestRotate(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	old, next := testpki.Must(p.Server("web.example")), testpki.Must(p.Server("web.example"))
	folder := t.TempDir()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("chain.pem", old.ChainPEM())
	write("key.pem", keyPEM(t, old))
	logger, log := logged()
	source := testpki.Must(identity.Open(identity.Files{Chain: filepath.Join(folder, "chain.pem"), Key: filepath.Join(folder, "key.pem"), Logger: logger}))
	look := func(what string, want *pki.Credential, code error) {
		t.Helper()
		for range 2 { // what is logged, is logged once
			if err := source.Reload(); !errors.Is(err, code) {
				t.Errorf("%s: have %v, want %v", what, err, code)
			}
		}
		if have, err := source.Credential(); err != nil || !have.Leaf().Equal(want.Leaf()) {
			t.Errorf("%s: another certificate is held, %v", what, err)
		}
	}
	look("unchanged", old, nil)
	write("chain.pem", next.ChainPEM())
	look("half written", old, pki.KeyMismatch)
	if err := os.Remove(filepath.Join(folder, "key.pem")); err != nil {
		t.Fatal(err)
	}
	look("gone", old, fs.ErrNotExist)
	write("key.pem", nil)
	look("empty", old, pki.KeyMissing)
	write("key.pem", keyPEM(t, next))
	look("whole", next, nil)
	write("chain.pem", old.ChainPEM())
	write("key.pem", keyPEM(t, old))
	look("back", old, nil)
	if have := strings.Count(log.String(), "the one before stays"); have != 3 {
		t.Errorf("%d refusals were logged, want 3:\n%s", have, log)
	}
	if have := strings.Count(log.String(), "was renewed"); have != 2 {
		t.Errorf("%d renewals were logged, want 2:\n%s", have, log)
	}
	if strings.Contains(log.String(), "PRIVATE") {
		t.Errorf("a secret is in the log:\n%s", log)
	}
}

// changing is a disk whose files are replaced all at once.
type changing struct{ now atomic.Pointer[fstest.MapFS] }

func (c *changing) Open(name string) (fs.File, error) { return c.now.Load().Open(name) }

// TestRun holds that files are followed without being asked, that the end of a
// certificate is announced once for each threshold, and that an expired one is not
// shown.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testpki.Must(testpki.New(time.Now()))
		old := testpki.Must(p.Server("web.example"))
		life := old.Leaf().NotAfter().Sub(old.Leaf().NotBefore())
		disk := new(changing)
		disk.now.Store(&fstest.MapFS{"web.pem": {Data: testpki.Must(old.PEM())}})
		logger, log := logged()
		source := testpki.Must(identity.Open(identity.Files{FS: disk, Chain: "web.pem", Logger: logger, Interval: time.Minute}))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- source.Run(ctx) }()
		until := func(left time.Duration) {
			time.Sleep(time.Until(old.Leaf().NotAfter().Add(-left)))
			synctest.Wait()
		}
		expect := func(when, want string) {
			t.Helper()
			if have := log.String(); strings.Count(have, "\n") != 1 && want != "" || !strings.Contains(have, want) || want == "" && have != "" {
				t.Errorf("%s: have %q, want one line with %q", when, have, want)
			}
			log.Reset()
		}
		until(life/3 + time.Hour)
		expect("at first", "")
		until(life/3 - time.Hour)
		expect("at a third", "expires soon")
		until(life/10 + time.Hour)
		expect("before a tenth", "")
		until(life/10 - time.Hour)
		expect("at a tenth", "expires soon")
		until(-time.Hour)
		expect("at the end", "has expired")
		if _, err := source.Credential(); !errors.Is(err, identity.Expired) {
			t.Errorf("an expired certificate: have %v, want %s", err, identity.Expired)
		}
		p.Now = time.Now()
		next := testpki.Must(p.Server("web.example"))
		disk.now.Store(&fstest.MapFS{"web.pem": {Data: testpki.Must(next.PEM())}})
		time.Sleep(time.Minute)
		synctest.Wait()
		expect("after the renewal", "was renewed")
		if have, err := source.Credential(); err != nil || !have.Leaf().Equal(next.Leaf()) {
			t.Errorf("the new certificate is not held: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// endless is a file that never ends.
type endless struct{ fs.File }

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }

type endlessFS struct{}

func (endlessFS) Open(string) (fs.File, error) { return endless{}, nil }

func TestEndlessFile(t *testing.T) {
	if _, err := identity.Open(identity.Files{FS: endlessFS{}, Chain: "zero"}); !errors.Is(err, identity.Unreadable) || errors.Is(err, io.EOF) {
		t.Errorf("have %v, want %s", err, identity.Unreadable)
	}
}
