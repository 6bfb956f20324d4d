package engine_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/engine"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

const clientHost = "client.example"

// world is an authority, and a server and a client that it signed.
type world struct {
	*testpki.PKI
	roots          verify.Roots
	server, client *pki.Credential
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p := testpki.Must(testpki.New(time.Now()))
	return &world{
		PKI:    p,
		roots:  testpki.Must(verify.NewRoots("demo", p.Roots()...)),
		server: testpki.Must(p.Server(testpki.Host)),
		client: testpki.Must(p.Client(clientHost)),
	}
}

func (w *world) dialer() *signet.Client {
	return &signet.Client{Roots: w.roots, Identity: identity.Static(w.client)}
}

func (w *world) listener() *signet.Server {
	return &signet.Server{Roots: w.roots, Name: verify.Host(clientHost), Identity: identity.Static(w.server)}
}

// near and far are engines for a client and a server of the world.
func (w *world) pair(t testing.TB) (near, far *engine.Engine) {
	return w.pairOf(t, w.dialer(), w.listener())
}

func (w *world) pairOf(t testing.TB, client *signet.Client, server *signet.Server) (near, far *engine.Engine) {
	near = engine.Client(context.Background(), client, testpki.Host)
	far = engine.Server(context.Background(), server)
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// carry feeds to one what waits in other, in pieces of size bytes, and reports
// whether there was any.
func carry(t testing.TB, from, to *engine.Engine, size int) bool {
	t.Helper()
	waiting := from.Drain()
	for rest := waiting; len(rest) > 0; {
		piece := rest[:min(size, len(rest))]
		if err := to.Feed(piece); err != nil {
			t.Fatal(err)
		}
		rest = rest[len(piece):]
	}
	return len(waiting) > 0
}

// shake takes both through the handshake and returns what each said in the end.
// Nothing is left to carry then.
func shake(t testing.TB, near, far *engine.Engine, size int) (nearErr, farErr error) {
	t.Helper()
	for range 100 {
		nearErr, farErr = near.Handshake(), far.Handshake()
		if carried, back := carry(t, near, far, size), carry(t, far, near, size); carried || back {
			continue
		}
		return nearErr, farErr
	}
	t.Fatal("the handshake does not end")
	return nil, nil
}

// meet is shake where both must succeed.
func meet(t testing.TB, near, far *engine.Engine) {
	t.Helper()
	if one, other := shake(t, near, far, 1<<20); one != nil || other != nil {
		t.Fatalf("client: %v; server: %v", one, other)
	}
}

// readAll reads until it must wait, or to the end.
func readAll(e *engine.Engine) (data []byte, err error) {
	buffer := make([]byte, 4096)
	for {
		n, err := e.Read(buffer)
		data = append(data, buffer[:n]...)
		if err != nil {
			return data, err
		}
	}
}

func want(t testing.TB, have, want error) {
	t.Helper()
	if !errors.Is(have, want) {
		t.Errorf("have %v, want %v", have, want)
	}
}
