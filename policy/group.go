package policy

import (
	"slices"
	"strings"

	"github.com/cedar-policy/cedar-go"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Group is a name for several identities and services. A rule means its members
// by principal in Group::"ops", or by resource in Group::"ops".
type Group struct {
	Name    string
	Members []spiffeid.ID
}

// Bounds of groups.
const (
	maxGroups      = 1000
	maxMembers     = 10_000 // of a group
	maxMemberships = 64     // of an identity: a decision looks at each
	maxGroupName   = 100    // bytes
)

// hierarchy is who belongs to which groups, for Cedar.
type hierarchy struct {
	groups  map[string][]spiffeid.ID            // by name, members sorted
	parents map[cedar.String]cedar.EntityUIDSet // by SPIFFE ID
}

// newHierarchy checks groups, and turns them around.
func newHierarchy(groups []Group) (hierarchy, error) {
	h := hierarchy{groups: make(map[string][]spiffeid.ID, len(groups)), parents: map[cedar.String]cedar.EntityUIDSet{}}
	if len(groups) > maxGroups {
		return h, fault.New(TooLarge, "the policy has %d groups, the most is %d", len(groups), maxGroups).
			WithHint("remove groups that nobody needs")
	}
	above := map[spiffeid.ID][]cedar.EntityUID{}
	for _, g := range groups {
		if err := checkGroup(g); err != nil {
			return h, err
		}
		if _, twice := h.groups[g.Name]; twice {
			return h, groupFault(DuplicateRule, g.Name, "there are two of this name")
		}
		members := slices.Clone(g.Members)
		slices.SortFunc(members, compareIDs)
		members = slices.Compact(members)
		h.groups[g.Name] = members
		for _, member := range members {
			above[member] = append(above[member], groupUID(g.Name))
			if len(above[member]) > maxMemberships {
				return h, groupFault(TooLarge, g.Name, "%s is in more than %d groups", member, maxMemberships)
			}
		}
	}
	for member, uids := range above {
		h.parents[cedar.String(member.String())] = cedar.NewEntityUIDSet(uids...)
	}
	return h, nil
}

// has reports whether these are the groups of a hierarchy.
func (h hierarchy) has(groups []Group) bool {
	seen := make(map[string]bool, len(groups))
	for _, g := range groups {
		if members, ok := h.groups[g.Name]; !ok || seen[g.Name] || !slices.Equal(members, g.Members) {
			return false
		}
		seen[g.Name] = true
	}
	return len(seen) == len(h.groups)
}

// check refuses a rule that names a group which is not there: in a forbid it
// would silently leave open what somebody meant to close.
func (h hierarchy) check(r *rule) error {
	for _, name := range r.groups {
		if _, ok := h.groups[name]; ok {
			continue
		}
		at, _ := find(scan(r.Text), groupUID(name).String())
		return ruleFault(UnknownEntity, at.in(r.Rule), "there is no group %s", name)
	}
	return nil
}

func checkGroup(g Group) error {
	if !isGroupName(g.Name) {
		return groupFault(InvalidRule, g.Name, "a group's name has 1 to %d letters, digits and - . _", maxGroupName)
	}
	if len(g.Members) > maxMembers {
		return groupFault(TooLarge, g.Name, "it has %d members, the most is %d", len(g.Members), maxMembers)
	}
	for _, member := range g.Members {
		if member.IsZero() || member.Path() == "" {
			return groupFault(InvalidRule, g.Name, "%q is no identity, and so no member", member)
		}
	}
	return nil
}

func isGroupName(name string) bool {
	return name != "" && len(name) <= maxGroupName && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}

func groupFault(code fault.Code, name, format string, args ...any) *fault.Error {
	return fault.New(code, "group %s: "+format, append([]any{clean(name)}, args...)...).WithHint("correct group %s", clean(name))
}

func groupUID(name string) cedar.EntityUID {
	return cedar.NewEntityUID(groupType, cedar.String(name))
}

func compareIDs(a, b spiffeid.ID) int { return strings.Compare(a.String(), b.String()) }

// Get implements types.EntityGetter: every identity and service is there, with
// the groups that it is in.
func (h *hierarchy) Get(uid cedar.EntityUID) (cedar.Entity, bool) {
	if uid.Type != identityType && uid.Type != serviceType {
		return cedar.Entity{}, false
	}
	return cedar.Entity{UID: uid, Parents: h.parents[uid.ID]}, true
}
