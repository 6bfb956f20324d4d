package authority

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// listed waits for the next line about where a service is.
func (w *watcher) listed(service string) []string {
	w.t.Helper()
	for {
		update, ok := w.next()
		if !ok {
			w.t.Fatal("the watch has ended")
		}
		for _, where := range update.Where {
			if where.ID == id(service) {
				return where.Addresses
			}
		}
	}
}

// TestRegistry has a proxy say where its service is, and another ask.
func TestRegistry(t *testing.T) {
	var passed atomic.Int64
	r := newRig(t, func(a *Authority) { a.now = func() time.Time { return time.Now().Add(time.Duration(passed.Load())) } })
	door, _ := r.watchAs("proxy/one")
	ask[struct{}](door.client, "POST", api.PathOffer, api.Offer{Wants: []spiffeid.ID{id("orders"), id("idle")}})
	service, _ := r.watchAs("proxy/two")
	offer := func(addresses ...string) {
		t.Helper()
		var o api.Offer
		for _, address := range addresses {
			o.Services = append(o.Services, api.Endpoint{ID: id("orders"), Address: address})
		}
		ask[struct{}](service.client, "POST", api.PathOffer, o)
	}
	offer("10.0.0.6:7443", "10.0.0.5:7443")
	if have := door.listed("orders"); !slices.Equal(have, []string{"10.0.0.5:7443", "10.0.0.6:7443"}) {
		t.Errorf("orders is at %v", have)
	}
	offer("[2001:db8::1]:7443")
	if have := door.listed("orders"); !slices.Equal(have, []string{"[2001:db8::1]:7443"}) {
		t.Errorf("then orders is at %v", have)
	}

	r.mu.Lock()
	session := r.proxies[id("proxy/one")]
	r.mu.Unlock()
	where := func() map[spiffeid.ID][]string {
		told := map[spiffeid.ID][]string{}
		r.where(session, told)
		return told
	}
	service.close()
	r.until("the service's proxy is gone", func() bool { return !r.Status().Proxies[1].Connected })
	if have := where(); len(have[id("orders")]) != 1 {
		t.Errorf("just after its proxy is gone orders is at %v", have)
	}
	passed.Store(int64(lingers + 10*time.Second))
	if have := where(); len(have[id("orders")]) != 0 || len(have) != 0 {
		t.Errorf("then, soon after the authority's start: %v, want nothing told", have)
	}
	passed.Store(int64(settles + time.Minute))
	if have, told := where()[id("orders")]; len(have) != 0 || !told {
		t.Errorf("then orders is at %v, told %v; want nowhere", have, told)
	}
}

// TestRegistryOfTheRevoked forgets what a revoked proxy has said.
func TestRegistryOfTheRevoked(t *testing.T) {
	r := newRig(t, nil)
	r.begun = r.begun.Add(-settles)
	door, _ := r.watchAs("proxy/one")
	ask[struct{}](door.client, "POST", api.PathOffer, api.Offer{Wants: []spiffeid.ID{id("orders")}})
	service, _ := r.watchAs("proxy/two")
	ask[struct{}](service.client, "POST", api.PathOffer, api.Offer{Services: []api.Endpoint{{ID: id("orders"), Address: "a:1"}}})
	for len(door.listed("orders")) == 0 {
	}
	r.change(func(tx *control.Tx) { tx.Revoke(control.Revocation{ID: id("proxy/two")}) })
	if have := door.listed("orders"); len(have) != 0 {
		t.Errorf("orders is at %v", have)
	}
}

// TestOfferRefused has proxies say what is not theirs, or nonsense.
func TestOfferRefused(t *testing.T) {
	r := newRig(t, nil)
	w, _ := r.watchAs("proxy/two")
	at := func(service, address string) api.Offer {
		return api.Offer{Services: []api.Endpoint{{ID: id(service), Address: address}}}
	}
	many := api.Offer{Wants: make([]spiffeid.ID, api.MaxOffer+1)}
	for i := range many.Wants {
		many.Wants[i] = id(fmt.Sprint("n", i))
	}
	tests := []struct {
		name  string
		who   client
		offer api.Offer
		code  fault.Code
	}{
		{"another's service", w.client, at("web", "a:1"), NotGranted},
		{"nobody's", w.client, at("nobody", "a:1"), NotGranted},
		{"no port", w.client, at("orders", "a"), BadRequest},
		{"port 0", w.client, at("orders", "a:0"), BadRequest},
		{"no host", w.client, at("orders", ":1"), BadRequest},
		{"a line's end", w.client, at("orders", "a\n:1"), BadRequest},
		{"too many", w.client, many, BadRequest},
		{"no watch", r.as("proxy/one"), at("web", "a:1"), BadRequest},
		{"no proxy", r.as("operator/ann"), api.Offer{}, NotPermitted},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, refusal := test.who.try("POST", api.PathOffer, jsonBody(test.offer))
			wantRefusal(t, refusal, test.code)
		})
	}
}
