package staple_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/identity/staple"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// rig is an authority that answers, and a server's certificate of it.
type rig struct {
	*testpki.PKI
	roots  verify.Roots
	own    atomic.Pointer[pki.Credential]
	status pki.CertStatus
	life   time.Duration // of a response
	silent atomic.Bool   // nothing is answered
	asked  atomic.Int64
	log    bytes.Buffer
}

func newRig(t *testing.T) *rig {
	t.Helper()
	p := testpki.Must(testpki.New(time.Now()))
	r := &rig{PKI: p, roots: testpki.Must(verify.NewRoots("demo", p.Roots()...)), life: 8 * time.Hour}
	r.own.Store(r.server())
	return r
}

// server is a certificate that demands a staple.
func (r *rig) server() *pki.Credential {
	return testpki.Must(r.Intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, MustStaple: true, OCSP: []string{"http://ocsp.example"}, Now: time.Now()}))
}

// Credential implements identity.Source.
func (r *rig) Credential() (*pki.Credential, error) { return r.own.Load(), nil }

// Fetch implements revocation.Fetcher: it answers as the authority would.
func (r *rig) Fetch(_ context.Context, request revocation.Request) ([]byte, error) {
	r.asked.Add(1)
	if r.silent.Load() {
		return nil, errors.New("nobody there")
	}
	issuer := r.Intermediate.Leaf()
	single := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(r.own.Load().Leaf(), issuer, crypto.SHA1)), Status: r.status, ThisUpdate: time.Now()}
	if r.life > 0 {
		single.NextUpdate = time.Now().Add(r.life)
	}
	if r.status == pki.StatusRevoked {
		single.RevokedAt = time.Now()
	}
	response, err := r.Intermediate.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: issuer, Responses: []pki.SingleResponse{single}})
	if err != nil {
		return nil, err
	}
	return response.Raw(), nil
}

func (r *rig) source(t *testing.T) *staple.Source {
	t.Helper()
	return testpki.Must(staple.New(staple.Config{Source: r, Roots: r.roots, Fetcher: r, Logger: slog.New(slog.NewTextHandler(&r.log, nil))}))
}

// stapled fails the test unless the source's credential is the wanted one, and has a
// staple or not.
func (r *rig) stapled(t *testing.T, when string, source *staple.Source, want *pki.Credential, stapled bool) []byte {
	t.Helper()
	have, err := source.Credential()
	if err != nil {
		t.Fatal(err)
	}
	if !have.Leaf().Equal(want.Leaf()) || len(have.Staple) > 0 != stapled {
		t.Errorf("%s: the wanted certificate %v, a staple of %d bytes; want one: %v", when, have.Leaf().Equal(want.Leaf()), len(have.Staple), stapled)
	}
	if want.Staple != nil {
		t.Errorf("%s: the source's own credential was altered", when)
	}
	return have.Staple
}

// TestRefresh holds what is taken for a staple, and what becomes of the one before
// where it is not.
func TestRefresh(t *testing.T) {
	tests := []struct {
		name   string
		change func(*rig)
		code   error
		kept   bool // the one before is still sent
		logged string
	}{
		{"good", func(*rig) {}, nil, true, "a staple was fetched"},
		{"no answer", func(r *rig) { r.silent.Store(true) }, revocation.NoResponse, true, "the one before is sent"},
		{"unknown", func(r *rig) { r.status = pki.StatusUnknown }, revocation.NoResponse, true, "the one before is sent"},
		{"without an end", func(r *rig) { r.life = 0 }, revocation.NoResponse, true, "the one before is sent"},
		{"revoked", func(r *rig) { r.status = pki.StatusRevoked }, verify.CertRevoked, false, "is revoked"},
		{"of another authority", func(r *rig) { r.Intermediate = testpki.Must(testpki.New(time.Now())).Intermediate }, revocation.NoResponse, true, "the one before is sent"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t)
			source := r.source(t)
			r.stapled(t, "at first", source, r.own.Load(), false)
			if err := source.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			r.stapled(t, "once fetched", source, r.own.Load(), true)
			r.log.Reset()
			test.change(r)
			if err := source.Refresh(t.Context()); !errors.Is(err, test.code) {
				t.Errorf("have %v, want %v", err, test.code)
			}
			r.stapled(t, "afterwards", source, r.own.Load(), test.kept)
			if !strings.Contains(r.log.String(), test.logged) {
				t.Errorf("logged %q, want %q", r.log.String(), test.logged)
			}
		})
	}
	t.Run("nobody to ask", func(t *testing.T) {
		r := newRig(t)
		r.own.Store(testpki.Must(r.Server(testpki.Host)))
		err := r.source(t).Refresh(t.Context())
		if e, ok := fault.Of(err); !errors.Is(err, revocation.NoResponse) || !ok || !strings.Contains(e.Message, "names no OCSP responder") || r.asked.Load() > 0 {
			t.Errorf("have %v after %d requests", err, r.asked.Load())
		}
	})
	t.Run("not believed", func(t *testing.T) {
		r := newRig(t)
		r.roots = testpki.Must(verify.NewRoots("others", testpki.Must(testpki.New(time.Now())).Roots()...))
		if err := r.source(t).Refresh(t.Context()); !errors.Is(err, verify.UnknownRoot) || r.asked.Load() > 0 {
			t.Errorf("have %v after %d requests", err, r.asked.Load())
		}
	})
	t.Run("pinned", func(t *testing.T) {
		r := newRig(t)
		r.roots = testpki.Must(verify.Pin("own.pem", r.own.Load().Leaf()))
		if err := r.source(t).Refresh(t.Context()); !errors.Is(err, revocation.NoResponse) || r.asked.Load() > 0 {
			t.Errorf("have %v after %d requests", err, r.asked.Load())
		}
	})
}

// TestRun holds that a staple is fetched at once, again at half of its life, and
// again and again where that fails, until the one before has ended.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		source := r.source(t)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- source.Run(ctx) }()
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pass(time.Second)
		first := r.stapled(t, "at once", source, r.own.Load(), true)
		pass(4*time.Hour - time.Minute)
		if r.asked.Load() != 1 {
			t.Errorf("asked %d times before half of the life had passed", r.asked.Load())
		}
		pass(2 * time.Minute)
		second := r.stapled(t, "at half of its life", source, r.own.Load(), true)
		if r.asked.Load() != 2 || bytes.Equal(first, second) {
			t.Errorf("asked %d times; a new staple: %v", r.asked.Load(), !bytes.Equal(first, second))
		}

		r.silent.Store(true)
		pass(7*time.Hour + 50*time.Minute)
		if kept := r.stapled(t, "without an answer", source, r.own.Load(), true); !bytes.Equal(kept, second) {
			t.Error("another staple came from nowhere")
		}
		if r.asked.Load() < 10 || r.asked.Load() > 20 {
			t.Errorf("asked %d times in four hours without an answer; want some, ever more seldom", r.asked.Load())
		}
		pass(time.Hour)
		r.stapled(t, "once it has ended", source, r.own.Load(), false)
		r.silent.Store(false)
		pass(time.Hour + time.Minute)
		r.stapled(t, "with an answer again", source, r.own.Load(), true)

		before := r.own.Load()
		r.silent.Store(true)
		r.own.Store(r.server())
		r.stapled(t, "renewed, and not stapled yet", source, before, true)
		pass(time.Minute)
		r.stapled(t, "renewed, and no answer", source, before, true)
		r.silent.Store(false)
		pass(time.Minute)
		r.stapled(t, "renewed", source, r.own.Load(), true)

		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	r := newRig(t)
	for name, cfg := range map[string]staple.Config{
		"Source":  {Roots: r.roots, Fetcher: r},
		"Roots":   {Source: r, Fetcher: r},
		"Fetcher": {Source: identity.Static(r.own.Load()), Roots: r.roots},
	} {
		_, err := staple.New(cfg)
		if e, ok := fault.Of(err); !errors.Is(err, staple.Incomplete) || !ok || !strings.Contains(e.Hint, name) {
			t.Errorf("without %s: have %v", name, err)
		}
	}
	if entries := staple.Codes(); len(entries) != 1 || entries[0].Code != staple.Incomplete || entries[0].Next == "" {
		t.Errorf("have %+v", entries)
	}
}
