package member

import (
	"context"
	"net"
	"net/http"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/live"
	"github.com/signet-tls/signet/spiffeid"
)

// Listener is a net.Listener of connections that are held to policy. Accept does not
// wait for a handshake: the first Read, Write or Handshake of the connection makes it.
type Listener struct {
	net.Listener
	member *Member
}

// Listen listens on a TCP address as the service that the program is, and tells the
// authority where, from which members and proxies know it.
func (m *Member) Listen(ctx context.Context, address string) (*Listener, error) {
	under, err := bind.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	l := &Listener{under, m}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		under.Close()
		return nil, stopped()
	}
	m.listeners[l] = m.reached(under.Addr())
	m.offer()
	return l, nil
}

func stopped() error {
	return fault.New(live.ShuttingDown, "the program is being stopped").WithHint("start the program again")
}

// Accept returns the next connection, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{member: l.member, raw: raw}, nil
}

// Close stops listening, and has nobody sent here any more. Connections that there are
// go on.
func (l *Listener) Close() error {
	m := l.member
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, open := m.listeners[l]; open {
		delete(m.listeners, l)
		m.offer()
	}
	return l.Listener.Close()
}

// Dial opens a connection to a service, an identity by its name or SPIFFE ID, at one of
// its addresses. No byte leaves the host where policy does not allow it. It waits, for
// ConnectTimeout at most, until the program is Ready and an address is known.
func (m *Member) Dial(ctx context.Context, service string) (*Conn, error) {
	to, err := identityOf(m.id.TrustDomain(), service)
	if err != nil {
		return nil, err
	}
	way, err := m.way(to)
	if err != nil {
		return nil, err
	}
	knowing, cancel := context.WithTimeout(ctx, m.limits.Connect)
	defer cancel()
	if err := m.Ready(knowing); err != nil {
		return nil, err
	}
	refused := func(revision int64, err error) (*Conn, error) {
		m.table.Refused(ctx, api.Event{Side: api.Door, From: m.id, To: to, Revision: revision}, err)
		return nil, err
	}
	if revision, err := m.table.MayDial(m.id, to, m.limits); err != nil {
		return refused(revision, err)
	}
	wait(knowing, func() (bool, error) { return true, way.Known() }) // Open says what is wrong
	secure, roots, err := way.Open(ctx)
	if err != nil {
		return refused(0, err)
	}
	c := &Conn{member: m, raw: secure, done: true}
	if err := c.admit(ctx, c.holding(secure, api.Door, m.id, to, roots)); err != nil {
		return nil, err
	}
	return c, nil
}

// way returns how a service is reached; its addresses are wanted from then on.
func (m *Member) way(to spiffeid.ID) (*live.Way, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch way := m.ways[to]; {
	case m.over:
		return nil, stopped()
	case way != nil:
		return way, nil
	case len(m.ways) >= api.MaxOffer:
		return nil, invalid("the program has dialed %d services already", len(m.ways)).WithHint("have several programs do so")
	}
	addresses := func() []string { return m.agent.Addresses(to) }
	if listed := m.listed[to]; listed != nil {
		addresses = func() []string { return listed }
	}
	m.ways[to] = m.table.Way(m.id, to, m.limits.Connect, addresses)
	m.offer()
	return m.ways[to], nil
}

// HTTP returns an HTTP client that dials services by their names: https://orders/new
// asks the service orders. It speaks HTTP/1.1, and never plaintext. Connections that are
// idle when Run's ctx ends are closed, not reset.
func (m *Member) HTTP() *http.Client { return m.http }

// newHTTP is HTTP's.
func (m *Member) newHTTP() *http.Client {
	client := new(signet.Client).HTTP()
	transport := client.Transport.(*http.Transport)
	transport.ForceAttemptHTTP2 = false // net/http takes that from a *tls.Conn alone
	transport.DialTLSContext = func(ctx context.Context, _, address string) (net.Conn, error) {
		service, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		conn, err := m.Dial(ctx, service)
		if err != nil {
			return nil, err // not a *Conn that is nil
		}
		return conn, nil
	}
	return client
}

// HTTPServer returns an HTTP server; serve it on a Listener. signet.PeerOf tells a
// handler who asks.
func (m *Member) HTTPServer(handler http.Handler) *http.Server {
	return new(signet.Server).HTTP(handler)
}
