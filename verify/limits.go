package verify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Constraints say how far anchors or pins are believed, beyond what the
// certificates of anchors say themselves (RFC 5914, RFC 5937). What is zero limits
// nothing; all that is not must be kept.
type Constraints struct {
	// Names are those that the anchors may vouch for, by the rules for name
	// constraints in certificates: a permitted name leaves names of other forms
	// free, and every certificate below the anchor is held against them.
	Names *pki.NameConstraints
	// Purposes are those that the anchors may vouch for. Where any purpose will
	// do, that one is not asked for.
	Purposes []Purpose
	// IssuedUntil is the last moment in which a leaf's life may begin. A leaf
	// says that itself: an authority that lies about it needs Until.
	IssuedUntil time.Time
	// Until is the last moment in which the anchors are believed at all.
	Until time.Time
}

// Constrain returns the same anchors and pins, believed no further than c says,
// and than r says already.
func (r Roots) Constrain(c Constraints) (Roots, error) {
	if r.set == nil {
		return Roots{}, fault.New(RootsMissing, "nobody is trusted, so there is nothing to constrain").
			WithHint("say which roots are trusted")
	}
	if err := c.check(); err != nil {
		return Roots{}, err
	}
	c.Purposes = slices.Clone(c.Purposes)
	if c.Names != nil {
		c.Names = &pki.NameConstraints{Permitted: slices.Clone(c.Names.Permitted), Excluded: slices.Clone(c.Names.Excluded)}
	}
	return Roots{r.set.constrained(c)}, nil
}

func (c Constraints) check() error {
	invalid := func(format string, args ...any) error {
		return fault.New(ConstraintsInvalid, format, args...).WithHint("say by names, purposes or dates how far the anchors are believed, or leave the constraints away")
	}
	if c.Names != nil {
		if text := brokenConstraints(c.Names, "of an anchor"); text != "" {
			return invalid("%s", text)
		}
	}
	for _, purpose := range c.Purposes {
		if purpose == AnyPurpose || purpose < 0 || int(purpose) >= len(ends) {
			return invalid("an anchor cannot be constrained to the purpose %d", purpose)
		}
	}
	if c.Names == nil && len(c.Purposes) == 0 && c.IssuedUntil.IsZero() && c.Until.IsZero() {
		return invalid("the constraints of an anchor are empty")
	}
	return nil
}

// constrained is a copy of the set whose sources have one limit more.
func (s *rootSet) constrained(c Constraints) *rootSet {
	limited := map[*source]*source{}
	limit := func(from *source) *source {
		if limited[from] == nil {
			one := *from
			one.limits = append(slices.Clip(from.limits), c)
			limited[from] = &one
		}
		return limited[from]
	}
	one := *s
	one.members, one.systems, one.pins, one.parts = maps.Clone(s.members), slices.Clone(s.systems), maps.Clone(s.pins), maps.Clone(s.parts)
	for subject, members := range one.members {
		one.members[subject] = slices.Clone(members)
		for i, m := range members {
			believed := *m
			believed.source = limit(m.source)
			one.members[subject][i] = &believed
		}
	}
	for i, system := range one.systems {
		one.systems[i] = limit(system)
	}
	for p, sources := range one.pins {
		one.pins[p] = slices.Clone(sources)
		for i, from := range sources {
			one.pins[p][i] = limit(from)
		}
	}
	for domain, part := range one.parts {
		one.parts[domain] = part.constrained(c)
	}
	return &one
}

// limitSection is where it stands how constraints on anchors are judged.
const limitSection = "RFC 5937, section 3"

// limited returns where the path that ends in a certificate goes beyond the limits
// of the certificate's source. Where there is nothing below, they are about itself.
func (s *search) limited(v *visit) []finding {
	path := v.below
	if len(path) == 0 {
		path = []*node{v.node}
	}
	var found []finding
	add := func(text, have, want string) {
		if text != "" {
			text = fmt.Sprintf("%s (%s) %s", v.title(), v.source.origin, text)
			found = append(found, finding{AnchorLimited, limitSection, len(v.below), text, have, want, v.cert})
		}
	}
	for _, limit := range v.source.limits {
		add(s.limitedNames(limit.Names, path))
		add(limitedPurposes(limit.Purposes, s.opts.Purpose))
		add(limitedDates(limit, path[0], s.opts.Now))
	}
	return found
}

func (s *search) limitedNames(names *pki.NameConstraints, path []*node) (text, have, want string) {
	if names == nil {
		return "", "", ""
	}
	m, name := s.forbidden(names, path)
	if m == nil {
		return "", "", ""
	}
	return fmt.Sprintf("is not believed for %s, which %s has: %s", clip(name.String()), m.title(), name.why), clip(name.String()), constraintsText(names)
}

func limitedPurposes(purposes []Purpose, asked Purpose) (text, have, want string) {
	if len(purposes) == 0 || asked == AnyPurpose || slices.Contains(purposes, asked) {
		return "", "", ""
	}
	var uses []string
	for _, purpose := range purposes {
		uses = append(uses, purpose.use())
	}
	all := strings.Join(uses, " and ")
	return fmt.Sprintf("is believed for %s, not for %s", all, asked.use()), asked.use(), all
}

func limitedDates(limit Constraints, leaf *node, now time.Time) (text, have, want string) {
	begins := leaf.cert.NotBefore()
	switch {
	case !limit.Until.IsZero() && now.After(limit.Until):
		return "is believed until " + minute(limit.Until), at(now), "until " + at(limit.Until)
	case !limit.IssuedUntil.IsZero() && begins.After(limit.IssuedUntil):
		return fmt.Sprintf("is believed for what was issued until %s; %s begins on %s", minute(limit.IssuedUntil), leaf.title(), minute(begins)), at(begins), "issued until " + at(limit.IssuedUntil)
	}
	return "", "", ""
}
