package authority

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

func TestSystem(t *testing.T) {
	r := newRig(t, nil)
	one, slice := r.watchAs("proxy/one")
	one.report(api.Applied{Revision: slice.Revision})
	one.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")}, api.Conn{ID: connID("2"), From: id("batch"), To: id("orders")})
	end := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	r.recordHeld("proxy/one", "0a", end)
	r.recordHeld("proxy/one", "0b", end.Add(time.Minute)) // the newest counts
	r.recordHeld("proxy/two", "0c", end)                  // which may not hold it
	if err := r.store.RecordCertificate(t.Context(), control.Certificate{Serial: "0d", ID: id("web"), At: end.Add(-time.Hour), NotAfter: end}); err != nil {
		t.Fatal(err)
	}
	have := ask[api.System](r.as("operator/ann"), "GET", api.PathStatus, nil)
	if have.TrustDomain != domain || have.Revision != 1 || have.Conns != 2 || have.Identities != 8 || have.Entries == 0 {
		t.Errorf("the system: %+v", have)
	}
	if len(have.Proxies) != 2 {
		t.Fatalf("%d proxies, want 2", len(have.Proxies))
	}
	first, second := have.Proxies[0], have.Proxies[1]
	if !first.Connected || !first.Answered || first.Conns != 2 || first.Revision != 1 || first.Stale || !slices.Equal(first.Holds, []spiffeid.ID{id("batch"), id("web")}) {
		t.Errorf("the one that is there: %+v", first)
	}
	if second.Connected || second.Answered || second.Stale || !second.Since.IsZero() {
		t.Errorf("the one that is not: %+v", second)
	}
	var webs []api.Life
	kinds := map[api.LifeOf]int{}
	for _, life := range have.Lives {
		kinds[life.What]++
		if life.ID == id("web") {
			webs = append(webs, life)
		}
	}
	if kinds[api.RootLife] != 1 || kinds[api.IntermediateLife] != 1 {
		t.Errorf("of the authority's own certificates it tells %v", kinds)
	}
	if len(webs) != 2 || !webs[0].Holder.IsZero() || !webs[0].From.Equal(end.Add(-time.Hour)) || webs[1].Holder != id("proxy/one") || !webs[1].Until.Equal(end.Add(time.Minute)) {
		t.Errorf("web's certificates: %+v", webs)
	}
}

// TestSystemStale has a proxy cut off for longer than it bears, and then revoked.
func TestSystemStale(t *testing.T) {
	r := newRig(t, nil)
	r.now = func() time.Time { return time.Now().Add(time.Hour) }
	ann := r.as("operator/ann")
	if have := ask[api.System](ann, "GET", api.PathStatus, nil); !have.Proxies[0].Stale || !have.Proxies[1].Stale {
		t.Errorf("an hour after the start without a word: %+v", have.Proxies)
	}
	r.revokeInStore("proxy/one")
	have := ask[api.System](ann, "GET", api.PathStatus, nil)
	if len(have.Proxies) != 1 || !slices.Equal(have.Barred, []spiffeid.ID{id("proxy/one")}) {
		t.Errorf("after a revocation: %+v, revoked %v", have.Proxies, have.Barred)
	}
}
