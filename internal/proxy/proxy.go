// Package proxy carries connections of programs that cannot be changed over
// mutual TLS, and holds every live one to the policy in force.
package proxy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// Truth is where a proxy has its identities, its roots and its policy from, and
// whom it reports to: an *agent.Agent of an authority, or *agent.Files.
type Truth interface {
	// Begin has the enforcer put in force what is known without asking anybody.
	Begin(enforcer agent.Enforcer)
	// Run has the enforcer put every change in force, until ctx ends.
	Run(ctx context.Context, enforcer agent.Enforcer)
	// Hurry has it look at once for what is new; it must not block.
	Hurry()
	// Source is an identity's present certificate.
	Source(spiffeid.ID) identity.Source
	// Roots are whom to believe at present.
	Roots() verify.Roots
	// Deadline is when an identity's certificate ends, and whether it is being renewed.
	Deadline(spiffeid.ID) (until time.Time, renewing bool)
	// Newest asks for the newest successor of each certificate.
	Newest(context.Context, []api.Issued) ([]api.Issued, error)
	// Addresses are where a service listens, as far as is known.
	Addresses(service spiffeid.ID) []string
	// Report takes an event; it must not block.
	Report(api.Event)
	// Heard is when it was last known to be up to date, by time.Now.
	Heard() time.Time
}

// Service is an inbound port: mutual TLS outside, a plain program inside.
type Service struct {
	ID      spiffeid.ID // that clients find here
	Address string      // to listen on: HOST:PORT, or "systemd:NAME"
	Backend Address     // the program
	Header  bool        // the program hears first who connects, by the PROXY protocol
	Limits
}

// Door is an outbound port: a plain program inside, mutual TLS outside. Who can
// connect to it speaks as From, so it listens on loopback, or on a Unix socket
// that lets in some users.
type Door struct {
	From     spiffeid.ID // whom the program speaks as
	To       spiffeid.ID // whom it wants to talk to
	Address  string      // to listen on: HOST:PORT on loopback, "unix:PATH", or "systemd:NAME"
	Users    []uint32    // who may connect to a Unix socket
	Loopback bool        // systemd's socket may be a port, whose every user speaks as From
	Targets  []string    // where To listens, HOST:PORT, the preferred first; none: as Truth knows it
	Postgres bool        // PostgreSQL's question for TLS is answered here
	Limits
}

// Limits are the bounds of one port. A zero field means its default.
type Limits struct {
	Conns         int           // connections at once; defaultConns
	Each          int           // of one identity; defaultEach
	Connect       time.Duration // to reach the program, or an address of the service; defaultConnect
	OpenWhenStale bool          // go on with what was known last, however long the authority is silent
	StaleFor      time.Duration // how long connections go on otherwise; defaultStaleFor
}

// Defaults of Limits. A connection costs two descriptors; one identity has half
// of a port, so that none takes all of it.
const (
	defaultConns    = 8192
	defaultEach     = defaultConns / 2
	defaultConnect  = 5 * time.Second
	defaultStaleFor = 12 * time.Hour // as long as a renewed certificate has at least
)

// defaultStaleAfter is how long an authority may be silent, which sends a sign of
// life every 5 s.
const defaultStaleAfter = 30 * time.Second

func (l Limits) settled() Limits {
	l.Conns = cmp.Or(l.Conns, defaultConns)
	l.Each = cmp.Or(l.Each, min(defaultEach, l.Conns))
	l.Connect = cmp.Or(l.Connect, defaultConnect)
	l.StaleFor = cmp.Or(l.StaleFor, defaultStaleFor)
	return l
}

// Address is a plain endpoint, as in net.Dial: "tcp", or "unix", which only
// those reach who may enter the socket's folder.
//
// A stream that was cut ends in a reset over TCP. A Unix socket has no reset
// that could be relied on: the program reads an end, as after a whole stream,
// and only its next write fails (EPIPE), which after a whole stream it does not.
// So give a Unix socket to programs that see for themselves whether a message is
// whole, as HTTP's and PostgreSQL's do, and not to one that takes the end of the
// stream for the end of a file.
type Address struct{ Network, Address string }

// DataPath is who carries the bytes of connections.
type DataPath string

// The data paths. What event loops cannot carry takes the other by itself: see
// signet.Conn.Detach.
const (
	Std    DataPath = "std"    // crypto/tls, by goroutines for each connection
	Record DataPath = "record" // event loops, with a record layer of Signet's own

	defaultDataPath = Std // as in the configuration
)

// Config is what a proxy carries.
type Config struct {
	Services   []Service
	Doors      []Door
	Truth      Truth
	Drain      time.Duration           // how long connections may go on once Run's ctx has ended
	StaleAfter time.Duration           // how long Truth may be silent until the proxy is stale; 0 means defaultStaleAfter
	DataPath   DataPath                // "" means defaultDataPath
	Inherited  map[string]net.Listener // sockets that systemd has handed over, by name
	OnEvent    func(api.Event)         // hears of every event, too; it must not block; nil: nobody does
	Now        func() time.Time        // nil means time.Now
	Logger     *slog.Logger            // nil discards
}

// Proxy is the data plane of one host.
type Proxy struct {
	config Config
	truth  Truth
	table  table
	meters meters
	now    func() time.Time
	logger *slog.Logger

	conns sync.WaitGroup // connections, and who accepts them
	loops *signet.Loops  // set by Run before it accepts; nil: each connection has goroutines of its own

	drainFor   atomic.Int64 // nanoseconds
	staleAfter atomic.Int64 // nanoseconds

	mu    sync.Mutex
	ports []*port              // guarded by mu; the services', then the doors'
	start func(*port)          // guarded by mu; nil unless Run accepts
	over  bool                 // guarded by mu; it listens no more
	owns  map[spiffeid.ID]bool // guarded by mu; never changes, but is replaced
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

// New returns a proxy that listens nowhere yet.
func New(cfg Config) *Proxy {
	p := &Proxy{config: cfg, truth: cfg.Truth, now: cfg.Now, logger: cfg.Logger}
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	p.settle(cfg)
	p.table = table{now: p.now, report: p.report, hurry: p.truth.Hurry, conns: map[*live]struct{}{}}
	p.meters = newMeters(p)
	return p
}

// settle takes over the settings of no single port.
func (p *Proxy) settle(cfg Config) {
	p.drainFor.Store(int64(cfg.Drain))
	p.staleAfter.Store(int64(cmp.Or(cfg.StaleAfter, defaultStaleAfter)))
}

// report tells of an event.
func (p *Proxy) report(event api.Event) {
	p.meters.hear(event)
	p.truth.Report(event)
	if p.config.OnEvent != nil {
		p.config.OnEvent(event)
	}
}

// Run carries connections until ctx ends. Then it accepts no more, lets those that
// there are go on while Drain lasts, ends the rest, by reset, and returns when all
// of them are gone and Truth has heard of it, as far as it listens.
func (p *Proxy) Run(ctx context.Context) error {
	// The connections outlive ctx, and Truth the connections, to tell of their end.
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	traffic, end := context.WithCancel(life)
	defer end()
	var truth, watches, loops sync.WaitGroup
	carrying, rest := context.WithCancel(life)
	defer rest()
	if p.loops = p.openLoops(); p.loops != nil {
		loops.Go(func() { p.loops.Run(carrying) })
	}
	p.truth.Begin(p) // before anybody comes in
	truth.Go(func() { p.truth.Run(life, p) })
	watches.Go(func() { p.watchDeadlines(traffic) })
	watches.Go(func() { p.watchPeers(traffic) })
	p.begin(func(port *port) {
		p.conns.Go(func() { p.accept(traffic, port) })
	})
	<-ctx.Done()
	p.Close()
	p.drain()
	end()
	p.table.close(fault.New(ShuttingDown, "its proxy was stopped").WithHint("start the proxy again"))
	p.conns.Wait()
	rest()
	loops.Wait()
	watches.Wait()
	stop()
	truth.Wait()
	return nil
}

// detaches reports whether connections are to be carried by loops.
func (p *Proxy) detaches() bool { return cmp.Or(p.config.DataPath, defaultDataPath) == Record }

// openLoops returns nil where connections are not carried by loops, or cannot be.
func (p *Proxy) openLoops() *signet.Loops {
	if !p.detaches() {
		return nil
	}
	loops, err := signet.OpenLoops()
	if err != nil {
		p.logger.Warn("connections are carried by the std data path", slog.Any("error", err))
	}
	return loops
}

// drain waits until the connections have ended, as long as they may go on.
func (p *Proxy) drain() {
	wait := time.Duration(p.drainFor.Load())
	if wait <= 0 {
		return
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		p.conns.Wait()
	}()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	}
}

// accept serves a port. What it accepts waits or is refused where it is served.
func (p *Proxy) accept(ctx context.Context, port *port) {
	for {
		conn, err := port.listener.Accept()
		switch {
		case err == nil:
			serve := *port.serve.Load()
			p.conns.Go(func() { serve(ctx, conn) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			p.logger.Warn("accept failed", slog.Any("error", err))
			pause(ctx)
		}
	}
}

// pause waits out a passing shortage, such as of descriptors.
func pause(ctx context.Context) {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// apart makes a handshake in a goroutine of its own, so that the large stack that
// it needs does not stay with the connection.
func apart(shake func() (*signet.Conn, error)) (conn *signet.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err = shake()
	}()
	<-done
	return conn, err
}

// join admits a connection and has it carried to its end. It may return before that;
// leave is called then.
func (p *Proxy) join(ctx context.Context, l *live, legs *legs, out, in *atomic.Int64, leave func()) {
	peer := legs.secure.Peer()
	l.legs, l.chain = legs, peer.Chain
	l.peer.Store(issued(l.chain[0]))
	if err := p.table.admit(l); err != nil {
		legs.abort(alertNone)
		p.refused(ctx, api.Event{Side: l.side, Conn: l.id, From: l.from, To: l.to, Remote: l.remote}, err)
		leave()
		return
	}
	opened := l.event(api.Opened, p.now())
	opened.TLS = peer.TLS()
	p.report(opened)
	p.conns.Add(1)
	legs.carry(p.loops, out, in, func(err error) {
		defer p.conns.Done()
		defer leave()
		p.ended(l, err)
	})
}

// ended takes a connection out whose legs have ended, and tells why.
func (p *Proxy) ended(l *live, err error) {
	if cause := p.expired(l); cause != nil && brokenOff(err) {
		err = cause
	}
	if p.table.remove(l, err) {
		return
	}
	ended := l.event(api.Ended, p.now())
	if err != nil {
		explain(&ended, err)
	}
	p.report(ended)
}

// refused tells of a connection that never came to be; what fails because the
// proxy stops is no refusal.
func (p *Proxy) refused(ctx context.Context, event api.Event, err error) {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ShuttingDown)) {
		return
	}
	event.Time, event.Kind = p.now(), api.Refused
	explain(&event, err)
	p.report(event)
}

// Enforce implements agent.Enforcer.
func (p *Proxy) Enforce(view *agent.View) api.Applied { return p.table.Enforce(view) }

// Cut implements agent.Enforcer.
func (p *Proxy) Cut(cut api.Cut) {
	wanted := map[string]bool{}
	for _, id := range cut.Conns {
		wanted[id] = true
	}
	cause := fault.New(api.ConnectionCut, "%s", fault.Printable(cut.Reason, maxCutReason)).
		WithHint("connect again: no rule was changed")
	p.table.endAll(cause, func(l *live) bool { return wanted[l.id] })
}

// maxCutReason bounds what the authority says of a cut, in characters.
const maxCutReason = 1200

// Live implements agent.Enforcer.
func (p *Proxy) Live() []api.Conn { return p.table.list(p.truth.Deadline) }
