package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/testpki"
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
