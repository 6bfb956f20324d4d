package authority

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestRunEndsHandlers stops an authority while a watch is open and a change
// waits for a proxy that does not answer.
func TestRunEndsHandlers(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	a, err := New(Config{Store: r.store, CA: r.ca, Log: r.log})
	if err != nil {
		t.Fatal(err)
	}
	a.patience = time.Hour
	if err := a.Listen(ctx, "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	second := &rig{Authority: a, t: t, roots: r.roots, address: a.listener.Addr().String()}
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	w, _ := second.watchAs("proxy/one")
	var wg sync.WaitGroup
	ann := second.as("operator/ann")
	wg.Go(func() {
		response, err := ann.send("POST", api.PathAllow, jsonBody(request("web", "orders")))
		if err == nil {
			response.Body.Close()
		}
	})
	if slice := w.slice(); slice.Revision != 2 {
		t.Errorf("revision %d, want 2", slice.Revision)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if a.enter() {
		t.Error("a handler begins after the end")
	}
	if update, ok := w.next(); ok {
		t.Errorf("the watch goes on with %+v", update)
	}
	wg.Wait()
	if conn, err := net.Dial("tcp", second.address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

// TestClosingTakesNothing sends events to an authority that is about to close: no answer
// may say that it has them.
func TestClosingTakesNothing(t *testing.T) {
	r := newRig(t, nil)
	w := r.as("proxy/one")
	r.Authority.mu.Lock()
	r.Authority.closing = true
	r.Authority.mu.Unlock()
	event := api.Event{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders")}
	if response, err := w.send("POST", api.PathEvents, jsonBody(w.batch("", 1, 0, event))); err == nil {
		response.Body.Close()
		t.Errorf("it answers %s", response.Status)
	}
}

// TestRunWaits stops an authority while a handler is under way.
func TestRunWaits(t *testing.T) {
	r := newRig(t, nil)
	begun, release := make(chan struct{}), make(chan struct{})
	a := testpki.Must(New(Config{Store: r.store, CA: r.ca, Log: r.log, OnEvent: func(api.Event) {
		close(begun)
		<-release
	}}))
	if err := a.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	w := (&rig{Authority: a, t: t, roots: r.roots, address: a.listener.Addr().String()}).as("proxy/one")
	go func() {
		event := api.Event{Kind: api.Refused, Side: api.Door, From: id("web"), To: id("orders")}
		if response, err := w.send("POST", api.PathEvents, jsonBody(w.batch("", 1, 0, event))); err == nil {
			response.Body.Close()
		}
	}()
	<-begun
	cancel()
	r.until("it has closed its port", func() bool {
		conn, err := net.Dial("tcp", w.address)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
	select {
	case err := <-done:
		t.Errorf("Run returned before the handler had ended: %v", err)
		close(release)
		return
	default:
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	r := newRig(t, nil)
	a := testpki.Must(New(Config{Store: r.store, CA: r.ca, Log: r.log}))
	a.Close() // nothing to let go of
	if err := a.Listen(t.Context(), r.address); !errors.Is(err, bind.AddressInUse) {
		t.Errorf("listening on a taken port: %v", err)
	}
	if err := a.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	address := a.listener.Addr().String()
	a.Close()
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("it still listens")
	}
}

// TestRunFails takes the listener away.
func TestRunFails(t *testing.T) {
	r := newRig(t, nil)
	a := testpki.Must(New(Config{Store: r.store, CA: r.ca, Log: r.log}))
	if err := a.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	a.Close()
	if err := a.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run: %v, want %v", err, net.ErrClosed)
	}
}

// TestOwnCertificate steps the clock: the authority renews its own certificate
// at half of its life.
func TestOwnCertificate(t *testing.T) {
	now := time.Now()
	var full error
	var issued []string
	own := ownCertificate{id: id(Path), ca: testpki.Must(ca.New(domain, now)), now: func() time.Time { return now },
		issued: func(_ context.Context, leaf *pki.Certificate, by spiffeid.ID) error {
			issued = append(issued, leaf.Serial())
			return full
		}}
	first := testpki.Must(own.Credential())
	leaf := first.Leaf()
	half := leaf.NotBefore().Add(leaf.NotAfter().Sub(leaf.NotBefore()) / 2)
	now = half.Add(-time.Second)
	if again := testpki.Must(own.Credential()); again != first {
		t.Error("it was renewed too early")
	}
	now = half
	full = syscall.ENOSPC
	if again := testpki.Must(own.Credential()); again != first {
		t.Error("it uses a certificate that is not on record")
	}
	full = nil
	renewed := testpki.Must(own.Credential())
	if last := issued[len(issued)-1]; last != renewed.Leaf().Serial() {
		t.Errorf("the certificate %s is used, and %s was recorded last", renewed.Leaf().Serial(), last)
	}
	if renewed == first || renewed.Leaf().ID() != id(Path) || !renewed.Leaf().NotAfter().After(first.Leaf().NotAfter()) {
		t.Errorf("after half of its life: %s until %v", renewed.Leaf().ID(), renewed.Leaf().NotAfter())
	}
	now = now.AddDate(100, 0, 0)
	if _, err := own.Credential(); err == nil {
		t.Error("an authority that is expired still signs")
	}
}

// TestOwnCertificateByTheWallClock: a clock that is set by a day, or a host that was
// suspended for one, leaves the authority with a certificate that others take. The
// steady clock, which goes on as if nothing were, has no say.
func TestOwnCertificateByTheWallClock(t *testing.T) {
	for _, day := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		now := time.Now()
		set := func(by time.Duration) { now = now.Add(by).Round(0) }
		own := ownCertificate{id: id(Path), ca: testpki.Must(ca.New(domain, now.AddDate(0, -1, 0))), now: func() time.Time { return now },
			issued: func(context.Context, *pki.Certificate, spiffeid.ID) error { return nil }}
		for _, by := range []time.Duration{0, day, -day} {
			set(by)
			leaf := testpki.Must(own.Credential()).Leaf()
			if now.Before(leaf.NotBefore()) || leaf.Expired(now) {
				t.Errorf("on %v its certificate is good from %v to %v", now, leaf.NotBefore(), leaf.NotAfter())
			}
		}
	}
}

// TestSlice gives a proxy its part of the truth.
func TestSlice(t *testing.T) {
	r := newRig(t, nil)
	r.change(func(tx *control.Tx) {
		for _, pair := range []control.Pair{{From: id("web"), To: id("orders")}, {From: id("idle"), To: id("batch")}, {From: id("idle"), To: id("orders")}, {}} {
			name := "for-" + pair.From.Path() + "-" + pair.To.Path()
			tx.PutRule(control.Rule{Name: name, Text: "x", From: pair.From, To: pair.To})
		}
		tx.Revoke(control.Revocation{ID: id("batch")})
		tx.Revoke(control.Revocation{ID: id("idle"), Because: "a test"})
	})
	have := slice(r.store.State(), id("proxy/one"), time.Now())
	if len(have.Identities) != 1 || have.Identities[0] != id("web") {
		t.Errorf("the identities are %v, want web alone: batch is revoked", have.Identities)
	}
	names := map[string]bool{}
	for _, rule := range have.Rules {
		names[rule.Name] = true
	}
	if len(names) != 2 || !names["for-web-orders"] || !names["for--"] {
		t.Errorf("the rules are %v, want web's, and the one for everybody", names)
	}
	if len(have.Revoked) != 2 {
		t.Errorf("%d revocations, want both", len(have.Revoked))
	}
}

func TestErrorsAreCoded(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		code   fault.Code
	}{
		{"ours", fault.New(NotGranted, "no").WithHint("none"), 403, NotGranted},
		{"wrapped", errors.Join(errors.New("x"), fault.New(recent.ConnUnknown, "no")), 404, recent.ConnUnknown},
		{"the store's", fault.New(control.StoreClosed, "closed"), 503, control.StoreClosed},
		{"nobody's", errors.New("secret"), 500, Failed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			writeError(answer, test.err)
			var have api.Error
			if err := json.Unmarshal(answer.Body.Bytes(), &have); err != nil {
				t.Fatal(err)
			}
			if answer.Code != test.status || have.Code != string(test.code) || have.Message == "secret" {
				t.Errorf("%d %+v, want %d [%s]", answer.Code, have, test.status, test.code)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	seen := map[fault.Code]bool{}
	for _, entry := range Codes() {
		if seen[entry.Code] || entry.Meaning == "" || entry.Cause == "" || entry.Next == "" {
			t.Errorf("%+v is incomplete, or there twice", entry)
		}
		seen[entry.Code] = true
	}
}
