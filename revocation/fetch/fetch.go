// Package fetch brings revocation lists, OCSP responses and issuers' certificates
// over HTTP, and keeps them on disk.
//
// What is asked stands in certificates, which anybody may have made. So only
// public addresses are asked, whatever a name or a redirect leads to, and every
// answer has a bound in size and time. Nothing that comes is trusted for where it
// comes from: it is signed, and who asked checks it. That is why https is no safer
// here than http; it only hides what is asked.
package fetch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/flight"
	"github.com/signet-tls/signet/revocation"
)

// Config says what a Client may do.
type Config struct {
	// Dir keeps answers until they are out of date; empty: none is kept. The
	// folder is made if it is missing, and may be shared by processes.
	Dir string

	// MaxDisk is how many bytes Dir may have; zero: 256 MiB. The oldest go first.
	MaxDisk int64

	// Timeout is for one request, with its redirects and the last byte of its
	// answer; zero: 30 seconds.
	Timeout time.Duration

	// Private are networks that are not public and may be asked nonetheless, such
	// as 10.0.0.0/8 where a company's own authority has its lists.
	Private []netip.Prefix

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // of what goes wrong with Dir; nil: discard
}

// Client is a revocation.Fetcher for http and https. It asks each server itself,
// through no proxy. It is safe for concurrent use.
type Client struct {
	cfg     Config
	http    *http.Client
	store   *store // nil: nothing is kept
	flights flight.Group[[]byte]
	outages outages
}

// New returns a client. It touches neither the network nor the disk before it is
// asked.
func New(cfg Config) *Client {
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.MaxDisk == 0 {
		cfg.MaxDisk = 256 << 20
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{cfg: cfg, http: newHTTP(cfg)}
	if cfg.Dir != "" {
		c.store = &store{dir: cfg.Dir, most: cfg.MaxDisk, log: cfg.Logger, size: cfg.MaxDisk}
	}
	return c
}

// key is a digest of what is asked.
type key [sha256.Size]byte

func keyOf(r revocation.Request) key {
	return sha256.Sum256(fmt.Appendf(nil, "%d %d %s %s", r.Kind, len(r.URL), r.URL, r.Body))
}

// Fetch returns an answer that passes the request's check. Who asks the same at
// the same time gets the same bytes, which nobody may change.
func (c *Client) Fetch(ctx context.Context, r revocation.Request) ([]byte, error) {
	k := keyOf(r)
	return c.flights.Do(ctx, string(k[:]), func(ctx context.Context) ([]byte, error) {
		if data := c.store.get(k, bounds[r.Kind], c.cfg.Now()); data != nil {
			if _, err := r.Check(data); err == nil {
				return data, nil
			}
		}
		a, err := c.ask(ctx, r)
		if err != nil {
			return nil, err
		}
		until, err := r.Check(a.data())
		if err != nil {
			return nil, fault.Wrap(err, AnswerUnfit, "no %s that counts came (%s, %d bytes)", r.Kind, a.media, len(a.data())).
				WithHint("ask again later; if the answer stays the same, tell the authority that names the URL")
		}
		c.store.put(k, a.entry, until, c.cfg.Now())
		return a.data(), nil
	})
}
