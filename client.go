package signet

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/pki"
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
	// ServerName is which of a server's hosts is asked for (SNI); "" means that of
	// Name, which a SPIFFE ID does not have. Who the server must be, it does not say.
	ServerName string
	// Identity is our own certificate, for servers that want one, or nil.
	Identity identity.Source
	// Rules are what else the server's certificates must keep: a profile,
	// policies, revocation. Its Roots, Name, Purpose, Handshake and Now are left
	// aside for the Client's own.
	Rules verify.Options
	// Revocation, unless nil, is asked at each connection, resumed ones too, for
	// the evidence that counts now; it takes the place of that in Rules. An answer
	// of nil asks for none. It must not block.
	Revocation func() *verify.Revocation
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
	// Detachable has connections keep the secrets that Detach needs.
	Detachable bool
	// Trace, unless nil, hears of each step of each connection, from several
	// goroutines at once. It decides nothing, and holds up what it hears of.
	Trace func(Event)
	// SessionLifetime is how long a server's proof of its key counts for resumed
	// connections; 0 means DefaultSessionLifetime, crypto/tls allows 7 days at
	// most, and a negative one means that every connection proves it anew.
	SessionLifetime time.Duration
	// Dialer makes the connection under TLS; nil means a net.Dialer.
	Dialer interface {
		DialContext(ctx context.Context, network, address string) (net.Conn, error)
	}
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of reasons given for accepting any name, and of what is
	// Dangerous; nil discards.
	Logger *slog.Logger

	showcase showcase
	sessions sessions
	verifier verify.Verifier
}

// Dial connects to address ("host:port"), verifies the server and returns the
// connection. No byte of data is sent before the verdict.
func (c *Client) Dial(ctx context.Context, network, address string) (*Conn, error) {
	return c.open(ctx, network, address, c.ALPN)
}

// open is Dial for some application protocols.
func (c *Client) open(ctx context.Context, network, address string, alpn []string) (*Conn, error) {
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
	return c.wrap(ctx, raw, host, alpn)
}

func (c *Client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, orDefault(c.HandshakeTimeout, DefaultHandshakeTimeout))
	defer cancel()
	if c.Dialer != nil {
		return c.Dialer.DialContext(ctx, network, address)
	}
	dialer := net.Dialer{Control: bind.Unpaced}
	return dialer.DialContext(ctx, network, address)
}

func unreachable(err error, address string) error {
	var lookup *net.DNSError
	var op *net.OpError
	_, ours := fault.Of(err)
	switch {
	case ours, errors.Is(err, context.Canceled): // the Dialer's own words, or the caller's own wish
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
	return c.wrap(ctx, raw, host, c.ALPN)
}

// wrap is Wrap for some application protocols.
func (c *Client) wrap(ctx context.Context, raw net.Conn, host string, alpn []string) (*Conn, error) {
	name := c.name(host)
	conn := &Conn{
		transport: newTransport(raw, serverHello, orDefault(c.MaxHandshakeBytes, DefaultMaxHandshakeBytes), newTracer(c.Trace, c.Now)),
		timeout:   orDefault(c.HandshakeTimeout, DefaultHandshakeTimeout),
		meeting:   &meeting{logger: newConnLogger(c.Logger)},
	}
	conn.transport.truncates = switches(c.Dangerous).has(dangerous.AllowTruncation())
	config, err := c.configFor(name, alpn, conn)
	if err != nil {
		raw.Close()
		return nil, err
	}
	conn.minVersion = config.MinVersion
	conn.tls = tls.Client(conn.transport, config)
	if err := conn.Handshake(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// TLSConfig returns a configuration for libraries that want one, such as gRPC
// and database drivers; zero means the Client's own Name. Whom to believe, the
// name, Rules, Revocation, Observe and Authorize hold with it, on every connection.
// It differs from Dial in three ways. It is for TLS 1.3 only, since the check of TLS 1.2's extended
// master secret needs a Conn. It resumes no session, since it cannot tell which of
// its connections began one, and with which certificate of ours. And where a stream
// ends is the library's to notice: give it connections wrapped by Transport, or a
// truncated stream looks complete to it. MaxHandshakeBytes and Trace need a Conn.
func (c *Client) TLSConfig(name verify.Name) (*tls.Config, error) {
	if name.IsZero() {
		name = c.Name
	}
	config, err := c.config(name, c.ALPN)
	if err != nil {
		return nil, err
	}
	if !switches(c.Dangerous).has(dangerous.LegacyVersions()) {
		config.MinVersion = tls.VersionTLS13
	}
	newConnLogger(c.Logger).dangers(context.Background(), c.Dangerous)
	config.VerifyConnection = func(state tls.ConnectionState) error {
		_, err := c.verify(context.Background(), name, state, clock(c.Now))
		return err
	}
	if c.Identity != nil {
		if _, err := c.showcase.of(c.Identity); err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			shown, err := c.showcase.of(c.Identity)
			if err != nil {
				return nil, err
			}
			return &shown.certificates[0], nil
		}
	}
	return config, nil
}

// Transport returns conn such that TLS over it cannot take a truncated stream
// for a complete one. Use it under the *tls.Conn of a TLSConfig.
func Transport(conn net.Conn) net.Conn { return &transport{Conn: conn, in: newInbox(conn)} }

func (c *Client) name(host string) verify.Name {
	if c.Name.IsZero() {
		return verify.Host(host)
	}
	return c.Name
}

// config is what crypto/tls is told of all connections. Its own verification is
// switched off because ours takes its place: VerifyConnection runs on every
// connection, whereas VerifyPeerCertificate is skipped on resumed ones.
func (c *Client) config(name verify.Name, alpn []string) (*tls.Config, error) {
	if err := c.check(name); err != nil {
		return nil, err
	}
	suites, err := chooseSuites(c.Ciphers, c.Dangerous)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		InsecureSkipVerify: true,
		ServerName:         cmp.Or(c.ServerName, name.ServerName()),
		MinVersion:         minVersion(c.Roots, name, c.Dangerous),
		CipherSuites:       suites,
		KeyLogWriter:       switches(c.Dangerous).keys(),
		NextProtos:         alpn,
		Time:               c.Now,

		DynamicRecordSizingDisabled: true,
	}, nil
}

// configFor is what crypto/tls is told of one connection: it has one certificate of
// ours throughout, and the sessions that belong to that.
func (c *Client) configFor(name verify.Name, alpn []string, conn *Conn) (*tls.Config, error) {
	config, err := c.config(name, alpn)
	if err != nil {
		return nil, err
	}
	if c.Detachable {
		conn.transport.secrets = new(secrets)
		config.KeyLogWriter = conn.transport.secrets.beside(config.KeyLogWriter)
	}
	v := &visit{client: c, name: name, shown: nobody}
	if c.Identity != nil {
		if v.shown, err = c.showcase.of(c.Identity); err != nil {
			return nil, err
		}
	}
	v.session = &resumption{client: c}
	if config.SessionTicketsDisabled = c.SessionLifetime < 0; !config.SessionTicketsDisabled {
		v.session.cache, config.ClientSessionCache = c.sessions.of(c.rules(name), v.shown.own, alpn), v.session
	}
	conn.meeting.visit = v
	// The configuration lives as long as the connection, which must not keep more
	// than it needs.
	config.GetClientCertificate = conn.asked
	config.VerifyConnection = conn.verifyServer
	return config, nil
}

// visit is what a client knows of its handshake.
type visit struct {
	client  *Client
	name    verify.Name // who the server must be
	shown   *shown
	session *resumption
}

// nobody shows no certificate.
var nobody = &shown{certificates: make([]tls.Certificate, 1)}

// asked notes that the server asks for a certificate of ours.
func (c *Conn) asked(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	for _, der := range request.AcceptableCAs {
		if name, err := pki.ParseNameDER(der); err == nil { // it is a hint, and no more
			c.meeting.authorities = append(c.meeting.authorities, name)
		}
	}
	shown := c.meeting.visit.shown
	c.owes = shown.own == nil
	c.transport.tell(Event{Phase: PhaseCertificateRequest})
	return &shown.certificates[0], nil
}

// verifyServer is a client's tls.Config.VerifyConnection.
func (c *Conn) verifyServer(state tls.ConnectionState) error {
	v := c.meeting.visit
	c.transport.shown(state)
	peer, err := v.client.verify(c.meeting.ctx, v.name, state, v.session.authenticated(state.DidResume))
	c.transport.judged(peer, err)
	return err
}

func (c *Client) check(name verify.Name) error {
	if err := checkSettings(c.ALPN, c.HandshakeTimeout, c.MaxHandshakeBytes); err != nil {
		return err
	}
	if c.ServerName != "" && !pki.IsHostname(c.ServerName) {
		return fault.New(ConfigInvalid, "%q is no name to ask a server for", fault.Printable(c.ServerName, 80)).WithHint("set ServerName to a host's name, or leave it empty")
	}
	if switches(c.Dangerous).has(dangerous.SkipVerification()) {
		return nil
	}
	return name.Check(c.Roots)
}

// rules are what verification is told, but for time and evidence.
func (c *Client) rules(name verify.Name) verify.Options {
	rules := c.Rules
	rules.Roots, rules.Name, rules.Purpose = c.Roots, name, verify.ServerAuth
	return rules
}

// verify is the verdict on a server that proved its key at a time.
func (c *Client) verify(ctx context.Context, name verify.Name, state tls.ConnectionState, since time.Time) (*Peer, error) {
	judge := judge{&c.verifier, current(c.rules(name), c.Revocation), c.Observe, c.Authorize, c.Now, c.Dangerous, c.Logger}
	return judge.peer(ctx, state, since)
}
