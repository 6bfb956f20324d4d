// Package proxy carries connections of programs that cannot be changed over
// mutual TLS, and holds every live one to the policy in force.
package proxy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/spiffeid"
)

// Service is an inbound port: mutual TLS outside, a plain program inside.
type Service struct {
	ID      spiffeid.ID // that clients find here
	Address string      // to listen on: HOST:PORT, or "systemd:NAME"
	Backend Address     // the program
	Header  bool        // the program hears first who connects, by the PROXY protocol
	live.Limits
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
	live.Limits
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

// local reports whether the address is this machine's own, by what is written there.
func (a Address) local() bool {
	at, err := netip.ParseAddrPort(a.Address)
	return a.Network == "unix" || err == nil && at.Addr().IsLoopback()
}

// DataPath is who carries the bytes of connections.
type DataPath string

// The data paths. What event loops cannot carry takes the other by itself: see
// signet.Conn.Detach.
const (
	Std    DataPath = "std"    // crypto/tls, by goroutines for each connection
	Record DataPath = "record" // event loops, with a record layer of Signet's own

	defaultDataPath = Record // as in the configuration
)

// Config is what a proxy carries.
type Config struct {
	Services   []Service
	Doors      []Door
	Truth      live.Truth
	Drain      time.Duration           // how long connections may go on once Run's ctx has ended
	StaleAfter time.Duration           // how long Truth may be silent until the proxy is stale; 0 means 30 s
	DataPath   DataPath                // "" means defaultDataPath
	Inherited  map[string]net.Listener // sockets that systemd has handed over, by name
	OnEvent    func(api.Event)         // hears of every event, too; it must not block; nil: nobody does
	Now        func() time.Time        // nil means time.Now
	Logger     *slog.Logger            // nil discards
}

// Proxy is the data plane of one host.
type Proxy struct {
	config Config
	truth  live.Truth
	table  *live.Table
	meters meters
	now    func() time.Time
	logger *slog.Logger

	conns sync.WaitGroup // connections, and who accepts them
	loops *signet.Loops  // set by Run before it accepts; nil: each connection has goroutines of its own

	drainFor atomic.Int64 // nanoseconds

	mu    sync.Mutex
	ports []*port              // guarded by mu; the services', then the doors'
	start func(*port)          // guarded by mu; nil unless Run accepts
	over  bool                 // guarded by mu; it listens no more
	owns  map[spiffeid.ID]bool // guarded by mu; never changes, but is replaced
}

// New returns a proxy that listens nowhere yet.
func New(cfg Config) *Proxy {
	p := &Proxy{config: cfg, truth: cfg.Truth, now: cfg.Now, logger: cfg.Logger}
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	p.table = live.New(live.Config{Truth: p.truth, Report: p.report, Meter: live.Meter{Decided: p.decided, Verified: p.verified}, Detachable: p.detaches(), Now: p.now, Logger: p.logger})
	p.settle(cfg)
	p.meters = newMeters(p)
	return p
}

// settle takes over the settings of no single port.
func (p *Proxy) settle(cfg Config) {
	p.drainFor.Store(int64(cfg.Drain))
	p.table.SetStaleAfter(cfg.StaleAfter)
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
	p.truth.Begin(p.table) // before anybody comes in
	truth.Go(func() { p.truth.Run(life, p.table) })
	watches.Go(func() { p.table.Watch(traffic) })
	p.begin(func(port *port) {
		p.conns.Go(func() { p.accept(traffic, port) })
	})
	<-ctx.Done()
	p.Close()
	p.drain()
	end()
	p.table.Close(fault.New(live.ShuttingDown, "its proxy was stopped").WithHint("start the proxy again"))
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

// join admits a connection and has it carried to its end, after which leave is called: by
// the loops, or by who calls what it returns.
func (p *Proxy) join(ctx context.Context, l *live.Conn, legs *legs, out, in *atomic.Int64, leave func()) (carry func()) {
	peer := legs.secure.Peer()
	l.Chain, l.TLS = peer.Chain, peer.TLS()
	l.Path = legs.path
	l.End = func(cause error) { legs.abort(live.Alert(cause)) }
	if p.table.Admit(ctx, l) != nil {
		leave()
		return nil
	}
	p.conns.Add(1)
	return legs.join(p.loops, out, in, func(err error) {
		defer p.conns.Done()
		defer leave()
		p.table.Leave(l, err)
	})
}

// Cut ends connections, and changes nothing else.
func (p *Proxy) Cut(cut api.Cut) { p.table.Cut(cut) }

// Live lists the connections that are open.
func (p *Proxy) Live() []api.Conn { return p.table.Live() }

// Stale reports whether the proxy can no longer be sure that it is up to date, and
// when it last was.
func (p *Proxy) Stale() (since time.Time, stale bool) { return p.table.Stale() }
