package control

import (
	"maps"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Keys of the store. Everything under statePrefix makes up a State and changes
// only together with revisionKey. Two IDs in one key are parted by a space,
// which no ID holds.
const (
	statePrefix       = "state/"
	revisionKey       = statePrefix + "revision"
	epochKey          = statePrefix + "epoch"
	caKey             = statePrefix + "ca"
	certificatePrefix = "certificate/"
)

// The tables of a State.
var (
	identities  = idTable("identity", func(s *State) *map[spiffeid.ID]Identity { return &s.Identities })
	revocations = idTable("revocation", func(s *State) *map[spiffeid.ID]Revocation { return &s.Revocations })
	grants      = pairTable("grant",
		func(g Grant) (a, b spiffeid.ID) { return g.Proxy, g.Identity },
		func(a, b spiffeid.ID) Grant { return Grant{a, b} },
		func(s *State) *map[Grant]struct{} { return &s.Grants })
	rules = pairTable("rule",
		func(p Pair) (a, b spiffeid.ID) { return p.From, p.To },
		func(a, b spiffeid.ID) Pair { return Pair{a, b} },
		func(s *State) *map[Pair]Rule { return &s.Rules })
	timedRules = pairTable("timed",
		func(p Pair) (a, b spiffeid.ID) { return p.From, p.To },
		func(a, b spiffeid.ID) Pair { return Pair{a, b} },
		func(s *State) *map[Pair]Rule { return &s.TimedRules })
	freeRules = nameTable("free", func(s *State) *map[string]Rule { return &s.FreeRules })
	groups    = nameTable("group", func(s *State) *map[string]Group { return &s.Groups })
	acts      = table[int64, Act]{statePrefix + "act/", actText, parseActText, func(s *State) *map[int64]Act { return &s.Acts }}
	// By the revision that made them.
	withdrawals = table[int64, Withdrawal]{statePrefix + "withdrawal/", actText, parseActText, func(s *State) *map[int64]Withdrawal { return &s.Withdrawals }}

	tables = []interface {
		owns(key string) bool
		apply(d *draft, e edit) error
	}{identities, revocations, grants, rules, timedRules, freeRules, groups, acts, withdrawals}
)

// table maps one map of a State to the keys under a prefix, and back.
type table[K comparable, V any] struct {
	prefix string
	text   func(K) string
	parse  func(string) (K, error)
	field  func(*State) *map[K]V
}

func idTable[V any](name string, field func(*State) *map[spiffeid.ID]V) table[spiffeid.ID, V] {
	return table[spiffeid.ID, V]{statePrefix + name + "/", spiffeid.ID.String, spiffeid.Parse, field}
}

func nameTable[V any](name string, field func(*State) *map[string]V) table[string, V] {
	whole := func(name string) string { return name }
	return table[string, V]{statePrefix + name + "/", whole, func(name string) (string, error) { return name, nil }, field}
}

func pairTable[K comparable, V any](name string, split func(K) (a, b spiffeid.ID), join func(a, b spiffeid.ID) K, field func(*State) *map[K]V) table[K, V] {
	text := func(k K) string {
		a, b := split(k)
		return a.String() + " " + b.String()
	}
	parse := func(s string) (K, error) {
		left, right, _ := strings.Cut(s, " ")
		a, err := parseOptional(left)
		if err != nil {
			return join(a, a), err
		}
		b, err := parseOptional(right)
		return join(a, b), err
	}
	return table[K, V]{statePrefix + name + "/", text, parse, field}
}

// parseOptional parses an ID, or the empty text of the zero value.
func parseOptional(s string) (id spiffeid.ID, err error) {
	err = id.UnmarshalText([]byte(s))
	return id, err
}

func (t table[K, V]) key(k K) string { return t.prefix + t.text(k) }

func (t table[K, V]) owns(key string) bool { return strings.HasPrefix(key, t.prefix) }

// apply makes one edit in the draft's own copy of the map.
func (t table[K, V]) apply(d *draft, e edit) error {
	k, err := t.parse(strings.TrimPrefix(e.key, t.prefix))
	if err != nil {
		return fault.Wrap(err, ValueDamaged, "the stored key %q", e.key)
	}
	m := t.field(&d.next)
	if !d.copied[t.prefix] {
		*m = maps.Clone(*m)
		d.copied[t.prefix] = true
	}
	if e.value == nil {
		delete(*m, k)
		return nil
	}
	v, err := decode[V](e.key, e.value)
	if err != nil {
		return err
	}
	(*m)[k] = v
	return nil
}

// edit is one key that changed; a nil value means that it is gone.
type edit struct {
	key      string
	value    []byte
	revision int64 // etcd's
}

// draft is a State in the making. Maps that no edit touches stay shared with
// the State before.
type draft struct {
	next   State
	copied map[string]bool // prefixes of the maps that are the draft's own
}

// with returns the state after edits, which must be whole revisions of etcd.
func (s *State) with(edits []edit) (*State, error) {
	d := draft{next: *s, copied: map[string]bool{}}
	for _, e := range edits {
		if err := d.apply(e); err != nil {
			return nil, err
		}
	}
	if d.copied[revocations.prefix] || d.copied[withdrawals.prefix] {
		d.next.bury()
	}
	return &d.next, nil
}

func (d *draft) apply(e edit) (err error) {
	switch {
	case e.key == revisionKey:
		d.next.Revision, err = decode[int64](e.key, e.value)
		d.next.head = e.revision
		return err
	case e.key == epochKey:
		begun, err := decode[epoch](e.key, e.value)
		d.next.Epoch, d.next.EpochProof = begun.Number, begun.Proof
		return err
	case e.key == caKey:
		d.next.CA, err = decode[CA](e.key, e.value)
		return err
	}
	for _, t := range tables {
		if t.owns(e.key) {
			return t.apply(d, e)
		}
	}
	return nil // a key of a later version, which tolerates this one
}
