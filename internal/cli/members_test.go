package cli

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/spiffeid"
)

func TestMembersShown(t *testing.T) {
	f := demoFixture(t)
	ids := func(paths ...string) (out []spiffeid.ID) {
		for _, path := range paths {
			out = append(out, f.id(path))
		}
		return out
	}
	ann := f.id("operator/ann")
	revoked := &api.Revocation{ID: f.id("batch"), By: ann, Because: "key on a lost laptop", Revision: 4, At: before(time.Hour)}
	known := api.Identities{TrustDomain: f.td, Revision: 7, Now: noon, Identities: []api.IdentityInfo{
		{ID: f.id("batch"), Kind: "service", Revoked: revoked},
		{ID: ann, Kind: "operator", Certificates: 1, NotAfter: noon.Add(23 * time.Hour)},
		{ID: f.id("orders"), Kind: "service", HeldBy: ids("proxy/a", "proxy/b", "proxy/c", "proxy/d", "proxy/e", "proxy/f"), Certificates: 6, NotAfter: noon.Add(12 * time.Hour)},
		{ID: f.id("proxy/a"), Kind: "proxy", Holds: ids("orders"), Certificates: 1, NotAfter: noon.Add(20 * time.Hour), Connected: true,
			Restored: &api.Revocation{By: ann, Because: "found", Revision: 6, At: before(time.Minute)}, Was: revoked},
		{ID: f.id("proxy/new"), Kind: "proxy", Token: noon.Add(9 * time.Minute)},
	}}
	golden(t, "identities", f.view().identities(known))
	tokens := api.Tokens{TrustDomain: f.td, Now: noon, Tokens: []api.TokenInfo{
		{ID: "3f9a1c20", Who: f.id("proxy/new"), By: ann, Expires: noon.Add(9 * time.Minute), Holds: ids("orders", "web")},
		{ID: "77aa1c20", Who: f.id("operator/bob"), By: ann, Expires: noon.Add(3 * time.Minute), Replaces: true},
		{ID: "a0bb1c20", Who: f.id("web"), By: ann, Expires: before(time.Minute), Code: "token_expired", Reason: "this token expired at 2026-11-21T11:59:00Z"},
	}}
	golden(t, "tokens", f.view().tokens(tokens))
	tokens.Tokens = nil
	golden(t, "tokens-none", f.view().tokens(tokens))
	tokens.Tokens = []api.TokenInfo{{ID: "3f9a1c20", Who: f.id("proxy/new"), By: ann}}
	golden(t, "tokens-cancelled", f.view().cancelled(tokens))
}

func TestMembersChanged(t *testing.T) {
	f := demoFixture(t)
	for _, test := range []struct {
		name  string
		words func(view, api.Change) changed
		with  func(*api.Change)
	}{
		{"granted", view.granted, func(*api.Change) {}},
		{"granted-already", view.granted, func(c *api.Change) { c.Unchanged, c.After = true, 0 }},
		{"ungranted", view.ungranted, func(c *api.Change) { c.Certificates, c.Ended, c.Others = 1, f.ended("c4f2aa00"), 2 }},
		{"ungranted-dry", view.ungranted, func(c *api.Change) {
			c.Would = &api.Foresight{Ends: f.ended("c4f2aa00"), Stay: 2}
		}},
		{"removed", view.removed, func(c *api.Change) { c.Proxy, c.NamedBy = spiffeid.ID{}, []string{"allow-web-orders", "group staff"} }},
		{"removed-dry", view.removed, func(c *api.Change) {
			c.Proxy, c.NamedBy, c.Would = spiffeid.ID{}, []string{"allow-web-orders"}, &api.Foresight{}
		}},
		{"ungranted-unused", view.ungranted, func(*api.Change) {}},
		{"restored", view.restored, func(c *api.Change) { c.Certificates, c.Proxy = 2, spiffeid.ID{} }},
		{"restored-held", view.restored, func(c *api.Change) {
			c.Certificates, c.Proxy, c.HeldBy = 1, spiffeid.ID{}, []spiffeid.ID{f.id("proxy/web")}
		}},
	} {
		c := f.change(func(c *api.Change) {
			c.From, c.To, c.Who, c.Proxy = spiffeid.ID{}, spiffeid.ID{}, f.id("web"), f.id("proxy/edge")
			test.with(c)
		})
		said := test.words(f.view(), c)
		golden(t, "change-"+test.name, f.view().change(c, said, noon)+said.label+": "+said.back+"\n")
	}
}
