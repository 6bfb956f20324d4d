// Package control keeps the control plane's small truth: who exists, who may
// hold whose identity, the rules, the revocations and the authority's
// certificates. It lives in one etcd member inside this process, which listens
// nowhere, or in a cluster of somebody's; readers see it as immutable States, each of
// them one whole revision.
package control

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Config says which folder to open.
type Config struct {
	// Dir is the data folder of one trust domain. It is made if it is missing,
	// and must be empty or ours otherwise: nothing else may be put there before
	// the first Open. It takes 33 MiB at once, as etcd allocates its log ahead.
	Dir string
	// TrustDomain is written into a new folder and compared with an old one's.
	TrustDomain spiffeid.TrustDomain
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger receives etcd's warnings and errors; nil discards them.
	Logger *slog.Logger
	// Etcd is the cluster in which a new folder's truth is to live, or where the cluster
	// of an old one is from now on; nil: as the folder says, and a new one keeps its own.
	Etcd *Cluster
	// Connect returns how members of a cluster are reached. It is needed where there is one.
	Connect func(Cluster) (Dial, error)

	prefix string        // of tests, in place of the trust domain's
	ttl    time.Duration // the same, in place of holdTime; whole seconds
}

// Store is an open folder. Its methods may be called from any goroutine.
type Store struct {
	now       func() time.Time
	logger    *slog.Logger
	client    *clientv3.Client
	cluster   *cluster // nil: a member in this process
	replica   *replica
	leases    leases
	gathering gathering
	maxHeld   int64 // valid certificates in one proxy's hands

	turn    chan struct{} // holds a value while a Change is under way
	issuing sync.RWMutex  // held for writing by a Change that revokes, lest a stream of new certificates keeps it from ending

	life      context.Context // the store's own; its cause says why it ended
	end       context.CancelCauseFunc
	following sync.WaitGroup
	stop      func() error // stops etcd and lets go of the folder; called once
}

// Open opens the folder, checks every file before etcd may read it, and
// returns when the state is there. A folder in which Signet was killed opens
// like any other; a damaged one is refused and left as it is.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s := newStore(cfg)
	folder, err := openFolder(cfg.Dir, cfg.TrustDomain)
	if err != nil {
		return nil, err
	}
	if cfg.Etcd != nil && *folder.marker.Ready && folder.marker.Etcd == nil {
		folder.close()
		return nil, fault.New(EtcdUnused, "%s has the truth of %s in itself, not in a cluster", cfg.Dir, cfg.TrustDomain).
			WithHint("signet authority backup FILE      # then move it: signet authority restore FILE --data DIR --etcd https://HOST:PORT …")
	}
	stop, err := s.connect(ctx, cfg, folder)
	if err != nil {
		folder.close()
		return nil, err
	}
	s.stop = sync.OnceValue(func() error {
		stop()
		return folder.close()
	})
	if err = s.begin(ctx, cfg.TrustDomain); err == nil {
		err = folder.markReady()
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// connect makes the client: of the folder's cluster, or of a member in this process.
func (s *Store) connect(ctx context.Context, cfg Config, f *folder) (stop func(), err error) {
	if cfg.Etcd == nil && f.marker.Etcd == nil {
		member, err := startMember(ctx, f.etcd(), s.logger, s.end)
		if err != nil {
			return nil, err
		}
		s.client = member.client
		return member.stop, nil
	}
	if s.cluster, err = openCluster(ctx, cfg, f, s.logger, s.end); err != nil {
		return nil, err
	}
	s.client = s.cluster.store()
	s.gathering.most = clusterConditions
	s.following.Go(func() { s.cluster.hold.keep(s.life) })
	return s.cluster.close, nil
}

func newStore(cfg Config) *Store {
	s := &Store{now: cfg.Now, logger: cfg.Logger, turn: make(chan struct{}, 1), maxHeld: maxHeld, gathering: gathering{turn: make(chan struct{}, 1), most: maxOps}}
	if s.now == nil {
		s.now = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	s.life, s.end = context.WithCancelCause(context.Background())
	return s
}

// begin reads the state and follows it from there.
func (s *Store) begin(ctx context.Context, td spiffeid.TrustDomain) error {
	s.replica = newReplica(newState(td))
	ctx, release := s.bind(ctx)
	defer release()
	next, err := s.load(ctx)
	if err != nil {
		return err
	}
	if err := s.sweep(ctx); err != nil {
		return err
	}
	s.following.Go(func() { s.follow(next) })
	return nil
}

// Close stops the store and waits until everything is on disk. Calls in
// progress end with StoreClosed. Closing again does nothing.
func (s *Store) Close() error {
	s.end(fault.New(StoreClosed, "the store is closed").WithHint("start Signet again, then repeat the command"))
	s.following.Wait()
	return s.stop()
}

// Wait returns the store's failure once it has failed, or nil when ctx ends
// first.
func (s *Store) Wait(ctx context.Context) error {
	select {
	case <-s.life.Done():
		return context.Cause(s.life)
	case <-ctx.Done():
		return nil
	}
}

// Trouble says what is wrong with the cluster of the store at present: until that is
// over, nothing can be written, and somebody else may know better. Nil: nothing is known
// to be wrong.
func (s *Store) Trouble() error {
	if s.cluster == nil {
		return nil
	}
	return s.cluster.hold.Trouble()
}

// Elsewhere says where the truth lives; "" is in the data folder.
func (s *Store) Elsewhere() string {
	if s.cluster == nil {
		return ""
	}
	return s.cluster.String() + ", under " + s.cluster.prefix
}

// State returns the current state.
func (s *Store) State() *State {
	state, _ := s.replica.current()
	return state
}

// Watch returns a channel that gives the current state first and then the
// latest one whenever it has changed; a slow reader misses those in between,
// never the last. The channel is closed when ctx ends or the store closes.
func (s *Store) Watch(ctx context.Context) <-chan *State { return s.replica.watch(ctx) }

// bind returns a context that also ends with the store. The caller calls
// release when it is done.
func (s *Store) bind(ctx context.Context) (bound context.Context, release func()) {
	bound, cancel := context.WithCancelCause(ctx)
	detach := context.AfterFunc(s.life, func() { cancel(context.Cause(s.life)) })
	return bound, func() {
		detach()
		cancel(nil)
	}
}

// await waits for the state that holds etcd's revision, as long as a cluster may take to
// tell of it.
func (s *Store) await(ctx context.Context, revision int64) (*State, error) {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if s.cluster != nil {
		waiting, cancel = s.cluster.bounded(ctx)
	}
	defer cancel()
	state, err := s.replica.await(waiting, revision)
	if err != nil {
		return nil, s.explain(ctx, err)
	}
	return state, nil
}

// explain turns the error of a call to etcd, made under a bound ctx, into ours.
func (s *Store) explain(ctx context.Context, err error) error {
	if s.life.Err() != nil {
		return context.Cause(s.life)
	}
	switch {
	case ctx.Err() != nil:
		return fault.Wrap(context.Cause(ctx), Interrupted, "stopped waiting for the store").
			WithHint("whether a change was made is not known: look, and repeat it if not")
	case s.cluster != nil:
		return s.cluster.explained(ctx, err)
	case errors.Is(err, rpctypes.ErrTimeout), errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail):
		return fault.Wrap(err, Interrupted, "the store did not answer in time").
			WithHint("whether a change was made is not known: look, and repeat it if not\nif it happens again, look at the disk: it is too slow")
	case errors.Is(err, rpctypes.ErrNoSpace):
		return fault.New(StoreFull, "the store has reached its limit of %d MiB", quotaBytes>>20).
			WithHint("delete rules that are no longer needed, and issue certificates less often")
	case errors.Is(err, rpctypes.ErrRequestTooLarge), errors.Is(err, rpctypes.ErrTooManyOps):
		return tooLarge()
	}
	return fault.Wrap(err, StoreFailed, "the store failed").
		WithHint("look at the disk, then start Signet again: what was confirmed is kept")
}

func tooLarge() error {
	return fault.New(ChangeTooLarge, "a change holds at most %d values and %d MiB", maxOps, requestBytes>>20).
		WithHint("split it into smaller changes")
}
