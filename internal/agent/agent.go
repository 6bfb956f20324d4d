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
	// Cut ends connections, and changes nothing else.
	Cut(api.Cut)
}

// Config is what an agent needs to know.
type Config struct {
	Authority string             // HOST:PORT
	Self      *pki.Credential    // the proxy's own; renewed from then on
	Roots     verify.Roots       // of the trust domain
	Anchors   []*pki.Certificate // the same, whose word begins an epoch; none: nobody's does
	Home      string             // the host folder in which is kept what a start needs while the authority is gone; "": nowhere
	Now       func() time.Time
	Logger    *slog.Logger
}

// Agent is the proxy's end of the control plane.
type Agent struct {
	self    spiffeid.ID
	trust   atomic.Pointer[trust]
	anchors []*pki.Certificate // of the trust; of Begin, and then of Run's watch alone
	home    string
	now     func() time.Time
	logger  *slog.Logger
	dialer  dialer
	http    *http.Client
	keys    keyring
	outbox  outbox
	places  places
	keeping sync.Mutex                // held while a key is written down or removed
	written []byte                    // guarded by keeping; our certificate in the host folder, in DER, as far as we know
	heard   atomic.Pointer[time.Time] // when the authority was last known to be alive

	// Of Begin, and then of Run's watch alone.
	view      *View // the last
	belief    belief
	recalled  []spiffeid.ID // whose certificates were kept
	refused   fault.Code    // that was told of last
	skewed    bool          // it was told that the clocks differ
	full      bool          // it was told that nothing can be kept
	kept      *api.Head     // of the slice that is written down
	lastHead  *api.Head     // the latest sign of life that is not written down
	heardKept time.Time     // when one was
}

// silence is how long the authority may say nothing before the watch is made anew.
const silence = 3 * api.Heartbeat

// firstBelief is where every trust domain begins.
var firstBelief = belief{epoch: 1}

// New returns an agent that does nothing yet.
func New(cfg Config) (*Agent, error) {
	a := &Agent{self: cfg.Self.Leaf().ID(), anchors: cfg.Anchors, home: cfg.Home, belief: firstBelief, now: cfg.Now, logger: cfg.Logger, outbox: newOutbox(), written: cfg.Self.Leaf().Raw()}
	if a.now == nil {
		a.now = time.Now
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	a.keys.put(a.self, cfg.Self)
	if err := a.believe(cfg.Authority, cfg.Roots, 0); err != nil {
		return nil, err
	}
	a.http = &http.Client{Transport: present{a}}
	a.hear(0)
	return a, nil
}

// hear notes that the authority was alive so long ago.
func (a *Agent) hear(ago time.Duration) {
	then := time.Now().Add(-ago) // the steady clock: nobody sets it
	a.heard.Store(&then)
}

// Heard returns when the authority was last known to be alive, by what it signed;
// at first, when the agent was made.
func (a *Agent) Heard() time.Time { return *a.heard.Load() }

// Hurry is of no use: the authority sends what is new as soon as it can.
func (a *Agent) Hurry() {}

// Run holds the watch, keeps certificates fresh and sends events, until ctx
// ends; then it sends what is left, within 3 s. It goes on trying when the
// authority is gone: what was in force stays so.
func (a *Agent) Run(ctx context.Context, enforcer Enforcer) {
	defer a.dialer.closeAll()
	defer a.flush(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { a.send(ctx) })
	keepers := keepers{agent: a, wg: &wg, stops: map[spiffeid.ID]context.CancelFunc{}}
	keepers.want(ctx, append(a.recalled, a.self))
	defer a.flushHeard()
	barred := false
	for attempt := 0; ; attempt++ {
		heard, err := a.watch(ctx, enforcer, &keepers)
		if brokenOff(err) && a.trust.Load().refuses(ctx) {
			err = fault.Wrap(err, signet.RefusedByPeer, "the authority refuses our certificate")
		}
		if ctx.Err() != nil {
			return
		}
		barred = a.tellEnd(err, barred)
		if heard {
			attempt = 0
		}
		wait := backoff(attempt, usualBackoff)
		if barred {
			wait = backoff(attempt, barredBackoff)
		}
		if errors.Is(err, api.ProxyTwice) {
			a.refuse(err)
			wait = rivalry - rand.N(rivalry/4)
		}
		if err != nil {
			a.dialer.closeAll()
		}
		for joined := false; wait > 0 && !joined; wait -= glance {
			if err != nil {
				joined = a.rejoin(ctx, &keepers)
			}
			if !sleep(ctx, min(wait, glance)) {
				return
			}
		}
	}
}

// tellEnd logs why a watch ended. That this proxy is shut out is logged once, and
// returned.
func (a *Agent) tellEnd(err error, barred bool) bool {
	at := slog.String("authority", a.trust.Load().at)
	if err == nil {
		a.logger.Info("the authority ended the watch; asking again", at)
		return barred
	}
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

// rivalry is how long to wait before asking again whether the other process of this
// name is gone, less up to a quarter.
const rivalry = 30 * time.Second

// How long there is at most between two attempts: of who is shut out, and comes back by an
// operator's act, and of everybody else.
const (
	barredBackoff = time.Minute
	usualBackoff  = 5 * time.Second
)

// backoff is how long to wait before another attempt: from 50 ms, doubling up to the
// most, less up to half of it, so that not all proxies come back at once.
func backoff(attempt int, most time.Duration) time.Duration {
	wait := min(50*time.Millisecond<<min(attempt, 12), most)
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
		update, err := readUpdate(lines.Bytes())
		if err != nil {
			return heard, err
		}
		if update.Ask != 0 {
			if update.Cut != nil {
				enforcer.Cut(*update.Cut)
			}
			a.outbox.live(api.Live{Ask: update.Ask, Conns: enforcer.Live()})
		}
		if len(update.Where) > 0 {
			a.find(update.Where)
		}
		if update.Rival != "" {
			a.warn(fault.New(api.ProxyTwice, "another process, at %s, is %s, too, and was refused", fault.Printable(update.Rival, 80), a.self), "there is a second process of this name")
		}
		if update.Head == nil && update.Slice == nil {
			continue
		}
		slice, err := a.judge(update.Head, update.Slice)
		if err != nil {
			a.refuse(err)
			return false, err
		}
		if a.refused = ""; !heard {
			heard = true
			a.outbox.retry()
			a.offerAgain()
		}
		if a.alive(update.Head) {
			a.keepHeard(update.Head)
		}
		if slice != nil {
			applied := a.enforce(enforcer, slice)
			a.keepSlice(update.Head, update.Slice)
			a.outbox.applied(applied)
			if revoked := slice.RevocationOf(a.self); revoked != nil {
				return heard, a.selfRevoked(*revoked)
			}
			keepers.want(ctx, append(slice.Identities, a.self))
		}
	}
	if life.Err() != nil {
		return heard, context.Cause(life)
	}
	return heard, lines.Err()
}

// selfRevoked is the end of a watch whose proxy was revoked.
func (a *Agent) selfRevoked(revocation api.Revocation) error {
	return fault.New(SelfRevoked, "this proxy was revoked by %s in revision %d", revocation.By.Path(), revocation.Revision).
		WithHint("ask an operator, who can bring it back: signet restore %[1]s; then signet token new %[1]s --again | signet enroll", a.self.Path()).WithDetail(revocation)
}

// readUpdate reads one line of the watch.
func readUpdate(line []byte) (update api.Update, err error) {
	if err := json.Unmarshal(line, &update); err != nil {
		return update, unreadableLine(err)
	}
	return update, nil
}

func unreadableLine(err error) error {
	return fault.Wrap(err, AuthorityFailed, "unreadable line of the watch").WithHint(versionHint)
}

const versionHint = "run authority and proxy with the same version of signet"

// enforce puts a slice in force.
func (a *Agent) enforce(enforcer Enforcer, slice *api.Slice) api.Applied {
	if err := a.adopt(slice.Trust); err != nil {
		a.refuse(err)
	}
	view, err := a.view.Next(slice)
	view.Now, view.roots = a.now, a.Roots()
	a.view = view
	a.keys.heed(view)
	if err != nil {
		a.logger.Error("the rules cannot be used; nothing is allowed", slog.Int64("revision", slice.Revision), slog.Any("error", err))
	}
	return enforcer.Enforce(view)
}

// Report sends an event to the authority, some time soon. It never blocks.
func (a *Agent) Report(event api.Event) {
	if !a.outbox.event(event) {
		a.logger.Error("the outbox is full; an event is lost, and the authority will hear how many", slog.String("code", string(OutboxFull)))
	}
}
