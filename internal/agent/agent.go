// Package agent keeps a proxy's identities and its part of the truth fresh. It
// holds one watch to the authority, over which every change is pushed.
package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Enforcer is the proxy that the agent works for.
type Enforcer interface {
	// Enforce puts the view in force, ends every connection that it no longer
	// allows, and says which. It has happened when Enforce returns.
	Enforce(*View) api.Applied
	// Live lists the connections that are open.
	Live() []api.Conn
}

// Config is what an agent needs to know.
type Config struct {
	Authority string          // HOST:PORT
	Self      *pki.Credential // the proxy's own; renewed from then on
	Roots     verify.Roots    // of the trust domain
	Home      string          // the host folder in which a renewed Self is kept; "": nowhere
	Now       func() time.Time
	Logger    *slog.Logger
}

// Agent is the proxy's end of the control plane.
type Agent struct {
	authority string
	self      spiffeid.ID
	roots     verify.Roots
	home      string
	now       func() time.Time
	logger    *slog.Logger
	dialer    dialer
	http      *http.Client
	keys      keyring
	outbox    outbox
	view      *View                     // the last, of Run alone
	heard     atomic.Pointer[time.Time] // when the authority last said anything
}

// silence is how long the authority may say nothing (it sends a heartbeat every
// 5 s) before the watch is made anew.
const silence = 15 * time.Second

// New returns an agent that does nothing yet.
func New(cfg Config) (*Agent, error) {
	a := &Agent{authority: cfg.Authority, self: cfg.Self.Leaf().ID(), roots: cfg.Roots, home: cfg.Home, now: cfg.Now, logger: cfg.Logger, outbox: newOutbox()}
	if a.now == nil {
		a.now = time.Now
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	name, err := a.self.TrustDomain().ID(authorityPath)
	if err != nil {
		return nil, err
	}
	a.keys.put(a.self, cfg.Self)
	client := &signet.Client{Roots: cfg.Roots, Name: verify.ID(name), Identity: a.Source(a.self), Dialer: &a.dialer, Now: a.now, Logger: a.logger}
	a.http = client.HTTP()
	a.hear()
	return a, nil
}

func (a *Agent) hear() {
	now := time.Now() // the steady clock: what the present date is has nothing to do with silence
	a.heard.Store(&now)
}

// Heard returns when the authority last said anything; at first, when the agent
// was made.
func (a *Agent) Heard() time.Time { return *a.heard.Load() }

// Roots returns the trust domain's anchors.
func (a *Agent) Roots() verify.Roots { return a.roots }

// Begin knows nothing yet: all comes from the authority.
func (a *Agent) Begin(Enforcer) {}

// Hurry is of no use: the authority sends what is new as soon as it can.
func (a *Agent) Hurry() {}

// Run holds the watch, keeps certificates fresh and sends events, until ctx
// ends; then it sends what is left, within a second. It goes on trying when the
// authority is gone: what was in force stays so.
func (a *Agent) Run(ctx context.Context, enforcer Enforcer) {
	defer a.dialer.closeAll()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.send(ctx) })
	keepers := keepers{agent: a, wg: &wg, stops: map[spiffeid.ID]context.CancelFunc{}}
	keepers.want(ctx, []spiffeid.ID{a.self})
	barred := false
	for attempt := 0; ; attempt++ {
		heard, err := a.watch(ctx, enforcer, &keepers)
		if ctx.Err() != nil {
			return
		}
		barred = a.tellEnd(err, barred)
		if err != nil {
			a.dialer.closeAll()
		}
		if heard {
			attempt = 0
		}
		if !sleep(ctx, backoff(attempt)) {
			return
		}
	}
}

// tellEnd logs why a watch ended. That this proxy is shut out is logged once, and
// returned.
func (a *Agent) tellEnd(err error, barred bool) bool {
	at := slog.String("authority", a.authority)
	if !shutOut(err) {
		a.logger.Warn("the watch ended; trying again", at, slog.Any("error", err))
		return false
	}
	if !barred {
		a.logger.Error("the authority has shut this proxy out: it was revoked, or is not enrolled; nothing passes through it", at,
			slog.String("proxy", a.self.String()), slog.String("code", string(SelfRevoked)), slog.Any("error", err))
	}
	return true
}

// shutOut reports whether the authority refuses this proxy itself: in its answer, by a
// last word in the watch, or, to one that comes anew, by an alert.
func shutOut(err error) bool {
	for _, code := range []fault.Code{SelfRevoked, api.IdentityRevoked, api.IdentityUnknown, signet.RefusedByPeer} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// backoff is how long to wait before another attempt: 50 ms to 5 s, doubling,
// less up to half of it, so that not all proxies come back at once.
func backoff(attempt int) time.Duration {
	wait := min(50*time.Millisecond<<min(attempt, 10), 5*time.Second)
	return wait - rand.N(wait/2)
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// watch follows the authority until the stream ends. Heard says that it began;
// err is nil if the authority ended it.
func (a *Agent) watch(ctx context.Context, enforcer Enforcer, keepers *keepers) (heard bool, err error) {
	life, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() {
		cancel(fault.New(AuthorityFailed, "the authority has said nothing for %v", silence))
	})
	defer watchdog.Stop()
	response, err := a.call(life, http.MethodGet, api.PathWatch, nil)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, api.MaxUpdate)
	for lines.Scan() {
		watchdog.Reset(silence)
		a.hear()
		update, err := readUpdate(lines.Bytes())
		if err != nil {
			return heard, err
		}
		if !heard {
			heard = true
			a.outbox.retry()
		}
		switch {
		case update.Slice != nil:
			a.enforce(enforcer, update.Slice)
			if revoked := update.Slice.RevocationOf(a.self); revoked != nil {
				return heard, selfRevoked(*revoked)
			}
			keepers.want(ctx, append(update.Slice.Identities, a.self))
		case update.Ask != 0:
			a.outbox.live(api.Live{Ask: update.Ask, Conns: enforcer.Live()})
		}
	}
	if life.Err() != nil {
		return heard, context.Cause(life)
	}
	return heard, lines.Err()
}

// selfRevoked is the end of a watch whose proxy was revoked.
func selfRevoked(revocation api.Revocation) error {
	return fault.New(SelfRevoked, "this proxy was revoked by %s in revision %d", revocation.By.Path(), revocation.Revision).
		WithHint("ask an operator; the host comes back under another name: signet token new proxy/NAME | signet enroll").WithDetail(revocation)
}

// readUpdate reads one line of the watch.
func readUpdate(line []byte) (update api.Update, err error) {
	if err := json.Unmarshal(line, &update); err != nil {
		return update, fault.Wrap(err, AuthorityFailed, "unreadable line of the watch").
			WithHint("run authority and proxy with the same version of signet")
	}
	return update, nil
}

func (a *Agent) enforce(enforcer Enforcer, slice *api.Slice) {
	view, err := a.view.Next(slice)
	view.Now = a.now
	a.view = view
	a.keys.heed(view)
	if err != nil {
		a.logger.Error("the rules cannot be used; nothing is allowed", slog.Int64("revision", slice.Revision), slog.Any("error", err))
	}
	a.outbox.applied(enforcer.Enforce(view))
}

// Report sends an event to the authority, some time soon. It never blocks.
func (a *Agent) Report(event api.Event) {
	if !a.outbox.event(event) {
		a.logger.Error("the outbox is full; an event is lost, and the authority will hear how many", slog.String("code", string(OutboxFull)))
	}
}
