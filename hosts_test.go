package signet_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// The hosts of the tests' servers: one for known clients, the others for anybody.
const (
	staffHost = "staff.example"
	shopHost  = "shop.example"
	wildHost  = "*.shop.example"
)

// hosts is a server for several of them, and who has which certificate.
func (w *world) hosts(names ...string) (*signet.Server, map[string]*pki.Credential) {
	server, certs := &signet.Server{Hosts: map[string]*signet.Server{}}, map[string]*pki.Credential{}
	tickets := new(signet.Tickets)
	for _, name := range names {
		certs[name] = testpki.Must(w.Server(strings.Replace(name, "*", "a", 1), "localhost", "a.b.shop.example", "other.example"))
		host := &signet.Server{Identity: identity.Static(certs[name]), Public: true, Tickets: tickets, ALPN: []string{"h2", "http/1.1"}}
		if name == staffHost {
			host.Public, host.Roots, host.Name = false, w.roots, verify.Host(clientHost)
		}
		server.Hosts[name] = host
	}
	return server, certs
}

// call has a bare client ask a server for a host by SNI.
func (w *world) call(t *testing.T, server *signet.Server, version uint16, change func(*tls.Config)) (*signet.Conn, *tls.Conn, error, error) {
	t.Helper()
	config := w.bare(asClient, version)
	change(config)
	near, far := pair(t)
	bare := tls.Client(far, config)
	var both sync.WaitGroup
	var conn *signet.Conn
	var ours, theirs error
	both.Go(func() { conn, ours = server.Wrap(t.Context(), near) })
	both.Go(func() { theirs = bare.HandshakeContext(t.Context()) })
	both.Wait()
	return conn, bare, ours, theirs
}

func TestHosts(t *testing.T) {
	tests := []struct {
		name   string
		hosts  []string
		asked  string // "" for none
		served string // "": nobody does
	}{
		{"by its name", []string{staffHost, shopHost}, staffHost, staffHost},
		{"by the other's", []string{staffHost, shopHost}, shopHost, shopHost},
		{"in capital letters", []string{"Staff.Example", shopHost}, "STAFF.example", "Staff.Example"},
		{"by a wildcard", []string{shopHost, wildHost}, "a.shop.example", wildHost},
		{"the name before the wildcard", []string{shopHost, wildHost, "a.shop.example"}, "a.shop.example", "a.shop.example"},
		{"the wildcard before all others", []string{wildHost, "*"}, "a.shop.example", wildHost},
		{"a wildcard is one label, not two", []string{shopHost, wildHost}, "a.b.shop.example", ""},
		{"nor none", []string{wildHost}, shopHost, ""},
		{"unknown", []string{shopHost}, "other.example", ""},
		{"unknown, by choice", []string{shopHost, "*"}, "other.example", "*"},
		{"no name", []string{shopHost}, "", ""},
		{"no name, by choice", []string{shopHost, "*"}, "", "*"},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, test := range tests {
			t.Run(tls.VersionName(version)+" "+test.name, func(t *testing.T) {
				w := newWorld(t)
				server, certs := w.hosts(test.hosts...)
				conn, bare, ours, theirs := w.call(t, server, version, func(c *tls.Config) {
					c.ServerName, c.InsecureSkipVerify = test.asked, true // whose certificate it is, is compared below
				})
				if test.served == "" {
					wantCode(t, "server", ours, signet.HostUnknown)
					if theirs == nil || !strings.Contains(theirs.Error(), "unrecognized name") {
						t.Errorf("client: have %v, want the alert unrecognized_name", theirs)
					}
					return
				}
				if ours != nil || theirs != nil {
					t.Fatal(ours, theirs)
				}
				if have := bare.ConnectionState().PeerCertificates[0]; !testpki.Must(certs[test.served].Leaf().X509()).Equal(have) {
					t.Errorf("%q was served by another host's certificate", test.asked)
				}
				if have := conn.Peer().ServerName; !strings.EqualFold(have, test.asked) {
					t.Errorf("the peer asked for %q, not %q", test.asked, have)
				}
				conn.Abort()
			})
		}
	}
}

// TestHostsKeepTheirRules holds that each host has its own clients, and that the
// session of one proves nothing at another, though they share the keys of tickets.
func TestHostsKeepTheirRules(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			w := newWorld(t)
			server, _ := w.hosts(staffHost, shopHost)
			strange := testpki.Must(w.Client("stranger.example"))
			_, bare, err, _ := w.call(t, server, version, func(c *tls.Config) {
				c.ServerName, c.Certificates[0].Certificate[0], c.Certificates[0].PrivateKey = staffHost, strange.Leaf().Raw(), strange.Key
			})
			bare.Close()
			wantCode(t, "a stranger", err, verify.NameMismatch)
			_, bare, err, _ = w.call(t, server, version, func(c *tls.Config) { c.ServerName, c.Certificates = staffHost, nil })
			bare.Close()
			wantCode(t, "nobody", err, verify.NoCertificate)

			cache := &stubborn{}
			visit := func(host string, known, resumed bool) {
				t.Helper()
				conn, bare, ours, theirs := w.call(t, server, version, func(c *tls.Config) {
					c.ServerName, c.ClientSessionCache, c.InsecureSkipVerify = host, cache, true
				})
				if ours != nil || theirs != nil {
					t.Fatal(ours, theirs)
				}
				if peer := conn.Peer(); peer.Resumed != resumed || (peer.Proof != nil) != known || peer.Authenticated.IsZero() == known {
					t.Errorf("%s: resumed %v, proof %v, authenticated at %s", host, peer.Resumed, peer.Proof, peer.Authenticated)
				}
				talk(t, bare, conn)
			}
			visit(shopHost, false, false)
			visit(shopHost, false, true)
			visit(staffHost, true, false) // with a ticket of the other, which asks for no certificate
			visit(staffHost, true, true)
			visit(shopHost, false, false)
		})
	}
}

func TestHostsSayWhatIsMissing(t *testing.T) {
	w := newWorld(t)
	own := &signet.Server{Identity: identity.Static(w.server), Public: true}
	of := func(hosts map[string]*signet.Server) *signet.Server { return &signet.Server{Hosts: hosts} }
	tests := []struct {
		name   string
		server *signet.Server
		says   string
	}{
		{"an identity besides", &signet.Server{Hosts: map[string]*signet.Server{shopHost: own}, Identity: identity.Static(w.server)}, "Identity"},
		{"roots besides", &signet.Server{Hosts: map[string]*signet.Server{shopHost: own}, Roots: w.roots}, "Roots"},
		{"ALPN besides", &signet.Server{Hosts: map[string]*signet.Server{shopHost: own}, ALPN: []string{"h2"}}, "ALPN"},
		{"rules besides", &signet.Server{Hosts: map[string]*signet.Server{shopHost: own}, Rules: verify.Options{RequirePolicy: true}}, "Rules"},
		{"no server", of(map[string]*signet.Server{shopHost: nil}), shopHost},
		{"hosts of a host", of(map[string]*signet.Server{shopHost: of(map[string]*signet.Server{"*": own})}), shopHost},
		{"an incomplete server", of(map[string]*signet.Server{shopHost: {Identity: identity.Static(w.server)}}), "whose clients"},
		{"no name", of(map[string]*signet.Server{"": own}), "no name of hosts"},
		{"a port", of(map[string]*signet.Server{"shop.example:443": own}), "no name of hosts"},
		{"half a label", of(map[string]*signet.Server{"w*.shop.example": own}), "no name of hosts"},
		{"a star within", of(map[string]*signet.Server{"www.*.example": own}), "no name of hosts"},
		{"two stars", of(map[string]*signet.Server{"*.*.example": own}), "no name of hosts"},
		{"twice", of(map[string]*signet.Server{shopHost: own, "Shop.example": own}), "twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.server.Listen(t.Context(), "127.0.0.1:0")
			wantCode(t, "listen", err, signet.ConfigInvalid)
			var all []string
			for e := err; e != nil; e = errors.Unwrap(e) {
				all = append(all, e.Error())
			}
			if e, ok := fault.Of(err); !ok || e.Hint == "" || !strings.Contains(strings.Join(all, " "), test.says) {
				t.Errorf("have %v, want what is wrong (%s) and a next step", err, test.says)
			}
		})
	}
	front := of(map[string]*signet.Server{shopHost: own})
	front.HandshakeTimeout, front.Now = time.Second, time.Now
	if _, err := front.TLSConfig(); err != nil {
		t.Errorf("what is for all hosts: %v", err)
	}
}

// TestMisdirectedRequest holds that a request for one host is not answered on a
// connection to another, whose clients were verified by other rules or not at all.
func TestMisdirectedRequest(t *testing.T) {
	w := newWorld(t)
	server, _ := w.hosts(staffHost, shopHost)
	address := serve(t, server, func(out http.ResponseWriter, in *http.Request) {
		io.WriteString(out, "the secrets of "+in.Host)
	})
	for _, protocol := range []string{"h2", "http/1.1"} {
		for _, test := range []struct {
			connected, asked string
			status           int
		}{
			{shopHost, shopHost, http.StatusOK},
			{shopHost, shopHost + ":443", http.StatusOK},
			{staffHost, staffHost, http.StatusOK},
			{shopHost, staffHost, http.StatusMisdirectedRequest},
			{shopHost, "STAFF.example:443", http.StatusMisdirectedRequest},
			{staffHost, shopHost, http.StatusMisdirectedRequest},
			{shopHost, "other.example", http.StatusMisdirectedRequest},
		} {
			client := w.dialer()
			client.Name, client.ALPN = verify.Host(test.connected), []string{protocol}
			request := testpki.Must(http.NewRequest(http.MethodGet, "https://"+address+"/", nil))
			request.Host = test.asked
			response, err := httpClient(t, client).Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body := testpki.Must(io.ReadAll(response.Body))
			response.Body.Close()
			if secret := strings.Contains(string(body), "secrets"); response.StatusCode != test.status || secret != (test.status == http.StatusOK) {
				t.Errorf("%s: asked for %s on a connection to %s: %s %q", protocol, test.asked, test.connected, response.Status, body)
			}
		}
	}
}

// TestServerName: a client says which host of a server it wants, whoever that must be.
func TestServerName(t *testing.T) {
	w := newWorld(t)
	server, certs := w.hosts(shopHost, wildHost)
	for _, host := range []string{shopHost, "b.shop.example", "-"} {
		client := &signet.Client{Roots: w.roots, Name: verify.Host("localhost"), ServerName: host}
		near, far := pair(t)
		var both sync.WaitGroup
		both.Go(func() { server.Wrap(t.Context(), near) })
		conn, err := client.Wrap(t.Context(), far, "other.example")
		if err != nil {
			far.Close()
		}
		both.Wait()
		switch {
		case host == "-":
			wantCode(t, "client", err, signet.ConfigInvalid)
		case err != nil:
			t.Errorf("%s: %v", host, err)
		default:
			want := certs[shopHost]
			if host != shopHost {
				want = certs[wildHost]
			}
			if !conn.Peer().Chain[0].Equal(want.Leaf()) {
				t.Errorf("%s: another host's certificate", host)
			}
		}
		near.Close()
		far.Close()
	}
}
