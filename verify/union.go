package verify

import (
	"maps"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Union returns roots that believe whom any of the sets believes. Each keeps to
// its own: the anchors of a trust domain vouch for that domain's SPIFFE IDs alone,
// and those for hosts never for any, whatever they are united with. Where any name
// will do, a leaf that claims an ID of a domain is that domain's to vouch for.
func Union(sets ...Roots) (Roots, error) {
	if len(sets) == 0 || slices.Contains(sets, Roots{}) {
		return Roots{}, fault.New(RootsMissing, "one of the sets that were to be united trusts nobody").
			WithHint("give the sets that exist: a union does not pass over one that is missing")
	}
	var parts []*rootSet
	for _, r := range sets {
		parts = append(parts, r.set.split()...)
	}
	byDomain := map[spiffeid.TrustDomain][]*rootSet{}
	for _, part := range parts {
		byDomain[part.domain] = append(byDomain[part.domain], part)
	}
	union := &rootSet{origin: originsOf(parts), parts: map[spiffeid.TrustDomain]*rootSet{}}
	for domain, same := range byDomain {
		union.parts[domain] = merge(same)
	}
	if len(union.parts) == 1 {
		return Roots{union.parts[parts[0].domain]}, nil
	}
	return Roots{union}, nil
}

// split returns the parts of a union, or the set itself, in an order that is
// always the same.
func (s *rootSet) split() []*rootSet {
	if s.parts == nil {
		return []*rootSet{s}
	}
	return slices.SortedFunc(maps.Values(s.parts), func(a, b *rootSet) int { return strings.Compare(a.domain.String(), b.domain.String()) })
}

// merge makes one set of several that vouch for names of the same kind.
func merge(sets []*rootSet) *rootSet {
	if len(sets) == 1 {
		return sets[0]
	}
	merged := &rootSet{origin: originsOf(sets), domain: sets[0].domain, members: map[string][]*node{}, pins: map[pin][]*source{}}
	for _, set := range sets {
		merged.anchors = addNew(merged.anchors, set.anchors, (*pki.Certificate).Equal)
		merged.systems = addNew(merged.systems, set.systems, same)
		for subject, members := range set.members {
			merged.members[subject] = addNew(merged.members[subject], members, same)
		}
		for p, sources := range set.pins {
			merged.pins[p] = addNew(merged.pins[p], sources, same)
		}
	}
	return merged
}

func addNew[T any](all, more []T, same func(a, b T) bool) []T {
	for _, item := range more {
		if !slices.ContainsFunc(all, func(other T) bool { return same(other, item) }) {
			all = append(all, item)
		}
	}
	return all
}

func same[T comparable](a, b T) bool { return a == b }

// originsOf names the first few places that sets come from.
func originsOf(sets []*rootSet) string {
	const most = 4
	var origins []string
	for _, set := range sets {
		if !slices.Contains(origins, set.origin) {
			origins = append(origins, set.origin)
		}
	}
	last := "others"
	if len(origins) <= most {
		last = origins[len(origins)-1]
	}
	first := origins[:min(most, len(origins)-1)]
	if len(first) == 0 {
		return last
	}
	return strings.Join(first, ", ") + " and " + last
}

// vouchesFor reports whether r has anchors or pins for the names of a trust
// domain, or, if that is zero, for all other names.
func (r Roots) vouchesFor(domain spiffeid.TrustDomain) bool {
	if r.set.parts != nil {
		return r.set.parts[domain] != nil
	}
	return r.set.domain == domain
}

// OnlyIDs reports whether all that r believes are SPIFFE IDs, of one trust domain
// or of several.
func (r Roots) OnlyIDs() bool { return r.set != nil && !r.vouchesFor(spiffeid.TrustDomain{}) }

// facing returns the part of a union that may vouch for the peer: by the name
// that is wanted, and where any will do, by the SPIFFE ID that the leaf claims. A
// union without such a part stays whole, and believes nobody.
func (r Roots) facing(name Name, chain []*pki.Certificate) Roots {
	if r.set.parts == nil {
		return r
	}
	domain := name.TrustDomain()
	if name.AcceptsAny() && len(chain) > 0 && chain[0] != nil {
		if claimed := chain[0].ID().TrustDomain(); r.set.parts[claimed] != nil {
			domain = claimed
		}
	}
	if part := r.set.parts[domain]; part != nil {
		return Roots{part}
	}
	return r
}
