package signet_test

import (
	"context"
	"crypto/tls"
	"math/big"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// revoking returns what says of the world's certificates that these are revoked,
// and all others are good.
func (w *world) revoking(t testing.TB, revoked ...*pki.Certificate) *verify.Revocation {
	t.Helper()
	var lists []*pki.RevocationList
	for _, issuer := range []*pki.Credential{w.Root, w.Intermediate} {
		spec := pki.RevocationListSpec{Number: big.NewInt(1), NextUpdate: time.Now().Add(24 * time.Hour)}
		for _, cert := range revoked {
			if cert.Issuer().Equal(issuer.Leaf().Subject()) {
				spec.Entries = append(spec.Entries, pki.RevocationSpec{Serial: cert.SerialNumber(), Date: time.Now()})
			}
		}
		lists = append(lists, testpki.Must(issuer.NewRevocationList(spec)))
	}
	return &verify.Revocation{Evidence: testpki.Must(revocation.New(lists, nil))}
}

// stubborn is a cache of one session, which is offered to whatever server, as by a
// client that means harm.
type stubborn struct {
	mu    sync.Mutex
	state *tls.ClientSessionState // guarded by mu
}

func (s *stubborn) Get(string) (*tls.ClientSessionState, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state, s.state != nil
}

func (s *stubborn) Put(_ string, state *tls.ClientSessionState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = state
}

// resuming is a Signet end and a bare crypto/tls end that resume, until something
// changes.
type resuming struct {
	*world
	as         role
	client     *signet.Client
	server     *signet.Server
	theirs     *tls.Config
	late       time.Duration // by which our clock is ahead
	generation atomic.Uint64
	revoked    *verify.Revocation
	source     *switching // our identity
	host       string     // that our client dials
}

// otherHost is a second name of the servers.
const otherHost = "other.example"

func newResuming(t *testing.T, as role, version uint16) *resuming {
	w := newWorld(t)
	w.server = testpki.Must(w.Server(testpki.Host, otherHost))
	r := &resuming{world: w, as: as, client: w.dialer(), theirs: w.bare(asServer, version), revoked: w.revoking(t), source: &switching{}, host: testpki.Host}
	now := func() time.Time { return time.Now().Add(r.late) }
	if as == asClient {
		r.source.now.Store(w.client)
		r.client.Identity, r.client.Now, r.client.Revocation = r.source, now, func() *verify.Revocation { return r.revoked }
		r.client.ALPN, r.theirs.NextProtos = []string{"a"}, []string{"a", "b"}
		return r
	}
	r.theirs = w.bare(asClient, version)
	r.theirs.ClientSessionCache, r.theirs.NextProtos = &stubborn{}, []string{"a"}
	r.source.now.Store(w.server)
	r.server = w.listener()
	r.server.Identity, r.server.Now, r.server.Revocation, r.server.Generation = r.source, now, func() *verify.Revocation { return r.revoked }, r.generation.Load
	r.server.ALPN, r.server.Tickets = []string{"a", "b"}, new(signet.Tickets)
	return r
}

// meet makes one connection and ends it well, or returns our end's error.
func (r *resuming) meet(t *testing.T) (peer *signet.Peer, err error) {
	t.Helper()
	near, far := pair(t)
	var conn *signet.Conn
	var bare *tls.Conn
	var both sync.WaitGroup
	if r.as == asClient {
		bare = tls.Server(far, r.theirs)
		both.Go(func() { conn, err = r.client.Wrap(t.Context(), near, r.host) })
	} else {
		bare = tls.Client(far, r.theirs)
		both.Go(func() { conn, err = r.server.Wrap(t.Context(), near) })
	}
	both.Go(func() { bare.HandshakeContext(t.Context()) }) // the refusal is judged at our end
	both.Wait()
	if err != nil {
		bare.Close()
		return nil, err
	}
	if conn.Peer().Resumed != bare.ConnectionState().DidResume {
		t.Errorf("resumed %v here and %v there", conn.Peer().Resumed, !conn.Peer().Resumed)
	}
	if r.as == asClient {
		talk(t, conn, bare)
	} else {
		talk(t, bare, conn)
	}
	return conn.Peer(), nil
}

// reload puts another server in the place of the one before, with the same keys of
// tickets.
func (r *resuming) reload(change func(*signet.Server)) {
	old := r.server
	r.server = &signet.Server{Identity: old.Identity, Public: old.Public, Roots: old.Roots, Name: old.Name, Rules: old.Rules, Revocation: old.Revocation,
		ALPN: old.ALPN, Tickets: old.Tickets, Generation: old.Generation, Now: old.Now, SessionLifetime: old.SessionLifetime}
	change(r.server)
}

// TestResumptionTable holds that a session which was resumed is not, once anything
// that it belongs to is another. Where the peer would still be believed, a full
// handshake takes its place; else the connection is refused.
func TestResumptionTable(t *testing.T) {
	type row struct {
		name    string
		prepare func(*resuming) // before the first connection
		change  func(*resuming)
		want    error // nil: a full handshake
	}
	nothing := func(*resuming) {}
	both := func(r *resuming) verify.Roots {
		return testpki.Must(verify.NewRoots("both", append(testpki.Must(testpki.New(time.Now())).Roots(), r.Roots()...)...))
	}
	others := func() verify.Roots {
		return testpki.Must(verify.NewRoots("others", testpki.Must(testpki.New(time.Now())).Roots()...))
	}
	rows := map[role][]row{
		asServer: {
			{"revoked client", nothing, func(r *resuming) { r.revoked = r.revoking(t, r.world.client.Leaf()) }, verify.CertRevoked},
			{"revoked intermediate", nothing, func(r *resuming) { r.revoked = r.revoking(t, r.Intermediate.Leaf()) }, verify.CertRevoked},
			{"evidence that is gone", nothing, func(r *resuming) { r.revoked = &verify.Revocation{Evidence: testpki.Must(revocation.New(nil, nil))} }, verify.RevocationUnknown},
			{"changed client CAs", nothing, func(r *resuming) { r.reload(func(s *signet.Server) { s.Roots = others() }) }, verify.UnknownRoot},
			{"one more client CA", nothing, func(r *resuming) { r.reload(func(s *signet.Server) { s.Roots = both(r) }) }, nil},
			{"another name wanted", nothing, func(r *resuming) { r.reload(func(s *signet.Server) { s.Name = verify.Host(otherHost) }) }, verify.NameMismatch},
			{"any name wanted", nothing, func(r *resuming) { r.reload(func(s *signet.Server) { s.Name = verify.Any("a test") }) }, nil},
			{"another rule", nothing, func(r *resuming) { r.reload(func(s *signet.Server) { s.Rules.MaxIntermediates = new(int) }) }, verify.PathOverLimit},
			{"expired leaf", func(r *resuming) { r.revoked = nil }, func(r *resuming) { r.late = time.Until(r.world.client.Leaf().NotAfter()) + time.Minute }, verify.CertExpired},
			{"no-auth ticket at a mutual-TLS host", func(r *resuming) {
				r.reload(func(s *signet.Server) {
					s.Public, s.Roots, s.Name, s.Rules, s.Revocation = true, verify.Roots{}, verify.Name{}, verify.Options{}, nil
				})
			}, func(r *resuming) {
				r.reload(func(s *signet.Server) { s.Public, s.Roots, s.Name = false, r.roots, verify.Host(clientHost) })
			}, nil},
			{"ticket of a mutual-TLS host at a public one", nothing, func(r *resuming) {
				r.reload(func(s *signet.Server) {
					s.Public, s.Roots, s.Name, s.Rules, s.Revocation = true, verify.Roots{}, verify.Name{}, verify.Options{}, nil
				})
			}, nil},
			{"ticket from another virtual host", nothing, func(r *resuming) { r.theirs.ServerName = otherHost }, nil},
			{"changed policy generation", nothing, func(r *resuming) { r.generation.Add(1) }, nil},
			{"another certificate of ours", nothing, func(r *resuming) { r.source.now.Store(testpki.Must(r.Server(testpki.Host))) }, nil},
			{"another protocol", nothing, func(r *resuming) { r.theirs.NextProtos = []string{"b"} }, nil},
			{"an authentication of long ago", func(r *resuming) { r.server.SessionLifetime = time.Minute }, func(r *resuming) { r.late = 62 * time.Second }, nil},
			{"a day later", nothing, func(r *resuming) { r.revoked, r.late = nil, signet.DefaultSessionLifetime+2*time.Second }, nil},
			{"other keys of tickets", nothing, func(r *resuming) { r.reload(func(s *signet.Server) { s.Tickets = nil }) }, nil},
		},
		asClient: {
			{"revoked server", nothing, func(r *resuming) { r.revoked = r.revoking(t, r.world.server.Leaf()) }, verify.CertRevoked},
			{"revoked intermediate", nothing, func(r *resuming) { r.revoked = r.revoking(t, r.Intermediate.Leaf()) }, verify.CertRevoked},
			{"own identity changed", nothing, func(r *resuming) { r.source.now.Store(testpki.Must(r.Client(clientHost))) }, nil},
			{"changed roots", nothing, func(r *resuming) { r.client.Roots = others() }, verify.UnknownRoot},
			{"one more root", nothing, func(r *resuming) { r.client.Roots = both(r) }, nil},
			{"another name wanted", nothing, func(r *resuming) { r.host = otherHost }, nil},
			{"other protocols offered", nothing, func(r *resuming) { r.client.ALPN = []string{"a", "b"} }, nil},
			{"expired leaf", func(r *resuming) { r.revoked = nil }, func(r *resuming) { r.late = time.Until(r.world.server.Leaf().NotAfter()) + time.Minute }, verify.CertExpired},
			{"an authentication of long ago", func(r *resuming) { r.client.SessionLifetime = time.Minute }, func(r *resuming) { r.late = 62 * time.Second }, nil},
			{"a day later", nothing, func(r *resuming) { r.revoked, r.late = nil, signet.DefaultSessionLifetime+2*time.Second }, nil},
		},
	}
	everyRole(t, func(t *testing.T, as role, version uint16) {
		for _, row := range rows[as] {
			t.Run(row.name, func(t *testing.T) {
				r := newResuming(t, as, version)
				row.prepare(r)
				for i := range 3 {
					peer, err := r.meet(t)
					if err != nil {
						t.Fatalf("connection %d, before the change: %v", i, err)
					}
					if want := i > 0; peer.Resumed != want {
						t.Errorf("connection %d, before the change: resumed %v", i, peer.Resumed)
					}
				}
				row.change(r)
				peer, err := r.meet(t)
				wantCode(t, "after the change", err, row.want)
				if err == nil && peer.Resumed {
					t.Error("after the change: resumed")
				}
			})
		}
	})
}

// TestAuthenticated holds that a resumed connection says when the peer proved its
// key, however often the session was resumed since.
func TestAuthenticated(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		r := newResuming(t, as, version)
		first, err := r.meet(t)
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(first.Authenticated); age < 0 || age > time.Minute {
			t.Errorf("of a full handshake: %s ago", age)
		}
		for i := range 3 {
			r.late += 10 * time.Minute
			peer, err := r.meet(t)
			if err != nil {
				t.Fatal(err)
			}
			if !peer.Resumed || !peer.Authenticated.Equal(first.Authenticated.Truncate(time.Second)) {
				t.Errorf("connection %d: resumed %v, authenticated at %s; want the first one's time, %s", i, peer.Resumed, peer.Authenticated, first.Authenticated)
			}
		}
	})
}

// TestNoSessions holds that a negative lifetime keeps every session from being
// resumed.
func TestNoSessions(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		r := newResuming(t, as, version)
		if as == asClient {
			r.client.SessionLifetime = -1
		} else {
			r.server.SessionLifetime = -1
		}
		for i := range 2 {
			if peer, err := r.meet(t); err != nil || peer.Resumed {
				t.Errorf("connection %d: %+v, %v", i, peer, err)
			}
		}
	})
}

// TestPolicyChangesWhileASessionIsResumed holds that a change in the midst of a
// handshake ends no connection that the new policy allows, and that the session which
// it leaves behind is not resumed.
func TestPolicyChangesWhileASessionIsResumed(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			r := newResuming(t, asServer, version)
			change := false
			r.server.Authorize = func(context.Context, *signet.Peer) error {
				if change {
					r.generation.Add(1)
				}
				return nil
			}
			for i, resumed := range []bool{false, true, true, false, true} {
				change = i == 2
				if peer, err := r.meet(t); err != nil || peer.Resumed != resumed {
					t.Errorf("connection %d: %+v, %v; want resumed: %v", i, peer, err, resumed)
				}
			}
		})
	}
}

// TestForeignSession holds that whoever has crypto/tls open other tickets gets no
// connection by them.
func TestForeignSession(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			w := newWorld(t)
			config, keys := testpki.Must(w.listener().TLSConfig()), new(tls.Config)
			ours := config.GetConfigForClient
			config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				changed, err := ours(hello)
				if err == nil {
					changed.WrapSession, changed.UnwrapSession = keys.EncryptTicket, keys.DecryptTicket
				}
				return changed, err
			}
			theirs := w.bare(asClient, version)
			theirs.ClientSessionCache = &stubborn{}
			near, far, nearErr, farErr := exit(t, theirs, config, true)
			if nearErr != nil || farErr != nil {
				t.Fatal(nearErr, farErr)
			}
			talk(t, near, far)
			_, _, _, farErr = exit(t, theirs, config, true)
			wantCode(t, "resumed", farErr, signet.SessionForeign)
		})
	}
}

// TestNoTicketForTheRefused holds that with TLS 1.3, where the ticket goes out
// before the verdict, the ticket of a client that is refused opens nothing.
func TestNoTicketForTheRefused(t *testing.T) {
	r := newResuming(t, asServer, tls.VersionTLS13)
	if _, err := r.meet(t); err != nil {
		t.Fatal(err)
	}
	good := r.revoked
	r.revoked = r.revoking(t, r.world.client.Leaf())
	before := r.theirs.ClientSessionCache.(*stubborn).state
	near, far := pair(t)
	bare := tls.Client(far, r.theirs)
	var both sync.WaitGroup
	var err error
	both.Go(func() { _, err = r.server.Wrap(t.Context(), near) })
	both.Go(func() {
		bare.HandshakeContext(t.Context())
		bare.Read(make([]byte, 1)) // the ticket comes, then the alert
		bare.Close()
	})
	both.Wait()
	wantCode(t, "revoked", err, verify.CertRevoked)
	if r.theirs.ClientSessionCache.(*stubborn).state == before {
		t.Fatal("no ticket came: there is nothing to test")
	}
	r.revoked = good
	if peer, err := r.meet(t); err != nil || peer.Resumed {
		t.Errorf("the ticket of a refused client: %+v, %v; want a full handshake", peer, err)
	}
}
