package pki

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/fault"
)

// maxSubtrees bounds the name constraints of a new authority.
const maxSubtrees = 100

// ParseSubtree reads a name and all below it, for name constraints (RFC 5280,
// section 4.2.1.10): DNS:example.com, IP:10.0.0.0/8, email:example.com,
// email:.example.com (its subdomains), email:jane@example.com, URI:demo.signet,
// URI:.example.com.
func ParseSubtree(text string) (Subtree, error) {
	kind, base, _ := strings.Cut(text, ":")
	tree := Subtree{Maximum: -1, Base: GeneralName{Raw: []byte(base)}}
	host := IsHostname(strings.TrimPrefix(base, "."))
	ok := false
	switch kind {
	case "DNS":
		tree.Base.Kind, ok = DNSName, IsHostname(base)
	case "URI":
		tree.Base.Kind, ok = URIName, host
	case "email":
		tree.Base.Kind, ok = EmailName, host || isMailbox(base)
	case "IP":
		var prefix netip.Prefix
		var err error
		prefix, err = netip.ParsePrefix(base)
		ok = err == nil && prefix == prefix.Masked()
		tree.Base = GeneralName{IPName, append(prefix.Addr().AsSlice(), net.CIDRMask(max(0, prefix.Bits()), prefix.Addr().BitLen())...)}
	}
	if !ok {
		return Subtree{}, specInvalid("%q is not a name to constrain names by", fault.Printable(text, maxName)).
			WithHint("write it as DNS:example.com, IP:10.0.0.0/8, email:example.com or URI:demo.signet")
	}
	return tree, nil
}

// checkConstraints asks for subtrees as ParseSubtree has them.
func (s Spec) checkConstraints() error {
	if s.Constraints == nil {
		return nil
	}
	all := slices.Concat(s.Constraints.Permitted, s.Constraints.Excluded)
	if len(all) == 0 || len(all) > maxSubtrees {
		return specInvalid("%d name constraints; at least one is wanted, and %d are the most", len(all), maxSubtrees).
			WithHint("leave the constraints away, or name what they permit")
	}
	for _, tree := range all {
		if _, isRange := prefixOf(tree.Base); isRange && tree.Minimum == 0 && tree.Maximum < 0 {
			continue
		}
		parsed, err := ParseSubtree(tree.Base.String())
		if err != nil {
			return err
		}
		if parsed.Minimum != tree.Minimum || parsed.Maximum != tree.Maximum {
			return specInvalid("the name constraint %s has a minimum or maximum; nobody reads them (RFC 5280, section 4.2.1.10)", tree.Base).
				WithHint("take the subtree from ParseSubtree")
		}
	}
	return nil
}

// prefixOf returns the range of addresses of a name constraint, and whether its
// mask is one of leading ones, under which the address has no further bits.
func prefixOf(base GeneralName) (*net.IPNet, bool) {
	if _, _, ok := base.Range(); !ok {
		return nil, false
	}
	half := len(base.Raw) / 2
	prefix := &net.IPNet{IP: base.Raw[:half], Mask: base.Raw[half:]}
	_, bits := prefix.Mask.Size()
	return prefix, bits != 0 && prefix.IP.Equal(prefix.IP.Mask(prefix.Mask))
}

// encode returns the extension's value. Subtrees have neither minimum nor maximum.
func (n *NameConstraints) encode() []byte {
	return encode(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i, trees := range [][]Subtree{n.Permitted, n.Excluded} {
			if len(trees) == 0 {
				continue
			}
			b.AddASN1(constructed(uint8(i)), func(b *cryptobyte.Builder) {
				for _, tree := range trees {
					b.AddASN1(asn1.SEQUENCE, tree.Base.add)
				}
			})
		}
	})
}
