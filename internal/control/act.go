package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Act is what one revision changed in rules and groups, so that it can be taken
// back.
type Act struct {
	Revision int64           `json:"revision"`
	By       spiffeid.ID     `json:"by,omitzero"`
	Because  string          `json:"because,omitempty"`
	At       time.Time       `json:"at"`
	Rules    []Edited[Rule]  `json:"rules,omitempty"`
	Groups   []Edited[Group] `json:"groups,omitempty"`
}

// Edited is one value before and after; nil is none.
type Edited[V any] struct {
	Before *V `json:"before,omitempty"`
	After  *V `json:"after,omitempty"`
}

// Bounds of what is kept of acts; the oldest go first.
const (
	MaxActs     = 100
	maxActBytes = 256 << 10 // of one; a larger one is not kept
)

// Act gathers what is staged of rules and groups.
func (tx *Tx) Act() Act {
	act := Act{Revision: tx.Revision(), By: tx.By, Because: tx.Because, At: tx.now}
	for _, key := range slices.Sorted(maps.Keys(tx.writes)) {
		switch {
		case rules.owns(key):
			act.Rules = append(act.Rules, edited(tx.writes[key], lookup(rules, tx.State, key)))
		case timedRules.owns(key):
			act.Rules = append(act.Rules, edited(tx.writes[key], lookup(timedRules, tx.State, key)))
		case freeRules.owns(key):
			act.Rules = append(act.Rules, edited(tx.writes[key], lookup(freeRules, tx.State, key)))
		case groups.owns(key):
			act.Groups = append(act.Groups, edited(tx.writes[key], lookup(groups, tx.State, key)))
		}
	}
	return act
}

// lookup returns what the state has under a key, nil if nothing.
func lookup[K comparable, V any](t table[K, V], s *State, key string) *V {
	k, err := t.parse(strings.TrimPrefix(key, t.prefix))
	if err != nil {
		return nil
	}
	if v, ok := (*t.field(s))[k]; ok {
		return &v
	}
	return nil
}

func edited[V any](staged any, before *V) Edited[V] {
	if after, ok := staged.(V); ok {
		return Edited[V]{before, &after}
	}
	return Edited[V]{Before: before}
}

// keepAct stages the act of this change, and the end of the oldest ones.
func (tx *Tx) keepAct() {
	act := tx.Act()
	if len(act.Rules)+len(act.Groups) == 0 {
		return
	}
	if text, err := json.Marshal(act); err != nil || len(text) > maxActBytes {
		return
	}
	tx.writes[acts.key(act.Revision)] = act
	kept := slices.Sorted(maps.Keys(tx.State.Acts))
	for len(kept) >= MaxActs {
		tx.writes[acts.key(kept[0])] = deleted{}
		kept = kept[1:]
	}
}

// actText is a revision as a key, in the order of numbers.
func actText(revision int64) string { return fmt.Sprintf("%019d", revision) }

func parseActText(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }
