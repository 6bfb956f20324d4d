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
	if text := brokenConstraints(v.constraints, "of "+v.title()); text != "" {
		return ExtensionMalformed, text
	}
	name, m, why := s.forbidden(v.constraints, v.below)
	switch {
	case s.exhausted != "":
		return BudgetExceeded, fmt.Sprintf("%s has more name constraints, and the certificates below it more names, than are compared", v.title())
	case m != nil:
		return NameNotPermitted, fmt.Sprintf("%s may not sign for %s, which %s has: %s", v.title(), clip(name.String()), m.title(), why)
	}
	return "", ""
}

// forbidden returns a name on the path, leaf first, that the constraints do not
// allow, who has it, and why; nil if there is none. Whoever is self-issued, but
// for the leaf, is free.
func (s *search) forbidden(constraints *pki.NameConstraints, path []*node) (pki.GeneralName, *node, string) {
	for depth, m := range path {
		if depth > 0 && m.selfIssued() {
			continue
		}
		for _, name := range constrainedNames(m.cert, m.names) {
			if allowed, why := s.allows(constraints, name); !allowed {
				return name, m, why
			}
		}
	}
	return pki.GeneralName{}, nil, ""
}

// constrainedNames are the names of a certificate that constraints are about:
// its alternative names, its subject, and the e-mail addresses in that where
// there are none among the alternative names.
func constrainedNames(cert *pki.Certificate, names []pki.GeneralName) []pki.GeneralName {
	all := names[:len(names):len(names)]
	mail := false
	for _, name := range names {
		mail = mail || name.Kind == pki.EmailName
		if mailbox, ok := name.UTF8Mailbox(); ok { // RFC 9598, section 6
			all = append(all, pki.GeneralName{Kind: pki.EmailName, Raw: []byte(mailbox)})
		}
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
	if s.compared += 1 + (len(name.Raw)+len(base.Raw))/64; s.compared > maxNames {
		s.exhausted = "names"
		return excluded
	}
	switch name.Kind {
	case pki.DNSName:
		return withinHost(lower(name), lower(base), excluded)
	case pki.IPName:
		return withinAddress(name.Raw, base.Raw)
	case pki.EmailName:
		return withinMail(string(name.Raw), string(base.Raw), excluded)
	case pki.URIName:
		return withinURI(lower(name), lower(base), excluded)
	case pki.DirectoryName:
		return bytes.HasPrefix(s.folded(name), s.folded(base)) // the tree's relative names are the name's first
	}
	return excluded
}

func lower(name pki.GeneralName) string { return strings.ToLower(string(name.Raw)) }

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

// folded is a directory name in the form in which names are compared (RFC 5280,
// section 7.1), which takes long to make.
func (s *search) folded(name pki.GeneralName) []byte {
	form, known := s.forms[string(name.Raw)]
	if !known {
		if s.forms == nil {
			s.forms = map[string][]byte{}
		}
		directory, _ := name.Directory()
		form = directory.Canonical()
		s.forms[string(name.Raw)] = form
	}
	return form
}

// brokenConstraints says what RFC 5280 does not allow in name constraints, whose
// owner it is told.
func brokenConstraints(constraints *pki.NameConstraints, ofWhom string) string {
	if len(constraints.Permitted)+len(constraints.Excluded) == 0 {
		return fmt.Sprintf("the name constraints %s are empty", ofWhom)
	}
	for _, list := range [][]pki.Subtree{constraints.Permitted, constraints.Excluded} {
		for _, tree := range list {
			if tree.Minimum != 0 || tree.Maximum != -1 {
				return fmt.Sprintf("a name constraint %s has bounds, which have no meaning", ofWhom)
			}
			if !isBase(tree.Base) {
				return fmt.Sprintf("%s, a name constraint %s, is not valid", clip(tree.Base.String()), ofWhom)
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
