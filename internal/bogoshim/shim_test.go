package bogoshim

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/ciphers"
	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// asShim is the variable that makes the test binary the runner's peer: which of
// Signet's protections are off.
const asShim = "SIGNET_BOGO_SHIM"

// Its values.
const (
	protectionsOff = "dangerous" // those that a test needs off; AllowTruncation is none of them
	protectionsOn  = "defaults"  // all are on, but that the runner's certificates are believed
	byLoops        = "loops"     // as protectionsOff, and after the handshake loops carry the connection
)

// crashes is the variable that names a file for what a panic says: to the runner it
// would be an error as any other.
const crashes = "SIGNET_BOGO_CRASHES"

// Exit codes that the runner knows.
const (
	notImplemented = 89 // the test is skipped
	mustFail       = 90 // the test fails, even one that wants an error
)

func TestMain(m *testing.M) {
	mode := os.Getenv(asShim)
	if mode == "" {
		os.Exit(m.Run())
	}
	if slices.Equal(os.Args[1:], []string{"-is-handshaker-supported"}) {
		fmt.Println("No")
		os.Exit(0)
	}
	file, err := os.OpenFile(os.Getenv(crashes), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		err = debug.SetCrashOutput(file, debug.CrashOptions{})
	}
	if err == nil {
		err = play(os.Args[1:], mode)
	}
	os.Exit(report(err))
}

// report says how a test ended, and returns the exit code. The only errors that a test
// can want are Signet's own, each of which has a code.
func report(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, errUnimplemented) {
		return notImplemented
	}
	text := err.Error()
	for cause := errors.Unwrap(err); cause != nil; cause = errors.Unwrap(cause) {
		text += ": " + cause.Error()
	}
	fmt.Fprintln(os.Stderr, text)
	if _, coded := fault.Of(err); !coded {
		return mustFail
	}
	return 1
}

var errUnimplemented = errors.New("unimplemented")

// play is what the shim does for one test: connection after connection, each of
// which may resume the session of the one before.
func play(arguments []string, mode string) error {
	first, err := parse(arguments, false)
	if err != nil {
		return errUnimplemented
	}
	later, err := parse(arguments, true)
	if err != nil {
		return errUnimplemented
	}
	s := &shim{off: mode != protectionsOn, loops: mode == byLoops, began: time.Now().Truncate(time.Second), tickets: new(signet.Tickets), key: []byte("the key of the exported sessions")}
	for i := range first.resumes + 1 {
		s.options, s.resumed = first, i > 0
		if s.resumed {
			s.options = later
		}
		if err := s.connect(); err != nil {
			return err
		}
	}
	return nil
}

// shim is one end of the connections of a test. What they have in common goes from
// one to the next: a server's tickets, a client's sessions.
type shim struct {
	*options
	off      bool
	loops    bool
	resumed  bool      // this is not the first connection
	began    time.Time // a whole second
	tickets  *signet.Tickets
	key      []byte
	sessions []byte

	heard recorder
}

// connect is one connection.
func (s *shim) connect() error {
	if err := s.possible(); err != nil {
		return err
	}
	open, finish, err := s.role()
	if err != nil {
		return err
	}
	raw, err := s.dial()
	if err != nil {
		return err
	}
	defer raw.Close()
	if s.loops {
		through, flush, err := pumped(raw)
		if err != nil {
			return err
		}
		defer flush()
		raw = through
	}
	s.heard = recorder{}
	end, err := open(raw)
	if err == nil && s.loops {
		end, err = detach(end.Conn())
	}
	if err != nil {
		return err
	}
	if err := s.exchange(end); err != nil {
		end.Close() // which ends it by a reset, or by an alert that has been sent
		return err
	}
	return finish()
}

// dial connects to the runner, and says which of its tests it is for.
func (s *shim) dial() (net.Conn, error) {
	host := "127.0.0.1"
	if s.ipv6 {
		host = "::1"
	}
	conn, err := net.Dial("tcp", net.JoinHostPort(host, strconv.Itoa(s.port)))
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write(binary.LittleEndian.AppendUint64(nil, s.id)); err != nil {
		return nil, err
	}
	return &socket{conn.(*net.TCPConn)}, nil
}

// socket closes only when the runner has read all: it goes on writing after an
// alert, and where that meets a closed socket, the alert is lost to it.
type socket struct{ *net.TCPConn }

// SetLinger leaves a reset out, for the same reason.
func (s *socket) SetLinger(int) error { return nil }

func (s *socket) Close() error {
	if s.CloseWrite() == nil {
		s.SetReadDeadline(time.Now().Add(5 * time.Second))
		io.Copy(io.Discard, s.TCPConn)
	}
	return s.TCPConn.Close()
}

// role returns how this end's connection is opened, and what is kept of it when it
// has ended.
func (s *shim) role() (open func(net.Conn) (end, error), finish func() error, err error) {
	nothing := func() error { return nil }
	if s.server {
		server, err := s.newServer()
		if err != nil {
			return nil, nil, err
		}
		return func(raw net.Conn) (end, error) {
			if s.async && !s.loops {
				return step(engine.Server(context.Background(), server), raw)
			}
			conn, err := server.Wrap(context.Background(), raw)
			return blocking{conn, conn}, err
		}, nothing, nil
	}
	client, err := s.newClient()
	if err != nil {
		return nil, nil, err
	}
	keep := func() (err error) {
		s.sessions, err = client.ExportSessions(s.key)
		return err
	}
	return func(raw net.Conn) (end, error) {
		if s.async && !s.loops {
			return step(engine.Client(context.Background(), client, s.host), raw)
		}
		conn, err := client.Wrap(context.Background(), raw, s.host)
		return blocking{conn, conn}, err
	}, keep, nil
}

func (s *shim) newClient() (*signet.Client, error) {
	list, err := s.suites()
	if err != nil {
		return nil, err
	}
	source, err := s.identity()
	if err != nil {
		return nil, err
	}
	client := &signet.Client{
		Name: s.name(), Identity: source, Ciphers: list, Dangerous: s.switches(),
		ALPN: protocols(s.advertise), Authorize: s.authorize, Trace: s.trace(), Now: s.now(), Detachable: s.loops,
	}
	if s.noTicket {
		client.SessionLifetime = -1
	}
	if s.sessions != nil {
		if err := client.ImportSessions(s.key, s.sessions); err != nil {
			return nil, err
		}
	}
	return client, nil
}

func (s *shim) newServer() (*signet.Server, error) {
	list, err := s.suites()
	if err != nil {
		return nil, err
	}
	source, err := s.identity()
	if err != nil {
		return nil, err
	}
	if source == nil {
		return nil, errUnimplemented // TLS by a shared key or password
	}
	name := s.name()
	server := &signet.Server{
		Name: name, Identity: source, Ciphers: list, Dangerous: s.switches(),
		Public:    !s.requireCertificate && !s.verifyPeer && name.IsZero(),
		Authorize: s.authorize, Trace: s.trace(), Now: s.now(), Tickets: s.tickets, Detachable: s.loops,
	}
	if s.noTicket {
		server.SessionLifetime = -1
	}
	switch {
	case s.selected != "":
		server.ALPN = []string{s.selected}
	case s.rejectALPN:
		server.ALPN = []string{"no protocol of the runner's"}
	}
	if s.demands() {
		own, err := source.Credential()
		if err != nil {
			return nil, err
		}
		if server.Roots, err = verify.NewRoots("our own", own.Chain...); err != nil {
			return nil, err
		}
	}
	server.ClientCAs, err = names(s.clientCAs)
	return server, err
}

// trace hears of each connection; where loops are to carry it, nobody may.
func (s *shim) trace() func(signet.Event) {
	if s.loops {
		return nil
	}
	return s.heard.hear
}

// possible says whether what is asked for can be set.
func (s *shim) possible() error {
	switch {
	case s.curves != nil && !same(s.curves, spoken),
		s.earlyData && !s.server,       // a client never sends any, a server may refuse it
		s.peek && (s.async || s.loops): // an engine does not peek
		return errUnimplemented
	}
	_, _, err := s.versions()
	return err
}

// spoken are the groups of key exchange that Signet has by itself: a choice among
// them it does not offer. testdata/config.json tells the runner.
var spoken = []int{23, 24, 25, 29, 4587, 4588, 4589}

// Versions of TLS.
const tls10, tls11, tls12, tls13 = 0x0301, 0x0302, 0x0303, 0x0304

// versions are the first and the last version that are asked for. Signet's begin
// where its kind of names and its switches have it, and end with the newest.
func (s *shim) versions() (legacy, newest bool, err error) {
	least, most := max(s.min, tls10), tls13
	if s.max != 0 {
		most = s.max
	}
	for version, no := range map[int]bool{tls10: s.no10, tls11: s.no11, tls12: s.no12} {
		if no {
			least = max(least, version+1)
		}
	}
	if most != tls13 || s.no13 || s.no12 && (!s.no10 || !s.no11) || s.no11 && !s.no10 || least == tls11 {
		return false, false, errUnimplemented
	}
	return least == tls10 && s.off, least == tls13, nil
}

func (s *shim) switches() (all []dangerous.Switch) {
	if !s.demands() {
		all = append(all, dangerous.SkipVerification())
	}
	if legacy, _, _ := s.versions(); legacy {
		all = append(all, dangerous.LegacyVersions())
	}
	return all
}

// demands reports whether clients are verified, and refused: the runner's that has no
// certificate to show. Those that it has cannot be verified, since a root is its own leaf.
func (s *shim) demands() bool { return s.server && s.requireCertificate && s.trust == "" }

// name has the connection speak TLS 1.3 alone, if that is asked for: it is that of
// Signet's own ends.
func (s *shim) name() (name verify.Name) {
	if _, newest, _ := s.versions(); newest {
		domain, _ := spiffeid.ParseTrustDomain("runner.test")
		name = verify.Member(domain)
	}
	if s.demands() {
		name = verify.Any("there is none")
	}
	return name
}

func (s *shim) suites() (list ciphers.List, err error) {
	if s.cipher == "" {
		return list, nil
	}
	if list, err = ciphers.Parse(s.cipher); err != nil {
		return list, errUnimplemented
	}
	return list, nil
}

// now is the clock, or nil. One that is ahead for connections that resume stands
// still, so that a ticket is exactly as old as the test wants.
func (s *shim) now() func() time.Time {
	if s.delay == 0 {
		return nil
	}
	now := s.began
	if s.resumed {
		now = now.Add(time.Duration(s.delay) * time.Second)
	}
	return func() time.Time { return now }
}

// identity is where our own certificate comes from.
func (s *shim) identity() (identity.Source, error) {
	if s.failCertificate {
		return failing{}, nil
	}
	if s.certFile == "" {
		return nil, nil
	}
	chain, err := os.ReadFile(s.certFile)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(s.keyFile)
	if err != nil {
		return nil, err
	}
	credential, err := pki.ParseCredential(slices.Concat(chain, []byte("\n"), key))
	if err != nil {
		return nil, err
	}
	if !s.ocspDecline {
		credential.Staple = s.staple
	}
	if s.server && s.ocspFail {
		return failing{}, nil
	}
	return identity.Static(credential), nil
}

// failing is a source that has nothing.
type failing struct{}

func (failing) Credential() (*pki.Credential, error) {
	return nil, fault.New(identity.Unreadable, "the test wants no certificate").WithHint("read the runner's test")
}

// authorize is the last word on the peer.
func (s *shim) authorize(_ context.Context, peer *signet.Peer) error {
	switch {
	case s.verifyFail:
		return errors.New("the test has the peer refused")
	case !s.server && s.ocsp && s.ocspFail:
		return errors.New("the test has the staple refused")
	}
	return nil
}

// names are the distinguished names of a list in hexadecimal digits.
func names(list string) (all []pki.Name, err error) {
	if list == "" || strings.HasPrefix(list, "<") { // <EMPTY>, or <NULL>
		return nil, nil
	}
	for text := range strings.SplitSeq(list, ",") {
		der, err := hex.DecodeString(text)
		if err != nil {
			return nil, err
		}
		name, err := pki.ParseNameDER(der)
		if err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, nil
}
