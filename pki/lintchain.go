package pki

import (
	"bytes"
	"fmt"
	"slices"
)

// chainRules are about a chain as it is sent, the leaf first (RFC 8446, section
// 4.4.2): find looks at the certificate at a place. What it says by signatures is
// not said of a chain that has too many of them to check.
var chainRules = []struct {
	lintRule
	signatures bool
	find       func(chain *lintedChain, at int) string
}{
	{lintRule{code: "chain_twice", severity: Warning, rule: "RFC 8446, section 4.4.2", hint: "send it once"}, false,
		func(chain *lintedChain, at int) string {
			return when(slices.ContainsFunc(chain.certs[:at], chain.certs[at].Equal), "it is in the chain already")
		}},
	{lintRule{code: "chain_order", severity: Error, rule: "RFC 8446, section 4.4.2; RFC 5246, section 7.4.2", hint: "sort the file: the leaf first, then each one's issuer"}, true,
		func(chain *lintedChain, at int) string {
			if at+1 == len(chain.certs) || chain.issued(at+1, at) || slices.ContainsFunc(chain.certs[:at+1], chain.certs[at+1].Equal) {
				return ""
			}
			for place := range chain.certs {
				if place != at && chain.issued(place, at) {
					return fmt.Sprintf("its issuer %s stands at place %d; %d is wanted", chain.certs[at].IssuerTitle(), place+1, at+2)
				}
			}
			return ""
		}},
	{lintRule{code: "chain_stranger", severity: Warning, rule: "RFC 8446, section 4.4.2", hint: "leave it out: it makes each handshake longer"}, false,
		func(chain *lintedChain, at int) string {
			known := slices.ContainsFunc(chain.certs[:at], chain.certs[at].Equal)
			return when(at > 0 && !known && !chain.namesIssuer(at), "it issued none of the chain")
		}},
	{lintRule{code: "chain_issuer_differs", severity: Error, rule: "RFC 5280, section 6.1.3", refusedBy: by(byGo, byOpenSSL, byPython, byCryptography), hint: "send the issuer's certificate that has the key which signed: it was perhaps renewed"}, true,
		func(chain *lintedChain, at int) string {
			if at == 0 || !chain.namesIssuer(at) {
				return ""
			}
			for below := range chain.certs {
				if chain.issued(at, below) {
					return ""
				}
			}
			return "it has the name of an issuer, but another key than the one that signed"
		}},
	{lintRule{code: "chain_key_id_differs", severity: Error, rule: "RFC 5280, section 4.2.1.1", refusedBy: by(byOpenSSL, byPython), hint: "have the certificate below issued again: its authority key identifier is not its issuer's"}, true,
		func(chain *lintedChain, at int) string {
			own, err := chain.certs[at].SubjectKeyID()
			if err != nil || own == nil {
				return ""
			}
			for place, below := range chain.certs {
				id, err := below.AuthorityKeyID()
				if err == nil && id != nil && id.KeyID != nil && !bytes.Equal(id.KeyID, own) && chain.issued(at, place) {
					return below.Title() + " names another key of its issuer"
				}
			}
			return ""
		}},
	{lintRule{code: "chain_root_sent", severity: Notice, rule: "RFC 8446, section 4.4.2", hint: "leave the root out: who trusts it has it"}, true,
		func(chain *lintedChain, at int) string {
			return when(at > 0 && chain.issued(at, at) && !chain.certs[at].Equal(chain.certs[0]), "a root, which need not be sent")
		}},
	{lintRule{code: "chain_ends_first", severity: Warning, rule: "RFC 5280, section 6.1.3", hint: "renew the authority before then, and the leaf below it"}, false,
		func(chain *lintedChain, at int) string {
			return when(at > 0 && chain.certs[at].notAfter.Before(chain.certs[0].notAfter),
				fmt.Sprintf("it ends at %s, before the leaf does at %s", instant(chain.certs[at].notAfter), instant(chain.certs[0].notAfter)))
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

// lintedChain is a chain whose signatures are checked once each, and not all of
// them where they are many: whoever sends it chooses their number and cost.
type lintedChain struct {
	certs  []*Certificate
	signed map[[2]int]bool // by the places of issuer and certificate
	spent  bool            // there were more signatures to check than are
}

// issued reports whether the key of one certificate signed another, under its name.
func (c *lintedChain) issued(issuer, cert int) bool {
	if !c.certs[cert].issuer.Equal(c.certs[issuer].subject) {
		return false
	}
	pair := [2]int{issuer, cert}
	signed, known := c.signed[pair]
	switch {
	case known:
	case len(c.signed) == maxChain:
		c.spent = true
	default:
		signed = c.certs[cert].CheckSignatureBy(c.certs[issuer].publicKey) == nil
		c.signed[pair] = signed
	}
	return signed
}

// namesIssuer reports whether the certificate at a place has the name of
// another's issuer.
func (c *lintedChain) namesIssuer(at int) bool {
	return slices.ContainsFunc(c.certs, func(other *Certificate) bool {
		return !other.Equal(c.certs[at]) && other.issuer.Equal(c.certs[at].subject)
	})
}

// LintChain looks at a chain as it is sent, leaf first, and at each certificate
// of it. How they stand to one another it looks at among the first 16, and at who
// signed whom in chains that need no more than 16 signatures checked.
func LintChain(chain []*Certificate, options LintOptions) []Finding {
	near := &lintedChain{certs: chain[:min(len(chain), maxChain)], signed: map[[2]int]bool{}}
	var findings, bySignatures []Finding
	for at, cert := range chain {
		for _, finding := range Lint(cert, options) {
			finding.At = at
			findings = append(findings, finding)
		}
		if at >= len(near.certs) {
			continue
		}
		for _, r := range chainRules {
			switch found := r.find(near, at); {
			case found == "":
			case r.signatures:
				bySignatures = append(bySignatures, r.finding(found, at))
			default:
				findings = append(findings, r.finding(found, at))
			}
		}
	}
	if !near.spent {
		findings = append(findings, bySignatures...)
	}
	slices.SortStableFunc(findings, func(a, b Finding) int { return a.At - b.At })
	return append(findings, LintKeys(chain)...)
}

// maxChain is how many certificates are held against one another, and how many
// signatures are checked for that.
const maxChain = 16
