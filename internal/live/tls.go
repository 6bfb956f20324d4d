package live

import (
	"context"
	"sync"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Servers returns the TLS of a service, by the roots of the moment. Each handshake
// takes a context of Meet.
func (t *Table) Servers(service spiffeid.ID) *Trusting[signet.Server] {
	return &Trusting[signet.Server]{Roots: t.truth.Roots, Make: func(roots verify.Roots) *signet.Server { return t.server(service, roots) }}
}

func (t *Table) server(service spiffeid.ID, roots verify.Roots) *signet.Server {
	return &signet.Server{
		Identity:   t.truth.Source(service),
		Roots:      roots,
		Name:       verify.Member(service.TrustDomain()),
		Now:        t.now,
		Logger:     t.logger,
		Detachable: t.detachable,
		Generation: func() uint64 { return t.Current().Generation() },
		Observe: func(ctx context.Context, peer *signet.Peer) {
			met := meetingOf(ctx)
			met.peer, met.shown = peer, time.Now()
		},
		Authorize: func(ctx context.Context, peer *signet.Peer) error {
			met := meetingOf(ctx)
			met.from = peer.ID
			if t.meter.Verified != nil {
				t.meter.Verified(time.Since(met.shown))
			}
			view := t.Current()
			verdict, err := t.Decide(api.Service, view, peer.ID, service)
			met.revision = verdict.Revision
			if err == nil {
				err = view.Peer(peer.Chain)
			}
			return err
		},
	}
}

// client is the TLS of who speaks as one identity to another.
func (t *Table) client(from, to spiffeid.ID, roots verify.Roots) *signet.Client {
	return &signet.Client{
		Roots:      roots,
		Name:       verify.ID(to),
		Identity:   t.truth.Source(from),
		Now:        t.now,
		Logger:     t.logger,
		Detachable: t.detachable,
		Authorize: func(_ context.Context, peer *signet.Peer) error {
			return t.Current().Peer(peer.Chain)
		},
	}
}

// Decide asks the rules, and has it measured.
func (t *Table) Decide(side api.Side, view *agent.View, from, to spiffeid.ID) (agent.Verdict, error) {
	start := time.Now()
	verdict, err := view.Decide(from, to)
	if t.meter.Decided != nil {
		t.meter.Decided(side, time.Since(start), err)
	}
	return verdict, err
}

// MayDial says whether one identity may open a connection to another at present, and
// by which revision not. It is asked before anything leaves the host.
func (t *Table) MayDial(from, to spiffeid.ID, limits Limits) (revision int64, err error) {
	view := t.Current()
	verdict, err := t.Decide(api.Door, view, from, to)
	if held := view.Holds(from); held != nil { // then it has not its rules either
		err = held
	}
	if err == nil && t.Silent(limits) {
		err = t.StaleFault()
	}
	return verdict.Revision, err
}

// Meeting is what a handshake has found out of a client, in case that it fails.
type Meeting struct {
	peer     *signet.Peer // not verified; nil: it has shown nothing
	shown    time.Time    // when it did
	from     spiffeid.ID  // verified; zero: it is not
	revision int64        // that it was decided in
}

type meetingKey struct{}

// Meet returns a context for a server's handshake, and what that will find out.
func Meet(ctx context.Context) (context.Context, *Meeting) {
	met := &Meeting{}
	return context.WithValue(ctx, meetingKey{}, met), met
}

func meetingOf(ctx context.Context) *Meeting { return ctx.Value(meetingKey{}).(*Meeting) }

// Event describes a client that did not get through its handshake.
func (m *Meeting) Event(service spiffeid.ID, remote string) api.Event {
	return api.Event{Side: api.Service, Conn: m.peer.Connection(), From: m.from, To: service, Remote: remote, Revision: m.revision}
}

// Apart makes a handshake, and what follows it, in a goroutine of its own, so that the
// large stack that it needs does not stay with the connection. It returns when that is
// done.
func (t *Table) Apart(shake func()) { t.hands.apart(shake) }

// Trusting makes something anew whenever whom we believe has changed.
type Trusting[T any] struct {
	Roots func() verify.Roots // at present
	Make  func(verify.Roots) *T

	mu   sync.Mutex
	made *T           // guarded by mu; nil at first
	by   verify.Roots // guarded by mu
}

// Get returns the present one, and the roots that it goes by.
func (t *Trusting[T]) Get() (*T, verify.Roots) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if roots := t.Roots(); t.made == nil || t.by != roots {
		t.by, t.made = roots, t.Make(roots)
	}
	return t.made, t.by
}
