package signet_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// talk has the server say something, whereupon a TLS 1.3 client has its ticket,
// and ends both ends well.
func talk(t *testing.T, near, far io.ReadWriteCloser) {
	t.Helper()
	var both sync.WaitGroup
	both.Go(func() {
		far.Write([]byte("hello"))
		far.Close()
	})
	both.Go(func() {
		if have, err := io.ReadAll(near); string(have) != "hello" || err != nil {
			t.Errorf("have %q, %v", have, err)
		}
		near.Close()
	})
	both.Wait()
}

// TestAuthorizeOnResumedConnections holds that a change of mind counts for
// connections that resume a session from before it, in both roles and both
// versions.
func TestAuthorizeOnResumedConnections(t *testing.T) {
	everyRole(t, func(t *testing.T, as role, version uint16) {
		w := newWorld(t)
		var denied atomic.Bool
		var resumed atomic.Int32
		authorize := func(_ context.Context, peer *signet.Peer) error {
			if peer.Resumed {
				resumed.Add(1)
			}
			if peer.Proof == nil || !peer.Proof.Report().Trusted {
				t.Error("asked about a peer that was not verified anew")
			}
			if denied.Load() {
				return errors.New("no longer")
			}
			return nil
		}
		client, server := w.dialer(), w.listener()
		client.Authorize, server.Authorize = authorize, authorize
		theirs := w.bare(asServer, version)
		if as == asServer {
			theirs = w.bare(asClient, version)
			theirs.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		}
		attempt := func() (*signet.Conn, *tls.Conn, error) {
			near, far := pair(t)
			var both sync.WaitGroup
			var conn *signet.Conn
			var peer *tls.Conn
			var err error
			if as == asClient {
				peer = tls.Server(far, theirs)
				both.Go(func() { conn, err = client.Wrap(t.Context(), near, testpki.Host) })
			} else {
				peer = tls.Client(far, theirs)
				both.Go(func() { conn, err = server.Wrap(t.Context(), near) })
			}
			both.Go(func() { peer.HandshakeContext(t.Context()) }) // the refusal is judged at our end
			both.Wait()
			return conn, peer, err
		}
		for i := range 2 {
			conn, peer, err := attempt()
			if err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			if want := i > 0; conn.Peer().Resumed != want || peer.ConnectionState().DidResume != want {
				t.Errorf("connection %d: resumed %v here and %v there, want %v", i, conn.Peer().Resumed, peer.ConnectionState().DidResume, want)
			}
			if as == asClient {
				talk(t, conn, peer)
			} else {
				talk(t, peer, conn)
			}
		}
		if resumed.Load() == 0 {
			t.Fatal("Authorize was not asked about a resumed connection")
		}
		denied.Store(true)
		before := resumed.Load()
		conn, peer, err := attempt()
		peer.Close()
		wantCode(t, "after the change", err, signet.NotAuthorized)
		if conn != nil || resumed.Load() != before+1 {
			t.Errorf("refused connection %v, of a resumed session: %v", conn, resumed.Load() == before+1)
		}
	})
}

// switching is a source whose certificate is renewed.
type switching struct {
	now atomic.Pointer[pki.Credential]
}

func (s *switching) Credential() (*pki.Credential, error) { return s.now.Load(), nil }

// TestTicketsBelongToOneIdentity holds that a new identity begins a new session:
// resumed with the old one, the server would go on seeing the old identity.
func TestTicketsBelongToOneIdentity(t *testing.T) {
	w := newWorld(t)
	renewed := testpki.Must(w.Client(clientHost))
	source := &switching{}
	client, server := w.dialer(), w.listener()
	client.Identity = source
	steps := []struct {
		name    string
		use     *pki.Credential
		resumed bool
	}{
		{"first", w.client, false},
		{"same identity", w.client, true},
		{"new identity", renewed, false},
		{"new identity again", renewed, true},
	}
	for _, step := range steps {
		source.now.Store(step.use)
		near, far := meet(t, client, server)
		if near.Peer().Resumed != step.resumed || far.Peer().Resumed != step.resumed {
			t.Errorf("%s: resumed %v and %v, want %v", step.name, near.Peer().Resumed, far.Peer().Resumed, step.resumed)
		}
		if have := far.Peer().Chain[0]; !have.Equal(step.use.Leaf()) {
			t.Errorf("%s: the server saw the certificate %s, want %s", step.name, have.Serial(), step.use.Leaf().Serial())
		}
		talk(t, near, far)
	}
}

// TestServedFromFiles holds that a server shows what is in its files now, to whoever
// comes, resumed sessions included.
func TestServedFromFiles(t *testing.T) {
	w := newWorld(t)
	renewed := testpki.Must(w.Server(testpki.Host))
	disk := fstest.MapFS{"web.pem": {Data: testpki.Must(w.server.PEM())}}
	source := testpki.Must(identity.Open(identity.Files{FS: disk, Chain: "web.pem"}))
	client, server := w.dialer(), w.listener()
	server.Identity = source
	for i, want := range []*pki.Credential{w.server, w.server, renewed, renewed} {
		if want == renewed {
			disk["web.pem"] = &fstest.MapFile{Data: testpki.Must(renewed.PEM())}
			if err := source.Reload(); err != nil {
				t.Fatal(err)
			}
		}
		near, far := meet(t, client, server)
		if have := near.Peer().Chain[0]; !have.Equal(want.Leaf()) || near.Peer().Resumed != (i%2 == 1) {
			t.Errorf("connection %d: certificate %s, resumed %v", i, have.Serial(), near.Peer().Resumed)
		}
		talk(t, near, far)
	}
}

// TestTicketsBelongToOneName holds that a session with one name is not resumed
// for another, even one that the same server has.
func TestTicketsBelongToOneName(t *testing.T) {
	w := newWorld(t)
	client, server := w.dialer(), w.listener()
	for _, step := range []struct {
		dialed  string
		resumed bool
	}{{testpki.Host, false}, {testpki.Host, true}, {testpki.Address, false}, {testpki.Host, true}} {
		dialed, accepted := pair(t)
		var both sync.WaitGroup
		var near, far result
		both.Go(func() { near.conn, near.err = client.Wrap(t.Context(), dialed, step.dialed) })
		both.Go(func() { far.conn, far.err = server.Wrap(t.Context(), accepted) })
		both.Wait()
		if near.err != nil || far.err != nil {
			t.Fatal(near.err, far.err)
		}
		if near.conn.Peer().Resumed != step.resumed {
			t.Errorf("%s: resumed %v, want %v", step.dialed, near.conn.Peer().Resumed, step.resumed)
		}
		talk(t, near.conn, far.conn)
	}
}

// TestManySessions holds that the caches of tickets have a bound, past which
// connections still work.
func TestManySessions(t *testing.T) {
	w := newWorld(t)
	client := &signet.Client{Roots: w.roots}
	for i := range 300 {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26)) + ".example"
		near, far := memory(t)
		far.Close()
		_, err := client.Wrap(t.Context(), near, name)
		wantCode(t, name, err, signet.HandshakeCut)
	}
	near, _ := meet(t, client, &signet.Server{Identity: identity.Static(w.server), Public: true})
	if near.Peer().Resumed {
		t.Error("resumed a session that never was")
	}
}
