package live

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Way is how a client reaches a service: by one of several addresses.
type Way struct {
	to        spiffeid.ID
	connect   time.Duration // for one address, its handshake included
	addresses *addresses
	clients   *Trusting[signet.Client]
	own       identity.Source
	shakes    places
	hands     *hands
	logger    *slog.Logger
}

// Way returns the way from one identity to a service, at its addresses of the moment,
// the preferred first.
func (t *Table) Way(from, to spiffeid.ID, connect time.Duration, addresses func() []string) *Way {
	return &Way{
		to:        to,
		connect:   connect,
		addresses: newAddresses(addresses, t.now),
		clients:   &Trusting[signet.Client]{Roots: t.truth.Roots, Make: func(roots verify.Roots) *signet.Client { return t.client(from, to, roots) }},
		own:       t.truth.Source(from),
		shakes:    make(places, signet.DefaultMaxHandshakes),
		hands:     t.hands,
		logger:    t.logger,
	}
}

// Open connects to the first address that answers as the service must, and
// returns the roots that it was verified by. Each address is tried once at most.
func (w *Way) Open(ctx context.Context) (conn *signet.Conn, by verify.Roots, err error) {
	client, by := w.clients.Get()
	if _, err := w.own.Credential(); err != nil {
		return nil, by, err // no address is to blame
	}
	if !w.shakes.enter(ctx) {
		return nil, by, context.Cause(ctx)
	}
	defer w.shakes.leave()
	order := w.addresses.order()
	if len(order) == 0 {
		return nil, by, w.nowhere()
	}
	var first error
	for _, address := range order {
		var conn *signet.Conn
		var err error
		w.hands.apart(func() { conn, err = w.dial(ctx, client, address) })
		if err == nil {
			w.addresses.answered(address)
			return conn, by, nil
		}
		if ctx.Err() != nil {
			return nil, by, err
		}
		w.addresses.failed(address)
		w.logger.Warn("an address of a service cannot be used", slog.String("address", address), slog.Any("error", err))
		if first == nil {
			first = err
		}
	}
	if many := len(order); many > 1 {
		if ours, ok := fault.Of(first); ok {
			first = fault.Wrap(first, ours.Code, "none of %d addresses can be used; of the first tried", many).WithHint("%s", ours.Hint)
		}
	}
	return nil, by, first
}

// Known reports, by its error, whether any address is known at present.
func (w *Way) Known() error {
	if len(w.addresses.all()) == 0 {
		return w.nowhere()
	}
	return nil
}

func (w *Way) nowhere() error {
	return fault.New(NoAddress, "no proxy of %s says where it listens", w.to.Short(w.to.TrustDomain())).
		WithHint("start the service's proxy or program, with an address or advertise that others reach, or name its addresses on this side")
}

// dial connects to one address and makes the handshake, in the time that there is
// for both: one that accepts and then says nothing must not keep us from the next.
func (w *Way) dial(ctx context.Context, client *signet.Client, address string) (*signet.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, w.connect, fault.New(NoAnswer, "%s does not answer within %v", address, w.connect).
		WithHint("look at the proxy of the service, or at the way to it"))
	defer cancel()
	conn, err := client.Dial(ctx, "tcp", address)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, NoAnswer) {
		return nil, cause
	}
	return conn, err
}

// places are a bounded number of places.
type places chan struct{}

// enter takes a place; it waits for one, or for the end of ctx.
func (p places) enter(ctx context.Context) bool {
	select {
	case p <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (p places) leave() { <-p }

// How long an address that failed is left for last: doubling with each failure.
const (
	firstRest   = time.Second
	longestRest = time.Minute
)

// addresses are those of one service, and what is known of each.
type addresses struct {
	now func() time.Time
	all func() []string // at present, the preferred first

	mu     sync.Mutex
	health map[string]health // guarded by mu; of those that failed
}

// health is that of an address whose last connection failed.
type health struct {
	failures int
	rests    time.Time // until then it is tried last
}

func newAddresses(all func() []string, now func() time.Time) *addresses {
	return &addresses{now: now, all: all, health: map[string]health{}}
}

// order lists the addresses as they are to be tried: those that work, in the order
// of preference, and then those that rest, because it is better to try in vain
// than not at all. An address that has rested is tried in its place again, by one
// connection: it rests for the others until that has succeeded.
func (a *addresses) order() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var good, resting []string
	now, probing, all := a.now(), false, a.all()
	maps.DeleteFunc(a.health, func(address string, _ health) bool { return !slices.Contains(all, address) })
	for _, address := range all {
		state, failed := a.health[address]
		switch {
		case !failed:
			good = append(good, address)
		case probing || now.Before(state.rests):
			resting = append(resting, address)
		default:
			good, probing = append(good, address), true
			state.rests = now.Add(rest(state.failures))
			a.health[address] = state
		}
	}
	return slices.Concat(good, resting)
}

func rest(failures int) time.Duration {
	return min(firstRest<<min(failures-1, 10), longestRest)
}

func (a *addresses) failed(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	state := a.health[address]
	if state.failures++; state.failures == 1 || !a.now().Before(state.rests) {
		state.rests = a.now().Add(rest(state.failures))
	}
	a.health[address] = state
}

func (a *addresses) answered(address string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.health, address)
}
