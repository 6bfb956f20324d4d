package policy

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

func TestGroups(t *testing.T) {
	rules := []Rule{
		{"ops-anywhere", `permit (principal in Group::"ops", action, resource);`},
		{"web-shops", `permit (principal == Identity::"spiffe://demo.signet/web", action, resource in Group::"shops");`},
		{"no-ann-shops", `forbid (principal, action, resource in Group::"shops") when { principal in Group::"ops" && principal != Identity::"spiffe://demo.signet/bob" };`},
	}
	set, err := New(rules,
		Group{"ops", []spiffeid.ID{id(t, "ann"), id(t, "bob"), id(t, "ann")}},
		Group{"shops", []spiffeid.ID{id(t, "orders"), id(t, "cart")}},
		Group{Name: "nobody"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from, to string
		rule     string // that decides, "" if none
		allowed  bool
	}{
		{"ann", "billing", "ops-anywhere", true},
		{"bob", "orders", "ops-anywhere", true},
		{"ann", "cart", "no-ann-shops", false},
		{"web", "cart", "web-shops", true},
		{"web", "billing", "", false},
		{"orders", "web", "", false}, // in a group of services is not in ops
	} {
		got := set.Decide(pair(t, test.from, test.to), noon)
		if got.Allowed != test.allowed || test.rule != "" && !slices.Equal(got.Rules, []string{test.rule}) {
			t.Errorf("%s → %s: %+v, want %t by %q", test.from, test.to, got, test.allowed, test.rule)
		}
	}
	near := set.Decide(pair(t, "batch", "orders"), noon)
	if want := `web-shops fits but for "from": it says web, this is batch`; near.Near() != want {
		t.Errorf("near is %q, want %q", near.Near(), want)
	}
	near = set.Decide(pair(t, "web", "billing"), noon)
	if want := `ops-anywhere fits but for "from": it says group ops, and web is not in it`; near.Near() != want {
		t.Errorf("near is %q, want %q", near.Near(), want)
	}
}

func TestNewRefusesGroup(t *testing.T) {
	many := make([]Group, maxMemberships+1)
	for i := range many {
		many[i] = Group{fmt.Sprint("g", i), []spiffeid.ID{id(t, "web")}}
	}
	for _, test := range []struct {
		name   string
		groups []Group
		code   fault.Code
	}{
		{"twice", []Group{{Name: "ops"}, {Name: "ops"}}, DuplicateRule},
		{"without a name", []Group{{}}, InvalidRule},
		{"a space", []Group{{Name: "o ps"}}, InvalidRule},
		{"a member that is nobody", []Group{{"ops", make([]spiffeid.ID, 1)}}, InvalidRule},
		{"too many members", []Group{{"ops", make([]spiffeid.ID, maxMembers+1)}}, TooLarge},
		{"too many groups", make([]Group, maxGroups+1), TooLarge},
		{"in too many groups", many, TooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := New(nil, test.groups...); !errors.Is(err, test.code) {
				t.Errorf("error is %v, want %s", err, test.code)
			}
		})
	}
	two, err := New(nil, Group{Name: "a"}, Group{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Revise(nil, Group{Name: "a"}, Group{Name: "a"}); !errors.Is(err, DuplicateRule) {
		t.Errorf("after two groups one of them twice: %v, want %s", err, DuplicateRule)
	}
	if _, err := New(nil, many[1:]...); err != nil {
		t.Errorf("groups at the bound: %v", err)
	}
}
