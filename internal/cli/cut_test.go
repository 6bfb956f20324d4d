package cli

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

func TestCut(t *testing.T) {
	f := demoFixture(t)
	ended := func(ends int, ids ...string) (out []api.EndedConn) {
		for _, id := range ids {
			out = append(out, api.EndedConn{ID: id, From: f.id("web"), To: f.id("orders"), Ends: ends})
		}
		return out
	}
	for _, test := range []struct {
		name string
		done api.CutDone
	}{
		{"one", api.CutDone{Ended: ended(2, "c4f2a000"), Others: 2}},
		{"one-end", api.CutDone{Ended: ended(1, "c4f2a000", "c4f2b000")}},
		{"none", api.CutDone{Others: 2}},
		{"remains", api.CutDone{Ended: ended(2, "c4f2a000"), Remain: ended(0, "c5"), Silent: []api.Missing{{Proxy: f.id("proxy/edge-3"), Since: before(2 * time.Minute)}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.done.Now = noon
			golden(t, "cut-"+test.name, f.view().cut(test.done))
		})
	}
}
