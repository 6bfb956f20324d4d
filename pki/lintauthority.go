package pki

import (
	"fmt"
	"slices"
)

// authorityRules are about certificates that sign others, and about how those
// that they sign point to them.
var authorityRules = []lintRule{
	{"authority_key_id_missing", Error, "RFC 5280, section 4.2.1.1", by(byPython, byCryptography), "have it issued again with the authority key identifier",
		func(l *lint) string {
			id, err := l.AuthorityKeyID()
			return when(l.version == 3 && err == nil && (id == nil || id.KeyID == nil) && !l.SelfIssued(), "no identifier of the issuer's key")
		}},
	{"subject_key_id_missing", Error, "RFC 5280, section 4.2.1.2", by(byPython), "have it issued again with the subject key identifier",
		func(l *lint) string {
			return when(l.isAuthority() && !l.has(OIDSubjectKeyID), "an authority without an identifier of its key")
		}},
	{"leaf_key_id_missing", Notice, "RFC 5280, section 4.2.1.2", nil, "have it issued again with the subject key identifier",
		func(l *lint) string {
			return when(l.isLeaf() && !l.has(OIDSubjectKeyID), "no identifier of its key")
		}},
	{"basic_constraints_not_critical", Error, "RFC 5280, section 4.2.1.9", by(byPython, byCryptography), "have it issued again with critical basic constraints",
		func(l *lint) string {
			e := l.extension(OIDBasicConstraints)
			return when(l.isAuthority() && !e.Critical, "an authority's basic constraints that are not critical")
		}},
	{"signs_without_authority", Error, "RFC 5280, section 4.2.1.3", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again as an authority, or without this use of its key",
		func(l *lint) string {
			unreadable := l.constraints == nil && l.has(OIDBasicConstraints)
			return when(l.version == 3 && !unreadable && !l.isAuthority() && l.usage != nil && *l.usage&KeyCertSign != 0, "its key may sign certificates, but it is no authority")
		}},
	{"authority_without_signing", Error, "RFC 5280, section 4.2.1.3", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again with the key usages Certificate Sign and CRL Sign",
		func(l *lint) string {
			return when(l.isAuthority() && l.usage != nil && *l.usage&KeyCertSign == 0, "an authority whose key may not sign certificates")
		}},
	{"authority_without_key_usage", Error, "RFC 5280, section 4.2.1.3", by(byPython, byCryptography), "have it issued again with the key usages Certificate Sign and CRL Sign",
		func(l *lint) string {
			return when(l.isAuthority() && !l.has(OIDKeyUsage), "an authority that does not say what its key may be used for")
		}},
	{"path_length_without_authority", Error, "RFC 5280, section 4.2.1.9", by(byPython), "have it issued again without a path length",
		func(l *lint) string {
			return when(l.constraints != nil && !l.constraints.CA && l.constraints.PathLen >= 0, "a path length where there is no authority")
		}},
	{"path_length_huge", Notice, "RFC 5280, section 4.2.1.9", nil, "leave out the path length, if there is to be no limit",
		func(l *lint) string {
			if !l.isAuthority() || l.constraints.PathLen <= 32 {
				return ""
			}
			return fmt.Sprintf("a path length of %d; no client builds such a path", l.constraints.PathLen)
		}},
	{"name_constraints_on_leaf", Error, "RFC 5280, section 4.2.1.10", by(byCryptography), "have it issued again without name constraints",
		func(l *lint) string {
			return when(l.isLeaf() && l.has(OIDNameConstraints), "name constraints where there is no authority")
		}},
	{"name_constraints_empty", Error, "RFC 5280, section 4.2.1.10", by(byGo, byCryptography), "name what is permitted or excluded",
		func(l *lint) string {
			constraints, _ := l.NameConstraints()
			return when(constraints != nil && len(constraints.Permitted)+len(constraints.Excluded) == 0, "name constraints that neither permit nor exclude a name")
		}},
	{"name_constraints_bounds", Error, "RFC 5280, section 4.2.1.10", by(byOpenSSL, byPython), "have it issued again without a minimum and a maximum",
		func(l *lint) string {
			constraints, _ := l.NameConstraints()
			if constraints == nil {
				return ""
			}
			bounded := slices.ContainsFunc(slices.Concat(constraints.Permitted, constraints.Excluded), func(tree Subtree) bool { return tree.Minimum != 0 || tree.Maximum >= 0 })
			return when(bounded, "a name constraint with a minimum or a maximum; nobody reads them")
		}},
	{"name_constraints_open", Notice, "RFC 5280, section 4.2.1.10", nil, "name every form: exclude IP:0.0.0.0/0 and IP:::/0, for one",
		(*lint).openConstraints},
}

// openConstraints finds an authority that may sign for some hosts alone, but for
// any address, or the reverse: a form that is not mentioned is free.
func (l *lint) openConstraints() string {
	constraints, _ := l.NameConstraints()
	if constraints == nil || !l.isAuthority() {
		return ""
	}
	mentioned := map[NameKind]bool{}
	for _, tree := range slices.Concat(constraints.Permitted, constraints.Excluded) {
		mentioned[tree.Base.Kind] = true
	}
	permitted := func(kind NameKind) bool {
		return slices.ContainsFunc(constraints.Permitted, func(tree Subtree) bool { return tree.Base.Kind == kind })
	}
	switch {
	case permitted(DNSName) && !mentioned[IPName]:
		return "it may sign for some DNS names alone, but for any IP address"
	case permitted(IPName) && !mentioned[DNSName]:
		return "it may sign for some IP addresses alone, but for any DNS name"
	}
	return ""
}
