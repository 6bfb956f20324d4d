package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/spiffeid"
)

// port is a socket and what to do with what it accepts.
type port struct {
	address  string // as it was asked for
	listener net.Listener
	seats    *live.Seats
	serve    atomic.Pointer[serve]
}

// serve is what a port does with a connection, from its first byte to its end.
// It bounds how many it has; the bounds are each port's own, so that strangers
// at one take nothing from another.
type serve func(ctx context.Context, conn net.Conn)

// wanted is a port as a configuration has it.
type wanted struct {
	address string
	door    bool
	port    bool // of a door: it may be a port
	serves  func(*live.Seats) serve
}

func (p *Proxy) wanted(services []Service, doors []Door) (all []wanted) {
	for _, service := range services {
		service.Limits = service.Settled()
		all = append(all, wanted{service.Address, false, true, func(seats *live.Seats) serve {
			seats.Limit(service.Limits)
			return p.inbound(service, seats)
		}})
	}
	for _, door := range doors {
		door.Limits = door.Settled()
		all = append(all, wanted{door.Address, true, door.Loopback, func(seats *live.Seats) serve {
			seats.Limit(door.Limits)
			return p.outbound(door, seats)
		}})
	}
	return all
}

// Listen binds every port, so that Run cannot fail on one. After an error none
// is bound.
func (p *Proxy) Listen(ctx context.Context) error {
	return p.Reload(ctx, p.config, func() {})
}

// Reload has the services, doors, Drain and StaleAfter of another Config from now
// on. Ports that stay go on listening, and live connections go on, also those of
// ports that are gone. The new ones are bound first; then commit puts into force
// what belongs to the change. After an error everything is as it was.
func (p *Proxy) Reload(ctx context.Context, next Config, commit func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return fault.New(live.ShuttingDown, "the proxy is being stopped").WithHint("start the proxy again")
	}
	before := map[string]*port{}
	for _, port := range p.ports {
		if !strings.HasSuffix(port.address, ":0") { // which is another port each time
			before[port.address] = port
		}
	}
	wanted := p.wanted(next.Services, next.Doors)
	ports, fresh := make([]*port, len(wanted)), []*port(nil)
	for i, want := range wanted {
		if ports[i] = before[want.address]; ports[i] != nil {
			delete(before, want.address)
			continue
		}
		listener, err := p.listen(ctx, want)
		if err != nil {
			for _, port := range fresh {
				port.listener.Close()
			}
			return err
		}
		ports[i] = &port{address: want.address, listener: listener, seats: live.NewSeats()}
		fresh = append(fresh, ports[i])
	}
	commit()
	for i, want := range wanted {
		serve := want.serves(ports[i].seats)
		ports[i].serve.Store(&serve)
	}
	for _, port := range p.ports {
		if !slices.Contains(ports, port) {
			port.listener.Close()
		}
	}
	p.ports, p.owns = ports, map[spiffeid.ID]bool{}
	for _, service := range next.Services {
		p.owns[service.ID] = true
	}
	for _, door := range next.Doors {
		p.owns[door.From] = true
	}
	p.settle(next)
	if p.start != nil {
		for _, port := range fresh {
			p.start(port)
		}
	}
	return nil
}

func (p *Proxy) listen(ctx context.Context, want wanted) (net.Listener, error) {
	if name, ok := strings.CutPrefix(want.address, "systemd:"); ok {
		return p.inherit(name, want.door, want.port)
	}
	if path, ok := strings.CutPrefix(want.address, "unix:"); ok {
		return bind.Unix(ctx, path)
	}
	if want.door {
		return bind.Loopback(ctx, want.address)
	}
	return bind.Listen(ctx, want.address)
}

// inherit takes a socket over that systemd has opened. A door's is plain, so it is
// held to what a door may be.
func (p *Proxy) inherit(name string, door, port bool) (net.Listener, error) {
	given := p.config.Inherited[name]
	if given == nil {
		return nil, fault.New(bind.CannotListen, "systemd has handed over no socket called %q", name).
			WithHint("write FileDescriptorName=%s into the socket's unit, and start it", name)
	}
	switch at := given.Addr().(type) {
	case *net.TCPAddr:
		switch {
		case !door || at.IP.IsLoopback() && port:
			return again(given)
		case at.IP.IsLoopback():
			return nil, fault.New(bind.CannotListen, "systemd's socket %q is a door's at %s, through which every user of this machine could speak for it", name, at).
				WithHint("write ListenStream=PATH into the socket's unit, or loopback = true into the door")
		}
		return nil, fault.New(bind.NotLoopback, "systemd's socket %q is a door's at %s, and a plain port listens on this machine's loopback only", name, at).
			WithHint("write ListenStream=127.0.0.1:PORT, or a path, into the socket's unit")
	case *net.UnixAddr:
		if door {
			return again(given)
		}
	}
	return nil, fault.New(bind.CannotListen, "systemd's socket %q is not one that a service can listen on", name).
		WithHint("write ListenStream=ADDRESS:PORT into the socket's unit")
}

// again opens a socket a second time. The first stays open, so that a port which is
// left out of a configuration can come back, and who connects meanwhile waits.
func again(given net.Listener) (net.Listener, error) {
	holder, ok := given.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.ErrUnsupported
	}
	file, err := holder.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return net.FileListener(file)
}

// begin has start accept at every port, and at those that come.
func (p *Proxy) begin(start func(*port)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start = start
	for _, port := range p.ports {
		start(port)
	}
}

// Addresses returns where the services and then the doors listen.
func (p *Proxy) Addresses() []net.Addr {
	p.mu.Lock()
	defer p.mu.Unlock()
	var addresses []net.Addr
	for _, port := range p.ports {
		addresses = append(addresses, port.listener.Addr())
	}
	return addresses
}

// Close lets go of the ports, for who listened and does not Run.
func (p *Proxy) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.start, p.over = nil, true
	for _, port := range p.ports {
		port.listener.Close()
	}
}
