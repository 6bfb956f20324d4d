package authority

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
)

// TestRevokedIsForgotten sends serials as long as their certificates count, and
// the identity for good.
func TestRevokedIsForgotten(t *testing.T) {
	until := time.Unix(1_000_000, 0)
	revocation := control.Revocation{ID: id("web"), Serials: []string{"0a", "0b"}, By: id("operator/ann"), Because: "a test", Revision: 3, Until: until}
	for _, test := range []struct {
		name    string
		now     time.Time
		until   time.Time
		serials int
	}{
		{"before they expire", until.Add(-time.Hour), until, 2},
		{"a day after, for slow clocks", until.Add(remembered), until, 2},
		{"later", until.Add(remembered + time.Second), until, 0},
		{"whose end is not known", until.Add(1000 * time.Hour), time.Time{}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			revocation.Until = test.until
			sent := briefly(revocation, test.now)
			if len(sent.Serials) != test.serials || sent.ID != id("web") || sent.Revision != 3 || sent.Because != "" {
				t.Errorf("sent is %+v, want %d serials", sent, test.serials)
			}
		})
	}
	if len(revocation.Serials) != 2 {
		t.Error("the stored revocation was changed")
	}
}

// TestRoomToRevoke fills the revocations: what is then refused would still have
// fitted into a line of the watch, beside as many rules as there may be.
func TestRoomToRevoke(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	serials := make([]string, 10)
	for i := range serials {
		serials[i] = strings.Repeat("f", 40)
	}
	state := &control.State{Revocations: map[spiffeid.ID]control.Revocation{}}
	n := 0
	for roomToRevoke(state, now) == nil {
		for range 100 {
			who := id(fmt.Sprint("service-", n, strings.Repeat("x", 200)))
			state.Revocations[who] = control.Revocation{ID: who, By: id("operator/ann"), Because: strings.Repeat("<", maxReason), Serials: serials, At: now, Revision: 1 << 40, Until: now.Add(time.Hour)}
			n++
		}
	}
	line := testpki.Must(json.Marshal(slice(state, id("proxy/one"), now)))
	if len(line) < maxRevoked/2 || len(line) > maxRevoked+1<<20 {
		t.Errorf("%d revocations make a line of %d bytes, want about %d", n, len(line), maxRevoked)
	}
	later := now.Add(time.Hour + remembered + time.Second)
	if err := roomToRevoke(state, later); err != nil {
		t.Errorf("after all certificates expired: %v, want room", err)
	}
}

func TestRevokeRefusesWhenFull(t *testing.T) {
	r := newRig(t, func(a *Authority) { a.patience = time.Millisecond })
	ann := r.as("operator/ann")
	for batch := range 7 {
		r.change(func(tx *control.Tx) {
			for i := batch * 300; i < (batch+1)*300; i++ {
				tx.Revoke(control.Revocation{ID: id(fmt.Sprint("gone-", i, strings.Repeat("x", 1800))), By: id("operator/ann")})
			}
		})
	}
	before := r.store.State().Revision
	_, refusal := ann.try("POST", api.PathRevoke, jsonBody(api.RevokeRequest{Who: "web"}))
	wantRefusal(t, refusal, RevokedFull, "2100 revocations fill the 4 MiB", "signet deny FROM TO")
	if after := r.store.State(); after.Revision != before || len(after.Revocations) != 2100 {
		t.Errorf("the refusal made revision %d, with %d revocations", after.Revision, len(after.Revocations))
	}
}
