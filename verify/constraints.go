package verify

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// constrain holds every name of the certificates below against the name
// constraints of their issuer (RFC 5280, sections 4.2.1.10 and 6.1.3 (b), (c)).
func (s *search) constrain(v *visit) (fault.Code, string) {
	if text := brokenConstraints(v); text != "" {
		return NameConstraintMalformed, text
	}
	for depth, m := range v.below {
		if depth > 0 && m.selfIssued() {
			continue
		}
		for _, name := range constrainedNames(m.cert, m.names) {
			allowed, text := s.allows(v.constraints, name)
			if s.exhausted != "" {
				return BudgetExceeded, fmt.Sprintf("%s has more name constraints, and the certificates below it more names, than are compared", v.title())
			}
			if !allowed {
				return whyNot(name), fmt.Sprintf("%s may not sign for %s, which %s has: %s", v.title(), clip(name.String()), m.title(), text)
			}
		}
	}
	return "", ""
}

// whyNot is the code for a name that is not allowed: what cannot be compared with
// any constraint is refused as well, but for itself.
func whyNot(name pki.GeneralName) fault.Code {
	switch name.Kind {
	case pki.DNSName:
		if !pki.IsHostname(strings.TrimPrefix(string(name.Raw), "*.")) {
			return NameMalformed
		}
	case pki.EmailName:
		if _, _, ok := splitMail(string(name.Raw)); !ok {
			return NameMalformed
		}
	case pki.OtherName, pki.X400Name, pki.EDIPartyName, pki.RegisteredID:
		return NameConstraintUnknown
	}
	return NameNotPermitted
}

// constrainedNames are the names of a certificate that constraints are about:
// its alternative names, its subject, and the e-mail addresses in that where
// there are none among the alternative names.
func constrainedNames(cert *pki.Certificate, names []pki.GeneralName) []pki.GeneralName {
	all := names[:len(names):len(names)]
	mail := false
	for _, name := range names {
		mail = mail || name.Kind == pki.EmailName
	}
	if subject := cert.Subject(); !subject.IsEmpty() {
		all = append(all, pki.GeneralName{Kind: pki.DirectoryName, Raw: subject.DER()})
		if !mail {
			for _, address := range subject.Get(pki.OIDEmailAddress) {
				all = append(all, pki.GeneralName{Kind: pki.EmailName, Raw: []byte(address)})
			}
		}
	}
	return all
}

// allows reports whether a name is within one of the permitted subtrees of its
// form, if there are any, and within no excluded one.
func (s *search) allows(constraints *pki.NameConstraints, name pki.GeneralName) (allowed bool, why string) {
	for _, tree := range constraints.Excluded {
		if tree.Base.Kind == name.Kind && s.within(name, tree.Base, true) {
			return false, clip(tree.Base.String()) + " is excluded"
		}
	}
	permitted, asked := false, false
	for _, tree := range constraints.Permitted {
		if tree.Base.Kind == name.Kind {
			asked = true
			permitted = permitted || s.within(name, tree.Base, false)
		}
	}
	if asked && !permitted {
		return false, "it is not among those permitted"
	}
	return true, ""
}

// within reports whether a name lies in a subtree. What cannot be compared lies
// in those that are excluded, and in none that is permitted.
func (s *search) within(name, base pki.GeneralName, excluded bool) bool {
	if s.compared++; s.compared > maxNames {
		s.exhausted = "names"
		return excluded
	}
	text, tree := strings.ToLower(string(name.Raw)), strings.ToLower(string(base.Raw))
	switch name.Kind {
	case pki.DNSName:
		return withinHost(text, tree, excluded)
	case pki.IPName:
		return withinAddress(name.Raw, base.Raw)
	case pki.EmailName:
		return withinMail(string(name.Raw), string(base.Raw), excluded)
	case pki.URIName:
		return withinURI(text, tree, excluded)
	case pki.DirectoryName:
		return withinDirectory(name, base)
	}
	return excluded
}

// withinHost: a name lies in a tree that it equals, or that follows a dot in it.
// Of a wildcard's names all must lie in a permitted tree, and one in an excluded.
func withinHost(name, tree string, excluded bool) bool {
	if tree == "" {
		return true
	}
	rest, wildcard := strings.CutPrefix(name, "*.")
	if !pki.IsHostname(rest) {
		return excluded
	}
	if wildcard && excluded && strings.HasSuffix(tree, "."+rest) && !strings.Contains(strings.TrimSuffix(tree, "."+rest), ".") {
		return true
	}
	if wildcard && rest == tree {
		return true
	}
	return name == tree || strings.HasSuffix(name, "."+tree)
}

// withinAddress: an address of the same family lies in a network.
func withinAddress(address, network []byte) bool {
	if len(network) != 2*len(address) {
		return false
	}
	base, mask := network[:len(address)], network[len(address):]
	for i := range address {
		if address[i]&mask[i] != base[i]&mask[i] {
			return false
		}
	}
	return true
}

// withinMail: the tree is one mailbox, all of one host, or, with a dot in front,
// all of the hosts below it.
func withinMail(name, tree string, excluded bool) bool {
	local, host, ok := splitMail(name)
	if !ok {
		return excluded
	}
	host = strings.ToLower(host)
	if treeLocal, treeHost, mailbox := splitMail(tree); mailbox {
		return local == treeLocal && host == strings.ToLower(treeHost)
	}
	tree = strings.ToLower(tree)
	if strings.HasPrefix(tree, ".") {
		return strings.HasSuffix(host, tree)
	}
	return tree == "" || host == tree
}

func splitMail(address string) (local, host string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at <= 0 || strings.IndexByte(address, '@') != at || !pki.IsHostname(address[at+1:]) {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

// withinURI: the tree is about the URI's host, and only about names of hosts
// (RFC 5280, section 4.2.1.10).
func withinURI(uri, tree string, excluded bool) bool {
	_, rest, ok := strings.Cut(uri, "://")
	authority, _, _ := strings.Cut(strings.NewReplacer("?", "/", "#", "/").Replace(rest), "/")
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	host, _, _ := strings.Cut(authority, ":")
	switch {
	case tree == "":
		return true
	case !ok || !pki.IsHostname(host):
		return excluded
	case strings.HasPrefix(tree, "."):
		return strings.HasSuffix(host, tree)
	}
	return host == tree
}

// withinDirectory: the tree's relative names are the first of the name's.
func withinDirectory(name, base pki.GeneralName) bool {
	have, _ := name.Directory()
	want, _ := base.Directory()
	return bytes.HasPrefix(relativeNames(have), relativeNames(want))
}

// relativeNames is the contents of a name, in the form in which names are
// compared.
func relativeNames(name pki.Name) []byte {
	content := name.DER()
	switch {
	case content[1] < 0x80:
		return content[2:]
	default:
		return content[2+int(content[1]&0x7f):]
	}
}

// brokenConstraints says what RFC 5280 does not allow in name constraints.
func brokenConstraints(v *visit) string {
	constraints := v.constraints
	if len(constraints.Permitted)+len(constraints.Excluded) == 0 {
		return fmt.Sprintf("the name constraints of %s are empty", v.title())
	}
	for _, list := range [][]pki.Subtree{constraints.Permitted, constraints.Excluded} {
		for _, tree := range list {
			if tree.Minimum != 0 || tree.Maximum != -1 {
				return fmt.Sprintf("a name constraint of %s has bounds, which have no meaning", v.title())
			}
			if !isBase(tree.Base) {
				return fmt.Sprintf("%s, a name constraint of %s, is not valid", clip(tree.Base.String()), v.title())
			}
		}
	}
	return ""
}

// isBase reports whether a name can be the base of a subtree.
func isBase(base pki.GeneralName) bool {
	text := string(base.Raw)
	switch base.Kind {
	case pki.DNSName:
		return text == "" || pki.IsHostname(text)
	case pki.URIName:
		return text == "" || pki.IsHostname(strings.TrimPrefix(text, "."))
	case pki.EmailName:
		_, _, mailbox := splitMail(text)
		return text == "" || mailbox || pki.IsHostname(strings.TrimPrefix(text, "."))
	case pki.IPName:
		return isMask(base.Raw[len(base.Raw)/2:])
	}
	return true
}

// isMask reports whether a mask is ones, then zeros (RFC 4632, section 3.1).
func isMask(mask []byte) bool {
	ended := false
	for _, octet := range mask {
		for bit := 7; bit >= 0; bit-- {
			set := octet>>bit&1 == 1
			if set && ended {
				return false
			}
			ended = ended || !set
		}
	}
	return true
}
