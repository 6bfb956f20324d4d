// Package staple has a server send along the proof that its certificate is not
// revoked: an OCSP response that it fetches itself, so that no client need ask, and
// none learns late (RFC 6066, section 8).
package staple

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// Config says whose certificate is stapled, and where from.
type Config struct {
	// Source has the certificate. Required.
	Source identity.Source
	// Roots are those that the clients believe: the response is checked as they
	// do. Required.
	Roots verify.Roots
	// Fetcher brings the response, such as a Client of revocation/fetch. Required.
	Fetcher revocation.Fetcher
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of what is fetched, and of what is not; nil discards.
	Logger *slog.Logger
}

// Source is an identity.Source whose credential has a staple while there is one that
// counts. Run fetches it, and the next before it ends. It is safe for concurrent use.
type Source struct {
	cfg Config

	mu   sync.Mutex
	held *stapled // the last good one; nil: none; guarded by mu
}

// stapled is a credential with a staple, and until when that counts.
type stapled struct {
	credential *pki.Credential
	until      time.Time
}

// New returns a source that has no staple before Run or Refresh has fetched one.
func New(cfg Config) (*Source, error) {
	switch {
	case cfg.Source == nil:
		return nil, fault.New(Incomplete, "it was not said whose certificate is to be stapled").WithHint("set Source, for example to identity.Static(credential)")
	case cfg.Roots.IsZero():
		return nil, fault.New(Incomplete, "it was not said whom the clients believe").WithHint("set Roots to those that vouch for the certificate")
	case cfg.Fetcher == nil:
		return nil, fault.New(Incomplete, "it was not said how staples are fetched").WithHint("set Fetcher, for example to fetch.New(fetch.Config{})")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Source{cfg: cfg}, nil
}

// Credential implements identity.Source. A renewed certificate that demands a staple
// takes the place of the one before once it has one.
func (s *Source) Credential() (*pki.Credential, error) {
	own, err := s.cfg.Source.Credential()
	if err != nil {
		return nil, err
	}
	now := s.cfg.Now()
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	if held == nil || now.After(held.until) {
		return own, nil
	}
	if before := held.credential.Leaf(); before.Equal(own.Leaf()) || own.Leaf().MustStaple() && !before.Expired(now) {
		return held.credential, nil
	}
	return own, nil
}

// Bounds of when a staple is asked for.
const (
	look     = 10 * time.Second // between looks at whether it is time, or the certificate another
	soonest  = time.Minute      // after one that was fetched
	latest   = time.Hour        // after one that was not
	patience = time.Minute      // with all responders of a certificate
)

// Run keeps the staple fresh until ctx ends, and returns nil then. It asks for the
// next at half of the time that is left to a staple, and again and again where that
// fails, from 10 seconds to an hour apart.
func (s *Source) Run(ctx context.Context) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	var due time.Time
	var leaf *pki.Certificate
	wait := look
	for {
		now := s.cfg.Now()
		own, err := s.cfg.Source.Credential()
		if err == nil && (leaf == nil || !leaf.Equal(own.Leaf())) {
			leaf, due, wait = own.Leaf(), now, look
		}
		if err == nil && !now.Before(due) {
			if until, err := s.refresh(ctx, own); err == nil {
				due, wait = now.Add(max(until.Sub(now)/2, soonest)), look
			} else {
				due, wait = now.Add(wait), min(2*wait, latest)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Refresh fetches a staple now. Where that fails, the one before is sent while it
// counts, unless the new one says that the certificate is revoked.
func (s *Source) Refresh(ctx context.Context) error {
	own, err := s.cfg.Source.Credential()
	if err == nil {
		_, err = s.refresh(ctx, own)
	}
	return err
}

func (s *Source) refresh(ctx context.Context, own *pki.Credential) (until time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	next, err := s.fetch(ctx, own)
	name := slog.String("certificate", own.Leaf().Title())
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.held = next
		s.cfg.Logger.Info("a staple was fetched", name, slog.Time("until", next.until))
		return next.until, nil
	case errors.Is(err, verify.CertRevoked):
		s.held = nil
		s.cfg.Logger.Error("our own certificate is revoked, and no staple is sent", name, slog.Any("error", err))
	case s.held != nil:
		s.cfg.Logger.Warn("no new staple was had; the one before is sent while it counts", name, slog.Time("until", s.held.until), slog.Any("error", err))
	default:
		s.cfg.Logger.Warn("no staple was had, and none is sent", name, slog.Any("error", err))
	}
	return until, err
}

// fetch returns the credential with a staple that its clients would accept.
func (s *Source) fetch(ctx context.Context, own *pki.Credential) (*stapled, error) {
	rules := verify.Options{Roots: s.cfg.Roots, Name: verify.Any("it is our own certificate"), Now: s.cfg.Now()}
	proof, err := verify.Verify(own.Chain, rules)
	if err != nil {
		return nil, err
	}
	path := proof.Path()
	if len(path) < 2 {
		return nil, fault.New(revocation.NoResponse, "%s is believed by its own, and nobody answers for it", own.Leaf().Title()).
			WithHint("staple a certificate that an authority has issued")
	}
	response, err := revocation.Respond(ctx, s.cfg.Fetcher, path[0], path[1], rules.Now)
	if err != nil {
		return nil, err
	}
	evidence, err := revocation.New(nil, []*pki.OCSPResponse{response})
	if err != nil {
		return nil, err
	}
	rules.Revocation = &verify.Revocation{Evidence: evidence, Scope: verify.LeafAlone}
	rules.Handshake = &verify.Handshake{Staple: response.Raw()}
	if proof, err = verify.Verify(own.Chain, rules); err != nil {
		return nil, err
	}
	credential := *own
	credential.Staple = bytes.Clone(response.Raw())
	return &stapled{&credential, proof.Until()}, nil
}
