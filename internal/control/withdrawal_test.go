package control

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// dead lists which of the serials count no longer.
func dead(s *State, serials ...string) (found []string) {
	for _, serial := range serials {
		if _, dead := s.Dead(serial); dead {
			found = append(found, serial)
		}
	}
	return found
}

// TestWithdrawals: a name comes back without its old certificates, a grant goes with
// those that stand on it, and a successor takes the place of all before.
func TestWithdrawals(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for _, name := range []string{"web", "orders", "proxy/one", "proxy/two", "operator/bob"} {
		identified(t, s, name)
	}
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	for serial, c := range map[string][2]string{"a1": {"web", "proxy/one"}, "a2": {"web", "proxy/two"}, "a3": {"web", ""}, "b1": {"orders", "proxy/one"}, "c1": {"proxy/one", ""}, "d1": {"operator/bob", ""}, "d2": {"operator/bob", ""}} {
		cert := Certificate{Serial: serial, ID: id(c[0]), NotAfter: end}
		if c[1] != "" {
			cert.Holder = id(c[1])
		}
		issue(t, s, cert)
	}
	all := []string{"a1", "a2", "a3", "b1", "c1", "d1", "d2"}
	grant := Grant{Proxy: id("proxy/one"), Identity: id("web")}
	change(t, s, func(tx *Tx) { tx.PutGrant(grant) })
	made := s.State().Revision

	state := change(t, s, func(tx *Tx) { tx.DeleteGrant(grant, id("operator/ann"), "moved") })
	if got := dead(state, all...); !slices.Equal(got, []string{"a1"}) || len(state.Grants) != 0 {
		t.Errorf("with a grant died %v; left are %v", got, state.Grants)
	}
	if state.Voids(id("web"), made) {
		t.Error("a grant that was taken back voids what was made for the identity")
	}
	state = change(t, s, func(tx *Tx) { tx.Replace(id("operator/bob"), "d2", id("operator/ann"), "") })
	if got := dead(state, all...); !slices.Equal(got, []string{"a1", "d1"}) {
		t.Errorf("after the successor came, dead are %v", got)
	}
	if !state.Voids(id("operator/bob"), made) || state.Voids(id("operator/bob"), state.Revision) {
		t.Error("who was replaced voids what was made before, and nothing later")
	}
	revoked := change(t, s, func(tx *Tx) {
		tx.Revoke(Revocation{ID: id("proxy/one"), By: id("operator/ann"), Because: "lost"})
	})
	state = change(t, s, func(tx *Tx) { tx.Restore(id("proxy/one"), id("operator/bob"), "found") })
	w := state.Withdrawals[state.Revision]
	if _, still := state.Revocations[id("proxy/one")]; still || w.Revoked == nil || w.Revoked.Because != "lost" || w.Revoked.Revision != revoked.Revision || !w.Until.Equal(end) || w.Because != "found" {
		t.Errorf("restored: %v, the record is %+v", !still, w)
	}
	if got := dead(state, all...); !slices.Equal(got, []string{"a1", "b1", "c1", "d1"}) {
		t.Errorf("after the proxy came back, dead are %v", got)
	}
	issue(t, s, Certificate{Serial: "c2", ID: id("proxy/one"), NotAfter: end})
	_, err := s.Change(t.Context(), func(tx *Tx) error { tx.Restore(id("proxy/one"), id("operator/bob"), ""); return nil })
	wantCode(t, err, ChangeInvalid)
	_, err = s.Change(t.Context(), func(tx *Tx) error {
		tx.Replace(id("web"), "", id("web"), "")
		tx.Replace(id("orders"), "", id("web"), "")
		return nil
	})
	wantCode(t, err, ChangeInvalid)
	closeStore(t, s)
	s = open(t, dir)
	if got := dead(s.State(), append(all, "c2")...); !slices.Equal(got, []string{"a1", "b1", "c1", "d1"}) {
		t.Errorf("after a restart, dead are %v", got)
	}
}

// TestWithdrawalsBounded: of those that cannot matter any more the oldest go.
func TestWithdrawalsBounded(t *testing.T) {
	now := time.Now()
	state := newState(demo)
	for i := range int64(maxWithdrawals + 2) {
		state.Withdrawals[i+1] = Withdrawal{Revision: i + 1, Serials: []string{"aa"}, At: now.Add(-60 * time.Hour), Until: now.Add(-withdrawalKept - time.Second)}
	}
	young := state.Withdrawals[2]
	young.Until = now.Add(-withdrawalKept + time.Minute)
	state.Withdrawals[2] = young
	tx := &Tx{State: state, now: now, writes: map[string]any{}}
	tx.Replace(id("web"), "", id("operator/ann"), "")
	var gone []string
	for key, value := range tx.writes {
		if _, ok := value.(deleted); ok {
			gone = append(gone, key)
		}
	}
	if len(gone) != 1 || gone[0] != withdrawals.key(1) {
		t.Errorf("gone are %v, want the first, which is over", gone)
	}
}

// TestTokensCancelled: what is still open can be seen and taken back; nothing else.
func TestTokensCancelled(t *testing.T) {
	clock := time.Now().UTC().Truncate(time.Second)
	s := openAt(t, t.TempDir(), func() time.Time { return clock })
	for _, name := range []string{"web", "gone", "back", "operator/ann", "operator/bob"} {
		identified(t, s, name)
	}
	ann := id("operator/ann")
	for digit, who := range map[string]string{"a": "web", "b": "web", "c": "gone", "d": "web", "e": "back", "f": "operator/bob"} {
		token := Token{Hash: hash(digit), ID: id(who), Expires: clock.Add(10 * time.Minute), By: ann, Revision: s.State().Revision}
		switch digit {
		case "d":
			token.Expires = clock
		case "f":
			token.By = id("operator/bob")
		}
		putToken(t, s, token)
	}
	plan := planner(clock.Add(time.Hour))
	if _, err := s.Admit(t.Context(), hash("b"), hash("1"), plan); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gone", "back", "operator/bob"} {
		change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id(name), By: ann}) })
	}
	for _, name := range []string{"back", "operator/bob"} {
		change(t, s, func(tx *Tx) { tx.Restore(id(name), ann, "") })
	}
	everything := func(Token) bool { return true }
	cancelled, err := s.CancelTokens(t.Context(), everything, Cancellation{By: ann, Because: "a mistake"})
	if err != nil || len(cancelled) != 1 || cancelled[0].Hash != hash("a") {
		t.Errorf("cancelled were %+v (%v), want the one that is open", cancelled, err)
	}
	tokens := must(s.Tokens(t.Context()))
	var seen []string
	for _, token := range tokens {
		why := fmt.Sprint(errorCode(s.Open(token)))
		seen = append(seen, token.Hash[:1]+" "+why)
		if _, err := s.Admit(t.Context(), token.Hash, hash("2"), plan); err == nil || string(errorCode(err)) != why {
			t.Errorf("token %s admits with %v, and is said to be %s", token.Hash[:1], err, why)
		}
	}
	want := []string{"d token_expired", "a token_cancelled", "b token_used", "c identity_revoked", "e token_void", "f token_void"}
	if !slices.Equal(seen, want) {
		t.Errorf("the tokens are %q, want %q", seen, want)
	}
	if again, err := s.CancelTokens(t.Context(), everything, Cancellation{By: ann}); err != nil || len(again) != 0 {
		t.Errorf("cancelled again: %+v (%v)", again, err)
	}
	// What a revoked key got is not given again, whatever comes after.
	change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id("web"), By: ann}) })
	change(t, s, func(tx *Tx) { tx.Restore(id("web"), ann, "") })
	if _, err := s.Admit(t.Context(), hash("b"), hash("1"), plan); !errors.Is(err, TokenVoid) {
		t.Errorf("a certificate that was revoked is given again: %v", err)
	}
}
