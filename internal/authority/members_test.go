package authority

import (
	"fmt"
	"slices"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// enroll joins by a token with a new key, and wants it to succeed.
func (r *rig) enroll(token api.Token) (agent.Home, client) {
	r.t.Helper()
	home, err := agent.Enroll(r.t.Context(), token, testpki.Must(pki.NewKey()), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return home, r.with(identity.Static(home.Credential))
}

// TestRestore: a revoked name comes back, with a new key alone; what it had stays
// dead, at the authority and at proxies.
func TestRestore(t *testing.T) {
	r := newRig(t, reach)
	ann := r.as("operator/ann")
	_, token := r.invite(api.TokenRequest{Who: "proxy/edge", Holds: []string{"web"}})
	_, early := r.invite(api.TokenRequest{Who: "proxy/edge", Again: true})
	old, thief := r.enroll(token)
	key := testpki.Must(pki.NewKey())
	held := ask[api.Certificate](thief, "POST", api.PathCertificate, api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))})
	web := credential(t, held.Chain, key).Leaf().Serial()
	revoked := ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "proxy/edge", Because: "lost"})
	again := api.TokenRequest{Who: "proxy/edge", Again: true, For: maxTokenLife}
	_, refusal := ann.try("POST", api.PathToken, jsonBody(again))
	wantRefusal(t, refusal, api.IdentityRevoked, "signet restore proxy/edge")

	change := ask[api.Change](ann, "POST", api.PathRestore, api.RevokeRequest{Who: "proxy/edge", Because: "found"})
	if change.Revision != revoked.Revision+1 || change.Certificates != 2 || change.Unchanged {
		t.Errorf("restored: %+v", change)
	}
	if again := ask[api.Change](ann, "POST", api.PathRestore, api.RevokeRequest{Who: "proxy/edge"}); !again.Unchanged || again.Revision != change.Revision {
		t.Errorf("restored twice: %+v", again)
	}
	_, refusal = thief.try("POST", api.PathCertificate, jsonBody(api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))}))
	wantRefusal(t, refusal, api.CertificateWithdrawn, fmt.Sprintf("by operator/ann in revision %d", change.Revision), "signet token new proxy/edge --again")
	_, refusal = thief.try("GET", api.PathWatch, nil)
	wantRefusal(t, refusal, api.CertificateWithdrawn)
	_, err := agent.Enroll(t.Context(), early, key, nil) // a token of before
	wantCode(t, err, control.TokenVoid)
	_, fresh := r.invite(again)
	_, edge := r.enroll(fresh)
	ask[api.Certificate](edge, "POST", api.PathCertificate, api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))})

	// Other proxies hear of the serials, and that the name itself is good.
	_, slice := r.watchAs("proxy/two")
	dead := slices.IndexFunc(slice.Revoked, func(x api.Revocation) bool { return x.ID == id("proxy/edge") })
	if dead < 0 || slice.Revoked[dead].Cause != "restored" || !slices.Contains(slice.Revoked[dead].Serials, web) || !slices.Contains(slice.Revoked[dead].Serials, old.Credential.Leaf().Serial()) {
		t.Errorf("proxies hear %+v", slice.Revoked)
	}
	view := testpki.Must(agent.NewView(slice))
	wantCode(t, view.Peer(old.Credential.Chain), api.CertificateWithdrawn)
	if err := view.Peer(testpki.Must(edge.signet.Identity.Credential()).Chain); err != nil {
		t.Errorf("who came back: %v", err)
	}
	// The record stays, in the list and in the log.
	known := ask[api.Identities](ann, "GET", api.PathIdentities+"?name=proxy/edge", nil).Identities
	if len(known) != 1 || known[0].Certificates != 1 || known[0].Was == nil || known[0].Was.Because != "lost" || known[0].Was.Revision != revoked.Revision ||
		known[0].Restored.Because != "found" || known[0].Restored.By != id("operator/ann") || known[0].Revoked != nil {
		t.Errorf("the list says %+v", known)
	}
	if !slices.ContainsFunc(of(audit.Acted, r.entries()), func(e audit.Entry) bool { return e.Act.Verb == "restore" && e.Act.By == id("operator/ann") }) {
		t.Error("the audit log has no restore")
	}
}

// TestGrants: what a proxy may hold is given and taken back, with what stands on it.
func TestGrants(t *testing.T) {
	r := newRig(t, nil)
	ann := r.as("operator/ann")
	one, slice := r.watchAs("proxy/one")
	if !slices.Equal(slice.Identities, []spiffeid.ID{id("batch"), id("web")}) {
		t.Fatalf("it holds %v", slice.Identities)
	}
	key := testpki.Must(pki.NewKey())
	ask[api.Certificate](one.client, "POST", api.PathCertificate, api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))})
	r.patience = 0
	act := func(path, proxy, name string) api.Change {
		t.Helper()
		return ask[api.Change](ann, "POST", path, api.GrantRequest{Proxy: proxy, Identity: name, Because: "moved"})
	}
	change := act(api.PathUngrant, "proxy/one", "web")
	if change.Certificates != 1 || change.Proxy != id("proxy/one") || change.Who != id("web") || change.Unchanged {
		t.Errorf("taken back: %+v", change)
	}
	slice = one.slice()
	if !slices.Equal(slice.Identities, []spiffeid.ID{id("batch")}) || len(slice.Revoked) != 1 || !slice.Revoked[0].Own || slice.Revoked[0].Cause != "ungranted" || len(slice.Revoked[0].Serials) != 1 {
		t.Errorf("it hears %+v", slice)
	}
	view := testpki.Must(agent.NewView(slice))
	err := view.Holds(id("web"))
	wantCode(t, err, agent.NotHeld)
	if ours, _ := fault.Of(err); ours.Detail.(api.Revocation).Revision != change.Revision {
		t.Errorf("the end does not say which change it was: %+v", ours)
	}
	if _, other := r.watchAs("proxy/two"); len(other.Revoked) != 1 || other.Revoked[0].Own {
		t.Errorf("another proxy hears %+v", other.Revoked)
	}
	_, refusal := one.try("POST", api.PathCertificate, jsonBody(api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))}))
	wantRefusal(t, refusal, NotGranted, "signet grant proxy/one web")
	if again := act(api.PathUngrant, "proxy/one", "web"); !again.Unchanged {
		t.Errorf("taken back twice: %+v", again)
	}
	if back := act(api.PathGrant, "proxy/one", "web"); back.Unchanged {
		t.Errorf("given back: %+v", back)
	}
	slice = one.slice()
	if err := testpki.Must(agent.NewView(slice)).Holds(id("web")); err != nil {
		t.Errorf("it may hold it again: %v", err)
	}
	ask[api.Certificate](one.client, "POST", api.PathCertificate, api.CertificateRequest{ID: id("web"), Request: testpki.Must(pki.NewRequest(key))})

	for name, test := range map[string]struct {
		proxy, identity string
		code            fault.Code
	}{
		"nobody":      {"proxy/onne", "web", api.IdentityUnknown},
		"no service":  {"proxy/one", "proxy/two", BadRequest},
		"no proxy":    {"web", "orders", BadRequest},
		"the revoked": {"proxy/one", "idle", api.IdentityRevoked},
	} {
		if name == "the revoked" {
			r.revokeInStore("idle")
		}
		_, refusal := ann.try("POST", api.PathGrant, jsonBody(api.GrantRequest{Proxy: test.proxy, Identity: test.identity}))
		wantRefusal(t, refusal, test.code)
	}
}

// TestHoldsOnJoining: a token that nobody uses grants nothing, also not to who has
// joined before.
func TestHoldsOnJoining(t *testing.T) {
	r := newRig(t, reach)
	made, token := r.invite(api.TokenRequest{Who: "proxy/one", Holds: []string{"orders", "mail"}, Again: true})
	if !slices.Equal(made.Holds, []spiffeid.ID{id("batch"), id("mail"), id("orders"), id("web")}) {
		t.Errorf("it is to hold %v", made.Holds)
	}
	if state := r.store.State(); holds(state, id("proxy/one"), id("orders")) || holds(state, id("proxy/one"), id("mail")) {
		t.Error("a token grants before it is used")
	}
	r.enroll(token)
	if state := r.store.State(); !holds(state, id("proxy/one"), id("orders")) || !holds(state, id("proxy/one"), id("mail")) {
		t.Error("who joined may not hold what the token says")
	}
}

// TestOperatorAgain: nobody becomes an operator beside the one that there is, unseen.
func TestOperatorAgain(t *testing.T) {
	r := newRig(t, reach)
	_, token := r.invite(api.TokenRequest{Who: "operator/eve"})
	_, eve := r.enroll(token)
	_, byEve := func() (api.TokenMade, api.Token) {
		made := ask[api.TokenMade](eve, "POST", api.PathToken, api.TokenRequest{Who: "mail", For: maxTokenLife})
		token := testpki.Must(api.ParseToken(made.Token))
		token.Authority = r.address
		return made, token
	}()
	own := ask[api.TokenMade](eve, "POST", api.PathToken, api.TokenRequest{Who: "operator/eve", Again: true, For: maxTokenLife})
	if own.Replaces {
		t.Error("one more of one's own replaces the first")
	}
	made, token := r.invite(api.TokenRequest{Who: "operator/eve", Again: true})
	_, late := r.invite(api.TokenRequest{Who: "operator/eve", Again: true})
	if !made.Replaces {
		t.Error("an operator's token for another does not replace it")
	}
	ask[api.Conns](eve, "GET", api.PathConns, nil) // until it is used, nothing happens
	key := testpki.Must(pki.NewKey())
	home, err := agent.Enroll(t.Context(), token, key, nil)
	if err != nil || home.Replaced != 1 {
		t.Fatalf("joined in the place of %d certificates (%v), want one", home.Replaced, err)
	}
	_, refusal := eve.try("GET", api.PathConns, nil)
	wantRefusal(t, refusal, api.CertificateWithdrawn, "by operator/ann", "another host has joined")
	ask[api.Conns](r.with(identity.Static(home.Credential)), "GET", api.PathConns, nil)
	revision := r.store.State().Revision
	if again, err := agent.Enroll(t.Context(), token, key, nil); err != nil || !again.Credential.Leaf().Equal(home.Credential.Leaf()) || r.store.State().Revision != revision {
		t.Errorf("the answer is told again, as revision %d: %v", r.store.State().Revision, err)
	}
	for _, dead := range []api.Token{byEve, late} { // what she made, and what was made before
		_, err = agent.Enroll(t.Context(), dead, testpki.Must(pki.NewKey()), nil)
		wantCode(t, err, control.TokenVoid)
	}
	_, refusal = r.as("operator/ann").try("POST", api.PathToken, jsonBody(api.TokenRequest{Who: "operator/evee", Again: true, For: maxTokenLife}))
	wantRefusal(t, refusal, api.IdentityUnknown, "did you mean operator/eve?", "signet token new operator/eve --again")
	if _, there := r.store.State().Identities[id("operator/evee")]; there {
		t.Error("--again made a new name")
	}
	if !slices.ContainsFunc(of(audit.Came, r.entries()), func(e audit.Entry) bool {
		return e.Outcome.By == id("operator/ann") && e.Outcome.Revision == revision && e.Outcome.Event != nil && e.Outcome.Event.From == id("operator/eve")
	}) {
		t.Error("the audit log does not say that eve was replaced")
	}
}

// TestTokensListed: tokens are seen and taken back, by their ID or by whose they are.
func TestTokensListed(t *testing.T) {
	r := newRig(t, reach)
	ann := r.as("operator/ann")
	_, used := r.invite(api.TokenRequest{Who: "mail"})
	r.enroll(used)
	_, first := r.invite(api.TokenRequest{Who: "proxy/new", Holds: []string{"web"}})
	r.invite(api.TokenRequest{Who: "web", Again: true})
	r.invite(api.TokenRequest{Who: "web", Again: true})
	list := func(query string) []api.TokenInfo {
		return ask[api.Tokens](ann, "GET", api.PathTokens+query, nil).Tokens
	}
	open := list("")
	if len(open) != 3 || len(list("?all=true")) != 4 {
		t.Fatalf("open are %+v, of %+v", open, list("?all=true"))
	}
	at := slices.IndexFunc(open, func(i api.TokenInfo) bool { return i.Who == id("proxy/new") })
	if at < 0 || !slices.Equal(open[at].Holds, []spiffeid.ID{id("web")}) || open[at].By != id("operator/ann") || len(open[at].ID) != tokenDigits {
		t.Fatalf("open are %+v", open)
	}
	cancel := func(which string) []api.TokenInfo {
		return ask[api.Tokens](ann, "POST", api.PathCancel, api.CancelRequest{Which: which, Because: "a mistake"}).Tokens
	}
	if gone := cancel(open[at].ID[:6]); len(gone) != 1 || gone[0].Who != id("proxy/new") || gone[0].Code != string(control.TokenCancelled) {
		t.Errorf("taken back is %+v", gone)
	}
	_, err := agent.Enroll(t.Context(), first, testpki.Must(pki.NewKey()), nil)
	wantCode(t, err, control.TokenCancelled)
	if gone := cancel("web"); len(gone) != 2 {
		t.Errorf("taken back are %+v, want both of web", gone)
	}
	for which, code := range map[string]fault.Code{open[at].ID: control.TokenCancelled, "web": control.TokenUnknown, "": control.TokenUnknown, "\x1b[31m": control.TokenUnknown} {
		_, refusal := ann.try("POST", api.PathCancel, jsonBody(api.CancelRequest{Which: which}))
		wantRefusal(t, refusal, code)
	}
	info := ask[api.Identities](ann, "GET", api.PathIdentities, nil)
	if len(info.Identities) != len(r.store.State().Identities) || info.TrustDomain != domain {
		t.Errorf("there are %d identities, and %d are listed", len(r.store.State().Identities), len(info.Identities))
	}
}

// TestLastOperator: the last one that can ask for anything is not revoked by mistake.
func TestLastOperator(t *testing.T) {
	r := newRig(t, reach)
	ann := r.as("operator/ann")
	r.joined("operator/ann")
	_, refusal := ann.try("POST", api.PathRevoke, jsonBody(api.RevokeRequest{Who: "operator/ann"})) // bob never joined
	wantRefusal(t, refusal, LastOperator, "signet revoke operator/ann --yes --anyway")
	ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "web"})
	r.joined("operator/bob")
	ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "operator/bob"})
	change := ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "operator/ann", Anyway: true})
	if change.Unchanged || change.Certificates != 1 {
		t.Errorf("revoked anyway: %+v", change)
	}
}
