package verify

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

func checkName(leaf *pki.Certificate, opts Options) Check {
	text, ok := opts.Name.match(leaf, opts.Roots)
	if ok {
		return Check{Name: "name", Text: text, Verdict: OK}
	}
	wanted := opts.Name.wanted(opts.Roots)
	next := fmt.Sprintf("ask for a name that it has, or have the %s show a certificate for %s", opts.Purpose, wanted)
	if opts.Purpose == ClientAuth {
		next = fmt.Sprintf("have the client show a certificate for %s", wanted)
	}
	return Check{Name: "name", Text: text, Verdict: Stop, Code: NameMismatch,
		message: fmt.Sprintf("wrong name: it is for %s, not for %s", opts.Name.found(leaf), wanted),
		next:    []string{next}}
}

// checkDates looks at every certificate of the path (RFC 5280, section
// 6.1.3 (a)(2)); of those that stop it, the one nearest to the leaf is named.
func checkDates(path []*pki.Certificate, opts Options) Check {
	now := opts.Now
	for depth, cert := range path {
		from, until := cert.NotBefore(), cert.NotAfter()
		check := Check{Name: "dates", Verdict: Stop, Depth: depth}
		switch {
		case now.After(until):
			check.Code = CertExpired
			check.Text = fmt.Sprintf("%s expired %s (%s)", cert.Title(), Ago(now.Sub(until)), day(until))
			check.next = []string{renew(path, depth, opts), "or check this machine's clock: it says " + minute(now)}
		case now.Before(from):
			check.Code = CertNotYetValid
			check.Text = fmt.Sprintf("%s is not valid before %s, in %s", cert.Title(), minute(from), Span(from.Sub(now)))
			check.next = []string{"check the clocks: this machine's says " + minute(now),
				fmt.Sprintf("if it is right, wait, or have %s issued again", cert.Title())}
		default:
			continue
		}
		check.message = "the certificate of " + check.Text
		return check
	}
	return Check{Name: "dates", Text: remaining(path, now), Verdict: OK}
}

// renew says who must replace an expired certificate.
func renew(path []*pki.Certificate, depth int, opts Options) string {
	switch {
	case depth == 0:
		return fmt.Sprintf("on the %s, renew its certificate and load it", opts.Purpose)
	case depth == len(path)-1:
		return fmt.Sprintf("in %s, replace %s by its present certificate", opts.Roots.place(), path[depth].Title())
	}
	return fmt.Sprintf("on the %s, replace %s by its present certificate", opts.Purpose, path[depth].Title())
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

// checkPurpose looks for the extended key usage on the leaf and on every
// authority that names any (RFC 5280, section 4.2.1.12; crypto/x509 holds
// authorities to it too, the anchor included).
func checkPurpose(path []*pki.Certificate, purpose Purpose) Check {
	for depth, cert := range path {
		usages, _ := cert.ExtKeyUsage() // crypto/x509 has refused those that cannot be read
		if len(usages) == 0 || slices.Contains(usages, purpose.oid()) || slices.Contains(usages, pki.OIDAnyUsage) {
			continue
		}
		text := fmt.Sprintf("%s is for %s, not for a TLS %s", cert.Title(), purposes(usages), purpose)
		next := fmt.Sprintf("have the %s show a certificate with the extended key usage %sAuth", purpose, purpose)
		if depth > 0 {
			next = fmt.Sprintf("have the %s's certificate signed by an authority that may sign for TLS %ss", purpose, purpose)
		}
		return Check{Name: "purpose", Text: text, Verdict: Stop, Code: WrongPurpose, Depth: depth,
			message: "wrong purpose: " + text, next: []string{next}}
	}
	return Check{Name: "purpose", Text: "may be a TLS " + purpose.String(), Verdict: OK}
}

var purposeTexts = map[pki.OID]string{
	pki.OIDServerAuth:      "TLS servers",
	pki.OIDClientAuth:      "TLS clients",
	pki.OIDCodeSigning:     "signing code",
	pki.OIDEmailProtection: "e-mail",
	pki.OIDTimeStamping:    "time stamps",
	pki.OIDOCSPSigning:     "OCSP answers",
}

func purposes(usages []pki.OID) string {
	var all []string
	for _, usage := range usages {
		if text, ok := purposeTexts[usage]; ok && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	if len(all) == 0 {
		return "other purposes"
	}
	return strings.Join(all, " and ")
}

// clip makes text of a certificate or a caller fit to stand in a report.
func clip(text string) string { return fault.Printable(text, 80) }
