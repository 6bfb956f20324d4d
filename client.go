package signet

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/verify"
)

// Client opens verified TLS connections. Its zero value trusts nobody and
// returns an error that says what is missing. Set its fields before first use;
// it is then safe for concurrent use and must not be copied.
type Client struct {
	// Roots are whom we believe. Required.
	Roots verify.Roots
	// Name is who the server must be; zero means the host that is dialed.
	Name verify.Name
	// Identity is our own certificate, for servers that want one, or nil.
	Identity identity.Source
	// Rules are what else the server's certificates must keep: a profile,
	// policies, revocation. Its Roots, Name and Now are left aside for the
	// Client's own.
	Rules verify.Options
	// Observe, unless nil, hears what the server showed before it is judged, on
	// whichever outcome. It decides nothing.
	Observe func(*Peer)
	// Authorize may reject a verified peer, on resumed connections too. It
	// cannot accept one that verification refused. Nil rejects nobody.
	Authorize func(context.Context, *Peer) error
	// ALPN lists application protocols, the preferred first.
	ALPN []string
	// Ciphers choose among the suites of TLS 1.2 that are safe: those with
	// forward secrecy and an AEAD. Zero means all of them.
	Ciphers ciphers.List
	// Dangerous switches protections off. Each connection that lacks one is
	// logged as a warning, as is a TLSConfig, and its Peer says so.
	Dangerous []dangerous.Switch
	// HandshakeTimeout bounds the handshake; 0 means DefaultHandshakeTimeout,
	// and a shorter deadline of the context wins.
	HandshakeTimeout time.Duration
	// MaxHandshakeBytes is how much a server may send before it is verified, in
	// bytes; 0 means DefaultMaxHandshakeBytes.
	MaxHandshakeBytes int
	// Trace, unless nil, hears of each step of each connection, from several
	// goroutines at once. It decides nothing, and holds up what it hears of.
	Trace func(Event)
	// Dialer makes the connection under TLS; nil means a net.Dialer.
	Dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of reasons given for accepting any name, and of what is
	// Dangerous; nil discards.
	Logger *slog.Logger

	sessions sessions
	verifier verify.Verifier
}

// Dial connects to address ("host:port"), verifies the server and returns the
// connection. No byte of data is sent before the verdict.
func (c *Client) Dial(ctx context.Context, network, address string) (*Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return nil, fault.New(AddressInvalid, "%q is not HOST:PORT", address).
			WithHint("write, for example, api.example.com:443")
	}
	if err := c.check(c.name(host)); err != nil {
		return nil, err
	}
	raw, err := c.dial(ctx, network, address)
	if err != nil {
		return nil, unreachable(err, address)
	}
	return c.Wrap(ctx, raw, host)
}

func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.HandshakeTimeout, DefaultHandshakeTimeout))
	defer cancel()
	if c.Dialer != nil {
		return c.Dialer.DialContext(ctx, network, address)
	}
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, address)
}

func unreachable(err error, address string) error {
	var lookup *net.DNSError
	var op *net.OpError
	_, ours := fault.Of(err)
	switch {
	case ours: // the Dialer's own words
		return err
	case errors.As(err, &lookup):
		return &fault.Error{Code: Unreachable, Err: err, Message: "no address is known for " + lookup.Name,
			Hint: "check the spelling of the host name"}
	case timedOut(err):
		return &fault.Error{Code: Timeout, Err: err, Message: "no answer from " + address + " in time",
			Hint: "check that the peer runs and that no firewall is in between"}
	case errors.As(err, &op) && op.Err != nil:
		err = op.Err
	}
	return fault.Wrap(err, Unreachable, "%s cannot be reached", address).
		WithHint("check that the peer runs and that the address is right")
}

// Wrap verifies the server at the other end of a connection that exists already
// (STARTTLS, proxies) and takes ownership of it. Host is the name that was
// dialed; it counts unless Name is set.
func (c *Client) Wrap(ctx context.Context, raw net.Conn, host string) (*Conn, error) {
	name := c.name(host)
	transport := newTransport(raw, serverHello, orDefault(c.MaxHandshakeBytes, DefaultMaxHandshakeBytes), tracer{trace: c.Trace, now: c.Now})
	config, err := c.config(ctx, name, transport)
	if err != nil {
		raw.Close()
		return nil, err
	}
	conn := &Conn{
		transport:  transport,
		minVersion: config.MinVersion,
		timeout:    orDefault(c.HandshakeTimeout, DefaultHandshakeTimeout),
		logger:     newConnLogger(c.Logger, name, c.Dangerous),
	}
	transport.truncates = switches(c.Dangerous).has(dangerous.AllowTruncation())
	own := config.GetClientCertificate
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		conn.asked(request)
		if conn.owes = own == nil; conn.owes {
			return &tls.Certificate{}, nil
		}
		return own(request)
	}
	conn.tls = tls.Client(transport, config)
	if err := conn.Handshake(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// TLSConfig returns a configuration for libraries that want one, such as gRPC
// and database drivers; zero means the Client's own Name. Rules 1, 2 and 4 hold
// with it; TLS 1.3 only, since the check of TLS 1.2's extended master secret
// needs a Conn. Give the library connections wrapped by Transport, or a
// truncated stream looks complete to it. MaxHandshakeBytes and Trace need a Conn.
func (c *Client) TLSConfig(name verify.Name) (*tls.Config, error) {
	if name.IsZero() {
		name = c.Name
	}
	config, err := c.config(context.Background(), name, nil)
	if err != nil {
		return nil, err
	}
	if !switches(c.Dangerous).has(dangerous.LegacyVersions()) {
		config.MinVersion = tls.VersionTLS13
	}
	newConnLogger(c.Logger, name, c.Dangerous).dangers(context.Background())
	return config, nil
}

// Transport returns conn such that TLS over it cannot take a truncated stream
// for a complete one. Use it under the *tls.Conn of a TLSConfig.
func Transport(conn net.Conn) net.Conn { return &transport{Conn: conn} }

func (c *Client) name(host string) verify.Name {
	if c.Name.IsZero() {
		return verify.Host(host)
	}
	return c.Name
}

// config builds what crypto/tls is told. Its own verification is switched off
// because ours takes its place: VerifyConnection runs on every connection,
// whereas VerifyPeerCertificate is skipped on resumed ones.
func (c *Client) config(ctx context.Context, name verify.Name, under *transport) (*tls.Config, error) {
	if err := c.check(name); err != nil {
		return nil, err
	}
	suites, err := chooseSuites(c.Ciphers, c.Dangerous)
	if err != nil {
		return nil, err
	}
	judge := judge{&c.verifier, c.rules(name), c.Observe, c.Authorize, c.Now, c.Dangerous}
	config := &tls.Config{
		InsecureSkipVerify: true,
		ServerName:         name.ServerName(),
		MinVersion:         minVersion(c.Roots, name, c.Dangerous),
		CipherSuites:       suites,
		KeyLogWriter:       switches(c.Dangerous).keys(),
		NextProtos:         c.ALPN,
		Time:               c.Now,
		VerifyConnection: func(state tls.ConnectionState) error {
			under.shown(state)
			peer, err := judge.peer(ctx, state)
			if under != nil {
				under.judged(peer, err)
			}
			return err
		},
	}
	if c.Identity == nil {
		config.ClientSessionCache = c.sessions.of(name, nil)
		return config, nil
	}
	credential, err := c.Identity.Credential()
	if err != nil {
		return nil, err
	}
	config.ClientSessionCache = c.sessions.of(name, credential.Leaf())
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return leaf(c.Identity)
	}
	return config, nil
}

func (c *Client) check(name verify.Name) error {
	if switches(c.Dangerous).has(dangerous.SkipVerification()) {
		return nil
	}
	return name.Check(c.Roots)
}

// rules are what verification is told.
func (c *Client) rules(name verify.Name) verify.Options {
	rules := c.Rules
	rules.Roots, rules.Name = c.Roots, name
	return rules
}

// sessions are the client's caches of tickets. crypto/tls keys a cache by the
// server's name only, so each pair of wanted name and own certificate has its
// own; roots and ALPN are the Client's and do not change.
type sessions struct {
	mu     sync.Mutex
	caches map[sessionKey]tls.ClientSessionCache // guarded by mu
}

type sessionKey struct {
	name     verify.Name
	identity [32]byte
}

// maxSessionCaches bounds the caches; beyond it all are forgotten, which costs
// one full handshake each.
const maxSessionCaches = 256

func (s *sessions) of(name verify.Name, own interface{ Fingerprint() [32]byte }) tls.ClientSessionCache {
	key := sessionKey{name: name}
	if own != nil {
		key.identity = own.Fingerprint()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cache, ok := s.caches[key]
	if !ok {
		if s.caches == nil || len(s.caches) >= maxSessionCaches {
			s.caches = map[sessionKey]tls.ClientSessionCache{}
		}
		cache = tls.NewLRUClientSessionCache(64)
		s.caches[key] = cache
	}
	return cache
}
