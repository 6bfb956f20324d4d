package delivery

import (
	"bytes"
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs12"
	"github.com/signet-tls/signet/spiffeid"
)

var (
	domain = testpki.Must(spiffeid.ParseTrustDomain("prod.example"))
	self   = testpki.Must(domain.ID("proxy/edge"))
	db     = testpki.Must(domain.ID("db"))
)

// rig is a host folder, a folder of files, and a source of certificates.
type rig struct {
	t         *testing.T
	authority *testpki.PKI
	home, dir string
	log       testpki.Output

	mu   sync.Mutex
	held *pki.Credential // guarded by mu
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, authority: testpki.Must(testpki.New(time.Now())), home: filepath.Join(t.TempDir(), "host"), dir: t.TempDir()}
	edge := testpki.Must(r.authority.Workload(self.String()))
	if err := agent.SaveHome(r.home, agent.Home{Credential: edge, Anchors: []*pki.Certificate{r.authority.Root.Leaf()}, Authority: "127.0.0.1:1"}); err != nil {
		t.Fatal(err)
	}
	return r
}

// Credential implements identity.Source.
func (r *rig) Credential() (*pki.Credential, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		return nil, fault.New(agent.CertificatePending, "not yet")
	}
	return r.held, nil
}

// renew gives db another certificate.
func (r *rig) renew() *pki.Credential {
	next := testpki.Must(r.authority.Workload(db.String()))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = next
	return next
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) target() Target {
	return Target{ID: db, Cert: r.path("db.crt"), Key: r.path("db.key"), Bundle: r.path("roots.crt"), UID: -1, GID: -1, Mode: 0o600, Timeout: time.Minute}
}

// run runs a keeper until stop.
func (r *rig) run(targets ...Target) (k *Keeper, stop func()) {
	r.t.Helper()
	k = New(Config{Home: r.home, Self: self, Source: func(spiffeid.ID) identity.Source { return r }, Targets: targets, Logger: slog.New(slog.NewJSONHandler(&r.log, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	r.t.Cleanup(stop)
	return k, stop
}

// until waits for what happens soon.
func (r *rig) until(what string, true func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("not yet so: %s; the log: %s", what, r.log.String())
		}
	}
}

// shows reports whether the pair is that credential's, and fits.
func (r *rig) shows(want *pki.Credential) bool {
	pair, err := tls.LoadX509KeyPair(r.path("db.crt"), r.path("db.key"))
	return err == nil && bytes.Equal(pair.Certificate[0], want.Leaf().Raw()) && len(pair.Certificate) == len(want.Chain)
}

func (r *rig) lines(name string) int {
	data, _ := os.ReadFile(r.path(name))
	return bytes.Count(data, []byte("\n"))
}

func slice(revision int64, revoked ...spiffeid.ID) *agent.View {
	s := &api.Slice{Revision: revision, Identities: []spiffeid.ID{db}}
	for _, id := range revoked {
		s.Identities = nil
		s.Revoked = append(s.Revoked, api.Revocation{ID: id, By: testpki.Must(domain.ID("operator/ann")), Revision: revision})
	}
	return testpki.Must(agent.NewView(s))
}

// TestForms writes one identity in every form, each with its permissions.
func TestForms(t *testing.T) {
	r := newRig(t)
	credential := r.renew()
	if err := os.WriteFile(r.path("password"), []byte("changeit\r\nno part of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := r.target()
	target.PEM, target.Keystore, target.Truststore, target.PasswordFile = r.path("db.pem"), r.path("db.p12"), r.path("roots.p12"), r.path("password")
	target.UID, target.GID, target.Mode = os.Getuid(), os.Getgid(), 0o640
	k, stop := r.run(target)
	<-k.Ready()
	stop()
	if !r.shows(credential) {
		t.Error("the pair is not the credential's")
	}
	read := func(name string, mode os.FileMode) []byte {
		t.Helper()
		data := testpki.Must(os.ReadFile(r.path(name)))
		if have := testpki.Must(os.Stat(r.path(name))).Mode(); runtime.GOOS != "windows" && have != mode {
			t.Errorf("%s has the permissions %v, want %v", name, have, mode)
		}
		return data
	}
	read("db.crt", 0o644)
	read("db.key", 0o640)
	if one, err := pki.ParseCredential(read("db.pem", 0o640)); err != nil || one.Leaf().Serial() != credential.Leaf().Serial() {
		t.Errorf("db.pem: %v", err)
	}
	if roots, err := pki.ParseCertificates(read("roots.crt", 0o644)); err != nil || len(roots) != 1 {
		t.Errorf("roots.crt: %v", err)
	}
	passphrase := func() ([]byte, error) { return []byte("changeit"), nil }
	store, err := pkcs12.Parse(read("db.p12", 0o640), passphrase)
	if err == nil {
		_, err = store.Credential()
	}
	if err != nil {
		t.Errorf("db.p12: %v", err)
	}
	trust, err := pkcs12.Parse(read("roots.p12", 0o644), passphrase)
	if err != nil || len(trust.Entries) != 1 || !trust.Entries[0].Trusted {
		t.Errorf("roots.p12: %v, %+v", err, trust)
	}
}

// TestRenewed: each new certificate replaces the one before, and the program is told
// of each, once; a new start says nothing that was said.
func TestRenewed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is a Unix one")
	}
	r := newRig(t)
	target := r.target()
	target.Reload = []string{"sh", "-c", "echo told >> " + r.path("told")}
	k, stop := r.run(target)
	first := r.renew()
	k.Enforce(slice(1))
	<-k.Ready()
	r.until("the program was told", func() bool { return r.lines("told") == 1 && strings.Contains(r.log.String(), "the program was told") })
	if !r.shows(first) {
		t.Error("the first pair is not there")
	}
	second := r.renew()
	r.until("the second is there, and the program was told", func() bool {
		return r.shows(second) && r.lines("told") == 2 && strings.Count(r.log.String(), "the program was told") == 2
	})
	stop()
	k, stop = r.run(target) // nothing has changed
	<-k.Ready()
	third := r.renew()
	r.until("the third is there, and the program was told", func() bool { return r.shows(third) && r.lines("told") >= 3 })
	stop()
	if told := r.lines("told"); told != 3 {
		t.Errorf("the program was told %d times of 3 certificates", told)
	}
}

// TestRevoked: nothing is removed or replaced, and the log says so.
func TestRevoked(t *testing.T) {
	for name, who := range map[string]spiffeid.ID{"the identity": db, "the host": self} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			k, stop := r.run(r.target())
			k.Enforce(slice(1))
			held := r.renew()
			<-k.Ready()
			k.Enforce(slice(2, who))
			r.until("the log says that it was revoked", func() bool { return strings.Contains(r.log.String(), `"code":"identity_revoked"`) })
			r.renew()
			k.Enforce(slice(3, who))
			k.Enforce(slice(4, who))
			stop()
			if !r.shows(held) {
				t.Error("the files of a revoked identity were touched")
			}
			if n := strings.Count(r.log.String(), "identity_revoked"); n != 1 {
				t.Errorf("it was said %d times", n)
			}
		})
	}
}

// TestNotHeld: an identity that the host was not granted is refused by name.
func TestNotHeld(t *testing.T) {
	r := newRig(t)
	k, _ := r.run(r.target())
	k.Enforce(testpki.Must(agent.NewView(&api.Slice{Revision: 1, Identities: []spiffeid.ID{}})))
	r.until("the log says so", func() bool {
		return strings.Contains(r.log.String(), `"no files of db are written: this proxy may not hold db"`)
	})
}

// TestTorn: a kill between two renames leaves files that do not belong together; the
// next start makes them whole, and tells the program.
func TestTorn(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is a Unix one")
	}
	r := newRig(t)
	target := r.target()
	target.Reload = []string{"sh", "-c", "echo told >> " + r.path("told")}
	r.renew()
	k, stop := r.run(target)
	<-k.Ready()
	r.until("the program was told", func() bool { return r.lines("told") == 1 })
	stop()
	old := testpki.Must(os.ReadFile(target.Cert))
	second := r.renew()
	k, stop = r.run(target)
	<-k.Ready()
	r.until("the program was told again", func() bool { return r.shows(second) && r.lines("told") == 2 })
	stop()
	if err := os.WriteFile(target.Cert, old, 0o644); err != nil {
		t.Fatal(err)
	}
	r.run(target)
	r.until("the pair is whole, and the program was told", func() bool { return r.shows(second) && r.lines("told") == 3 })
}
