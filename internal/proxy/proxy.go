// Package proxy carries connections of programs that cannot be changed over
// mutual TLS, and holds every live one to the policy in force.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/spiffeid"
)

// Service is an inbound port: mutual TLS outside, a plain program inside.
type Service struct {
	ID      spiffeid.ID // that clients find here
	Address string      // to listen on, HOST:PORT
	Backend Address     // the program
}

// Door is an outbound port: a plain program inside, mutual TLS outside. Who can
// connect to it speaks as From, so it listens on loopback only.
type Door struct {
	From    spiffeid.ID // whom the program speaks as
	To      spiffeid.ID // whom it wants to talk to
	Address string      // to listen on, HOST:PORT, loopback
	Target  string      // where To listens, HOST:PORT
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

// Config is what a proxy carries.
type Config struct {
	Services []Service
	Doors    []Door
	Agent    *agent.Agent
	Now      func() time.Time // nil means time.Now
	Logger   *slog.Logger     // nil discards
}

// Proxy is the data plane of one host.
type Proxy struct {
	config Config
	agent  *agent.Agent
	table  table
	now    func() time.Time
	logger *slog.Logger
	ports  []port
}

// port is a socket and what to do with what it accepts.
type port struct {
	listener net.Listener
	serve    serve
}

// serve is what a port does with a connection, from its first byte to its end.
// It bounds how many it has; the bounds are each port's own, so that strangers
// at one take nothing from another.
type serve func(ctx context.Context, conn net.Conn)

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
	p := &Proxy{config: cfg, agent: cfg.Agent, now: cfg.Now, logger: cfg.Logger}
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	p.table = table{now: p.now, report: cfg.Agent.Report, conns: map[*live]struct{}{}}
	return p
}

// Listen binds every port, so that Run cannot fail on one. After an error none
// is bound.
func (p *Proxy) Listen(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			p.Close()
		}
	}()
	for _, service := range p.config.Services {
		listener, err := bind.Listen(ctx, service.Address)
		if err != nil {
			return err
		}
		p.open(listener, p.inbound(service))
	}
	for _, door := range p.config.Doors {
		listener, err := bind.Loopback(ctx, door.Address)
		if err != nil {
			return err
		}
		p.open(listener, p.outbound(door))
	}
	return nil
}

func (p *Proxy) open(listener net.Listener, serve serve) {
	p.ports = append(p.ports, port{listener, serve})
}

// Addresses returns where the services and then the doors listen.
func (p *Proxy) Addresses() []net.Addr {
	var addresses []net.Addr
	for _, port := range p.ports {
		addresses = append(addresses, port.listener.Addr())
	}
	return addresses
}

// Close lets go of the ports again, for who listened and does not Run.
func (p *Proxy) Close() {
	for _, port := range p.ports {
		port.listener.Close()
	}
}

// Run carries connections until ctx ends, then ends them, by reset, and returns
// when all of them are gone and the authority has heard of it, as far as it
// answers.
func (p *Proxy) Run(ctx context.Context) error {
	life, stop := context.WithCancel(context.WithoutCancel(ctx)) // the agent outlives the connections, to tell of their end
	defer stop()
	var agent, conns sync.WaitGroup
	agent.Go(func() { p.agent.Run(life, p) })
	for _, port := range p.ports {
		conns.Go(func() { p.accept(ctx, &conns, port) })
	}
	conns.Go(func() { p.watchDeadlines(ctx) })
	conns.Go(func() { p.watchPeers(ctx) })
	<-ctx.Done()
	p.Close()
	p.table.close(fault.New(ShuttingDown, "its proxy was stopped").WithHint("start the proxy again"))
	conns.Wait()
	stop()
	agent.Wait()
	return nil
}

// accept serves a port. What it accepts waits or is refused where it is served.
func (p *Proxy) accept(ctx context.Context, wg *sync.WaitGroup, port port) {
	for {
		conn, err := port.listener.Accept()
		switch {
		case err == nil:
			wg.Go(func() { port.serve(ctx, conn) })
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

// join admits a connection and carries it to its end.
func (p *Proxy) join(ctx context.Context, l *live, secure *signet.Conn, plain *plainConn, out, in *atomic.Int64) {
	l.secure, l.plain, l.chain = secure, plain, secure.Peer().Chain
	l.peer.Store(issued(l.chain[0]))
	if err := p.table.admit(l); err != nil {
		l.abort()
		p.refused(ctx, api.Event{Side: l.side, Conn: l.id, From: l.from, To: l.to}, err)
		return
	}
	opened := l.event(api.Opened, p.now())
	opened.TLS = secure.Peer().TLS()
	p.agent.Report(opened)
	err := carry(secure, plain, out, in)
	if cause := p.expired(l); cause != nil && errors.Is(err, signet.Truncated) {
		err = cause
	}
	if p.table.remove(l, err) {
		return
	}
	ended := l.event(api.Ended, p.now())
	if err != nil {
		explain(&ended, err)
	}
	p.agent.Report(ended)
}

// refused tells of a connection that never came to be; what fails because the
// proxy stops is no refusal.
func (p *Proxy) refused(ctx context.Context, event api.Event, err error) {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ShuttingDown)) {
		return
	}
	event.Time, event.Kind = p.now(), api.Refused
	explain(&event, err)
	p.agent.Report(event)
}

// Enforce implements agent.Enforcer.
func (p *Proxy) Enforce(view *agent.View) api.Applied { return p.table.Enforce(view) }

// Live implements agent.Enforcer.
func (p *Proxy) Live() []api.Conn { return p.table.list(p.agent.Deadline) }
