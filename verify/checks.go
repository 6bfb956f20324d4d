package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// checkName is the row about the leaf's name.
func (s *search) checkName() Check {
	opts, leaf := s.opts, s.leaf
	text, ok := opts.Name.match(leaf, opts)
	wanted := opts.Name.wanted(opts.Roots)
	check := Check{Name: "name", Text: text, Verdict: OK, Rule: "RFC 9525, section 6", Have: opts.Name.found(leaf.cert), Want: wanted}
	if ok {
		return check
	}
	next := fmt.Sprintf("ask for a name that it has, or have the %s show a certificate for %s", opts.Purpose, wanted)
	if opts.Purpose != ServerAuth {
		next = fmt.Sprintf("have the %s show a certificate for %s", opts.Purpose, wanted)
	}
	check.Verdict, check.Code, check.next = Stop, NameMismatch, []string{next}
	check.message = fmt.Sprintf("wrong name: it is for %s, not for %s", check.Have, wanted)
	return check
}

// remaining says how long the leaf is valid, and how long the chain above it.
func remaining(path []*pki.Certificate, now time.Time) string {
	leaf := path[0].NotAfter()
	text := fmt.Sprintf("%s left (until %s)", Span(leaf.Sub(now)), day(leaf))
	if len(path) == 1 {
		return text
	}
	first := slices.MinFunc(path[1:], func(a, b *pki.Certificate) int { return a.NotAfter().Compare(b.NotAfter()) })
	if until := first.NotAfter(); until.Before(leaf) {
		return fmt.Sprintf("%s, but %s only until %s", text, first.Title(), day(until))
	}
	return fmt.Sprintf("%s; chain until %s", text, day(first.NotAfter()))
}

// clip makes text of a certificate or a caller fit to stand in a report.
func clip(text string) string { return fault.Printable(text, 80) }
