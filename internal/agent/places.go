package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

// places are where services are, by the authority's registry, and what this proxy
// says to it.
type places struct {
	mu      sync.Mutex
	offered *api.Offer               // guarded by mu; nil: there is nothing to say
	watched bool                     // guarded by mu; there was a watch, before which an offer is of no use
	known   map[spiffeid.ID][]string // guarded by mu; of those that were asked for
}

// Offer tells the authority what the proxy serves, and whose addresses it wants to
// know, from now on.
func (a *Agent) Offer(offer api.Offer) {
	a.places.mu.Lock()
	defer a.places.mu.Unlock()
	a.places.offered = &offer
	maps.DeleteFunc(a.places.known, func(id spiffeid.ID, _ []string) bool { return !slices.Contains(offer.Wants, id) })
	if a.places.watched {
		a.outbox.offers(offer)
	}
}

// offerAgain says it to an authority that may have forgotten.
func (a *Agent) offerAgain() {
	a.places.mu.Lock()
	defer a.places.mu.Unlock()
	if a.places.watched = true; a.places.offered != nil {
		a.outbox.offers(*a.places.offered)
	}
}

// Addresses are where a service's proxies listen, as far as is known.
func (a *Agent) Addresses(service spiffeid.ID) []string {
	a.places.mu.Lock()
	defer a.places.mu.Unlock()
	return a.places.known[service]
}

// find notes where services are, for this run and the next.
func (a *Agent) find(places []api.Where) {
	data, err := json.Marshal(a.found(places))
	if err == nil {
		err = a.writeKept(cacheWhere, data)
	}
	a.unkept(err)
}

// found takes over what was asked for, within its bounds.
func (a *Agent) found(places []api.Where) (all []api.Where) {
	p := &a.places
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, place := range places {
		if p.offered == nil || !slices.Contains(p.offered.Wants, place.ID) {
			continue
		}
		if p.known == nil {
			p.known = map[spiffeid.ID][]string{}
		}
		p.known[place.ID] = place.Addresses[:min(len(place.Addresses), api.MaxAddresses)]
	}
	for id, addresses := range p.known {
		all = append(all, api.Where{ID: id, Addresses: addresses})
	}
	return all
}

// recallPlaces reads where services were in the last run. It is no secret and no
// proof: who is there has to prove it.
func (a *Agent) recallPlaces() {
	var kept []api.Where
	switch err := a.readKept(cacheWhere, api.MaxUpdate, &kept); {
	case err == nil:
		a.found(kept)
	case !errors.Is(err, fs.ErrNotExist):
		a.logger.Warn("where services were is not known any more", slog.String("code", string(CacheDamaged)), slog.Any("error", err))
	}
}
