package agent

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// TestPlaces asks for a service's addresses, with each watch anew, and knows them
// after a start without the authority.
func TestPlaces(t *testing.T) {
	home := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		f, a := newFake(t)
		a.home = home
		wants := api.Offer{Wants: []spiffeid.ID{id("orders")}}
		a.Offer(wants)
		f.stream = func(watch int) io.Reader {
			return lines(f.slice(1), api.Update{Where: []api.Where{{ID: id("orders"), Addresses: []string{"a:1", "b:2"}}, {ID: id("idle"), Addresses: []string{"c:3"}}}})
		}
		stop := run(t, a, &enforcer{})
		time.Sleep(5 * silence)
		stop()
		if have := a.Addresses(id("orders")); !slices.Equal(have, []string{"a:1", "b:2"}) || a.Addresses(id("idle")) != nil {
			t.Errorf("orders is at %v, and what was not asked for at %v", have, a.Addresses(id("idle")))
		}
		watches := f.get(func(f *fake) int { return f.watches })
		if have := strings.Count(strings.Join(f.messages, " "), api.PathOffer); watches < 3 || have != watches {
			t.Errorf("%d offers in %d watches", have, watches)
		}
		second := f.again(t, a)
		second.Offer(wants)
		second.Begin(&enforcer{})
		if have := second.Addresses(id("orders")); len(have) != 2 {
			t.Errorf("after a start orders is at %v", have)
		}
		if err := os.WriteFile(filepath.Join(home, cacheWhere), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		third, e := f.again(t, a), &enforcer{}
		third.Offer(wants)
		if third.Begin(e); e.revision() != 1 || third.Addresses(id("orders")) != nil {
			t.Errorf("with a damaged file: revision %d, orders is at %v", e.revision(), third.Addresses(id("orders")))
		}
		a.Offer(api.Offer{})
		if have := a.Addresses(id("orders")); have != nil {
			t.Errorf("what is no longer asked for is at %v", have)
		}
	})
}
