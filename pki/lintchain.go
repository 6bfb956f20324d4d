package pki

import (
	"bytes"
	"fmt"
	"slices"
)

// chainRules are about a chain as it is sent, the leaf first (RFC 8446, section
// 4.4.2): find looks at the certificate at a place.
var chainRules = []struct {
	lintRule
	find func(chain []*Certificate, at int) string
}{
	{lintRule{code: "chain_twice", severity: Warning, rule: "RFC 8446, section 4.4.2", hint: "send it once"},
		func(chain []*Certificate, at int) string {
			return when(slices.ContainsFunc(chain[:at], chain[at].Equal), "it is in the chain already")
		}},
	{lintRule{code: "chain_order", severity: Error, rule: "RFC 8446, section 4.4.2; RFC 5246, section 7.4.2", hint: "sort the file: the leaf first, then each one's issuer"},
		func(chain []*Certificate, at int) string {
			if at+1 == len(chain) || issued(chain[at+1], chain[at]) || slices.ContainsFunc(chain[:at+1], chain[at+1].Equal) {
				return ""
			}
			for place, other := range chain {
				if place != at && issued(other, chain[at]) {
					return fmt.Sprintf("its issuer %s stands at place %d; %d is wanted", chain[at].IssuerTitle(), place+1, at+2)
				}
			}
			return ""
		}},
	{lintRule{code: "chain_stranger", severity: Warning, rule: "RFC 8446, section 4.4.2", hint: "leave it out: it makes each handshake longer"},
		func(chain []*Certificate, at int) string {
			known := slices.ContainsFunc(chain[:at], chain[at].Equal)
			return when(at > 0 && !known && !namesIssuer(chain, at), "it issued none of the chain")
		}},
	{lintRule{code: "chain_issuer_differs", severity: Error, rule: "RFC 5280, section 6.1.3", refusedBy: by(byGo, byOpenSSL, byPython, byCryptography), hint: "send the issuer's certificate that has the key which signed: it was perhaps renewed"},
		func(chain []*Certificate, at int) string {
			if at == 0 || !namesIssuer(chain, at) {
				return ""
			}
			return when(!slices.ContainsFunc(chain, func(other *Certificate) bool { return issued(chain[at], other) }),
				"it has the name of an issuer, but another key than the one that signed")
		}},
	{lintRule{code: "chain_key_id_differs", severity: Error, rule: "RFC 5280, section 4.2.1.1", refusedBy: by(byOpenSSL, byPython), hint: "have the certificate below issued again: its authority key identifier is not its issuer's"},
		func(chain []*Certificate, at int) string {
			own, err := chain[at].SubjectKeyID()
			if err != nil || own == nil {
				return ""
			}
			for _, below := range chain {
				id, err := below.AuthorityKeyID()
				if err == nil && id != nil && id.KeyID != nil && !bytes.Equal(id.KeyID, own) && issued(chain[at], below) {
					return below.Title() + " names another key of its issuer"
				}
			}
			return ""
		}},
	{lintRule{code: "chain_root_sent", severity: Notice, rule: "RFC 8446, section 4.4.2", hint: "leave the root out: who trusts it has it"},
		func(chain []*Certificate, at int) string {
			return when(at > 0 && chain[at].signedItself() && !chain[at].Equal(chain[0]), "a root, which need not be sent")
		}},
	{lintRule{code: "chain_ends_first", severity: Warning, rule: "RFC 5280, section 6.1.3", hint: "renew the authority before then, and the leaf below it"},
		func(chain []*Certificate, at int) string {
			return when(at > 0 && chain[at].notAfter.Before(chain[0].notAfter),
				fmt.Sprintf("it ends at %s, before the leaf does at %s", instant(chain[at].notAfter), instant(chain[0].notAfter)))
		}},
}

// keyRules are about keys that several certificates have, of which one is another's
// first: what is found has both.
var keyRules = []struct {
	lintRule
	find func(first, other *Certificate) bool
}{
	{lintRule{code: "chain_key_shared", severity: Error, rule: "NIST SP 800-57 part 1, section 5.2", hint: "make a key for each certificate"},
		func(first, other *Certificate) bool { return !first.sameHolder(other) }},
	{lintRule{code: "key_kept", severity: Notice, rule: "NIST SP 800-57 part 1, section 5.3", hint: "make a new key when the certificate is renewed: whoever has the old one has this"},
		func(first, other *Certificate) bool {
			return first.sameHolder(other) && first.issuer.Equal(other.issuer)
		}},
}

// sameHolder reports whether both certificates are for the same one: by the subject,
// or where that is empty by the names.
func (c *Certificate) sameHolder(other *Certificate) bool {
	names := func(c *Certificate) (value []byte) {
		if at := slices.IndexFunc(c.list, func(e Extension) bool { return e.ID == OIDSubjectAltName }); at >= 0 && c.subject.IsEmpty() {
			value = c.list[at].Value
		}
		return value
	}
	return c.subject.Equal(other.subject) && bytes.Equal(names(c), names(other))
}

// LintKeys finds keys that several of the certificates have, wherever these come
// from: of each the first, and which other has its key. Copies of a certificate,
// and those of one holder by several issuers, may share theirs.
func LintKeys(certs []*Certificate) []Finding {
	type holder struct {
		*Certificate
		title string
	}
	var findings []Finding
	first := map[string]holder{} // by the key
	for at, cert := range certs {
		key := string(cert.PublicKey().Raw())
		before, known := first[key]
		if !known {
			first[key] = holder{cert, fmt.Sprintf("%s, serial number %s", cert.Title(), cert.Serial())}
			continue
		}
		for _, r := range keyRules {
			if !before.Equal(cert) && r.find(before.Certificate, cert) {
				findings = append(findings, r.finding("it has the key of "+before.title, at))
			}
		}
	}
	return findings
}

// issued reports whether issuer's key signed the certificate, under its name.
func issued(issuer, cert *Certificate) bool {
	return cert.issuer.Equal(issuer.subject) && cert.CheckSignatureBy(issuer.publicKey) == nil
}

// namesIssuer reports whether the certificate at a place has the name of
// another's issuer.
func namesIssuer(chain []*Certificate, at int) bool {
	return slices.ContainsFunc(chain, func(other *Certificate) bool {
		return !other.Equal(chain[at]) && other.issuer.Equal(chain[at].subject)
	})
}

// LintChain looks at a chain as it is sent, leaf first, and at each certificate
// of it. How they stand to one another it looks at among the first 16.
func LintChain(chain []*Certificate, options LintOptions) []Finding {
	var findings []Finding
	near := chain[:min(len(chain), maxChain)]
	for at, cert := range chain {
		for _, finding := range Lint(cert, options) {
			finding.At = at
			findings = append(findings, finding)
		}
		if at >= len(near) {
			continue
		}
		for _, r := range chainRules {
			if found := r.find(near, at); found != "" {
				findings = append(findings, r.finding(found, at))
			}
		}
	}
	return append(findings, LintKeys(chain)...)
}

// maxChain bounds the signatures that are checked: each certificate is held
// against each.
const maxChain = 16
