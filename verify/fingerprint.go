package verify

import (
	"crypto/sha256"
	"fmt"
	"slices"
)

// Fingerprint is equal for all who ask the same: whom to believe, who the peer must
// be, and by which rules. The time, the evidence and the handshake are not part of
// it. It is the same in every process; the system's anchors, which cannot be
// listed, count as one.
func (o Options) Fingerprint() (sum [sha256.Size]byte) {
	hash := sha256.New()
	n := o.Name
	fmt.Fprintf(hash, "name %d %q %q %q %q\n", n.kind, n.host, n.id, n.domain, n.reason)
	fmt.Fprintf(hash, "for %d by %d, permitted %q\n", o.Purpose, o.Profile, o.Legacy)
	if o.MaxIntermediates != nil {
		fmt.Fprintf(hash, "at most %d\n", *o.MaxIntermediates)
	}
	fmt.Fprintf(hash, "policies %q %t %t %t\n", o.Policies, o.RequirePolicy, o.InhibitMapping, o.InhibitAnyPolicy)
	if o.Revocation != nil {
		fmt.Fprintf(hash, "revocation %d\n", o.Revocation.Scope)
	}
	if !o.Roots.IsZero() {
		for _, line := range o.Roots.set.lines() {
			fmt.Fprintln(hash, line)
		}
	}
	hash.Sum(sum[:0])
	return sum
}

// lines has one line for everything that the set believes, sorted: sets that
// believe the same have the same lines, whatever people call them.
func (s *rootSet) lines() []string {
	var lines []string
	for _, part := range s.split() {
		add := func(from *source, format string, args ...any) {
			lines = append(lines, fmt.Sprintf("%q %t ", part.domain, from.pinned)+fmt.Sprintf(format, args...)+from.limitText())
		}
		for _, members := range part.members {
			for _, m := range members {
				add(m.source, "anchor %x", m.cert.Fingerprint())
			}
		}
		for _, system := range part.systems {
			add(system, "the system's")
		}
		for p, sources := range part.pins {
			for _, from := range sources {
				add(from, "pin %t %x", p.key, p.sum)
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// limitText writes down how far the source is believed.
func (s *source) limitText() (text string) {
	for _, limit := range s.limits {
		text += fmt.Sprintf(" limit %d %d %d", limit.Purposes, limit.IssuedUntil.UnixMicro(), limit.Until.UnixMicro())
		if limit.Names != nil {
			text += fmt.Sprintf(" %x %x", limit.Names.Permitted, limit.Names.Excluded)
		}
	}
	return text
}
