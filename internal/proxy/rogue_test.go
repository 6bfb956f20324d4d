package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// rogue has the authority sign for an identity that the proxy holds, and then
// does as it likes: it follows no watch.
func (w *world) rogue(proxy, name string) *pki.Credential {
	w.t.Helper()
	key := testpki.Must(pki.NewKey())
	own := &signet.Client{Roots: w.roots, Name: verify.ID(w.id("authority")), Identity: identity.Static(w.credential(proxy))}
	operator := w.operator
	w.operator = own.HTTP()
	defer func() { w.operator.CloseIdleConnections(); w.operator = operator }()
	answer := ask[api.Certificate](w, "POST", api.PathCertificate, api.CertificateRequest{ID: w.id(name), Request: testpki.Must(pki.NewRequest(key))})
	var chain []*pki.Certificate
	for _, der := range answer.Chain {
		chain = append(chain, testpki.Must(pki.ParseCertificate(der)))
	}
	return testpki.Must(pki.NewCredential(chain, key))
}

// client speaks to orders with the credential, until the test ends.
func (w *world) client(credential *pki.Credential) (*signet.Conn, error) {
	w.t.Helper()
	client := signet.Client{Roots: w.roots, Name: verify.ID(w.id("orders")), Identity: identity.Static(credential)}
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, "tcp", w.service)
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { conn.Close() })
	const line = "rogue\n"
	io.WriteString(conn, line) // where this fails, reading tells why
	_, err = io.ReadFull(conn, make([]byte, len(line)))
	return conn, err
}

// TestRevokedProxyThatDoesNotListen revokes a proxy that holds ann and bob and
// goes on using what it was handed. Its connections and its handshakes end at
// the other side; another proxy that holds ann goes on, and so do its new
// connections.
func TestRevokedProxyThatDoesNotListen(t *testing.T) {
	w := newWorld(t, "ann", "bob")
	w.change(func(tx *control.Tx) {
		tx.PutIdentity(control.Identity{ID: w.id("proxy/rogue"), Kind: control.Proxy})
		tx.PutGrant(control.Grant{Proxy: w.id("proxy/rogue"), Identity: w.id("ann")})
		tx.PutGrant(control.Grant{Proxy: w.id("proxy/rogue"), Identity: w.id("bob")})
	})
	w.allow("ann")
	w.allow("bob")
	var stolen []*pki.Credential
	var conns []*signet.Conn
	for _, name := range []string{"ann", "bob"} {
		stolen = append(stolen, w.rogue("proxy/rogue", name))
		conns = append(conns, testpki.Must(w.client(stolen[len(stolen)-1])))
	}
	others := startClients(t)
	others.dial(t, w.doors[0], "ann", 1)
	w.until("the honest proxy's is open", func() bool { return others.opened() == 1 })

	change := w.revoke("proxy/rogue")
	if !change.WhoIsProxy || change.Barred != 1 || change.Certificates != 4 || change.InForce != 2 || change.Proxies != 2 {
		t.Errorf("the change is %+v, want 4 dead certificates, two of them its own, in force at 2 of 2 proxies", change)
	}
	var ended []string
	for _, conn := range change.Ended {
		if conn.Ends != 1 || conn.Revocation != change.Revision {
			t.Errorf("ended %+v, want it confirmed by one end", conn)
		}
		ended = append(ended, conn.ID)
	}
	if want := []string{conns[0].ID(), conns[1].ID()}; !sameSet(ended, want) {
		t.Errorf("ended %v, want %v", ended, want)
	}
	for i, conn := range conns {
		conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, signet.Truncated) && !errors.Is(err, signet.RefusedByPeer) {
			t.Errorf("the rogue's connection %d reads %d bytes, %v; want it cut", i, n, err)
		}
		if _, err := w.client(stolen[i]); !errors.Is(err, signet.RefusedByPeer) {
			t.Errorf("a new handshake with certificate %d: %v, want a refusal", i, err)
		}
	}
	if others.opened() != 1 {
		t.Error("the honest proxy's connection ended, too")
	}
	others.dial(t, w.doors[0], "new", 1)
	w.until("a new one of the honest proxy's is open", func() bool { return others.opened() == 2 })

	history := ask[api.History](w, "GET", api.PathConn+"?id="+conns[0].ID(), nil)
	if !slices.ContainsFunc(history.Events, func(e api.Event) bool { return e.Kind == api.Changed && e.From == w.id("proxy/rogue") }) {
		t.Errorf("the history does not name the revocation: %+v", history.Events)
	}
	pair := ask[api.Pair](w, "GET", api.PathPair+"?from=bob&to=orders", nil)
	if !pair.Allowed || pair.From.Revoked != nil {
		t.Errorf("bob is %+v, want him not revoked", pair)
	}
}

func sameSet(have, want []string) bool {
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(have, want)
}

// TestRevokedServiceProxy revokes a proxy that serves orders with what it was
// handed and follows no watch: doors leave it and do not come back.
func TestRevokedServiceProxy(t *testing.T) {
	var address string
	w := newWorldOf(t, setup{names: []string{"ann"}, between: func(string) string { address = peers.FreeAddress(t); return address }})
	w.change(func(tx *control.Tx) {
		tx.PutIdentity(control.Identity{ID: w.id("proxy/rogue"), Kind: control.Proxy})
		tx.PutGrant(control.Grant{Proxy: w.id("proxy/rogue"), Identity: w.id("orders")})
	})
	w.allow("ann")
	server := signet.Server{Roots: w.roots, Name: verify.Member(w.domain), Identity: identity.Static(w.rogue("proxy/rogue", "orders"))}
	listener, err := server.Listen(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go io.Copy(conn, conn) // until either of them closes
		}
	}()
	others := startClients(t)
	others.dial(t, w.doors[0], "ann", 1)
	w.until("the connection to the rogue is open", func() bool { return others.opened() == 1 })
	if change := w.revoke("proxy/rogue"); len(change.Ended) != 1 {
		t.Errorf("the change is %+v, want one connection ended", change)
	}
	others.dial(t, w.doors[0], "new", 1)
	for _, name := range []string{"ann.0", "new.0"} {
		w.until(fmt.Sprint(name, " has ended"), func() bool { n, ok := others.end(name); return ok && n.Err == "reset" })
	}
}
