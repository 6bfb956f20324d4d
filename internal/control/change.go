package control

import (
	"context"
	"maps"
	"slices"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Tx is one change in the making. Its methods stage writes; the first mistake
// makes the whole change fail. Of two writes to the same thing the last counts.
type Tx struct {
	// State is the state before the change, without what is staged.
	State *State
	// By and Because are whose change it is, and why; they are kept with what it
	// changes in rules and groups.
	By      spiffeid.ID
	Because string

	now    time.Time
	writes map[string]any // what to store by key; deleted marks a key to delete
	err    error

	collections []collection // serials that are read when the change is written
}

// deleted is staged for a key that shall go.
type deleted struct{}

// Revision returns the revision that the change will have.
func (tx *Tx) Revision() int64 { return tx.State.Revision + 1 }

// SetCA stores the authority's certificates.
func (tx *Tx) SetCA(ca CA) { tx.writes[caKey] = ca }

// BeginEpoch begins an epoch later than the present one, with what the root has
// signed of it.
func (tx *Tx) BeginEpoch(number int64, proof []byte) {
	tx.require(number > tx.State.Epoch && len(proof) > 0, "an epoch is later than %d and has a proof; this is %d, with %d bytes of proof", tx.State.Epoch, number, len(proof))
	tx.writes[epochKey] = epoch{number, proof}
}

// PutIdentity adds or replaces an identity of this trust domain.
func (tx *Tx) PutIdentity(identity Identity) {
	tx.require(identity.ID.TrustDomain() == tx.State.TrustDomain, "the identity %q is not one of %s", identity.ID, tx.State.TrustDomain)
	tx.require(identity.Kind == Service || identity.Kind == Proxy || identity.Kind == Operator, "the identity %q has the unknown kind %q", identity.ID, identity.Kind)
	tx.writes[identities.key(identity.ID)] = identity
}

// PutGrant lets a proxy hold an identity.
func (tx *Tx) PutGrant(grant Grant) {
	tx.require(!grant.Proxy.IsZero() && !grant.Identity.IsZero(), "a grant names a proxy and an identity; this has %q and %q", grant.Proxy, grant.Identity)
	tx.writes[grants.key(grant)] = struct{}{}
}

// PutRule makes rule the last word for its pair, and stamps its Revision and
// At: for a time, beside the one that there is for good, if it has an Until. A
// zero From or To stands for whatever the rule's text says.
func (tx *Tx) PutRule(rule Rule) {
	tx.require(rule.Name != "" && rule.Text != "", "a rule has a name and a text; this has the name %q and %d bytes of text", rule.Name, len(rule.Text))
	rule.Revision, rule.At = tx.Revision(), tx.now
	table := rules
	if !rule.Until.IsZero() {
		table = timedRules
	}
	tx.writes[table.key(rule.Pair())] = rule
}

// DeleteRule deletes the pair's rule; one that is not there is no mistake.
func (tx *Tx) DeleteRule(pair Pair) { remove(tx, rules, pair) }

// DeleteTimedRule is the same for the pair's rule for a time.
func (tx *Tx) DeleteTimedRule(pair Pair) { remove(tx, timedRules, pair) }

// PutFreeRule adds or replaces a rule that is not the last word on one pair, by
// its name, and stamps its Revision and At.
func (tx *Tx) PutFreeRule(rule Rule) {
	tx.require(rule.Name != "" && rule.Text != "", "a rule has a name and a text; this has the name %q and %d bytes of text", rule.Name, len(rule.Text))
	rule.Revision, rule.At, rule.From, rule.To = tx.Revision(), tx.now, spiffeid.ID{}, spiffeid.ID{}
	rule.Until = time.Time{}
	tx.writes[freeRules.key(rule.Name)] = rule
}

// DeleteFreeRule deletes a free rule by its name.
func (tx *Tx) DeleteFreeRule(name string) { remove(tx, freeRules, name) }

// PutGroup adds or replaces a group, and stamps its Revision and At.
func (tx *Tx) PutGroup(group Group) {
	tx.require(group.Name != "", "a group has a name")
	group.Revision, group.At = tx.Revision(), tx.now
	tx.writes[groups.key(group.Name)] = group
}

// DeleteGroup deletes a group by its name.
func (tx *Tx) DeleteGroup(name string) { remove(tx, groups, name) }

// remove stages that a value goes; one that is not there is no mistake.
func remove[K comparable, V any](tx *Tx, t table[K, V], key K) {
	if _, ok := (*t.field(tx.State))[key]; ok {
		tx.writes[t.key(key)] = deleted{}
		return
	}
	delete(tx.writes, t.key(key))
}

// Revoke revokes an identity, and stamps Serials, Revision and At. From this
// revision on no certificate can be recorded for it, and Serials lists all
// valid ones that were recorded before: none falls between.
func (tx *Tx) Revoke(revocation Revocation) {
	tx.require(!revocation.ID.IsZero(), "a revocation names an identity")
	revocation.Revision, revocation.At = tx.Revision(), tx.now
	tx.writes[revocations.key(revocation.ID)] = &revocation
	tx.collections = append(tx.collections, collection{revocation.ID, func(Certificate) bool { return true },
		func(serials []string, until time.Time) { revocation.Serials, revocation.Until = serials, until }})
}

// require keeps the first mistake.
func (tx *Tx) require(ok bool, format string, args ...any) {
	if !ok && tx.err == nil {
		tx.err = fault.New(ChangeInvalid, format, args...).WithHint("complete what the message names")
	}
}

// Change makes one change: fn reads tx.State and stages writes, which then
// happen together, with a revision one higher, or not at all. If another
// change came first, fn is called again with the state that it left. Change
// returns the replica's state once it holds the change. An error of fn is
// returned as it is; a change that stages nothing makes no revision. fn must
// not call Change.
func (s *Store) Change(ctx context.Context, fn func(tx *Tx) error) (*State, error) {
	ctx, release := s.bind(ctx)
	defer release()
	// Changes of one process take turns: racing for the revision, each but one
	// of them would lose every round.
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, s.explain(ctx, ctx.Err())
	}
	for {
		tx := &Tx{State: s.State(), now: s.now().UTC(), writes: map[string]any{}}
		if err := fn(tx); err != nil {
			return nil, err
		}
		if tx.err != nil {
			return nil, tx.err
		}
		done, revision, err := s.commit(ctx, tx)
		if err != nil {
			return nil, err
		}
		state, err := s.await(ctx, revision)
		if err != nil {
			return nil, err
		}
		if done {
			return state, nil
		}
	}
}

// commit tries once to make the change. It returns whether it was made, and
// etcd's revision to wait for before going on either way.
func (s *Store) commit(ctx context.Context, tx *Tx) (done bool, revision int64, err error) {
	unchanged := []clientv3.Cmp{clientv3.Compare(clientv3.ModRevision(revisionKey), "=", tx.State.head)}
	if len(tx.collections) > 0 {
		s.issuing.Lock()
		defer s.issuing.Unlock()
	}
	for _, wanted := range tx.collections {
		certificates, seen, err := s.certificates(ctx, wanted.owner)
		if err != nil {
			return false, 0, err
		}
		serials, until := []string{}, time.Time{}
		for _, c := range certificates {
			if !wanted.want(c) {
				continue
			}
			serials = append(serials, c.Serial)
			if c.NotAfter.After(until) {
				until = c.NotAfter
			}
		}
		wanted.fill(serials, until)
		// Another process may record one meanwhile: then this is tried again.
		none := clientv3.Compare(clientv3.ModRevision(certificateKeys(wanted.owner)).WithPrefix(), "<", seen+1)
		unchanged = append(unchanged, none)
	}
	// A change that stages nothing is compared, too: an answer that nothing
	// needed to change must not rest on a replica that fell behind.
	var ops []clientv3.Op
	if len(tx.writes) > 0 {
		if ops, err = tx.ops(); err != nil {
			return false, 0, err
		}
	}
	answer, err := s.client.Txn(ctx).If(unchanged...).Then(ops...).Else(clientv3.OpGet(revisionKey)).Commit()
	if err != nil {
		return false, 0, s.explain(ctx, err)
	}
	if answer.Succeeded {
		if len(ops) == 0 {
			return true, tx.State.head, nil
		}
		return true, answer.Header.Revision, nil
	}
	for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
		revision = kv.ModRevision
	}
	return false, revision, nil
}

// ops returns the staged writes, and the new revision, for etcd.
func (tx *Tx) ops() ([]clientv3.Op, error) {
	if len(tx.writes) > maxOps {
		return nil, tooLarge()
	}
	tx.keepAct()
	tx.writes[revisionKey] = tx.Revision()
	var ops []clientv3.Op
	for _, key := range slices.Sorted(maps.Keys(tx.writes)) {
		if _, ok := tx.writes[key].(deleted); ok {
			ops = append(ops, clientv3.OpDelete(key))
			continue
		}
		value, err := encode(key, tx.writes[key])
		if err != nil {
			return nil, err
		}
		ops = append(ops, clientv3.OpPut(key, value))
	}
	return ops, nil
}
