package pki

import (
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// fieldRules are about the fields that every certificate has.
var fieldRules = []lintRule{
	{"version_old", Warning, "RFC 5280, section 4.1.2.1", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again as version 3: version 1 says nothing about names and purposes",
		func(l *lint) string {
			return when(l.version != 3 && len(l.list) == 0, fmt.Sprintf("version %d; 3 is wanted", l.version))
		}},
	{"version_with_extensions", Error, "RFC 5280, section 4.1.2.9", by(byGo, byPython, byCryptography), "have it issued again as version 3",
		func(l *lint) string {
			return when(l.version != 3 && len(l.list) > 0, fmt.Sprintf("extensions in version %d; they belong into version 3 alone", l.version))
		}},
	{"serial_zero", Error, "RFC 5280, section 4.1.2.2", nil, "have it issued again with a random serial number",
		func(l *lint) string {
			return when(l.SerialNumber().Sign() == 0, "the serial number is 0; a positive one is wanted")
		}},
	{"serial_negative", Error, "RFC 5280, section 4.1.2.2", by(byGo, byCryptography), "have it issued again with a random serial number",
		func(l *lint) string {
			return when(l.SerialNumber().Sign() < 0, "the serial number "+l.SerialNumber().String()+" is negative; a positive one is wanted")
		}},
	{"serial_long", Error, "RFC 5280, section 4.1.2.2", nil, "have it issued again with a serial number of at most 20 bytes",
		func(l *lint) string {
			return when(len(l.serial) > 20, fmt.Sprintf("a serial number of %d bytes; 20 are the most", len(l.serial)))
		}},
	{"serial_short", Notice, "CA/Browser Forum Baseline Requirements, section 7.1", nil, "let the issuer choose serial numbers at random, of 64 bits or more",
		func(l *lint) string {
			bits := l.SerialNumber().BitLen()
			return when(l.SerialNumber().Sign() > 0 && bits < 56 && !l.signedItself(), fmt.Sprintf("a serial number of %d bits can hardly hold 64 random ones", bits))
		}},
	{"signature_names_differ", Error, "RFC 5280, section 4.1.1.2", by(byGo, byOpenSSL, byPython, byCryptography), "do not use it: one of the two was altered",
		func(l *lint) string {
			return when(!l.algorithm.equal(l.signedWith), fmt.Sprintf("signed with %s, but inside it says %s", l.signedWith, l.algorithm))
		}},
	{"signature_weak", Error, "RFC 9155; CA/Browser Forum Baseline Requirements, section 7.1.3.2", by(byGo, byCryptography, byApple, byBrowsers, byWindows), "have it signed again with SHA-256",
		func(l *lint) string {
			weak := schemes[l.signedWith.ID].weak
			return when(weak != "" && !l.SelfIssued(), fmt.Sprintf("signed with %s: %s", l.signedWith, weak))
		}},
	{"validity_reversed", Error, "RFC 5280, section 4.1.2.5", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again",
		func(l *lint) string {
			return when(l.notAfter.Before(l.notBefore), "it ends at "+instant(l.notAfter)+", before it begins")
		}},
	{"validity_over", Error, "RFC 5280, section 6.1.3", by(byGo, byOpenSSL, byPython, byCryptography, byApple, byBrowsers, byWindows), "renew it",
		func(l *lint) string {
			return when(!l.Now.IsZero() && l.Now.After(l.notAfter), "it ended at "+instant(l.notAfter))
		}},
	{"validity_ahead", Error, "RFC 5280, section 6.1.3", by(byGo, byOpenSSL, byPython, byCryptography, byApple, byBrowsers, byWindows), "wait, or set the clock",
		func(l *lint) string {
			return when(!l.Now.IsZero() && l.Now.Before(l.notBefore), "it begins at "+instant(l.notBefore))
		}},
	{"validity_beyond_825_days", Error, "Apple, support article 103769", by(byApple), "have it issued again for at most 397 days",
		func(l *lint) string { return l.longerThan(825*day, maxTime) }},
	{"validity_beyond_398_days", Notice, "CA/Browser Forum Baseline Requirements, section 6.3.2", nil, "issue it for at most 397 days: from a public authority browsers refuse it",
		func(l *lint) string { return when(!l.Public, l.longerThan(398*day, 825*day)) }},
	{"validity_beyond_public_bound", Error, "CA/Browser Forum Baseline Requirements, section 6.3.2", by(byApple, byBrowsers), "have it issued again for less long",
		func(l *lint) string { return when(l.Public, l.longerThan(publicBound(l.notBefore), 825*day)) }},
	{"time_encoding", Error, "RFC 5280, section 4.1.2.5", by(byOpenSSL, byPython, byCryptography), "have it issued again by another program",
		(*lint).timeEncoding},
	{"unique_identifiers", Warning, "RFC 5280, section 4.1.2.8", nil, "have it issued again without them",
		func(l *lint) string {
			return when(l.issuerID != nil || l.subjectID != nil, "unique identifiers of issuer or subject; nobody uses them")
		}},
	{"key_weak", Error, "NIST SP 800-131A, section 3", by(byApple, byBrowsers), "make a new key, and have its certificate issued",
		func(l *lint) string {
			facts := l.publicKey.look()
			if _, weak := facts.refusal(); !weak && facts.key == nil {
				return ""
			}
			return keyProblem(facts)
		}},
	{"key_unusable", Error, "RFC 8446, section 4.2.3", by(byGo), "make a new key of another kind, and have its certificate issued",
		func(l *lint) string {
			facts := l.publicKey.look()
			if _, weak := facts.refusal(); weak || facts.key != nil {
				return ""
			}
			return keyProblem(facts)
		}},
	{"key_odd", Notice, "RFC 8017, section 3.1", nil, "make a new key in the usual way",
		func(l *lint) string {
			for _, problem := range l.publicKey.Problems() {
				if !problem.Refused {
					return problem.Text
				}
			}
			return ""
		}},
	{"key_curve_explicit", Error, "RFC 5480, section 2.1.1", by(byGo, byOpenSSL, byPython), "make a new key that names its curve, and have its certificate issued",
		func(l *lint) string {
			algorithm := l.publicKey.Algorithm()
			explicit := len(algorithm.Parameters) > 0 && algorithm.Parameters[0] == byte(asn1.SEQUENCE)
			return when(algorithm.ID == oidEC && explicit, "the curve of its key is written out, not named")
		}},
}

const maxTime = 1<<63 - 1

// publicBound is the longest life of a public server's certificate that begins
// then: it shrinks (CA/Browser Forum ballot SC-081).
func publicBound(begin time.Time) time.Duration {
	switch {
	case begin.Before(time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)):
		return 398 * day
	case begin.Before(time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC)):
		return 200 * day
	case begin.Before(time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC)):
		return 100 * day
	}
	return 47 * day
}

// longerThan finds servers' certificates whose life is within the bounds, the
// last second included (RFC 5280, section 4.1.2.5).
func (l *lint) longerThan(least, most time.Duration) string {
	life := l.notAfter.Sub(l.notBefore) + time.Second
	if !l.servesTLS() || life <= least || life > most {
		return ""
	}
	return fmt.Sprintf("a server's certificate for %d days; %d are the most", (life+day-1)/day, least/day)
}

// timeEncoding looks at how both dates are written: the seconds are there, the
// zone is Z, and a year before 2050 has two digits.
func (l *lint) timeEncoding() string {
	d := newDER(l.tbs)
	tbs := d.sequence("certificate's contents")
	if tbs.has(constructed(0)) {
		tbs.element("version")
	}
	for range 3 {
		tbs.element("field")
	}
	validity := tbs.sequence("validity")
	for validity.more() {
		_, tag, text := validity.element("date")
		digits := 4
		if tag == asn1.UTCTime {
			digits = 2
		}
		t, ok := parseDigits(text.String, digits)
		switch {
		case !ok:
			return fmt.Sprintf("the date %q; seconds and Z are wanted", text.String)
		case tag == asn1.GeneralizedTime && t.Year() < 2050:
			return fmt.Sprintf("the date %q; before 2050 a year has two digits", text.String)
		}
	}
	return ""
}
