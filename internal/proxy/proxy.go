// Package proxy carries connections of programs that cannot be changed over
// mutual TLS, and holds every live one to the policy in force.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

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

// Address is a plain endpoint, as in net.Dial.
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
	conns  chan struct{} // one place a connection
	shakes chan struct{} // one place a connection that is not admitted yet
}

// port is a socket and what to do with what it accepts.
type port struct {
	listener net.Listener
	serve    func(context.Context, net.Conn)
}

// Bounds of one proxy.
const (
	maxConns  = 8192 // two descriptors each
	maxShakes = 1024 // connections that have not proved anything yet
)

// New returns a proxy that listens nowhere yet.
func New(cfg Config) (*Proxy, error) {
	p := &Proxy{config: cfg, agent: cfg.Agent, now: cfg.Now, logger: cfg.Logger,
		conns: make(chan struct{}, maxConns), shakes: make(chan struct{}, maxShakes)}
	if p.now == nil {
		p.now = time.Now
	}
	if p.logger == nil {
		p.logger = slog.New(slog.DiscardHandler)
	}
	p.table = table{now: p.now, report: cfg.Agent.Report, conns: map[*live]struct{}{}}
	return p, nil
}

// Listen binds every port, so that Run cannot fail on one. After an error none
// is bound.
func (p *Proxy) Listen(ctx context.Context) (err error) {
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	for _, service := range p.config.Services {
		listener, err := bind.Listen(ctx, service.Address)
		if err != nil {
			return err
		}
		p.ports = append(p.ports, port{listener, p.inbound(service)})
	}
	for _, door := range p.config.Doors {
		listener, err := bind.Loopback(ctx, door.Address)
		if err != nil {
			return err
		}
		p.ports = append(p.ports, port{listener, p.outbound(door)})
	}
	return nil
}

// Addresses returns where the services and then the doors listen.
func (p *Proxy) Addresses() []net.Addr {
	var addresses []net.Addr
	for _, port := range p.ports {
		addresses = append(addresses, port.listener.Addr())
	}
	return addresses
}

func (p *Proxy) close() {
	for _, port := range p.ports {
		port.listener.Close()
	}
}

// Run carries connections until ctx ends, then ends them, by reset, and returns
// when all of them are gone.
func (p *Proxy) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	failed := make(chan error, len(p.ports)+1)
	life, stop := context.WithCancel(context.WithoutCancel(ctx)) // the agent outlives the connections, to tell of their end
	defer stop()
	var agents sync.WaitGroup
	agents.Go(func() { failed <- p.agent.Run(life, p) })
	for _, port := range p.ports {
		wg.Go(func() { failed <- p.accept(ctx, &wg, port) })
	}
	wg.Go(func() { p.watchDeadlines(ctx) })
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	p.close()
	p.table.endAll(fault.New(ShuttingDown, "its proxy was stopped"), func(*live) bool { return true })
	wg.Wait()
	stop()
	agents.Wait()
	return err
}

// accept serves a port. It waits, instead of refusing, when the proxy is full.
func (p *Proxy) accept(ctx context.Context, wg *sync.WaitGroup, port port) error {
	for {
		select {
		case p.conns <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		conn, err := port.listener.Accept()
		if err != nil {
			<-p.conns
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			p.logger.Warn("accept failed", slog.Any("error", err))
			if !pause(ctx) {
				return nil
			}
			continue
		}
		wg.Go(func() {
			defer func() { <-p.conns }()
			port.serve(ctx, conn)
		})
	}
}

// pause waits out a passing shortage, such as of descriptors.
func pause(ctx context.Context) bool {
	timer := time.NewTimer(50 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Enforce implements agent.Enforcer.
func (p *Proxy) Enforce(view *agent.View) api.Applied { return p.table.Enforce(view) }

// Live implements agent.Enforcer.
func (p *Proxy) Live() []api.Conn { return p.table.list(p.agent.Deadline) }

// watchDeadlines ends the connections of an identity of ours whose certificate
// ended without being renewed.
func (p *Proxy) watchDeadlines(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := p.now()
		p.table.endAll(fault.New(CertificateExpired, "this end's certificate expired and was not renewed"), func(l *live) bool {
			until, _ := p.agent.Deadline(l.own)
			return now.After(until)
		})
	}
}
