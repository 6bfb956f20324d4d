package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// authority serves handler as demo.signet's authority, with the given identity,
// and returns its address.
func (h host) authority(roots *testpki.PKI, path string, handler http.HandlerFunc) string {
	h.t.Helper()
	return h.serve(&signet.Server{
		Identity: identity.Static(testpki.Must(roots.Workload("spiffe://demo.signet/" + path))),
		Roots:    testpki.Must(verify.ForTrustDomain(domain(h.t, "demo.signet"), roots.Roots()...)),
		Name:     verify.Member(domain(h.t, "demo.signet")),
		ALPN:     []string{"h2", "http/1.1"},
	}, handler)
}

func (h host) serve(server *signet.Server, handler http.HandlerFunc) string {
	h.t.Helper()
	listener, err := server.Listen(h.t.Context(), "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	web := server.HTTP(handler)
	web.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	done := make(chan struct{})
	go func() { web.Serve(listener.TLS()); close(done) }()
	h.t.Cleanup(func() { web.Close(); <-done })
	return listener.Addr().String()
}

// answer is a handler that always says the same.
func answer(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if text, ok := body.(string); ok {
			w.Write([]byte(text))
			return
		}
		json.NewEncoder(w).Encode(body)
	}
}

func TestQuestionsToTheAuthority(t *testing.T) {
	f := demoFixture(t)
	change := f.change(func(c *api.Change) { c.Rule = "allow-web-orders" })
	partly := change
	partly.InForce, partly.Missing = 1, []api.Missing{{Proxy: f.id("proxy/edge-3"), Connected: true}}
	twice := partly
	twice.Missing = []api.Missing{{Proxy: f.id("proxy/edge-3"), Rival: "192.0.2.7:51000"}}
	allowed := f.pair(func(p *api.Pair) { p.Allowed, p.Code, p.Reason = true, "", "allow-web-orders allows it" })
	tests := []struct {
		name   string
		args   []string
		asked  string // method, path, query and body
		answer any
		code   int
		first  string // line of standard output
		stderr string
	}{
		{"allow", []string{"allow", "web", "orders", "--because", "a b"}, `POST /v1/allow {"from":"web","to":"orders","because":"a b"}`, change,
			0, "Allowed: web → orders.                                  revision 3, demo.signet", "\nundo: signet policy undo 3\n"},
		{"allow, quietly", []string{"allow", "web", "orders", "--quiet"}, `POST /v1/allow {"from":"web","to":"orders"}`, change,
			0, "Allowed: web → orders.                                  revision 3, demo.signet", ""},
		{"allow, not everywhere", []string{"allow", "web", "orders"}, `POST /v1/allow {"from":"web","to":"orders"}`, partly,
			1, "Allowed: web → orders, but NOT in force everywhere yet.     revision 3, demo.signet",
			"\nnext: bring back the proxies that are not reached: each gets the change as soon as it is back\n"},
		{"allow, and a second process", []string{"allow", "web", "orders"}, `POST /v1/allow {"from":"web","to":"orders"}`, twice,
			1, "Allowed: web → orders, but NOT in force everywhere yet.     revision 3, demo.signet",
			"\nnext: stop the second process of a name, or revoke the name if nobody of yours made the copy; it counts for two minutes after its last try\n"},
		{"deny, with no proxy left", []string{"deny", "web", "orders"}, `POST /v1/deny {"from":"web","to":"orders"}`,
			f.change(func(c *api.Change) { c.Proxies, c.InForce, c.Barred = 0, 0, 2 }),
			1, "Denied: web → orders, but NO proxy is left to enforce it.     revision 3, demo.signet",
			"\nnext: signet identity list      # which proxies are revoked; signet restore PROXY lets one come back, with a new key\n"},
		{"allow, full names", []string{"allow", "web", "orders", "--full"}, `POST /v1/allow {"from":"web","to":"orders"}`, change,
			0, "Allowed: spiffe://demo.signet/web → spiffe://demo.signet/orders.     revision 3, demo.signet",
			"\nundo: signet policy undo 3\n"},
		{"deny", []string{"deny", "web", "orders"}, `POST /v1/deny {"from":"web","to":"orders"}`, change,
			0, "Denied: web → orders.                                   revision 3, demo.signet", "\nundo: signet policy undo 3\n"},
		{"allow for a time, dry", []string{"allow", "web", "orders", "--for", "2h", "--anyway", "--dry-run"},
			`POST /v1/allow {"from":"web","to":"orders","for_ns":7200000000000,"anyway":true,"dry_run":true}`,
			f.change(func(c *api.Change) { c.Would = &api.Foresight{} }),
			0, "Would allow: web → orders.                              nothing was changed", ""},
		{"undo", []string{"policy", "undo", "2"}, `POST /v1/undo {"revision":2}`, f.change(func(c *api.Change) { c.Undone = 2 }),
			0, "Undone: revision 2.                                     revision 3, demo.signet", "\nundo: signet policy undo 3\n"},
		{"show", []string{"policy", "show"}, "GET /v1/policy", api.Policy{TrustDomain: f.td, Revision: 7},
			0, "// The policy of demo.signet, revision 7. What no rule allows is denied.", ""},
		{"revoke", []string{"revoke", "web"}, `POST /v1/revoke {"who":"web"}`, f.change(func(c *api.Change) { c.Who, c.Certificates = f.id("web"), 2 }),
			0, "Revoked: web. Its 2 certificates are dead and it cannot renew.     revision 3, demo.signet",
			"\nback in, with a new key: signet restore web\n"},
		{"revoke oneself, confirmed", []string{"revoke", "operator/ann", "--yes"}, `POST /v1/revoke {"who":"operator/ann"}`,
			f.change(func(c *api.Change) { c.Who, c.Certificates = f.id("operator/ann"), 1 }),
			0, "Revoked: operator/ann. Its certificate is dead and it cannot renew.     revision 3, demo.signet",
			"\nback in, with a new key: signet restore operator/ann\n"},
		{"conns", []string{"conns"}, "GET /v1/conns", f.conns(func(*api.Conns) {}), 0, "ID     FROM   TO      OPEN   SENT     BACK     ALLOWED BY          ENDS AT THE LATEST", ""},
		{"conns as JSON", []string{"conns", "--json"}, "GET /v1/conns", f.conns(func(*api.Conns) {}), 0, "{", ""},
		{"why, no", []string{"why", "web", "orders"}, "GET /v1/pair?from=web&to=orders", f.pair(func(*api.Pair) {}),
			1, "No: web may not talk to orders.  [no_rule]", "\nnext: signet allow web orders\n"},
		{"why, no, as JSON", []string{"why", "web", "orders", "--json"}, "GET /v1/pair?from=web&to=orders", f.pair(func(*api.Pair) {}), 1, "{", ""},
		{"why, yes", []string{"why", "web", "orders"}, "GET /v1/pair?from=web&to=orders", allowed, 0, "Yes: web may talk to orders.", ""},
		{"why of a connection", []string{"why", "c4f2"}, "GET /v1/conn?id=c4f2", f.history(), 0, "Nothing is known of c4f2000000000000000000000000000000.", ""},
		{"as an operator by name", []string{"conns", "--as", "operator/ann"}, "GET /v1/conns", f.conns(func(*api.Conns) {}), 0, "ID     FROM   TO      OPEN   SENT     BACK     ALLOWED BY          ENDS AT THE LATEST", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			asked := ""
			address := h.authority(h.domain("demo.signet", "operator/ann"), "authority", func(w http.ResponseWriter, r *http.Request) {
				var body json.RawMessage
				json.NewDecoder(r.Body).Decode(&body) // a question may have none
				asked = strings.TrimSuffix(strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)), "?")
				answer(http.StatusOK, test.answer)(w, r)
			})
			h.settings("demo.signet", address)
			have := signetMain(t, nil, test.args...)
			first, _, _ := strings.Cut(have.stdout, "\n")
			if diff := cmp.Diff(outcome{test.code, test.first, test.stderr}, outcome{have.code, first, have.stderr}, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
			if asked != test.asked {
				t.Errorf("asked %s, want %s", asked, test.asked)
			}
		})
	}
}

func TestAuthorityThatDoesNotAnswer(t *testing.T) {
	tests := []struct {
		name    string
		path    string // of its identity
		handler http.HandlerFunc
		want    string // the error
	}{
		{"refuses", "authority", answer(404, api.Error{Code: "identity_unknown", Message: "no identity is called wbe", Hint: "use one that is known: web"}),
			"error: no identity is called wbe [identity_unknown]\n  next: use one that is known: web\n"},
		{"refuses without a word", "authority", answer(500, ""),
			"error: the authority's answer cannot be understood: unexpected end of JSON input [authority_garbled]\n  next: use the signet command of the authority's version\n"},
		{"refuses without a code", "authority", answer(500, api.Error{}),
			"error: the authority's answer cannot be understood: an error without a code or message [authority_garbled]\n  next: use the signet command of the authority's version\n"},
		{"hostile words", "authority", answer(400, api.Error{Code: "a\x1b[2J", Message: "b\x1b[2J\r\nerror: c"}),
			"error: b?[2J??error: c [a?[2J]\n"},
		{"garbles", "authority", answer(200, "<html>"),
			"error: the authority's answer cannot be understood: invalid character '<' looking for beginning of value [authority_garbled]\n  next: use the signet command of the authority's version\n"},
		{"breaks off", "authority", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "[authority_broke_off]"},
		{"is somebody else", "web", answer(200, api.Conns{}), "[name_mismatch]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.settings("demo.signet", h.authority(h.domain("demo.signet", "operator/ann"), test.path, test.handler))
			have := signetMain(t, nil, "conns")
			if have.code != 2 || have.stdout != "" || !strings.Contains(have.stderr, test.want) {
				t.Errorf("have %+v, want %s", have, test.want)
			}
		})
	}
}

func TestAuthorityIsNotThere(t *testing.T) {
	h := newHost(t)
	h.domain("demo.signet", "operator/ann")
	h.settings("demo.signet", peers.FreeAddress(t))
	have := signetMain(t, nil, "conns")
	if have.code != 2 || !strings.HasPrefix(have.stderr, "error: Signet does not run: nobody listens at 127.0.0.1:") ||
		!strings.HasSuffix(have.stderr, "its authority's address [not_running]\n  next: signet up      # in another terminal; it goes on where it stopped\n") {
		t.Errorf("have %+v", have)
	}
}

func TestOperatorIsKnown(t *testing.T) {
	tests := []struct {
		name       string
		identities []string
		as         string
		remove     string // a file of the folder
		want       string
	}{
		{"none is kept", []string{"web"}, "", "", "[identity_not_here]\n  next: name its PEM file with --as"},
		{"several are kept", []string{"operator/ann", "operator/ben"}, "", "", "[identity_not_here]\n  next: name one with --as: operator/ann, operator/ben"},
		{"unknown", []string{"operator/ann"}, "operator/ben", "", "[identity_not_here]\n  next: name a PEM file with the certificate chain and its key, or one that is kept here: operator/ann"},
		{"no settings", []string{"operator/ann"}, "", "settings.json", "[not_running]"},
		{"no roots", []string{"operator/ann"}, "", "roots.pem", "[data_unreadable]"},
		{"oneself", []string{"operator/ann"}, "", "", "error: operator/ann is the identity that you are using: this would lock you out [own_access]\n  next: signet revoke operator/ann --yes      # if it is meant\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.domain("demo.signet", test.identities...)
			h.settings("demo.signet", "127.0.0.1:1")
			if test.remove != "" {
				if err := os.Remove(filepath.Join(h.data, "demo.signet", test.remove)); err != nil {
					t.Fatal(err)
				}
			}
			args := []string{"revoke", "operator/ann"}
			if test.as != "" {
				args = append(args, "--as", test.as)
			}
			have := signetMain(t, nil, args...)
			if have.code != 2 || !strings.Contains(have.stderr, test.want) {
				t.Errorf("have %+v, want %s", have, test.want)
			}
		})
	}
}

func TestSettingsAreDamaged(t *testing.T) {
	h := newHost(t)
	h.domain("demo.signet", "operator/ann")
	h.write("demo.signet/settings.json", []byte("{"))
	have := signetMain(t, nil, "conns")
	if have.code != 2 || !strings.Contains(have.stderr, "settings.json cannot be used: ") || !strings.Contains(have.stderr, "[settings_unreadable]\n  next: stop signet up, and start it with ports of your choice: signet up --port 7400 ") {
		t.Errorf("have %+v", have)
	}
}

func TestQuestionIsInterrupted(t *testing.T) {
	h := newHost(t)
	ctx, interrupt := context.WithCancel(t.Context())
	address := h.authority(h.domain("demo.signet", "operator/ann"), "authority", func(_ http.ResponseWriter, r *http.Request) {
		interrupt()
		select {
		case <-r.Context().Done():
		case <-time.After(10 * time.Second):
		}
	})
	h.settings("demo.signet", address)
	var stderr strings.Builder
	code := Main(ctx, []string{"conns"}, nil, &strings.Builder{}, &stderr)
	if code != 130 || stderr.String() != "error: interrupted [interrupted]\n  next: run it again\n" {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
}

// TestAuthorityThatRefusesUs has an authority that refuses us at the handshake,
// as it does after our own access was revoked: with TLS 1.3 that shows only at
// the first read, in net/http's hands.
func TestAuthorityThatRefusesUs(t *testing.T) {
	h := newHost(t)
	roots := h.domain("demo.signet", "operator/ann")
	h.settings("demo.signet", h.serve(&signet.Server{
		Identity:  identity.Static(testpki.Must(roots.Workload("spiffe://demo.signet/authority"))),
		Roots:     testpki.Must(verify.ForTrustDomain(domain(t, "demo.signet"), roots.Roots()...)),
		Name:      verify.Member(domain(t, "demo.signet")),
		Authorize: func(context.Context, *signet.Peer) error { return errors.New("revoked") },
		ALPN:      []string{"h2", "http/1.1"},
	}, answer(200, api.Conns{})))
	const want = "error: the authority refuses operator/ann: it was revoked, or is not enrolled [access_refused]\n"
	for _, args := range [][]string{{"conns"}, {"why", "web", "orders"}, {"why", "c4f2"}, {"allow", "web", "orders"}, {"revoke", "web"}} {
		have := signetMain(t, nil, args...)
		if have.code != 2 || have.stdout != "" || !strings.HasPrefix(have.stderr, want) || !strings.Contains(have.stderr, "  next: ") {
			t.Errorf("%v: have %+v, want %s", args, have, want)
		}
	}
}
