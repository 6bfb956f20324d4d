package verify

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// Name says who a peer must be. The zero value is an error wherever it is used.
type Name struct {
	kind   nameKind
	host   string // or URI, or e-mail address
	id     spiffeid.ID
	domain spiffeid.TrustDomain
	reason string
}

type nameKind int

const (
	unnamed nameKind = iota
	host
	identifier
	mailbox
	identity
	member
	anybody
)

// Host is a DNS name or an IP address, as in a URL but without its port. An
// address's zone says how it is reached, not whose it is, and is dropped.
func Host(name string) Name {
	address := name
	if strings.HasPrefix(name, "[") && strings.HasSuffix(name, "]") {
		address = name[1 : len(name)-1]
	}
	if ip, ok := parseAddress(address); ok {
		name = ip.WithZone("").String()
	}
	return Name{kind: host, host: name}
}

// URI is an absolute URI that is no SPIFFE ID. It is compared in the form that RFC
// 5280, section 7.4, has for it: the case of scheme and host does not count, that
// of the rest does.
func URI(uri string) Name {
	if canonical, ok := canonicalURI(uri); ok {
		uri = canonical
	}
	return Name{kind: identifier, host: uri}
}

// Email is an e-mail address. The case of the host does not count, that of the
// local part does; the host is in ASCII form, the local part may have any letters
// (RFC 9598).
func Email(address string) Name { return Name{kind: mailbox, host: address} }

// ID is exactly one SPIFFE ID.
func ID(id spiffeid.ID) Name { return Name{kind: identity, id: id} }

// Member is any SPIFFE ID of a trust domain: for a server whose policy decides
// who of them may do what.
func Member(domain spiffeid.TrustDomain) Name { return Name{kind: member, domain: domain} }

// Any accepts every name that the roots vouch for. The reason is logged and
// stands in the report.
func Any(because string) Name { return Name{kind: anybody, reason: because} }

// IsZero reports whether n is the zero value.
func (n Name) IsZero() bool { return n.kind == unnamed }

// AcceptsAny reports whether n is made by Any.
func (n Name) AcceptsAny() bool { return n.kind == anybody }

// ServerName returns what a client puts into SNI (RFC 6066, section 3): the DNS
// name, or "" for everything else.
func (n Name) ServerName() string {
	if n.kind != host || n.isAddress() {
		return ""
	}
	return strings.TrimSuffix(n.host, ".")
}

// String is the name for a person.
func (n Name) String() string {
	switch n.kind {
	case host, identifier, mailbox:
		return n.host
	case identity:
		return n.id.String()
	case member:
		return "any identity of " + n.domain.String()
	case anybody:
		return "any name (" + n.reason + ")"
	}
	return "no name"
}

// TrustDomain returns the trust domain that must vouch for the name, or zero.
func (n Name) TrustDomain() spiffeid.TrustDomain {
	switch n.kind {
	case identity:
		return n.id.TrustDomain()
	case member:
		return n.domain
	}
	return spiffeid.TrustDomain{}
}

// Check reports whether n can be somebody's name at all, and whether the roots
// can vouch for it.
func (n Name) Check(roots Roots) error {
	switch {
	case n.kind == unnamed:
		return fault.New(NameMissing, "it was not said who the peer must be").
			WithHint("say who it must be, or why anybody will do")
	case n.kind == host && !n.isAddress() && !pki.IsHostname(strings.TrimSuffix(n.host, ".")):
		return fault.New(NameInvalid, "%q is neither a host name nor an IP address", clip(n.host)).
			WithHint("%s", hostHint(n.host))
	case n.kind == identifier && !isURI(n.host):
		return fault.New(NameInvalid, "%q is no absolute URI, or is a SPIFFE ID", clip(n.host)).
			WithHint("write a URI with its scheme, such as https://api.example.com/orders; for a SPIFFE ID use verify.ID with the roots of its trust domain")
	case n.kind == mailbox && !isMailbox(n.host):
		return fault.New(NameInvalid, "%q is not an e-mail address", clip(n.host)).
			WithHint("write it as name@example.com, the host in its ASCII form")
	case n.kind == identity && n.id.IsZero(), n.kind == member && n.domain.IsZero():
		return fault.New(NameInvalid, "the SPIFFE name is empty").
			WithHint("name an identity such as spiffe://prod.example/web, or a trust domain such as prod.example")
	case n.kind == anybody && strings.TrimSpace(n.reason) == "":
		return fault.New(NameInvalid, "accepting any name needs a reason").
			WithHint(`say why any name will do, for example verify.Any("policy decides by key")`)
	case roots.IsZero():
		return fault.New(RootsMissing, "it was not said whom to trust").
			WithHint("say which roots are trusted")
	case n.kind != anybody && !roots.vouchesFor(n.TrustDomain()):
		return fault.New(RootsDoNotFit, "%s cannot vouch for %s", roots, n).
			WithHint("%s", rootsHint(n))
	}
	return nil
}

func hostHint(name string) string {
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	last := labels[len(labels)-1]
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxASCII }):
		return "write the name in its ASCII form, which begins with xn--"
	case strings.ContainsAny(name, "/:*"):
	case last != "" && strings.Trim(last, "0123456789") == "":
		return "write an address as in 127.0.0.1, or another name; the last label of a host name is not a number"
	case len(name) > 253 || slices.ContainsFunc(labels, func(label string) bool { return len(label) > 63 }):
		return "write a shorter name: between two dots there are at most 63 letters, and 253 in all"
	}
	return "write the name without scheme, port and wildcard, for example api.example.com"
}

func rootsHint(n Name) string {
	if domain := n.TrustDomain(); !domain.IsZero() {
		return "give the roots of " + domain.String() + "; a SPIFFE ID is vouched for by its own trust domain only"
	}
	return "a trust domain's roots vouch for its SPIFFE IDs only; give the roots that signed the host's certificate"
}

// match holds the leaf's names against n and says, for a person, what was
// wanted and what is there.
func (n Name) match(leaf *node, opts *Options) (text string, ok bool) {
	id, roots := leaf.cert.ID(), opts.Roots
	switch n.kind {
	case host:
		text, ok = n.host, isFor(leaf, n.host, opts)
	case identifier:
		text, ok = n.host, hasURI(leaf, n.host)
	case mailbox:
		text, ok = n.host, hasMailbox(leaf, n.host)
	case identity:
		text, ok = id.String(), id == n.id
	case member:
		text, ok = id.String(), id.TrustDomain() == n.domain
	case anybody:
		// A trust domain's roots vouch for its own IDs, whatever name is asked for.
		text, ok = fmt.Sprintf("%s; any name will do: %s", leaf.title(), n.reason), id.TrustDomain() == roots.TrustDomain() || roots.TrustDomain().IsZero()
	}
	if !ok {
		text = fmt.Sprintf("wanted %s; it is for %s", n.wanted(roots), n.found(leaf))
	}
	return text, ok
}

// wanted is the name for a person, as narrow as the roots make it.
func (n Name) wanted(roots Roots) string {
	if n.kind == anybody && !roots.TrustDomain().IsZero() {
		return Member(roots.TrustDomain()).String()
	}
	return n.String()
}

// found says whom the leaf is for and, where an identity is wanted, why its URIs
// are none (SPIFFE X.509-SVID, sections 2 and 5.2).
func (n Name) found(leaf *node) string {
	uris, identityWanted := leaf.count(pki.URIName), n.kind >= identity
	switch {
	case identityWanted && uris > 0 && leaf.isCA():
		return "an authority (" + names(leaf) + ")"
	case identityWanted && uris > 1:
		return names(leaf) + " (an identity has exactly one URI)"
	}
	return names(leaf)
}

// legible is a name as it is told: an empty one is not overlooked.
func legible(name string) string {
	if name == "" {
		return `"", an empty name`
	}
	return clip(name)
}

// names lists whom a leaf is for, the first few of them.
func names(leaf *node) string {
	const most = 4
	count := 0
	var all []string // the first of them
	for _, kind := range []pki.NameKind{pki.DNSName, pki.IPName, pki.URIName, pki.EmailName, pki.OtherName} {
		for _, name := range leaf.names {
			if name.Kind != kind {
				continue
			}
			text, isMailbox := name.UTF8Mailbox()
			if !isMailbox && kind == pki.OtherName {
				continue
			}
			if count++; count > most {
				continue
			}
			if !isMailbox {
				text = name.Value()
			}
			all = append(all, legible(text))
		}
	}
	_, err := leaf.cert.SubjectAltNames()
	switch {
	case len(all) == 0 && err != nil:
		return "names that cannot be read"
	case len(all) == 0:
		return "no name at all (a common name alone is not looked at)"
	case count > most:
		return fmt.Sprintf("%s and %d more", strings.Join(all, ", "), count-most)
	}
	return strings.Join(all, ", ")
}

func (n Name) isAddress() bool {
	_, ok := parseAddress(n.host)
	return ok
}
