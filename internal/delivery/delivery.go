// Package delivery puts identities into files where programs read them, and has the
// programs told.
//
// Nothing is ever removed. When the authority is gone, the files stay as they are.
// When an identity is revoked, they stay too, and the log says so: who hears of the
// revocation no longer accepts them, while a program whose file is missing might not
// start at all.
package delivery

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Target is where one identity is written. Empty paths are not written.
type Target struct {
	ID                   spiffeid.ID
	Cert, Key            string // a pair in PEM
	PEM                  string // both in one file
	Bundle               string // the roots, in PEM
	Keystore, Truststore string // the same in PKCS#12
	PasswordFile         string // has the passphrase of both stores in its first line

	UID, GID int         // whose the files become; -1 is nobody in particular
	Mode     fs.FileMode // of files that hold the key

	Reload  []string      // the command that has the program read them anew; nil: none
	Timeout time.Duration // how long it may take
}

// Config is what a Keeper needs to know.
type Config struct {
	// Home is the host folder: its roots are written, and what was delivered is noted
	// in it.
	Home string
	// Self is the host's own identity.
	Self spiffeid.ID
	// Source gives an identity's current certificate.
	Source  func(spiffeid.ID) identity.Source
	Targets []Target
	Logger  *slog.Logger // nil discards
}

// Keeper keeps the files of all targets as they should be. It is the agent's
// Enforcer: it carries no connections, and hears who is revoked.
type Keeper struct {
	home    string
	self    spiffeid.ID
	source  func(spiffeid.ID) identity.Source
	targets []*target
	logger  *slog.Logger
	ready   chan struct{}

	mu   sync.Mutex
	view *agent.View // guarded by mu; nil before the authority was heard
}

// target is a Target and what became of it. Its goroutine owns all but the Target.
type target struct {
	Target
	said   string        // the last trouble that was logged
	done   note          // what was delivered
	filled chan struct{} // closed once its files are there
	nudge  chan struct{} // holds one value at most: look now
}

// How often a target is looked at: while there is no certificate, and later. To look
// is to compare two serial numbers.
const (
	soon  = 50 * time.Millisecond
	later = time.Second
)

// New returns a keeper that has written nothing yet.
func New(cfg Config) *Keeper {
	k := &Keeper{home: cfg.Home, self: cfg.Self, source: cfg.Source, logger: cfg.Logger, ready: make(chan struct{})}
	if k.logger == nil {
		k.logger = slog.New(slog.DiscardHandler)
	}
	for _, t := range cfg.Targets {
		k.targets = append(k.targets, &target{Target: t, filled: make(chan struct{}), nudge: make(chan struct{}, 1)})
	}
	return k
}

// Ready is closed once the files of every target are there: written by this run, or
// by an earlier one.
func (k *Keeper) Ready() <-chan struct{} { return k.ready }

// Run keeps the files until ctx ends. A command that is running then is ended.
func (k *Keeper) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	for _, t := range k.targets {
		all.Go(func() { k.follow(ctx, t) })
	}
	all.Go(func() {
		for _, t := range k.targets {
			select {
			case <-t.filled:
			case <-ctx.Done():
				return
			}
		}
		close(k.ready)
	})
}

// Enforce implements agent.Enforcer.
func (k *Keeper) Enforce(view *agent.View) api.Applied {
	k.mu.Lock()
	k.view = view
	k.mu.Unlock()
	for _, t := range k.targets {
		select {
		case t.nudge <- struct{}{}:
		default:
		}
	}
	return api.Applied{Revision: view.Revision}
}

// Live implements agent.Enforcer: no connection goes through here.
func (k *Keeper) Live() []api.Conn { return nil }

// Cut implements agent.Enforcer: there is none to cut.
func (k *Keeper) Cut(api.Cut) {}

func (k *Keeper) now() *agent.View {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.view
}

// follow keeps one target's files as they should be.
func (k *Keeper) follow(ctx context.Context, t *target) {
	t.done = k.recall(t)
	if t.done.Serial != "" {
		close(t.filled)
	}
	for attempt := 0; ; {
		wait := later
		err := k.bring(ctx, t)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err == nil:
			attempt = 0
			t.said = ""
		case errors.Is(err, agent.CertificatePending):
			wait = soon // the agent says why, if it lasts
			attempt = 0
		default:
			wait = backoff(attempt)
			attempt++
			k.say(t, err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		case <-t.nudge:
			timer.Stop()
		}
	}
}

// backoff is how long to wait before another attempt: 1 s to 1 min, doubling, less up
// to half of it.
func backoff(attempt int) time.Duration {
	wait := min(time.Second<<min(attempt, 10), time.Minute)
	return wait - rand.N(wait/2)
}

// say logs a trouble, once until another one comes or it is over.
func (k *Keeper) say(t *target, err error) {
	e, ok := fault.Of(err)
	if !ok || t.said == err.Error() {
		return
	}
	t.said = err.Error()
	k.logger.Error(e.Message, slog.String("identity", t.ID.String()), slog.String("code", string(e.Code)), slog.String("next", e.Hint))
}

// bring makes the target's files what they should be, and has its program told.
func (k *Keeper) bring(ctx context.Context, t *target) error {
	credential, roots, err := k.fresh(t)
	if err != nil {
		return err
	}
	if want := (note{Serial: credential.Leaf().Serial(), Roots: digest(roots)}); !t.done.of(want) {
		if err := k.write(t, credential, roots, want); err != nil {
			return err
		}
		k.logger.Info("the identity was written", slog.String("identity", t.ID.String()), slog.String("serial", want.Serial), slog.Time("until", credential.Leaf().NotAfter()))
	}
	if t.done.Told || t.Reload == nil {
		return nil
	}
	if err := t.reload(ctx); err != nil {
		return err
	}
	t.done.Told = true
	k.logger.Info("the program was told", slog.String("identity", t.ID.String()), slog.String("command", t.Reload[0]))
	return k.record(t)
}

// fresh returns the identity's current certificate, unless nobody should use it, and
// the roots.
func (k *Keeper) fresh(t *target) (*pki.Credential, []byte, error) {
	if err := k.mayBe(t.ID); err != nil {
		return nil, nil, err
	}
	credential, err := k.source(t.ID).Credential()
	if err != nil {
		return nil, nil, err
	}
	if err := k.now().Peer(credential.Chain); err != nil {
		return nil, nil, barred(err)
	}
	home, err := agent.LoadHome(k.home)
	if err != nil {
		return nil, nil, err
	}
	var roots []byte
	for _, anchor := range home.Anchors {
		roots = append(roots, anchor.PEM()...)
	}
	return credential, roots, nil
}

// mayBe refuses an identity that is revoked, or not this host's.
func (k *Keeper) mayBe(id spiffeid.ID) error {
	view := k.now()
	if view == nil {
		return nil // nobody has told otherwise
	}
	for _, who := range []spiffeid.ID{k.self, id} {
		if err := view.Revoked(who); err != nil {
			return barred(err)
		}
	}
	if err := view.Holds(id); err != nil {
		return fault.Wrap(err, agent.NotHeld, "no files of %s are written", id.Short(k.self.TrustDomain()))
	}
	return nil
}

// barred says what becomes of the files of an identity that was revoked.
func barred(err error) error {
	return fault.Wrap(err, api.IdentityRevoked, "the files stay as they are, and nobody who heard of it accepts them").
		WithHint("stop the program, or remove the files, if it should not try with them")
}

func digest(data []byte) [sha256.Size]byte { return sha256.Sum256(data) }
