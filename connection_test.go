package signet_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"testing"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

// TestConnectionOfRefused has servers refuse a client whose handshake was over by then:
// what they know the connection by is what the client does.
func TestConnectionOfRefused(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name    string
		refuses func(*signet.Server, *signet.Client)
	}{
		{"by Authorize", func(server *signet.Server, _ *signet.Client) {
			server.Authorize = func(context.Context, *signet.Peer) error { return fault.New("not_today", "no") }
		}},
		{"by its roots", func(server *signet.Server, _ *signet.Client) { server.Roots = newWorld(t).roots }},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, client := w.listener(), w.dialer()
			var shown *signet.Peer
			server.Observe = func(_ context.Context, peer *signet.Peer) {
				if shown = peer; !peer.ID.IsZero() || peer.Proof != nil {
					t.Error("who is observed was not judged yet")
				}
			}
			test.refuses(server, client)
			near, far := shake(t, client, server)
			if near.err == nil {
				_, near.err = io.ReadAll(near.conn)
			}
			if !errors.Is(near.err, signet.RefusedByPeer) || far.err == nil {
				t.Fatalf("the client: %v, the server: %v", near.err, far.err)
			}
			if name := shown.Connection(); name == "" || name != near.conn.ID() {
				t.Errorf("the server knows %q, the client %q", name, near.conn.ID())
			}
		})
	}
}

// TestConnectionIsForRefusals has nothing to name where Conn.ID does, or cannot.
func TestConnectionIsForRefusals(t *testing.T) {
	w := newWorld(t)
	near, far := shake(t, w.dialer(), w.listener())
	if near.err != nil || far.err != nil {
		t.Fatal(near.err, far.err)
	}
	if a, b := near.conn.Peer().Connection(), far.conn.Peer().Connection(); a != "" || b != "" {
		t.Errorf("after the handshake: %q, %q", a, b)
	}
	if name := (*signet.Peer)(nil).Connection(); name != "" {
		t.Errorf("of nobody: %q", name)
	}
	server := w.listener()
	called := false
	server.Observe = func(_ context.Context, peer *signet.Peer) {
		if called = true; peer.Connection() != "" {
			t.Error("in TLS 1.2 the keys come after the client's certificate")
		}
	}
	client, accepted := pair(t)
	done := make(chan error, 1)
	go func() {
		_, err := server.Wrap(t.Context(), accepted)
		done <- err
	}()
	if err := tls.Client(client, w.bare(asClient, tls.VersionTLS12)).Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || !called {
		t.Errorf("TLS 1.2: %v, observed %v", err, called)
	}
}
