package agent

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/policy"
	"github.com/signet-tls/signet/spiffeid"
)

// sliceOf allows web → orders and batch → orders, and revokes batch.
func sliceOf(t testing.TB) *api.Slice {
	t.Helper()
	slice := &api.Slice{Revision: 9, Identities: []spiffeid.ID{id("web")},
		Revoked: []api.Revocation{{ID: id("batch"), Serials: []string{"0badcafe"}, By: id("operator/ann"), Revision: 4}}}
	for _, from := range []string{"web", "batch"} {
		slice.Rules = append(slice.Rules, api.Rule(policy.Allow(policy.Pair{From: id(from), To: id("orders")})))
	}
	return slice
}

func TestDecide(t *testing.T) {
	view := testpki.Must(NewView(sliceOf(t)))
	broken := sliceOf(t)
	broken.Rules[0].Text = "permit"
	unusable, err := NewView(broken)
	if !errors.Is(err, policy.RuleFailed) || !errors.Is(err, policy.InvalidRule) {
		t.Errorf("a rule that is none: %v", err)
	}
	tests := []struct {
		name     string
		view     *View
		from, to string
		code     fault.Code
		want     Verdict
	}{
		{"allowed", view, "web", "orders", "", Verdict{Rule: "allow-web-orders", Revision: 9}},
		{"no rule", view, "orders", "web", policy.NoRule, Verdict{Revision: 9}},
		{"revoked", view, "batch", "orders", api.IdentityRevoked, Verdict{Revision: 4}},
		{"to a revoked one", view, "web", "batch", api.IdentityRevoked, Verdict{Revision: 4}},
		{"unusable rules", unusable, "web", "orders", policy.RuleFailed, Verdict{Revision: 9}},
		{"unusable rules, revoked", unusable, "batch", "orders", api.IdentityRevoked, Verdict{Revision: 4}},
		{"no view", nil, "web", "orders", NoTruthYet, Verdict{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have, err := test.view.Decide(id(test.from), id(test.to))
			e, ok := fault.Of(err)
			if test.code == "" && err != nil || test.code != "" && (!ok || e.Code != test.code || e.Hint == "") {
				t.Errorf("the error is %v, want [%s] with a next step", err, test.code)
			}
			if have != test.want {
				t.Errorf("the verdict is %+v, want %+v", have, test.want)
			}
		})
	}
}

func TestPeer(t *testing.T) {
	signer := testpki.Must(ca.New(domain, time.Now()))
	web := newCredential(t, signer, id("web"), time.Now()).Chain
	batch := newCredential(t, signer, id("batch"), time.Now()).Chain
	view := func(revoked ...api.Revocation) *View {
		return testpki.Must(NewView(&api.Slice{Revoked: revoked}))
	}
	tests := []struct {
		name  string
		view  *View
		chain []*pki.Certificate
		want  bool // refused
	}{
		{"nothing revoked", view(), web, false},
		{"another's", view(api.Revocation{ID: id("batch"), Serials: []string{batch[0].Serial()}}), web, false},
		{"the identity", view(api.Revocation{ID: id("batch")}), batch, true},
		{"the certificate", view(api.Revocation{ID: id("old"), Serials: []string{web[0].Serial()}}), web, true},
		{"the authority's certificate", view(api.Revocation{ID: id("old"), Serials: []string{web[1].Serial()}}), web, true},
		{"nobody", view(api.Revocation{}), web, false},
		{"no view, which Decide refuses", nil, web, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.view.Peer(test.chain)
			if have := errors.Is(err, api.IdentityRevoked); have != test.want {
				t.Errorf("the error is %v, refused wanted: %v", err, test.want)
			}
			if test.want {
				e, _ := fault.Of(err)
				if _, ok := e.Detail.(api.Revocation); !ok {
					t.Errorf("the detail is %T, want the revocation", e.Detail)
				}
			}
		})
	}
}

// FuzzView makes a view of any slice: where its rules cannot be used nobody
// passes, and who is revoked never does.
func FuzzView(f *testing.F) {
	good := testpki.Must(json.Marshal(sliceOf(f)))
	f.Add(good)
	f.Add([]byte(`{"rules":[{"name":"x","text":"permit (principal, action, resource);"}]}`))
	f.Add([]byte(`{"rules":[{"name":"x","text":"permit"}],"revoked":[{"serials":["1"]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var slice api.Slice
		if json.Unmarshal(data, &slice) != nil {
			return
		}
		view, err := NewView(&slice)
		_, decision := view.Decide(id("web"), id("orders"))
		if err != nil && decision == nil {
			t.Errorf("the rules cannot be used (%v), and web passes", err)
		}
		for _, revocation := range slice.Revoked {
			if _, err := view.Decide(revocation.ID, id("orders")); err == nil {
				t.Errorf("%s is revoked and passes", revocation.ID)
			}
		}
		view.Peer(nil)
	})
}

// FuzzUpdate reads any line of the watch.
func FuzzUpdate(f *testing.F) {
	fake, a := newFake(f)
	for _, update := range []api.Update{fake.slice(1), {Slice: testpki.Must(json.Marshal(sliceOf(f)))}, {Ask: 7}, fake.beat(), {}} {
		f.Add(testpki.Must(json.Marshal(update)))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		update, err := readUpdate(line)
		if e, ok := fault.Of(err); err != nil && (!ok || e.Code != AuthorityFailed || e.Hint == "") {
			t.Errorf("the error is %v, want [%s] with a next step", err, AuthorityFailed)
		}
		if err != nil || update.Head == nil {
			return
		}
		a.belief = firstBelief
		slice, err := a.judge(update.Head, update.Slice)
		if _, ok := fault.Of(err); err != nil && !ok {
			t.Errorf("the error is %v, want one with a code", err)
		}
		if slice != nil && slice.Revision != update.Head.Number {
			t.Errorf("revision %d was signed as %d", slice.Revision, update.Head.Number)
		}
	})
}
