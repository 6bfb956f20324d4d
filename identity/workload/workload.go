// Package workload takes a program's identity, and whom it believes, from the SPIFFE
// Workload API: from the agent of SPIRE, or any other that speaks it. The agent knows
// the program by asking the system, so there is no secret to begin with.
//
// It speaks the little of gRPC that this takes over net/http, and links nothing else.
package workload

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Config says where the Workload API is, and which identity is wanted.
type Config struct {
	// Address is unix:///PATH, or tcp://IP:PORT; "" means what the environment has in
	// SPIFFE_ENDPOINT_SOCKET.
	Address string
	// ID is the identity that is wanted, where there are several; zero: the first,
	// which is the program's default.
	ID spiffeid.ID
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of each renewal, and of what is wrong; nil discards.
	Logger *slog.Logger
}

// Source is an identity.Source that follows the Workload API while Run runs. What
// cannot be used leaves what was held before in place, as does an agent that is gone.
// It is safe for concurrent use.
type Source struct {
	endpoint endpoint
	id       spiffeid.ID
	now      func() time.Time
	logger   *slog.Logger
	first    chan struct{} // closed once there is something to hold

	mu     sync.Mutex
	held   *held // the last good; guarded by mu; nil before the first
	failed error // why there is none yet; guarded by mu
}

// held is one answer of the Workload API, checked.
type held struct {
	credential *pki.Credential
	bundles    map[spiffeid.TrustDomain]bundle
}

// bundle is the roots of one trust domain.
type bundle struct {
	der   string // as they came: equal ones stay one value
	roots verify.Roots
}

// New returns a source that knows nothing before Run runs.
func New(cfg Config) (*Source, error) {
	address := cfg.Address
	if address == "" {
		address = os.Getenv("SPIFFE_ENDPOINT_SOCKET")
	}
	to, err := parseEndpoint(address)
	if err != nil {
		return nil, err
	}
	s := &Source{endpoint: to, id: cfg.ID, now: cfg.Now, logger: cfg.Logger, first: make(chan struct{})}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Wait returns once there is an identity; when ctx ends before, the error says why
// there is none. Run must be running.
func (s *Source) Wait(ctx context.Context) error {
	select {
	case <-s.first:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	return pending()
}

// Credential implements identity.Source. An expired certificate is not given: nobody
// would accept it.
func (s *Source) Credential() (*pki.Credential, error) {
	s.mu.Lock()
	held, failed := s.held, s.failed
	s.mu.Unlock()
	switch {
	case held == nil && failed != nil:
		return nil, failed
	case held == nil:
		return nil, pending()
	}
	if leaf := held.credential.Leaf(); leaf.Expired(s.now()) {
		return nil, fault.New(identity.Expired, "our own certificate expired on %s, and the Workload API has given no other", leaf.NotAfter().UTC().Format(time.RFC3339)).
			WithHint("look at the agent, and at the log for why its answers were not used")
	}
	return held.credential, nil
}

// Roots returns a trust domain's roots: our own, or one that ours is federated with.
// The same value comes again until they change; then what was made with it, a
// signet.Server or Client, is to be made anew.
func (s *Source) Roots(domain spiffeid.TrustDomain) (verify.Roots, error) {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held == nil {
		return verify.Roots{}, pending()
	}
	b, ok := held.bundles[domain]
	if !ok {
		return verify.Roots{}, fault.New(NoBundle, "the Workload API has no roots of %s", domain).
			WithHint("federate the program's registration with that trust domain")
	}
	return b.roots, nil
}

func pending() error {
	return fault.New(Unreachable, "the Workload API has not answered yet").
		WithHint("run the source's Run, and wait with Wait; if it stays so, see that the agent runs")
}

// Run follows the Workload API until ctx ends, and returns nil then. It goes on
// trying when the agent is gone.
func (s *Source) Run(ctx context.Context) error {
	for attempt := 0; ctx.Err() == nil; attempt++ {
		used := false
		err := s.endpoint.stream(ctx, func(message []byte) error {
			err := s.take(message)
			used = used || err == nil
			return err
		})
		if ctx.Err() != nil {
			return nil
		}
		s.fail(err)
		if used {
			attempt = 0
		}
		sleep(ctx, backoff(attempt))
	}
	return nil
}

// backoff is how long to wait before another attempt: 100 ms to 30 s, doubling, less
// up to half of it.
func backoff(attempt int) time.Duration {
	wait := min(100*time.Millisecond<<min(attempt, 10), 30*time.Second)
	return wait - rand.N(wait/2)
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// fail notes and logs why the stream ended.
func (s *Source) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil || s.failed.Error() != err.Error() {
		s.logger.Warn("the Workload API's stream ended; trying again", slog.Bool("held", s.held != nil), slog.Any("error", err))
	}
	s.failed = err
}

// take holds an answer, if all of what it says of our identity can be used.
func (s *Source) take(message []byte) error {
	answer, err := parseResponse(message)
	if err != nil {
		return err
	}
	s.mu.Lock()
	last := s.held
	s.mu.Unlock()
	next, err := s.check(answer, last)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.failed = next, nil
	if last == nil {
		close(s.first)
	}
	if leaf := next.credential.Leaf(); last == nil || last.credential.Leaf().Serial() != leaf.Serial() {
		s.logger.Info("the identity was renewed", slog.String("identity", leaf.ID().String()), slog.Time("until", leaf.NotAfter()))
	}
	return nil
}

// check makes of an answer what can be held. Bundles that are as before stay the same
// value.
func (s *Source) check(answer response, last *held) (*held, error) {
	given, err := s.choose(answer.svids)
	if err != nil {
		return nil, err
	}
	id, err := spiffeid.Parse(given.id)
	if err != nil {
		return nil, malformed("the identity's name: %s", fault.Text(err))
	}
	next := &held{bundles: map[spiffeid.TrustDomain]bundle{}}
	if err := next.add(id.TrustDomain(), given.bundle, last); err != nil {
		return nil, err
	}
	for name, der := range answer.federated {
		domain, err := federated(name)
		if err != nil {
			return nil, err
		}
		if domain == id.TrustDomain() {
			continue // nobody else tells whom our own trust domain believes
		}
		if err := next.add(domain, der, last); err != nil {
			return nil, err
		}
	}
	if next.credential, err = s.credential(id, given, next.bundles[id.TrustDomain()].roots); err != nil {
		return nil, err
	}
	return next, nil
}

// choose returns the identity that is wanted.
func (s *Source) choose(svids []svid) (svid, error) {
	if len(svids) == 0 {
		return svid{}, fault.New(Refused, "the Workload API has no identity for this program").
			WithHint("register the program with the agent's server")
	}
	if s.id.IsZero() {
		return svids[0], nil
	}
	for _, given := range svids {
		if given.id == s.id.String() {
			return given, nil
		}
	}
	return svid{}, fault.New(Refused, "the Workload API has no identity %s for this program", s.id).
		WithHint("register the program as that, or correct the ID")
}

// federated reads a key of the federated bundles: a trust domain's SPIFFE ID.
func federated(name string) (spiffeid.TrustDomain, error) {
	const scheme = "spiffe://"
	if len(name) > len(scheme) && name[:len(scheme)] == scheme {
		name = name[len(scheme):]
	}
	domain, err := spiffeid.ParseTrustDomain(name)
	if err != nil {
		return domain, malformed("a federated trust domain: %s", fault.Text(err))
	}
	return domain, nil
}

// add holds a trust domain's roots.
func (h *held) add(domain spiffeid.TrustDomain, der []byte, last *held) error {
	if last != nil {
		if before, ok := last.bundles[domain]; ok && before.der == string(der) {
			h.bundles[domain] = before
			return nil
		}
	}
	certs, err := certificates(der, maxBundle)
	if err != nil {
		return malformed("the roots of %s: %s", domain, fault.Text(err))
	}
	roots, err := verify.ForTrustDomain(domain, certs...)
	if err != nil {
		return malformed("the roots of %s: %s", domain, fault.Text(err))
	}
	h.bundles[domain] = bundle{string(der), roots}
	return nil
}

// credential is the identity's certificate and key: they fit, and our own roots
// vouch for it right now.
func (s *Source) credential(id spiffeid.ID, given svid, roots verify.Roots) (*pki.Credential, error) {
	chain, err := certificates(given.chain, maxChain)
	if err != nil {
		return nil, malformed("the certificate of %s: %s", id, fault.Text(err))
	}
	key, err := pki.ParseKey(given.key)
	if err != nil {
		return nil, malformed("the key of %s: %s", id, fault.Text(err))
	}
	credential, err := pki.NewCredential(chain, key)
	if err != nil {
		return nil, malformed("the certificate of %s: %s", id, fault.Text(err))
	}
	if _, err := verify.Verify(chain, verify.Options{Roots: roots, Name: verify.ID(id), Purpose: verify.AnyPurpose, Now: s.now()}); err != nil {
		return nil, fault.Wrap(err, Malformed, "the certificate that the Workload API gave for %s", id).WithHint("look at the agent, and at this host's clock")
	}
	return credential, nil
}
