package verify

import (
	"fmt"
	"maps"
	"slices"

	"github.com/signet-tls/signet/pki"
)

// policyNode is a policy that is good for the certificates down to one level of
// a path (RFC 9618, section 5).
type policyNode struct {
	parents  map[pki.OID]bool // nodes of the level above
	expected []pki.OID        // what the level below may call it
}

// policyGraph has a level for each certificate from the anchor down, above them
// one of anyPolicy alone; empty means that no policy is good.
type policyGraph []map[pki.OID]*policyNode

// policyState is that of RFC 5280, section 6.1.2 (d) to (f).
type policyState struct {
	graph      policyGraph
	explicit   int
	mapping    int
	inhibitAny int
}

// checkPolicies processes the policies of a path, leaf first, as RFC 5280,
// section 6.1 has it, with the graph of RFC 9618 for its tree. It returns what
// is wrong and with which certificate, or "".
func checkPolicies(path []*node, opts *Options) (depth int, text string) {
	n := len(path) - 1 // certificates below the anchor
	start := func(now bool) int {
		if now {
			return 0
		}
		return n + 1
	}
	s := policyState{explicit: start(opts.RequirePolicy), mapping: start(opts.InhibitMapping), inhibitAny: start(opts.InhibitAnyPolicy),
		graph: policyGraph{{pki.OIDAnyPolicy: {expected: []pki.OID{pki.OIDAnyPolicy}}}}}
	for depth := n - 1; depth >= 0; depth-- {
		if text := s.process(path[depth], depth == 0); text != "" {
			return depth, text
		}
	}
	if s.explicit == 0 && len(s.allowed(opts.Policies)) == 0 {
		return 0, "no policy is good for every certificate of the path, and one is required"
	}
	return 0, ""
}

// policyWork is about how many policies are looked at when those of a path are
// processed: each level again for each below it. It is 0 where nobody requires
// a policy, and nothing can be wrong with what nobody requires.
func policyWork(path []*node, opts *Options) int {
	below := path[:len(path)-1]
	if !opts.RequirePolicy && !slices.ContainsFunc(below, demandsPolicy) {
		return 0
	}
	work := 1
	for _, m := range below {
		policies, _ := m.cert.Policies()
		mappings, _ := m.cert.PolicyMappings()
		work += (len(policies) + len(mappings)) * len(below)
	}
	return work
}

// demandsPolicy reports whether a certificate has a say in whether a policy is
// required.
func demandsPolicy(m *node) bool {
	constraints, _ := m.cert.PolicyConstraints()
	return constraints != nil
}

func (s *policyState) process(m *node, last bool) string {
	s.descend(m, last)
	if s.explicit == 0 && len(s.graph) == 0 {
		return fmt.Sprintf("%s has no policy that is good for the certificates above it, and one is required", m.title())
	}
	constraints, _ := m.cert.PolicyConstraints()
	if last {
		s.explicit = max(0, s.explicit-1)
		if constraints != nil && constraints.RequireExplicit == 0 {
			s.explicit = 0
		}
		return ""
	}
	mappings, _ := m.cert.PolicyMappings()
	s.mapPolicies(mappings)
	if !m.selfIssued() {
		s.explicit, s.mapping, s.inhibitAny = max(0, s.explicit-1), max(0, s.mapping-1), max(0, s.inhibitAny-1)
	}
	if constraints != nil {
		s.explicit, s.mapping = tighten(s.explicit, constraints.RequireExplicit), tighten(s.mapping, constraints.InhibitMapping)
	}
	if inhibit, _ := m.cert.InhibitAnyPolicy(); inhibit != nil {
		s.inhibitAny = tighten(s.inhibitAny, *inhibit)
	}
	return ""
}

// tighten is the smaller of the two, where the second is set.
func tighten(have, limit int) int {
	if limit < 0 {
		return have
	}
	return min(have, limit)
}

// descend adds the certificate's level to the graph (section 6.1.3 (d), (e)).
func (s *policyState) descend(m *node, last bool) {
	policies, _ := m.cert.Policies()
	if policies == nil || len(s.graph) == 0 {
		s.graph = nil
		return
	}
	above := s.graph[len(s.graph)-1]
	level := map[pki.OID]*policyNode{}
	expecting := map[pki.OID]map[pki.OID]bool{} // what the level above expects, and which of it
	for id, node := range above {
		for _, policy := range node.expected {
			if expecting[policy] == nil {
				expecting[policy] = map[pki.OID]bool{}
			}
			expecting[policy][id] = true
		}
	}
	hasAny := false
	for _, policy := range policies {
		switch parents := expecting[policy.ID]; {
		case policy.ID == pki.OIDAnyPolicy:
			hasAny = true
		case parents != nil:
			level[policy.ID] = &policyNode{parents, []pki.OID{policy.ID}}
		case above[pki.OIDAnyPolicy] != nil:
			level[policy.ID] = &policyNode{map[pki.OID]bool{pki.OIDAnyPolicy: true}, []pki.OID{policy.ID}}
		}
	}
	if hasAny && (s.inhibitAny > 0 || !last && m.selfIssued()) {
		for policy, parents := range expecting {
			if level[policy] == nil {
				level[policy] = &policyNode{parents, []pki.OID{policy}}
			}
		}
	}
	s.graph = append(s.graph, level)
	s.graph.prune()
}

// mapPolicies lets the level below call policies by other names (section 6.1.4
// (b)).
func (s *policyState) mapPolicies(mappings []pki.PolicyMapping) {
	if len(mappings) == 0 || len(s.graph) == 0 {
		return
	}
	level := s.graph[len(s.graph)-1]
	renamed := map[pki.OID][]pki.OID{}
	for _, mapping := range mappings {
		renamed[mapping.Issuer] = append(renamed[mapping.Issuer], mapping.Subject)
	}
	for policy, names := range renamed {
		node, everything := level[policy], level[pki.OIDAnyPolicy]
		switch {
		case s.mapping == 0:
			delete(level, policy)
		case node != nil:
			node.expected = names
		case everything != nil:
			level[policy] = &policyNode{everything.parents, names}
		}
	}
	s.graph.prune()
}

// prune takes away what has no children, from the last level up; if nothing of
// that is left, nothing at all is.
func (g *policyGraph) prune() {
	levels := *g
	for i := len(levels) - 1; i > 0; i-- {
		used := map[pki.OID]bool{}
		for _, node := range levels[i] {
			maps.Copy(used, node.parents)
		}
		maps.DeleteFunc(levels[i-1], func(id pki.OID, _ *policyNode) bool { return !used[id] })
	}
	if len(levels[0]) == 0 || len(levels[len(levels)-1]) == 0 {
		*g = nil
	}
}

// allowed returns the policies that are good for the path and for the caller,
// who accepts any where wanted is empty (RFC 9618, section 5.4).
func (s *policyState) allowed(wanted []pki.OID) []pki.OID {
	good := map[pki.OID]bool{}
	for i, level := range s.graph {
		for id, node := range level {
			if i > 0 && node.parents[pki.OIDAnyPolicy] && (id != pki.OIDAnyPolicy || i == len(s.graph)-1) {
				good[id] = true
			}
		}
	}
	all := slices.Sorted(maps.Keys(good))
	if len(wanted) == 0 || slices.Contains(wanted, pki.OIDAnyPolicy) {
		return all
	}
	if good[pki.OIDAnyPolicy] {
		return wanted
	}
	return slices.DeleteFunc(all, func(id pki.OID) bool { return !slices.Contains(wanted, id) })
}

func policyList(m *node) string {
	policies, _ := m.cert.Policies()
	var ids []pki.OID
	for _, policy := range policies {
		ids = append(ids, policy.ID)
	}
	return listed(oidNames(ids))
}

func oidNames(ids []pki.OID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.Name()
	}
	return names
}
