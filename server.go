package signet

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// Server accepts verified TLS connections, for one host or for several. Its zero
// value accepts nobody and returns an error that says what is missing. Set its fields
// before first use; it is then safe for concurrent use and must not be copied.
type Server struct {
	// Hosts has a Server for each name that clients may ask for by SNI (RFC 6066,
	// section 3): www.example.com, *.example.com for any one label in the place of
	// the star, or * for all other names and for clients that send none. Each has
	// an Identity, Roots and rules of its own; of this Server's fields only
	// HandshakeTimeout, Now and Logger count then. A name that is not there is
	// refused by the alert unrecognized_name. Nil: this Server is for all names.
	Hosts map[string]*Server
	// Identity is our own certificate. Required but with Hosts.
	Identity identity.Source
	// Public serves anybody, without asking for a certificate. A server is
	// either public or has Roots; there is no default.
	Public bool
	// Roots are whom we believe about our clients.
	Roots verify.Roots
	// Name is who a client must be: verify.Member for any identity of a trust
	// domain, verify.Any with a reason for any that the roots vouch for.
	// Required with Roots.
	Name verify.Name
	// Rules are what else the clients' certificates must keep: a profile,
	// policies, revocation. Its Roots, Name, Purpose, Handshake and Now are left
	// aside for the Server's own.
	Rules verify.Options
	// Revocation, unless nil, is asked at each connection, resumed ones too, for
	// the evidence that counts now; it takes the place of that in Rules. An answer
	// of nil asks for none. It must not block.
	Revocation func() *verify.Revocation
	// Observe, unless nil, hears what a client showed before it is judged, on
	// resumed connections too. Nothing of it is verified.
	Observe func(context.Context, *Peer)
	// Authorize may reject a verified peer, on resumed connections too. It
	// cannot accept one that verification refused. Nil rejects nobody.
	Authorize func(context.Context, *Peer) error
	// ALPN lists application protocols, the preferred first.
	ALPN []string
	// ClientCAs are names of authorities that clients are told to choose their
	// certificate by, at most 32 KiB of them; empty names none. They say nothing
	// about trust: that is what Roots are for.
	ClientCAs []pki.Name
	// Ciphers choose among the suites of TLS 1.2 that are safe: those with
	// forward secrecy and an AEAD. Zero means all of them.
	Ciphers ciphers.List
	// Dangerous switches protections off. Each connection that lacks one is
	// logged as a warning, as is a TLSConfig, and its Peer says so.
	Dangerous []dangerous.Switch
	// HandshakeTimeout bounds the handshake; 0 means DefaultHandshakeTimeout.
	HandshakeTimeout time.Duration
	// MaxHandshakeBytes is how much a client may send before it is verified, in
	// bytes; 0 means DefaultMaxHandshakeBytes.
	MaxHandshakeBytes int
	// MaxHandshakes bounds the handshakes that are made at once on what Listen
	// and Wrap accept; 0 means DefaultMaxHandshakes. Twice as many may wait for a
	// place, and twice as many may have sent nothing yet: when more come, the
	// oldest of them are CrowdedOut. A handshake has its place for 2 s, and for
	// longer while nobody waits.
	MaxHandshakes int
	// Detachable has connections keep the secrets that Detach needs.
	Detachable bool
	// Trace, unless nil, hears of each step of each connection, from several
	// goroutines at once. It decides nothing, and holds up what it hears of.
	Trace func(Event)
	// SessionLifetime is how long a client's proof of its key counts for resumed
	// connections; 0 means DefaultSessionLifetime, crypto/tls allows 7 days at
	// most, and a negative one means that every connection proves it anew.
	SessionLifetime time.Duration
	// Tickets are the keys of session tickets; nil means the Server's own.
	Tickets *Tickets
	// Generation, unless nil, numbers the policy that Authorize decides by. A
	// session from before the number changed is not resumed. It must not block.
	Generation func() uint64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Logger hears of reasons given for accepting any name, and of what is
	// Dangerous; nil discards.
	Logger *slog.Logger

	verifier  verify.Verifier
	showcase  showcase
	unstapled atomic.Value // the fingerprint of our certificate that lacks the staple that it demands

	prepare sync.Once // sets the rest
	base    *tls.Config
	tickets *Tickets
	rules   verify.Options     // but for time and evidence
	asked   [sha256.Size]byte  // the rules' fingerprint
	hosts   map[string]*Server // nil: none
	door    *door
	invalid error
}

// Listen listens on a TCP address and verifies who connects.
func (s *Server) Listen(ctx context.Context, address string) (*Listener, error) {
	if _, err := s.config(); err != nil {
		return nil, err
	}
	under, err := bind.Listen(ctx, address)
	if err != nil {
		return nil, err
	}
	listener := &Listener{Listener: under}
	listener.server.Store(s)
	return listener, nil
}

// Listener is a net.Listener of verified connections. Accept does not wait for
// a handshake: the first Read, Write or Handshake of the connection makes it.
type Listener struct {
	net.Listener
	server atomic.Pointer[Server]
}

// Replace has what is accepted from now on served by another Server, such as one with
// other Roots. Connections that are there already stay with theirs.
func (l *Listener) Replace(server *Server) error {
	if _, err := server.config(); err != nil {
		return err
	}
	l.server.Store(server)
	return nil
}

// Accept returns the next connection, a *Conn.
func (l *Listener) Accept() (net.Conn, error) {
	raw, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.server.Load().conn(raw)
}

// TLS returns the listener whose connections are the *tls.Conn that net/http
// and other libraries look for. All rules hold with it but one: after a fatal
// alert of TLS 1.3 crypto/tls's Close still sends a close_notify.
func (l *Listener) TLS() net.Listener { return tlsListener{l} }

type tlsListener struct{ *Listener }

func (l tlsListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	over := conn.(*Conn)
	over.transport.exit = over.tls
	return over.tls, nil
}

// Wrap verifies the client at the other end of a connection that exists already
// and takes ownership of it.
func (s *Server) Wrap(ctx context.Context, raw net.Conn) (*Conn, error) {
	conn, err := s.conn(raw)
	if err != nil {
		raw.Close()
		return nil, err
	}
	if err := conn.Handshake(ctx); err != nil {
		return nil, err
	}
	return conn, nil
}

// TLSConfig returns a configuration for libraries that want one, such as gRPC. All
// that is said of clients holds with it, on every connection, resumed ones too: whom
// to believe, Name, Rules, Revocation, Authorize, Hosts, and what sessions belong to;
// so does the extended master secret of TLS 1.2. It refuses connections that are not
// wrapped by Transport, so that a truncated stream is noticed. Three things are the
// library's own: HandshakeTimeout, what it makes of a refusal (it hears crypto/tls's
// words, and finds ours in the chain of errors), and that after a fatal alert
// crypto/tls's Close still sends a close_notify. The ticket keys in it are not used;
// Tickets has them.
func (s *Server) TLSConfig() (*tls.Config, error) { return s.config() }

func (s *Server) conn(raw net.Conn) (*Conn, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	under := newTransport(raw, clientHello, s.maxBytes(), s.tracer())
	under.guest.Store(s.door.guest(under.end))
	return &Conn{
		tls:        tls.Server(under, config),
		transport:  under,
		minVersion: config.MinVersion,
		timeout:    s.door.timeout,
		meeting:    &meeting{logger: newConnLogger(s.Logger)},
	}, nil
}

func (s *Server) maxBytes() int { return orDefault(s.MaxHandshakeBytes, DefaultMaxHandshakeBytes) }

func (s *Server) tracer() *tracer { return newTracer(s.Trace, s.Now) }

func (s *Server) config() (*tls.Config, error) {
	s.prepare.Do(func() {
		if s.invalid = s.check(); s.invalid == nil {
			s.invalid = s.build()
		}
	})
	return s.base, s.invalid
}

func (s *Server) skips() bool { return switches(s.Dangerous).has(dangerous.SkipVerification()) }

// build makes what all connections have in common. Where Hosts has it, what is made
// here serves nobody: without a certificate crypto/tls answers unrecognized_name.
func (s *Server) build() error {
	if s.hosts == nil {
		if _, err := s.showcase.of(s.Identity); errors.Is(err, ConfigInvalid) { // any other error may pass
			return err
		}
	}
	suites, err := chooseSuites(s.Ciphers, s.Dangerous)
	if err != nil {
		return err
	}
	s.base = &tls.Config{
		MinVersion:             minVersion(s.Roots, s.Name, s.Dangerous),
		CipherSuites:           suites,
		CurvePreferences:       serverGroups,
		KeyLogWriter:           switches(s.Dangerous).keys(),
		NextProtos:             s.ALPN,
		Time:                   s.Now,
		SessionTicketsDisabled: s.SessionLifetime < 0 || s.hosts != nil,
		GetConfigForClient:     s.configFor,

		DynamicRecordSizingDisabled: true,
	}
	if s.tickets = s.Tickets; s.tickets == nil {
		s.tickets = new(Tickets)
	}
	if !s.Public {
		s.rules = s.Rules
		s.rules.Roots, s.rules.Name, s.rules.Purpose = s.Roots, s.Name, verify.ClientAuth
		// Ours takes the place of crypto/tls's verification, which would trust
		// the system's roots where ClientCAs is nil.
		s.base.ClientAuth = tls.RequireAnyClientCert
		s.base.ClientCAs = namesOf(s.ClientCAs)
		if s.skips() {
			s.base.ClientAuth = tls.RequestClientCert
		}
	}
	s.asked = s.rules.Fingerprint()
	s.door = newDoor(orDefault(s.MaxHandshakes, DefaultMaxHandshakes), orDefault(s.HandshakeTimeout, DefaultHandshakeTimeout))
	newConnLogger(s.Logger).dangers(context.Background(), s.Dangerous)
	return nil
}

func (s *Server) check() error {
	if err := checkSettings(s.ALPN, s.HandshakeTimeout, s.MaxHandshakeBytes); err != nil {
		return err
	}
	switch {
	case s.MaxHandshakes < 0:
		return fault.New(ConfigInvalid, "MaxHandshakes is negative: %d", s.MaxHandshakes).WithHint("leave it at 0, which means %d", DefaultMaxHandshakes)
	case len(s.Hosts) > 0:
		return s.checkHosts()
	case s.Identity == nil:
		return fault.New(ConfigInvalid, "the server has no certificate: Identity is not set").
			WithHint("set Identity, for example to identity.Static(credential)")
	case size(s.ClientCAs) > maxNames:
		return fault.New(ConfigInvalid, "the names of ClientCAs have %d bytes, more than %d", size(s.ClientCAs), maxNames).
			WithHint("name fewer authorities: a client that is told of none chooses among all of its certificates")
	case s.Public && !s.Roots.IsZero():
		return fault.New(ConfigInvalid, "the server is both public and has Roots for its clients").
			WithHint("choose one: Public for anybody, or Roots for those that they vouch for")
	case s.Public && (!s.Name.IsZero() || s.Revocation != nil || s.Rules.Fingerprint() != verify.Options{}.Fingerprint()):
		return fault.New(ConfigInvalid, "the server is public, and has a Name, Rules or Revocation that its clients' certificates must keep").
			WithHint("leave them out, or set Roots in the place of Public")
	case s.Public || s.skips():
		return nil
	case s.Roots.IsZero():
		return fault.New(ConfigInvalid, "the server does not say whose clients it believes").
			WithHint("set Roots, or Public: true to serve anybody")
	}
	return s.Name.Check(s.Roots)
}

// configFor gives each connection a verification that knows it. The connection
// is our transport; without it the end of a stream could not be trusted.
func (s *Server) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	under, ok := hello.Conn.(*transport)
	if !ok {
		return nil, fault.New(ConfigInvalid, "the connection is not wrapped by signet.Transport").
			WithHint("wrap it, so that a truncated stream is noticed")
	}
	under.begin(s.maxBytes(), s.tracer())
	host := s.host(hello.ServerName)
	if host == nil {
		under.judged(nil, hostUnknown(hello.ServerName))
		return s.base, nil
	}
	return host.receive(hello, under)
}

// receive is configFor of the server of the host that the client asks for.
func (s *Server) receive(hello *tls.ClientHelloInfo, under *transport) (*tls.Config, error) {
	if !slices.ContainsFunc(hello.SupportedVersions, s.speaks) {
		// crypto/tls refuses this by itself, with the alert for it.
		under.judged(nil, versionMismatch(s.base.MinVersion))
		return s.base, nil
	}
	if err := s.checkHello(hello); err != nil {
		under.judged(nil, err)
		return nil, err
	}
	shown, err := s.showcase.of(s.Identity)
	if err != nil {
		under.judged(nil, err)
		return nil, err
	}
	s.warnUnstapled(hello.Context(), shown.own)
	config := s.base.Clone()
	config.GetConfigForClient = nil
	config.Certificates = shown.certificates
	under.own = shown.certificates[0].Leaf
	under.truncates = switches(s.Dangerous).has(dangerous.AllowTruncation())
	if s.Detachable {
		under.secrets = new(secrets)
		config.KeyLogWriter = under.secrets.beside(config.KeyLogWriter)
	}
	s.admit(hello, under, shown.own).guard(config)
	return config, nil
}

// warnUnstapled says once of a certificate of ours that it demands a staple and there
// is none (RFC 7633, section 4.2.3).
func (s *Server) warnUnstapled(ctx context.Context, own *pki.Credential) {
	if leaf := own.Leaf(); leaf.MustStaple() && len(own.Staple) == 0 && s.unstapled.Swap(leaf.Fingerprint()) != leaf.Fingerprint() {
		newConnLogger(s.Logger).logger.WarnContext(ctx, "our own certificate demands a stapled OCSP response, and there is none: clients refuse it",
			slog.String("certificate", leaf.Title()), slog.String("next", "serve it by a source of identity/staple"))
	}
}

// checkHello looks for it where the connection will be of TLS 1.2. The list of
// versions may hold any number (RFC 8701), so the largest says nothing.
func (s *Server) checkHello(hello *tls.ClientHelloInfo) error {
	if switches(s.Dangerous).has(dangerous.LegacyVersions()) {
		return nil
	}
	if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) && !slices.Contains(hello.Extensions, extensionExtendedMasterSecret) {
		return noMasterSecret("client")
	}
	return nil
}

func noMasterSecret(who string) error {
	return fault.New(NoMasterSecret, "the %s speaks TLS 1.2 without the extended master secret", who).
		WithHint("upgrade the %s's TLS library, or have it speak TLS 1.3", who)
}

func (s *Server) speaks(version uint16) bool {
	return version >= s.base.MinVersion && version <= tls.VersionTLS13
}

// verify is the verdict on a client that proved its key at a time.
func (s *Server) verify(ctx context.Context, state tls.ConnectionState, since time.Time) (*Peer, error) {
	observe := func(peer *Peer) {
		if state.Version >= tls.VersionTLS13 { // before, the keys come after the client's certificate
			peer.export = state.ExportKeyingMaterial
		}
		if s.Observe != nil {
			s.Observe(ctx, peer)
		}
	}
	judge := judge{&s.verifier, current(s.rules, s.Revocation), observe, s.Authorize, s.Now, s.Dangerous, s.Logger}
	if s.Public {
		peer := judge.newPeer(state)
		return peer, judge.authorized(ctx, peer)
	}
	return judge.peer(ctx, state, since)
}
