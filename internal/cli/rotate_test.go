package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// TestRotateUnderLoad rotates intermediate and root while requests pass through both
// proxies, each over a connection of its own: none fails.
func TestRotateUnderLoad(t *testing.T) {
	s := newSite(t)
	s.up(s.ports()...)
	s.must("allow", "web", "orders")
	var asked, failed atomic.Int64
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond) // 100 a second, both together
			defer pace.Stop()
			for {
				select {
				case <-stop:
					return
				case <-pace.C:
				}
				asked.Add(1)
				response, err := s.ask("/")
				if err == nil {
					_, err = io.ReadAll(response.Body)
					response.Body.Close()
				}
				if err != nil {
					failed.Add(1)
					t.Errorf("a request failed: %v", err)
				}
			}
		})
	}
	roots := filepath.Join(s.dir, rootsFile)
	first := testpki.Must(os.ReadFile(roots))
	state := func() (now api.Rotation) {
		if err := json.Unmarshal([]byte(s.must("authority", "rotate", "--json")), &now); err != nil {
			t.Fatal(err)
		}
		return now
	}
	for _, what := range []string{"intermediate", "root"} {
		before := state()
		for _, step := range []string{"--prepare", "--activate", "--retire"} {
			s.must("authority", "rotate", what, step)
			until(t, "everybody has "+what+" "+step, func() bool { return len(state().Behind) == 0 })
			wanted := asked.Load() + 20
			until(t, "requests have passed", func() bool { return asked.Load() >= wanted })
		}
		after := state()
		if after.Stage != "" || after.Intermediate.Sum == before.Intermediate.Sum || (after.Root.Sum == before.Root.Sum) != (what == "intermediate") {
			t.Errorf("after %s: %+v; before %+v", what, after, before)
		}
	}
	close(stop)
	load.Wait()
	if failed.Load() > 0 || asked.Load() < 100 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
	if last := testpki.Must(os.ReadFile(roots)); bytes.Equal(first, last) || strings.Count(string(last), "BEGIN") != 1 {
		t.Error("the folder does not have the new root, and it alone")
	}
	t.Logf("%d requests", asked.Load())
}

// TestExpiredRoot starts an authority whose root is over: it says what to do, and that
// mends it.
func TestExpiredRoot(t *testing.T) {
	domain := testpki.Must(spiffeid.ParseTrustDomain("prod.example"))
	p := &plane{planeConfig: planeConfig{dir: t.TempDir(), domain: domain, logger: slog.New(slog.DiscardHandler)}}
	if err := p.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	made := testpki.Must(ca.New(domain, time.Now().AddDate(-11, 0, 0)))
	if err := p.found(t.Context(), made, ca.Kept{}, func(*control.Tx) {}); err != nil {
		t.Fatal(err)
	}
	err := p.openCA(nil)
	refused, _ := fault.Of(err)
	if !errors.Is(err, ca.AuthorityOver) || !strings.HasPrefix(refused.Hint, "signet authority rotate root --at-once") {
		t.Fatalf("with an expired root: %v", err)
	}
	if err := p.replace(t.Context(), ca.TurnRoot, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.openCA(nil); err != nil {
		t.Fatalf("with a new root: %v", err)
	}
	if err := p.makeAuthority(); err != nil {
		t.Fatal(err)
	}
	leaf := testpki.Must(p.authority.Credential(t.Context(), p.id(operatorPath())))
	if _, err := verify.Verify(leaf.Chain, verify.Options{Roots: p.roots, Name: verify.ID(p.id(operatorPath())), Purpose: verify.ClientAuth}); err != nil {
		t.Errorf("what is issued now: %v", err)
	}
}
