package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// heard is what a client was told so far.
type heard struct{ testpki.Output }

func (h *heard) count() int { return strings.Count(h.String(), "\n") }

func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !true(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not yet so: %s", what)
		}
	}
}

// TestContinuousVerification: who may connects and is told; whose rule is taken away
// is cut off, with an error, and does not come back; others notice nothing.
func TestContinuousVerification(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, data []byte) {
		if err := os.WriteFile(path(name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	authority := testpki.Must(testpki.New(time.Now()))
	id := func(name string) spiffeid.ID {
		return testpki.Must(spiffeid.Parse("spiffe://prod.example/" + name))
	}
	write("roots.crt", authority.Root.Leaf().PEM())
	for _, name := range []string{"orders", "web", "ops", "stranger"} {
		write(name+".pem", testpki.Must(testpki.Must(authority.Workload(id(name).String())).PEM()))
	}
	allow := func(names ...string) {
		var text strings.Builder
		for _, name := range names {
			text.WriteString(policy.Allow(policy.Pair{From: id(name), To: id("orders")}).Text + "\n")
		}
		write("rules.new", []byte(text.String()))
		if err := os.Rename(path("rules.new"), path("rules.cedar")); err != nil {
			t.Fatal(err)
		}
	}
	allow("web", "ops")
	s := testpki.Must(open(path("orders.pem"), path("roots.crt"), path("rules.cedar")))
	ctx, stop := context.WithCancel(t.Context())
	at, served := make(chan string, 1), make(chan error, 1)
	go func() { served <- s.serve(ctx, "127.0.0.1:0", func(address string) { at <- address }) }()
	address := <-at
	start := func(name string) (*heard, chan error) {
		h, done := &heard{}, make(chan error, 1)
		go func() { done <- ask(ctx, path(name+".pem"), path("roots.crt"), id("orders").String(), address, h) }()
		return h, done
	}
	if h, done := start("stranger"); <-done == nil || h.count() != 0 {
		t.Error("a stranger is told something")
	}
	web, webEnded := start("web")
	ops, opsEnded := start("ops")
	until(t, "both are told", func() bool { return web.count() > 0 && ops.count() > 0 })
	allow("ops")
	if err := <-webEnded; err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("web's connection ends with %v", err)
	}
	if h, done := start("web"); <-done == nil || h.count() != 0 {
		t.Error("web is told something again")
	}
	write("rules.cedar", []byte("permit (")) // what cannot be read changes nothing
	before := ops.count()
	until(t, "ops goes on", func() bool { return ops.count() > before+15 })
	select {
	case err := <-opsEnded:
		t.Errorf("ops' connection ended: %v", err)
	default:
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
	<-opsEnded
}
