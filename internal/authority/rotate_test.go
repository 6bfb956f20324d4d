package authority

import (
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
)

func step(what, step string) api.RotateRequest { return api.RotateRequest{What: what, Step: step} }

// TestRotationOfTheIntermediate: whoever holds a certificate by the old one is named,
// and once it is retired refused, on connections that are open, too.
func TestRotationOfTheIntermediate(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	old, one := r.as("operator/ann"), r.as("proxy/one")
	_, refusal := one.try("POST", api.PathRotate, jsonBody(step(ca.TurnIntermediate, api.StepPrepare)))
	wantRefusal(t, refusal, NotPermitted)
	// What as gives out is not on record. This one is, of before the rotation:
	planned := testpki.Must(r.plan(id("web"), id("proxy/one")))
	if err := r.store.RecordCertificate(t.Context(), planned); err != nil {
		t.Fatal(err)
	}
	ask[api.Rotation](old, "POST", api.PathRotate, step(ca.TurnIntermediate, api.StepPrepare))
	_, refusal = old.try("POST", api.PathRotate, jsonBody(step(ca.TurnRoot, api.StepActivate)))
	wantRefusal(t, refusal, ca.RotationOrder)
	ask[api.Rotation](old, "POST", api.PathRotate, step(ca.TurnIntermediate, api.StepActivate))
	for _, path := range proxies { // these have renewed
		r.joined(path)
	}
	active := ask[api.Rotation](old, "GET", api.PathRotate, nil)
	if len(active.Behind) != 1 || active.Behind[0].ID != id("web") || active.Behind[0].Holder != id("proxy/one") {
		t.Errorf("behind: %+v, want web at proxy/one", active.Behind)
	}
	_, refusal = old.try("POST", api.PathRotate, jsonBody(step(ca.TurnIntermediate, api.StepRetire)))
	wantRefusal(t, refusal, RotationWaits)
	// It renews, and tells of which generation it knows: too old a one does not count.
	generation := ask[api.Roots](one, "GET", api.PathRoots, nil).Generation
	for _, known := range []int64{generation - 1, generation} {
		renewed := testpki.Must(r.plan(id("web"), id("proxy/one")))
		renewed.Generation = known
		if err := r.store.RecordCertificate(t.Context(), renewed); err != nil {
			t.Fatal(err)
		}
		if behind := ask[api.Rotation](old, "GET", api.PathRotate, nil).Behind; (len(behind) == 0) != (known == generation) {
			t.Errorf("with a certificate of generation %d of %d: behind %+v", known, generation, behind)
		}
	}
	young := r.as("operator/ann")
	ask[api.Rotation](old, "POST", api.PathRotate, step(ca.TurnIntermediate, api.StepRetire))
	_, refusal = old.try("GET", api.PathRotate, nil)
	wantRefusal(t, refusal, ca.IssuerRetired)
	if _, err := old.connect(); err == nil {
		t.Error("a new connection by the retired intermediate is accepted")
	}
	if now := ask[api.Rotation](young, "GET", api.PathRotate, nil); now.Stage != "" {
		t.Errorf("after all steps: %+v", now)
	}
	_, sliced := r.watchAs("proxy/one")
	if len(sliced.Revoked) != 1 || len(sliced.Revoked[0].Serials) != 1 || len(sliced.Trust.Roots) != 1 {
		t.Errorf("the slice has %+v revoked and %d roots, want the old intermediate and one", sliced.Revoked, len(sliced.Trust.Roots))
	}
}

// TestRootsForNewcomers: who has a token from before the activation finds the way to
// the root that signs by then.
func TestRootsForNewcomers(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	first := r.ca.Root()
	ann := r.as("operator/ann")
	for _, next := range []string{api.StepPrepare, api.StepActivate} {
		ask[api.Rotation](ann, "POST", api.PathRotate, api.RotateRequest{What: ca.TurnRoot, Step: next, Anyway: true})
	}
	anchors := testpki.Must(r.anchors())
	if len(anchors.Roots) != 2 || len(anchors.Endorsements) != 1 {
		t.Fatalf("newcomers are told %d roots and %d endorsements", len(anchors.Roots), len(anchors.Endorsements))
	}
	if named := ca.Endorsers(anchors.Endorsements); len(named) != 1 || string(named[0]) != string(first.Raw()) {
		t.Error("who has the first root's fingerprint does not find it")
	}
}
