package control

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signet-tls/signet/spiffeid"
)

// TestActs has each revision keep what it changed in rules and groups, as a
// folder that is opened again knows it, and forgets the oldest.
func TestActs(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	first := change(t, s, func(tx *Tx) {
		tx.By, tx.Because = id("ann"), "a test"
		tx.PutRule(rule("web", "orders"))
		tx.PutFreeRule(Rule{Name: "free", Text: "x"})
		tx.PutGroup(Group{Name: "ops", Members: []spiffeid.ID{id("bob")}})
	})
	act := first.Acts[first.Revision]
	if act.By != id("ann") || act.Because != "a test" || len(act.Rules) != 2 || len(act.Groups) != 1 ||
		act.Groups[0].Before != nil || act.Groups[0].After.Name != "ops" {
		t.Errorf("the first act is %+v", act)
	}
	second := change(t, s, func(tx *Tx) {
		tx.DeleteFreeRule("free")
		tx.DeleteGroup("ops")
		tx.DeleteGroup("unknown")
	})
	act = second.Acts[second.Revision]
	if len(act.Rules) != 1 || act.Rules[0].After != nil || act.Rules[0].Before.Revision != first.Revision ||
		len(act.Groups) != 1 || act.Groups[0].Before.Members[0] != id("bob") {
		t.Errorf("the second act is %+v", act)
	}
	if n := second.RuleCount(); n != 1 || len(second.FreeRules) != 0 || len(second.Groups) != 0 {
		t.Errorf("%d rules, free %v, groups %v", n, second.FreeRules, second.Groups)
	}
	other := change(t, s, func(tx *Tx) { tx.PutIdentity(Identity{ID: id("x"), Kind: Service}) })
	if _, kept := other.Acts[other.Revision]; kept || len(other.Acts) != 2 {
		t.Errorf("acts are %v, want two: the third change was of no rule", other.Acts)
	}
	large := change(t, s, func(tx *Tx) { tx.PutFreeRule(Rule{Name: "large", Text: strings.Repeat("x", maxActBytes)}) })
	if _, kept := large.Acts[large.Revision]; kept {
		t.Error("an act of more bytes than the bound was kept")
	}
	for i := range MaxActs {
		change(t, s, func(tx *Tx) { tx.PutRule(rule("web", fmt.Sprint("orders", i))) })
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	state := open(t, dir).State()
	if _, kept := state.Acts[first.Revision]; kept || len(state.Acts) != MaxActs {
		t.Errorf("%d acts are kept, the first among them: %t; want the latest %d", len(state.Acts), kept, MaxActs)
	}
}
