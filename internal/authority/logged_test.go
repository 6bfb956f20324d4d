package authority

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
)

// TestOlderLog: an authority does not start on a log that lacks what was done, unless
// that is accepted, and then it is on record.
func TestOlderLog(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	ann.allow("web", "orders")
	if remembered, err := r.store.Remembered(t.Context()); err != nil || remembered.Size == 0 || remembered.Epoch != 1 {
		t.Fatalf("remembered is %+v (%v)", remembered, err)
	}
	if _, err := New(Config{Store: r.store, CA: r.ca, Log: r.log}); err != nil {
		t.Errorf("the log itself: %v", err)
	}
	empty := openLog(t, t.TempDir())
	t.Cleanup(func() { empty.Close() })
	if _, err := New(Config{Store: r.store, CA: r.ca, Log: empty}); !errors.Is(err, audit.Truncated) {
		t.Errorf("an empty log: %v", err)
	}
	if _, err := New(Config{Store: r.store, CA: r.ca, Log: empty, AcceptLog: true}); err != nil {
		t.Errorf("an empty log that is accepted: %v", err)
	}
	if _, err := New(Config{Store: r.store, CA: r.ca, Log: empty}); err != nil {
		t.Errorf("the next start: %v", err)
	}
	found := false
	if err := empty.Entries(0, func(e audit.Entry) { found = found || e.Kind == audit.Acted && e.Act.Verb == "accept-log" }); err != nil || !found {
		t.Errorf("it is not on record (%v)", err)
	}
}

// TestMakeOperator: who holds the authority's folder makes operators, on record.
func TestMakeOperator(t *testing.T) {
	r := newRig(t, nil)
	r.revokeInStore("operator/bob")
	credential, revision, err := r.MakeOperator(t.Context(), id("operator/carol"), "nobody is left")
	if err != nil || credential.Leaf().ID() != id("operator/carol") || revision != r.store.State().Revision {
		t.Fatalf("made %v in revision %d (%v)", credential, revision, err)
	}
	_, again, err := r.MakeOperator(t.Context(), id("operator/carol"), "")
	if err != nil || again != revision {
		t.Errorf("made again in revision %d (%v), want none", again, err)
	}
	_, _, err = r.MakeOperator(t.Context(), id("operator/bob"), "")
	wantCode(t, err, api.IdentityRevoked)
	_, _, err = r.MakeOperator(t.Context(), id("web"), "")
	wantCode(t, err, BadRequest)
	acts := of(audit.Acted, r.entries())
	if !slices.ContainsFunc(acts, func(e audit.Entry) bool { return e.Act.Verb == "operator" && e.Act.By == id(Path) }) {
		t.Errorf("the audit log has %+v", acts)
	}
}
