package verify

import (
	"encoding/hex"
	"slices"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/revocation"
)

// report explains the answer to a search: found is the path that keeps every
// rule, or nil. Where there is none, the path that breaks the fewest tells why.
func (s *search) report(found []*node) *Report {
	report := &Report{}
	var all []attempt
	if s.exhausted == "" {
		all = s.attempts()
	}
	chosen := lightest(all)
	if found != nil && (chosen == nil || len(chosen.faults) > 0) {
		all = append(all, attempt{path: found, anchored: true}) // more was tried than is told
		chosen = &all[len(all)-1]
	}
	link := Check{Name: "chain", Verdict: OK}
	if chosen == nil {
		var a attempt
		a.path, link = s.dangle()
		for depth, m := range a.path {
			a.faults = append(a.faults, s.faults(a.path[:depth], m, maxFaults)...)
		}
		at := slices.IndexFunc(all, func(other attempt) bool { return slices.Equal(other.path, a.path) })
		if at < 0 {
			at, all = len(all), append(all, a)
		}
		chosen = &all[at]
	}
	report.Checks = s.rows(*chosen, link)
	for i := range all {
		report.Candidates = append(report.Candidates, s.candidate(all[i], &all[i] == chosen))
	}
	if link.Code == ChainIncomplete && s.opts.Purpose == ServerAuth && s.opts.File == "" {
		report.Note = "Browsers remember or fetch a missing intermediate, so it works there; curl, Python and Go do not."
	}
	report.conclude()
	return report
}

// rows are the checks of the chosen path, for a person: of each kind the worst.
func (s *search) rows(a attempt, link Check) []Check {
	certs := certificates(a.path)
	if a.anchored {
		link.Text = describe(a.path)
	}
	rows := map[string]Check{
		"chain":   link,
		"dates":   {Name: "dates", Text: remaining(certs, s.opts.Now), Verdict: OK},
		"purpose": {Name: "purpose", Text: s.opts.Purpose.suits(), Verdict: OK},
	}
	for _, f := range a.faults {
		check := s.check(f, a.path)
		if check.Name == "chain" && !a.anchored {
			continue // that it leads nowhere says more
		}
		if have, other := rows[check.Name]; !other || have.Verdict == OK || rankOf(check.Code) < rankOf(have.Code) {
			rows[check.Name] = check
		}
	}
	revoked, found := rows["revoked"]
	switch {
	case found:
	case rows["chain"].Verdict != OK:
		revoked = Check{Name: "revoked", Text: "needs the issuer first", Verdict: NotChecked}
	default:
		revoked = s.unrevoked(a.path[0])
	}
	if answer, asked := s.answers[a.path[min(revoked.Depth, len(a.path)-1)]]; asked {
		revoked.Evidence = evidenceOf(answer)
	}
	name := s.checkName()
	if broken, found := rows["name"]; found && name.Verdict == OK {
		name = broken
	}
	return []Check{name, rows["chain"], rows["dates"], rows["purpose"], revoked}
}

// candidate is an attempt with every check of each certificate.
func (s *search) candidate(a attempt, chosen bool) Candidate {
	c := Candidate{Anchored: a.anchored, Chosen: chosen}
	for depth, m := range a.path {
		v := s.visit(a.path[:depth], m)
		fingerprint := m.cert.Fingerprint()
		certificate := Certificate{
			Role:      v.role.String(),
			Subject:   m.title(),
			Issuer:    m.cert.IssuerTitle(),
			Serial:    m.cert.Serial(),
			SHA256:    hex.EncodeToString(fingerprint[:]),
			NotBefore: m.cert.NotBefore().UTC(),
			NotAfter:  m.cert.NotAfter().UTC(),
			Checks:    s.checks(&v, a),
		}
		if answer, asked := s.answers[m]; asked {
			certificate.Evidence = evidenceOf(answer)
		}
		c.Certificates = append(c.Certificates, certificate)
	}
	return c
}

// checks are all those of one certificate on a path: what stopped, then what was
// kept.
func (s *search) checks(v *visit, a attempt) []Check {
	depth := len(v.below)
	type row struct{ code, section string }
	seen := map[row]bool{}
	var all []Check
	for _, f := range a.faults {
		if f.depth == depth && !seen[row{string(f.code), f.section}] {
			seen[row{string(f.code), f.section}] = true
			all = append(all, s.check(f, a.path))
		}
	}
	keep := func(code fault.Code, section string) {
		if !seen[row{string(code), section}] {
			seen[row{string(code), section}] = true
			check := Check{Name: nameOf(code), Verdict: OK, Code: code, Depth: depth, Rule: section}
			check.Have, check.Want = values(code, v)
			all = append(all, check)
		}
	}
	if depth == 0 {
		all = append(all, s.checkName())
	}
	if depth < len(a.path)-1 {
		keep(SignatureInvalid, rfc+"6.1.3 (a)(1)")
	}
	for _, r := range rules {
		if v.under(r.roles, r.profiles) {
			keep(r.code, r.section)
		}
	}
	for _, r := range extensionRules {
		have, want := r.values(v)
		if v.under(r.roles, r.profiles) && !slices.ContainsFunc(all, func(c Check) bool { return c.Rule == r.section && c.Have == have }) {
			all = append(all, Check{Name: "chain", Verdict: OK, Code: r.code(), Depth: depth, Rule: r.section, Have: have, Want: want})
		}
	}
	broken := func(c Check) bool {
		return c.Verdict == Stop && (c.Rule == rfc+"4.2.1.10" || c.Rule == rfc+"6.1.3 (b)" || c.Rule == rfc+"6.1.3 (c)")
	}
	if v.constraints != nil && v.role != leaf && !slices.ContainsFunc(all, broken) {
		keep(NameNotPermitted, rfc+"4.2.1.10")
	}
	if v.source != nil && len(v.source.limits) > 0 {
		keep(AnchorLimited, limitSection)
	}
	return all
}

// evidenceOf is an answer about revocation, for a report.
func evidenceOf(answer revocation.Answer) *Evidence {
	e := &Evidence{Status: answer.Status.String(), Kind: answer.Kind, Source: answer.URL, ThisUpdate: answer.ThisUpdate, NextUpdate: answer.NextUpdate, Ignored: answer.Missing}
	if answer.Kind != "" && answer.URL == "" {
		e.Source = "given"
	}
	if answer.Signer != nil {
		e.Signer = answer.Signer.Title()
	}
	if answer.Status == revocation.Revoked {
		e.Reason, e.Since = answer.Reason.String(), answer.Since
	}
	return e
}
