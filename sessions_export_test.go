package signet_test

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// sealKey is a key of exported sessions.
func sealKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

// TestExportSessions holds that exported sessions are resumed by another Client
// that asks the same, and by no other.
func TestExportSessions(t *testing.T) {
	rows := []struct {
		name    string
		change  func(*resuming) // of the importing client
		resumed bool
		want    error
	}{
		{"the same", func(*resuming) {}, true, nil},
		{"a copy of the roots", func(r *resuming) { r.client.Roots = testpki.Must(verify.NewRoots("elsewhere", r.Roots()...)) }, true, nil},
		{"another identity", func(r *resuming) { r.source.now.Store(testpki.Must(r.Client(clientHost))) }, false, nil},
		{"no identity", func(r *resuming) { r.client.Identity, r.theirs.ClientAuth = nil, tls.NoClientCert }, false, nil},
		{"other roots", func(r *resuming) {
			r.client.Roots = testpki.Must(verify.NewRoots("two", append(testpki.Must(testpki.New(time.Now())).Roots(), r.Roots()...)...))
		}, false, nil},
		{"another name", func(r *resuming) { r.host = otherHost }, false, nil},
		{"other rules", func(r *resuming) { depth := 3; r.client.Rules.MaxIntermediates = &depth }, false, nil},
		{"another ALPN", func(r *resuming) { r.client.ALPN = []string{"b"} }, false, nil},
		{"too late", func(r *resuming) { r.revoked, r.late = nil, signet.DefaultSessionLifetime+2*time.Second }, false, nil},
		{"revoked since", func(r *resuming) { r.revoked = r.revoking(t, r.world.server.Leaf()) }, false, verify.CertRevoked},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, row := range rows {
			t.Run(tls.VersionName(version)+" "+row.name, func(t *testing.T) {
				r, key := newResuming(t, asClient, version), sealKey()
				first, err := r.meet(t)
				if err != nil {
					t.Fatal(err)
				}
				data := testpki.Must(r.client.ExportSessions(key))
				old := r.client
				r.client = &signet.Client{Roots: old.Roots, Identity: old.Identity, Now: old.Now, Revocation: old.Revocation, ALPN: old.ALPN}
				row.change(r)
				if err := r.client.ImportSessions(key, data); err != nil {
					t.Fatal(err)
				}
				peer, err := r.meet(t)
				wantCode(t, "after the import", err, row.want)
				if err != nil {
					return
				}
				if peer.Resumed != row.resumed {
					t.Errorf("resumed %v, want %v", peer.Resumed, row.resumed)
				}
				if row.resumed && !peer.Authenticated.Equal(first.Authenticated.Truncate(time.Second)) {
					t.Errorf("authenticated at %s, want the first connection's time, %s", peer.Authenticated, first.Authenticated)
				}
			})
		}
	}
}

// TestImportIntoACacheThatExists holds that sessions are found that were imported
// after the first connection, and that what waits for one is exported again.
func TestImportIntoACacheThatExists(t *testing.T) {
	r, key := newResuming(t, asClient, tls.VersionTLS13), sealKey()
	if _, err := r.meet(t); err != nil {
		t.Fatal(err)
	}
	data := testpki.Must(r.client.ExportSessions(key))
	through := &signet.Client{Roots: r.roots}
	if err := through.ImportSessions(key, data); err != nil {
		t.Fatal(err)
	}
	again := testpki.Must(through.ExportSessions(key))

	r.client.SessionLifetime = time.Minute
	r.late = 2 * time.Minute // so that its own session is forgotten
	r.theirs.SessionTicketsDisabled = true
	if peer, err := r.meet(t); err != nil || peer.Resumed {
		t.Fatalf("%+v, %v", peer, err)
	}
	r.client.SessionLifetime, r.theirs.SessionTicketsDisabled = 0, false
	if err := r.client.ImportSessions(key, again); err != nil {
		t.Fatal(err)
	}
	if peer, err := r.meet(t); err != nil || !peer.Resumed {
		t.Errorf("%+v, %v; want a resumed connection", peer, err)
	}
}

// TestImportRefused holds that what is not exactly an export is an error with a
// code: any altered byte, any cut, any other key.
func TestImportRefused(t *testing.T) {
	r, key := newResuming(t, asClient, tls.VersionTLS13), sealKey()
	if _, err := r.meet(t); err != nil {
		t.Fatal(err)
	}
	data := testpki.Must(r.client.ExportSessions(key))
	stolen := new(signet.Client)
	for i := range data {
		altered := bytes.Clone(data)
		altered[i] ^= 1
		wantCode(t, "altered", stolen.ImportSessions(key, altered), signet.SessionsInvalid)
		wantCode(t, "cut", stolen.ImportSessions(key, data[:i]), signet.SessionsInvalid)
	}
	wantCode(t, "another key", stolen.ImportSessions(sealKey(), data), signet.SessionsInvalid)
	wantCode(t, "too much", stolen.ImportSessions(key, make([]byte, 17<<20)), signet.SessionsInvalid)
	wantCode(t, "half a key", stolen.ImportSessions(key[:16], data), signet.ConfigInvalid)
	wantCode(t, "a key of zeros", stolen.ImportSessions(make([]byte, 32), data), signet.ConfigInvalid)
	_, err := r.client.ExportSessions(nil)
	wantCode(t, "no key", err, signet.ConfigInvalid)
}
