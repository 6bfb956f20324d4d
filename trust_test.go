package signet_test

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// TestTrust shakes hands with servers by pins, unions and constrained anchors.
func TestTrust(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	self := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}}))
	pin := testpki.Must(verify.Pin("server.crt", self.Leaf()))
	key := testpki.Must(verify.PinKey(self.Leaf().PublicKey().PinText()))
	system := testpki.Must(verify.NewRoots("other.pem", stranger.Roots()...))
	union := func(sets ...verify.Roots) verify.Roots { return testpki.Must(verify.Union(sets...)) }
	server := testpki.Must(verify.Union(w.roots, system, pin, w.members))
	narrow := testpki.Must(server.Constrain(verify.Constraints{Names: &pki.NameConstraints{Permitted: []pki.Subtree{testpki.Must(pki.ParseSubtree("DNS:example.com"))}}}))
	foreign := testpki.Must(stranger.Workload("spiffe://demo.signet/orders"))
	orders := verify.ID(w.orders.Leaf().ID())
	tests := []struct {
		name   string
		roots  verify.Roots
		who    verify.Name // zero: the host that is dialed
		server *pki.Credential
		want   error
	}{
		{"pin", pin, verify.Name{}, self, nil},
		{"pin of the key", key, verify.Name{}, self, nil},
		{"pin, another server", pin, verify.Name{}, w.server, verify.PinMismatch},
		{"pin of the key, another server", key, verify.Name{}, w.server, verify.PinMismatch},
		{"pin, another name", pin, verify.Host("other.example"), self, verify.NameMismatch},
		{"union, by the file", server, verify.Name{}, w.server, nil},
		{"union, by the other file", server, verify.Name{}, stranger.server, nil},
		{"union, by the pin", server, verify.Name{}, self, nil},
		{"union, an ID", server, orders, w.orders, nil},
		{"union, an ID by another's roots", server, orders, foreign, verify.UnknownRoot},
		{"union without the domain", union(w.roots, pin), orders, w.orders, verify.RootsDoNotFit},
		{"constrained", narrow, verify.Name{}, w.server, verify.AnchorLimited},
		{"constrained, the pin", narrow, verify.Name{}, self, verify.AnchorLimited},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := &signet.Client{Roots: test.roots, Name: test.who}
			server := &signet.Server{Identity: identity.Static(test.server), Public: true}
			for _, resumed := range []bool{false, test.who.IsZero()} { // a ticket is kept by the host
				peer, err := dial(t, client, server)
				wantCode(t, "dial", err, test.want)
				if err != nil {
					continue
				}
				if want := test.who.TrustDomain(); peer.ID.TrustDomain() != want || peer.Resumed != resumed {
					t.Errorf("have the ID %q, resumed %v; want one of %q, resumed %v", peer.ID, peer.Resumed, want, resumed)
				}
			}
		})
	}
}

// dial has a client dial a server over loopback, which says hello, and returns who
// the client has met.
func dial(t *testing.T, client *signet.Client, server *signet.Server) (*signet.Peer, error) {
	t.Helper()
	dialed, accepted := pair(t)
	client.Dialer = dialerFunc(func() (net.Conn, error) { return dialed, nil })
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		defer accepted.Close()
		if conn, err := server.Wrap(t.Context(), accepted); err == nil {
			io.WriteString(conn, "hello")
			conn.Close()
		}
	})
	conn, err := client.Dial(t.Context(), "tcp", net.JoinHostPort(testpki.Host, "443"))
	if err != nil {
		dialed.Close() // where nothing was dialed
		return nil, err
	}
	defer conn.Close()
	if have, err := io.ReadAll(conn); string(have) != "hello" || err != nil {
		t.Errorf("have %q, %v", have, err)
	}
	return conn.Peer(), nil
}

// TestFederation has a server accept the members of two trust domains, each by its
// own roots, over TLS 1.3 alone.
func TestFederation(t *testing.T) {
	w, stranger := newWorld(t), newWorld(t)
	away := testpki.Must(verify.ForTrustDomain(testpki.Must(spiffeid.ParseTrustDomain("away.example")), stranger.Roots()...))
	server := &signet.Server{Roots: testpki.Must(verify.Union(w.members, away)), Name: verify.Any("policy decides by ID"), Identity: identity.Static(w.orders)}
	tests := []struct {
		name   string
		client *pki.Credential
		want   error
	}{
		{"a member", w.web, nil},
		{"a member of the other", testpki.Must(stranger.Workload("spiffe://away.example/web")), nil},
		{"a member by the other's roots", testpki.Must(stranger.Workload("spiffe://demo.signet/web")), verify.UnknownRoot},
		{"a member of the other by ours", testpki.Must(w.Workload("spiffe://away.example/web")), verify.UnknownRoot},
		{"a member of a third", testpki.Must(w.Workload("spiffe://third.example/web")), verify.UnknownRoot},
		{"a host", w.client, verify.UnknownRoot},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := &signet.Client{Roots: w.members, Name: verify.ID(w.orders.Leaf().ID()), Identity: identity.Static(test.client)}
			_, far := shake(t, client, server)
			wantCode(t, "server", far.err, test.want)
			if far.err == nil && far.conn.Peer().ID != test.client.Leaf().ID() {
				t.Errorf("have the ID %s", far.conn.Peer().ID)
			}
		})
	}
}

// TestLeastVersionOfUnions: TLS 1.2 is for hosts alone.
func TestLeastVersionOfUnions(t *testing.T) {
	w := newWorld(t)
	united := testpki.Must(verify.Union(w.roots, w.members))
	host, orders := verify.Host(testpki.Host), verify.ID(w.orders.Leaf().ID())
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, name := range []verify.Name{host, orders} {
			near, far := pair(t)
			server := w.bare(asServer, version)
			server.ClientAuth = tls.NoClientCert
			if name == orders {
				server.Certificates[0] = tls.Certificate{Certificate: rawChain(w.orders), PrivateKey: w.orders.Key}
			}
			var handshake sync.WaitGroup
			handshake.Go(func() { tls.Server(far, server).HandshakeContext(t.Context()); far.Close() })
			conn, err := (&signet.Client{Roots: united, Name: name}).Wrap(t.Context(), near, testpki.Host)
			handshake.Wait()
			var want error
			if name == orders && version == tls.VersionTLS12 {
				want = signet.VersionMismatch
			}
			wantCode(t, name.String(), err, want)
			if err == nil {
				conn.Abort()
			}
		}
	}
}

func rawChain(credential *pki.Credential) (chain [][]byte) {
	for _, cert := range credential.Chain {
		chain = append(chain, cert.Raw())
	}
	return chain
}
