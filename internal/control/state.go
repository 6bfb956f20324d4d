package control

import (
	"iter"
	"maps"
	"time"

	"github.com/signet-tls/signet/spiffeid"
)

// Kind is what an identity is for.
type Kind string

// The kinds of identity.
const (
	Service  Kind = "service"
	Proxy    Kind = "proxy"
	Operator Kind = "operator"
)

// Identity is somebody who may get certificates.
type Identity struct {
	ID      spiffeid.ID `json:"id"`
	Kind    Kind        `json:"kind"`
	Created time.Time   `json:"created"`
}

// Grant says that Proxy may hold certificates of Identity.
type Grant struct{ Proxy, Identity spiffeid.ID }

// Pair is who talks to whom, the key of a rule.
type Pair struct{ From, To spiffeid.ID }

// Rule is the last word on a pair.
type Rule struct {
	Name    string      `json:"name"`
	Text    string      `json:"text"` // Cedar
	From    spiffeid.ID `json:"from"`
	To      spiffeid.ID `json:"to"`
	By      spiffeid.ID `json:"by"`
	Because string      `json:"because,omitempty"`
	// Until is when a rule for a time ends; zero: it holds for good, or as its text says.
	Until    time.Time `json:"until,omitzero"`
	Revision int64     `json:"revision"` // set by the store
	At       time.Time `json:"at"`       // set by the store
}

// Pair returns the rule's key.
func (r Rule) Pair() Pair { return Pair{r.From, r.To} }

// Group is a name for several identities, which rules can mean.
type Group struct {
	Name     string        `json:"name"`
	Members  []spiffeid.ID `json:"members"`
	By       spiffeid.ID   `json:"by"`
	Because  string        `json:"because,omitempty"`
	Revision int64         `json:"revision"` // set by the store
	At       time.Time     `json:"at"`       // set by the store
}

// Revocation says that an identity gets no certificates, and that those it had
// are dead: its own, and those of others that were handed to it.
type Revocation struct {
	ID spiffeid.ID `json:"id"`
	// Serials are those of all certificates that were recorded and valid then,
	// of ID and of whom it held, in lower-case hexadecimal, sorted; set by the
	// store.
	Serials []string `json:"serials"`
	// Until is when the last of them expires by itself; set by the store.
	Until    time.Time   `json:"until,omitzero"`
	By       spiffeid.ID `json:"by"`
	Because  string      `json:"because,omitempty"`
	Revision int64       `json:"revision"` // set by the store
	At       time.Time   `json:"at"`       // set by the store
}

// CA is the authority's certificates in PEM, and how far their rotation has come;
// their keys are never in here. What the fields mean, ca.Stored says, which has the
// same.
type CA struct {
	Root          string `json:"root"`
	Intermediate  string `json:"intermediate"`
	RootElsewhere bool   `json:"root_elsewhere,omitempty"` // its key was carried away

	Turning string    `json:"turning,omitempty"`
	Stage   string    `json:"stage,omitempty"`
	Since   time.Time `json:"since,omitzero"`

	OtherRoot         string `json:"other_root,omitempty"`
	OtherIntermediate string `json:"other_intermediate,omitempty"`
	OtherElsewhere    bool   `json:"other_elsewhere,omitempty"`

	Generation   int64                `json:"generation,omitempty"`
	Needed       int64                `json:"needed,omitempty"`
	Endorsements [][]byte             `json:"endorsements,omitempty"`
	Retired      map[string]time.Time `json:"retired,omitempty"`
}

// epoch is the stored form of an epoch that is not the first.
type epoch struct {
	Number int64  `json:"number"`
	Proof  []byte `json:"proof"`
}

// State is everything the control plane has decided, at one revision. It is
// shared and never changes: read it, do not write to its maps.
type State struct {
	TrustDomain spiffeid.TrustDomain
	// Epoch says which history the revisions belong to: a backup that is restored
	// begins another one, in which revisions are given out again. The first is 1.
	Epoch int64
	// EpochProof is what the root has signed of the epoch; the first has none.
	EpochProof  []byte
	Revision    int64 // 0 before the first change
	CA          CA
	Identities  map[spiffeid.ID]Identity
	Grants      map[Grant]struct{}
	Rules       map[Pair]Rule
	TimedRules  map[Pair]Rule   // the last word on a pair for a time, beside the one of Rules
	FreeRules   map[string]Rule // by name: those that are not the last word on one pair
	Groups      map[string]Group
	Acts        map[int64]Act // the latest changes of rules and groups, by revision; at most MaxActs
	Revocations map[spiffeid.ID]Revocation
	Withdrawals map[int64]Withdrawal // by revision

	dead map[string]Withdrawal // by serial: all that count no longer
	head int64                 // etcd's revision of the last change: what Change compares and waits for
}

// newState returns the state of a new folder.
func newState(td spiffeid.TrustDomain) *State {
	return &State{
		TrustDomain: td,
		Epoch:       1,
		Identities:  map[spiffeid.ID]Identity{},
		Grants:      map[Grant]struct{}{},
		Rules:       map[Pair]Rule{},
		TimedRules:  map[Pair]Rule{},
		FreeRules:   map[string]Rule{},
		Groups:      map[string]Group{},
		Acts:        map[int64]Act{},
		Revocations: map[spiffeid.ID]Revocation{},
		Withdrawals: map[int64]Withdrawal{},
	}
}

// AllRules gives every rule, in no order.
func (s *State) AllRules() iter.Seq[Rule] {
	return func(yield func(Rule) bool) {
		for _, rules := range []iter.Seq[Rule]{maps.Values(s.Rules), maps.Values(s.TimedRules), maps.Values(s.FreeRules)} {
			for rule := range rules {
				if !yield(rule) {
					return
				}
			}
		}
	}
}

// RuleCount counts them.
func (s *State) RuleCount() int { return len(s.Rules) + len(s.TimedRules) + len(s.FreeRules) }
