package control

import (
	"maps"
	"slices"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Cause is why certificates count no longer though whom they are of is not revoked.
type Cause string

// The causes.
const (
	Restored  Cause = "restored"  // the identity was revoked, and is no longer
	Replaced  Cause = "replaced"  // somebody joined as it anew, in the place of who it was
	Ungranted Cause = "ungranted" // who held them may not hold that identity any more
	Removed   Cause = "removed"   // the identity is gone; another of its name is another
)

// Withdrawal is some certificates that count no longer, while their identity may get
// others.
type Withdrawal struct {
	ID     spiffeid.ID `json:"id"`
	Holder spiffeid.ID `json:"holder,omitzero"` // in whose hands alone they are dead; zero: in all
	Cause  Cause       `json:"cause"`
	// Serials are those of all such certificates that were recorded and valid then, as
	// a Revocation has them; set by the store.
	Serials []string `json:"serials"`
	// Until is when the last of them expires by itself; set by the store.
	Until    time.Time   `json:"until,omitzero"`
	By       spiffeid.ID `json:"by"`
	Because  string      `json:"because,omitempty"`
	Revision int64       `json:"revision"` // set by the store
	At       time.Time   `json:"at"`       // set by the store
	// Revoked is the revocation that was taken back; its serials are these.
	Revoked *Revocation `json:"revoked,omitempty"`
}

// Bounds of what is kept of withdrawals: those that can still matter, and the latest
// of the others.
const (
	maxWithdrawals = 1000
	withdrawalKept = 48 * time.Hour // behind its last certificate: clocks differ
)

// over reports whether no certificate can be accepted any more that it is about.
func (w Withdrawal) over(now time.Time) bool {
	end := w.Until
	switch {
	case len(w.Serials) == 0:
		end = w.At
	case end.IsZero(): // of an older Signet, which did not keep it
		return false
	}
	return now.After(end.Add(withdrawalKept))
}

// collection is serials that a change has to list: those of certificates that an
// owner has at the moment of writing.
type collection struct {
	owner spiffeid.ID
	want  func(Certificate) bool
	fill  func(serials []string, until time.Time)
}

// Restore takes a revocation back: the identity may get certificates again. Those
// that were revoked stay dead.
func (tx *Tx) Restore(id, by spiffeid.ID, because string) {
	revocation, revoked := tx.State.Revocations[id]
	tx.require(revoked, "%s is not revoked", id)
	remove(tx, revocations, id)
	taken := revocation
	taken.Serials = nil
	tx.withdraw(&Withdrawal{ID: id, Cause: Restored, Serials: revocation.Serials, Until: revocation.Until, By: by, Because: because, Revoked: &taken})
}

// Remove forgets an identity, and what it may hold and who may hold it. Its certificates are
// dead, and the tokens that were made for it count no longer.
func (tx *Tx) Remove(id, by spiffeid.ID, because string) {
	_, known := tx.State.Identities[id]
	tx.require(known, "%s is not known", id)
	remove(tx, identities, id)
	for grant := range tx.State.Grants {
		if grant.Proxy == id || grant.Identity == id {
			remove(tx, grants, grant)
		}
	}
	w := &Withdrawal{ID: id, Cause: Removed, By: by, Because: because}
	if revocation, revoked := tx.State.Revocations[id]; revoked {
		remove(tx, revocations, id)
		w.Serials, w.Until = revocation.Serials, revocation.Until
	} else {
		tx.collect(id, w, func(Certificate) bool { return true })
	}
	tx.withdraw(w)
}

// Replace makes dead what an identity has of certificates, but for one serial.
func (tx *Tx) Replace(id spiffeid.ID, but string, by spiffeid.ID, because string) {
	w := &Withdrawal{ID: id, Cause: Replaced, By: by, Because: because}
	tx.withdraw(w)
	tx.collect(id, w, func(c Certificate) bool { return c.ID == id && c.Serial != but })
}

// DeleteGrant takes a grant back, with the certificates that stand on it.
func (tx *Tx) DeleteGrant(grant Grant, by spiffeid.ID, because string) {
	remove(tx, grants, grant)
	w := &Withdrawal{ID: grant.Identity, Holder: grant.Proxy, Cause: Ungranted, By: by, Because: because}
	tx.withdraw(w)
	tx.collect(grant.Proxy, w, func(c Certificate) bool { return c.ID == grant.Identity && c.Holder == grant.Proxy })
}

func (tx *Tx) collect(owner spiffeid.ID, w *Withdrawal, want func(Certificate) bool) {
	tx.collections = append(tx.collections, collection{owner, want, func(serials []string, until time.Time) { w.Serials, w.Until = serials, until }})
}

// withdraw stages a withdrawal, one at most in a change, and the end of the oldest
// ones that do not matter any more.
func (tx *Tx) withdraw(w *Withdrawal) {
	w.Revision, w.At = tx.Revision(), tx.now
	key := withdrawals.key(w.Revision)
	_, twice := tx.writes[key]
	tx.require(!twice, "a change withdraws one thing; this is the second: %s", w.ID)
	tx.writes[key] = w
	kept := slices.Sorted(maps.Keys(tx.State.Withdrawals))
	for _, revision := range kept[:max(0, len(kept)-maxWithdrawals)] {
		if tx.State.Withdrawals[revision].over(tx.now) {
			tx.writes[withdrawals.key(revision)] = deleted{}
		}
	}
}

// Dead says why a certificate counts no longer, by its serial: revoked with somebody,
// or withdrawn. It is for the authority itself; proxies have the same in their slices.
func (s *State) Dead(serial string) (cause Withdrawal, dead bool) {
	cause, dead = s.dead[serial]
	return cause, dead
}

// bury lists the serials that count no longer.
func (s *State) bury() {
	s.dead = map[string]Withdrawal{}
	for _, w := range s.Withdrawals {
		for _, serial := range w.Serials {
			s.dead[serial] = w
		}
	}
	for _, r := range s.Revocations {
		for _, serial := range r.Serials {
			s.dead[serial] = Withdrawal{ID: r.ID, By: r.By, Because: r.Because, Revision: r.Revision, At: r.At, Until: r.Until}
		}
	}
}

// Voids reports whether something that was made for an identity, or by one, in a
// revision counts no longer, because that was revoked or replaced since.
func (s *State) Voids(id spiffeid.ID, made int64) bool {
	if _, revoked := s.Revocations[id]; revoked {
		return true
	}
	for _, w := range s.Withdrawals {
		if w.ID == id && w.Cause != Ungranted && w.Revision > made {
			return true
		}
	}
	return false
}
