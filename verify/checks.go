package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// checkName is the row about the leaf's name.
func (s *search) checkName() Check {
	opts, leaf := s.opts, s.leaf
	text, ok := opts.Name.match(leaf, opts)
	wanted := opts.Name.wanted(opts.Roots)
	check := Check{Name: "name", Text: text, Verdict: OK, Rule: "RFC 9525, section 6", Have: opts.Name.found(leaf), Want: wanted}
	if ok {
		return check
	}
	next := fmt.Sprintf("ask for a name that it has, or have the %s show a certificate for %s", opts.Purpose, wanted)
	if opts.Purpose != ServerAuth {
		next = fmt.Sprintf("have the %s show a certificate for %s", opts.Purpose, wanted)
	}
	check.Verdict, check.Code = Stop, nameless(leaf, opts)
	check.message = fmt.Sprintf("wrong name: it is for %s%s, not for %s", check.Have, nobodys[check.Code], wanted)
	if check.Code != NameMismatch {
		next = fmt.Sprintf("have %s issue the %s's certificate again with the subjectAltName %s", leaf.cert.IssuerTitle(), opts.Purpose, wanted)
	}
	if place, title := s.misplaced(); place > 0 {
		check.message = fmt.Sprintf("the certificate for %s stands at place %d, and %s at the first", wanted, place, leaf.title())
		next = opts.edit(fmt.Sprintf("put %s first, before its authorities, in", title))
	}
	check.next = []string{next}
	section := ""
	if opts.Name.isAddress() {
		section = address
	}
	check.OpenSSL = opensslNumber(NameMismatch, section)
	return check
}

// misplaced returns the place of a certificate that was sent behind the first and is
// the one that is wanted, or 0: a peer's own comes before its authorities (RFC 8446,
// section 4.4.2).
func (s *search) misplaced() (place int, title string) {
	for i, cert := range s.chain[1:] {
		for m := range s.sent(nameKey(cert.Subject())) {
			if _, named := s.opts.Name.match(m, s.opts); named && s.leaf.isCA() && !m.isCA() && m.cert.Equal(cert) && !s.opts.Name.AcceptsAny() {
				return i + 2, m.title()
			}
		}
	}
	return 0, ""
}

// nobodys says of names by a code why they are for nobody.
var nobodys = map[fault.Code]string{NameMalformed: ", which nobody can have", WildcardTooWide: ", which belongs to many"}

// nameless is the code for a leaf that is not for the wanted name: if it is not for
// anybody at all, why.
func nameless(leaf *node, opts *Options) fault.Code {
	has := func(id pki.OID) bool {
		return slices.ContainsFunc(leaf.cert.Extensions(), func(e pki.Extension) bool { return e.ID == id })
	}
	switch {
	case slices.ContainsFunc(leaf.names, isWellFormed):
		return NameMismatch
	case opts.Profile == WebPKI && slices.ContainsFunc(leaf.names, isTooWide):
		return WildcardTooWide
	case len(leaf.names)+leaf.illegible > 0:
		return NameMalformed
	case has(pki.OIDSubjectAltName):
		return ExtensionMalformed
	case slices.Contains(opts.Legacy, dangerous.CommonName()) && opts.Name.kind == host:
		return NameMismatch
	}
	return SANMissing
}

// remaining says how long the leaf is valid, and how long the chain above it.
func remaining(path []*pki.Certificate, now time.Time) string {
	leaf := path[0].NotAfter()
	text := fmt.Sprintf("%s left (until %s)", Between(now, leaf), day(leaf))
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
