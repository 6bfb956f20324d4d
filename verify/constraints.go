package verify

import (
	"bytes"
	"fmt"
	"iter"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// constrain holds every name of the certificates below against the name
// constraints of their issuer (RFC 5280, sections 4.2.1.10 and 6.1.3 (b), (c)).
func (s *search) constrain(v *visit) (code fault.Code, section, text string) {
	if v.badConstraints != "" {
		return NameConstraintMalformed, rfc + "4.2.1.10", v.badConstraints
	}
	m, name := s.forbidden(v.constraints, v.below)
	switch {
	case s.exhausted != "":
		return BudgetExceeded, "", fmt.Sprintf("%s has more name constraints, and the certificates below it more names, than are compared", v.title())
	case m != nil:
		section = rfc + "6.1.3 (c)"
		if name.why == notPermitted {
			section = rfc + "6.1.3 (b)"
		}
		return whyNot(name.GeneralName), section, fmt.Sprintf("%s may not sign for %s, which %s has: %s", v.title(), clip(name.String()), m.title(), name.why)
	}
	return "", "", ""
}

// forbidden returns who on the path, leaf first, has a name that the constraints do
// not allow, and which; nil if nobody has. Whoever is self-issued, but for the leaf,
// is free.
func (s *search) forbidden(constraints *pki.NameConstraints, path []*node) (*node, refused) {
	for depth, m := range path {
		if depth > 0 && m.selfIssued() {
			continue
		}
		if name := s.hold(m, constraints); name.why != "" {
			return m, name
		}
	}
	return nil, refused{}
}

// holding is a certificate whose names are held against constraints.
type holding struct {
	m           *node
	constraints *pki.NameConstraints
}

// refused is a name that constraints do not allow, and why; "" if they allow all.
type refused struct {
	pki.GeneralName
	why string
}

// hold returns a name of the certificate that the constraints do not allow. It is
// looked for once, on however many paths the two are.
func (s *search) hold(m *node, constraints *pki.NameConstraints) (first refused) {
	key := holding{m, constraints}
	if known, ok := s.held[key]; ok {
		return known
	}
	limits := s.limitsOf(constraints)
	for _, name := range s.constrainedNames(m) {
		if allowed, why := s.allows(limits, name); !allowed {
			first = refused{name.GeneralName, why}
			break
		}
	}
	if s.held == nil {
		s.held = map[holding]refused{}
	}
	s.held[key] = first
	return first
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
	case pki.URIName:
		if authority, _ := authorityOf(string(name.Raw)); !isPlainURI(authority) {
			return NameMalformed
		}
	case pki.OtherName, pki.X400Name, pki.EDIPartyName, pki.RegisteredID:
		return NameConstraintUnknown
	}
	return NameNotPermitted
}

// constrainedNames are the names of a certificate that constraints are about:
// its alternative names, its subject, and the e-mail addresses in that, even where
// there are others among the alternative names.
func constrainedNames(cert *pki.Certificate, names []pki.GeneralName) iter.Seq[pki.GeneralName] {
	return func(yield func(pki.GeneralName) bool) {
		for _, name := range names {
			if !yield(name) {
				return
			}
			if mailbox, ok := name.UTF8Mailbox(); ok && !yield(mailName(mailbox)) { // RFC 9598, section 6
				return
			}
		}
		subject := cert.Subject()
		if subject.IsEmpty() || !yield(pki.GeneralName{Kind: pki.DirectoryName, Raw: subject.DER()}) {
			return
		}
		for _, address := range subject.Get(pki.OIDEmailAddress) {
			if !yield(mailName(address)) {
				return
			}
		}
	}
}

func mailName(mailbox string) pki.GeneralName {
	return pki.GeneralName{Kind: pki.EmailName, Raw: []byte(mailbox)}
}

// compared is a name, or the base of a subtree that names are held against, in the
// form in which that is done.
type compared struct {
	pki.GeneralName
	local, host string // of a mailbox; of hosts in small letters
	whole       bool   // a name without a wildcard, a base that is one mailbox
	ok          bool   // a name that can be compared
}

// limits are name constraints by the form of the names.
type limits struct{ permitted, excluded map[pki.NameKind][]compared }

// limitsOf puts name constraints into their form, once.
func (s *search) limitsOf(constraints *pki.NameConstraints) limits {
	known, ok := s.limits[constraints]
	if !ok {
		if s.limits == nil {
			s.limits = map[*pki.NameConstraints]limits{}
		}
		known = limits{byForm(constraints.Permitted), byForm(constraints.Excluded)}
		s.limits[constraints] = known
	}
	return known
}

func byForm(trees []pki.Subtree) map[pki.NameKind][]compared {
	counts, all := map[pki.NameKind]int{}, map[pki.NameKind][]compared{}
	for _, tree := range trees {
		counts[tree.Base.Kind]++
	}
	for _, tree := range trees {
		if all[tree.Base.Kind] == nil {
			all[tree.Base.Kind] = make([]compared, 0, counts[tree.Base.Kind])
		}
		base := compared{GeneralName: tree.Base, host: strings.ToLower(string(tree.Base.Raw))}
		if tree.Base.Kind == pki.EmailName {
			if local, host, mailbox := splitMail(string(tree.Base.Raw)); mailbox {
				base.local, base.host, base.whole = local, strings.ToLower(host), true
			}
		}
		all[base.Kind] = append(all[base.Kind], base)
	}
	return all
}

// constrainedNames puts the names of a certificate into their form, once.
func (s *search) constrainedNames(m *node) []compared {
	all, known := s.names[m]
	if !known {
		if s.names == nil {
			s.names = map[*node][]compared{}
		}
		all = make([]compared, 0, len(m.names)+1)
		for name := range constrainedNames(m.cert, m.names) {
			all = append(all, inForm(name))
		}
		s.names[m] = all
	}
	return all
}

func inForm(name pki.GeneralName) compared {
	n := compared{GeneralName: name, ok: true}
	switch name.Kind {
	case pki.DNSName:
		rest, wildcard := strings.CutPrefix(strings.ToLower(string(name.Raw)), "*.")
		n.host, n.whole, n.ok = rest, !wildcard, pki.IsHostname(rest)
	case pki.EmailName:
		n.local, n.host, n.ok = splitMail(string(name.Raw))
		n.host = strings.ToLower(n.host)
	case pki.URIName:
		host, ok := hostOfURI(strings.ToLower(string(name.Raw)))
		n.host, n.ok = host, ok && pki.IsHostname(host)
	}
	return n
}

// allows reports whether a name is within one of the permitted subtrees of its
// form, if there are any, and within no excluded one.
func (s *search) allows(limits limits, name compared) (allowed bool, why string) {
	for _, tree := range limits.excluded[name.Kind] {
		if s.within(name, tree, true) {
			return false, clip(tree.String()) + " is excluded"
		}
	}
	permitted := limits.permitted[name.Kind]
	for _, tree := range permitted {
		if s.within(name, tree, false) {
			return true, ""
		}
		if s.exhausted != "" {
			break
		}
	}
	if len(permitted) > 0 {
		return false, notPermitted
	}
	return true, ""
}

// notPermitted is why a name is not allowed that is within no permitted subtree;
// of others the text names the excluded one.
const notPermitted = "it is not among those permitted"

// within reports whether a name lies in a subtree. What cannot be compared lies
// in those that are excluded, and in none that is permitted.
func (s *search) within(name, tree compared, excluded bool) bool {
	if s.compared += 1 + (len(name.Raw)+len(tree.Raw))/64; s.compared > maxNames {
		s.exhausted = "names"
		return excluded
	}
	switch name.Kind {
	case pki.DNSName:
		return withinHost(name, tree.host, excluded)
	case pki.IPName:
		return withinAddress(name.Raw, tree.Raw)
	case pki.EmailName:
		return withinMail(name, tree, excluded)
	case pki.URIName:
		return withinURI(name, tree.host, excluded)
	case pki.DirectoryName:
		name, tree := s.formsOf(name.GeneralName), s.formsOf(tree.GeneralName) // the tree's relative names are the name's first
		return bytes.HasPrefix(name.canonical, tree.canonical) || excluded && bytes.HasPrefix(name.folded, tree.folded)
	}
	return excluded
}

// withinHost: a name lies in a tree that it equals, or that follows a dot in it.
// Of a wildcard's names all must lie in a permitted tree, and one in an excluded.
func withinHost(name compared, tree string, excluded bool) bool {
	switch {
	case tree == "":
		return true
	case !name.ok:
		return excluded
	case !name.whole && excluded && isBelow(tree, name.host) && !strings.Contains(tree[:len(tree)-len(name.host)-1], "."):
		return true
	}
	return name.host == tree || isBelow(name.host, tree)
}

// isBelow reports whether a host ends in a dot and another one.
func isBelow(host, parent string) bool {
	dot := len(host) - len(parent) - 1
	return dot >= 0 && host[dot] == '.' && strings.HasSuffix(host, parent)
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
func withinMail(name, tree compared, excluded bool) bool {
	switch {
	case !name.ok:
		return excluded
	case tree.whole:
		return name.local == tree.local && name.host == tree.host
	case strings.HasPrefix(tree.host, "."):
		return strings.HasSuffix(name.host, tree.host)
	}
	return tree.host == "" || name.host == tree.host
}

// withinURI: the tree is about the URI's host, and only about names of hosts
// (RFC 5280, section 4.2.1.10).
func withinURI(name compared, tree string, excluded bool) bool {
	switch {
	case tree == "":
		return true
	case !name.ok:
		return excluded
	case strings.HasPrefix(tree, "."):
		return strings.HasSuffix(name.host, tree)
	}
	return name.host == tree
}

// authorityOf returns what stands between a URI's scheme and its path (RFC 3986,
// section 3.2).
func authorityOf(uri string) (authority string, ok bool) {
	_, authority, ok = strings.Cut(uri, "://")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	return authority, ok
}

// hostOfURI returns the host of a URI that has an authority. One with characters
// that no URI has is read by each program in its own way: a backslash is a slash to
// some, and there another host begins.
func hostOfURI(uri string) (host string, ok bool) {
	authority, ok := authorityOf(uri)
	if !isPlainURI(authority) {
		return "", false
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		authority = authority[at+1:]
	}
	host, _, _ = strings.Cut(authority, ":")
	return host, ok
}

// directoryForms are a directory name as it is compared (RFC 5280, section 7.1):
// strictly, and so that nothing that is excluded is overlooked.
type directoryForms struct{ canonical, folded []byte }

// formsOf makes both forms once: it takes long, the longer the more of the name is
// not ASCII.
func (s *search) formsOf(name pki.GeneralName) directoryForms {
	forms, known := s.forms[string(name.Raw)]
	if !known {
		if s.forms == nil {
			s.forms = map[string]directoryForms{}
		}
		if bytes.ContainsFunc(name.Raw, func(c rune) bool { return c > '~' }) {
			s.compared += len(name.Raw) / 8
		}
		directory, _ := name.Directory()
		forms = directoryForms{directory.Canonical(), directory.Folded()}
		s.forms[string(name.Raw)] = forms
	}
	return forms
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
