package authority

import (
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// The registry is what proxies say of their services, in memory alone: each says it
// again with each watch.
const (
	lingers    = 30 * time.Second // how long the addresses of a proxy that is gone are told
	settles    = time.Minute      // how long after a start no address is taken back: not all proxies are here yet
	maxAddress = 300              // bytes
)

// offer takes in what a proxy serves. It can speak for those alone that it may hold.
func (a *Authority) offer(r *http.Request) (any, error) {
	var offer api.Offer
	if err := readJSON(r, api.MaxRequest, &offer); err != nil {
		return nil, err
	}
	if len(offer.Services) > api.MaxOffer || len(offer.Wants) > api.MaxOffer {
		return nil, fault.New(BadRequest, "%d services and %d wanted ones; %d of each are the most", len(offer.Services), len(offer.Wants), api.MaxOffer).
			WithHint("spread them over several proxies")
	}
	id, state := caller(r), a.store.State()
	for _, service := range offer.Services {
		if !holds(state, id, service.ID) {
			return nil, fault.New(NotGranted, "%s may not hold %q, so it cannot say where that is", id.Short(a.domain), service.ID.Short(a.domain)).
				WithHint("correct the proxy's services, or grant it the identity")
		}
		if !reachable(service.Address) {
			return nil, fault.New(BadRequest, "%q is not HOST:PORT", fault.Printable(service.Address, 100)).
				WithHint("correct advertise in the service of the proxy's configuration")
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	session, err := a.reporting(r)
	if err != nil {
		return nil, err
	}
	if session == nil {
		return nil, fault.New(BadRequest, "an offer came without a watch").WithHint("watch first")
	}
	session.offer = offer
	a.look()
	return nil, nil
}

func reachable(address string) bool {
	host, port, err := net.SplitHostPort(address)
	number, bad := strconv.ParseUint(port, 10, 16)
	return err == nil && bad == nil && number > 0 && host != "" && len(address) <= maxAddress && fault.Printable(address, maxAddress) == address
}

// look has every watch look at the registry. The caller holds mu.
func (a *Authority) look() {
	for _, session := range a.proxies {
		select {
		case session.looks <- struct{}{}:
		default:
		}
	}
}

// where lists what has changed of where the services are that a session wants to
// know of, since told, which it updates.
func (a *Authority) where(session *proxy, told map[spiffeid.ID][]string) (changed []api.Where) {
	state, now := a.store.State(), a.now()
	a.mu.Lock()
	defer a.mu.Unlock()
	wanted := map[spiffeid.ID][]string{}
	for _, id := range session.offer.Wants {
		wanted[id] = nil
	}
	if len(wanted) == 0 && len(told) == 0 {
		return nil
	}
	for id, other := range a.proxies {
		if !other.connected() && now.Sub(other.heard) > lingers {
			continue
		}
		for _, service := range other.offer.Services {
			if list, asked := wanted[service.ID]; asked && speaksFor(state, id, service.ID) && !slices.Contains(list, service.Address) {
				wanted[service.ID] = append(list, service.Address)
			}
		}
	}
	for id, list := range wanted {
		slices.Sort(list)
		list = list[:min(len(list), api.MaxAddresses)]
		before, known := told[id]
		if known && slices.Equal(before, list) || len(list) == 0 && now.Sub(a.begun) < settles {
			continue
		}
		told[id] = list
		changed = append(changed, api.Where{ID: id, Addresses: list})
	}
	return changed
}

// speaksFor reports whether a proxy may say where a service is.
func speaksFor(state *control.State, proxy, service spiffeid.ID) bool {
	_, gone := state.Revocations[proxy]
	_, over := state.Revocations[service]
	return !gone && !over && holds(state, proxy, service)
}
