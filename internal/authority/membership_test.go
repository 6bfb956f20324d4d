package authority

import (
	"slices"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestRemove: a name is forgotten that nobody has; what was revoked stays dead, and what
// was made for it before lets nobody in.
func TestRemove(t *testing.T) {
	r := newRig(t, reach)
	ann := r.as("operator/ann")
	remove := func(who string) api.Change {
		t.Helper()
		return ask[api.Change](ann, "POST", api.PathRemove, api.RevokeRequest{Who: who, Because: "never came"})
	}
	refused := func(who string, wants ...string) {
		t.Helper()
		_, refusal := ann.try("POST", api.PathRemove, jsonBody(api.RevokeRequest{Who: who}))
		wantRefusal(t, refusal, IdentityInUse, wants...)
	}
	_, early := r.invite(api.TokenRequest{Who: "proxy/never", Holds: []string{"mail"}})
	ann.allow("mail", "orders")
	refused("mail", "proxy/never", "signet token cancel proxy/never")
	change := remove("proxy/never")
	if state := r.store.State(); change.Unchanged || state.Identities[id("proxy/never")].Kind != "" || change.Revision != state.Revision {
		t.Errorf("removed: %+v", change)
	}
	if change = remove("mail"); !slices.Equal(change.NamedBy, []string{"allow-mail-orders"}) {
		t.Errorf("it is named by %v", change.NamedBy)
	}
	r.invite(api.TokenRequest{Who: "proxy/never"})
	_, err := agent.Enroll(t.Context(), early, testpki.Must(pki.NewKey()), nil)
	wantCode(t, err, control.TokenVoid)

	refused("web", "signet ungrant proxy/one web")
	_, token := r.invite(api.TokenRequest{Who: "proxy/gone", Holds: []string{"web"}})
	home, _ := r.enroll(token)
	refused("proxy/gone", "signet revoke proxy/gone")
	ask[api.Change](ann, "POST", api.PathRevoke, api.RevokeRequest{Who: "proxy/gone"})
	change = remove("proxy/gone")
	state := r.store.State()
	_, dead := state.Dead(home.Credential.Leaf().Serial())
	if _, revoked := state.Revocations[id("proxy/gone")]; revoked || !dead || change.Certificates != 1 || holds(state, id("proxy/gone"), id("web")) {
		t.Errorf("revoked %v, its certificate is dead: %v; %+v", revoked, dead, change)
	}
	_, slice := r.watchAs("proxy/two")
	wantCode(t, testpki.Must(agent.NewView(slice)).Peer(home.Credential.Chain), api.CertificateWithdrawn)
	_, refusal := ann.try("POST", api.PathRemove, jsonBody(api.RevokeRequest{Who: "proxy/gone"}))
	wantRefusal(t, refusal, api.IdentityUnknown)
	if !slices.ContainsFunc(of(audit.Acted, r.entries()), func(e audit.Entry) bool { return e.Act.Verb == "remove" && e.Act.By == id("operator/ann") }) {
		t.Error("the audit log has no removal")
	}
}

// TestMembershipDryRun says of each act which connections would end, and does nothing.
func TestMembershipDryRun(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	w, _ := r.watchAs("proxy/one")
	w.obey(api.Conn{ID: connID("1"), From: id("web"), To: id("orders")}, api.Conn{ID: connID("2"), From: id("batch"), To: id("orders")})
	before := r.store.State()
	for _, test := range []struct {
		name, path string
		request    any
		ends       int
	}{
		{"an identity", api.PathRevoke, api.RevokeRequest{Who: "web", DryRun: true}, 1},
		{"a proxy", api.PathRevoke, api.RevokeRequest{Who: "proxy/one", DryRun: true}, 2},
		{"another proxy", api.PathRevoke, api.RevokeRequest{Who: "proxy/two", DryRun: true}, 0},
		{"a grant", api.PathUngrant, api.GrantRequest{Proxy: "proxy/one", Identity: "web", DryRun: true}, 1},
		{"a grant that is not", api.PathUngrant, api.GrantRequest{Proxy: "proxy/two", Identity: "web", DryRun: true}, 0},
		{"a new grant", api.PathGrant, api.GrantRequest{Proxy: "proxy/one", Identity: "idle", DryRun: true}, 0},
		{"what is not revoked", api.PathRestore, api.RevokeRequest{Who: "web", DryRun: true}, 0},
	} {
		change := ask[api.Change](ann, "POST", test.path, test.request)
		if would := change.Would; would == nil || len(would.Ends) != test.ends || would.Stay != 2-test.ends {
			t.Errorf("%s: it would do %+v, want %d ends", test.name, would, test.ends)
		}
	}
	if r.store.State() != before {
		t.Error("the state changed")
	}
}
