package verify

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/pki"
)

// isFor reports whether a certificate is for a host, by its alternative names
// alone (RFC 9525, section 6): an address by its bytes, of which one that is mapped
// into IPv6 has sixteen, a name label by label,
// where a wildcard stands for the whole of the first.
func isFor(leaf *node, host string, opts *Options) bool {
	if address, ok := parseAddress(host); ok {
		return slices.ContainsFunc(leaf.names, func(name pki.GeneralName) bool {
			have, ok := name.Address()
			return ok && have == address
		})
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if len(leaf.names) == 0 && slices.Contains(opts.Legacy, dangerous.CommonName()) {
		return slices.ContainsFunc(leaf.cert.Subject().Get(pki.OIDCommonName), func(name string) bool { return matchesHost(name, host) })
	}
	return slices.ContainsFunc(leaf.names, func(name pki.GeneralName) bool {
		return name.Kind == pki.DNSName && matchesHost(string(name.Raw), host)
	})
}

// parseAddress reads an address. A host's name is told by its end: to hear why it is no
// address costs memory.
func parseAddress(host string) (netip.Addr, bool) {
	if !strings.Contains(host, ":") && !strings.ContainsAny(host[max(0, len(host)-1):], "0123456789") {
		return netip.Addr{}, false
	}
	address, err := netip.ParseAddr(host)
	return address, err == nil
}

// matchesHost holds a presented name against a host, which is lower-case and has
// no dot at its end.
func matchesHost(name, host string) bool {
	name = strings.ToLower(name)
	if rest, wildcard := strings.CutPrefix(name, "*."); wildcard {
		_, parent, ok := strings.Cut(host, ".")
		return ok && rest == parent && pki.IsHostname(rest)
	}
	return name == host && pki.IsHostname(name)
}

// badNames says which alternative name is none of its form, or "": of all, and of
// those that the web's own rule about wildcards does not refuse.
func badNames(m *node) (bad, onTheWeb string) {
	for _, name := range m.names {
		if isWellFormed(name) {
			continue
		}
		text := fmt.Sprintf("%s has the name %s, which is not one of %s", m.title(), legible(name.Value()), bearers[name.Kind])
		if bad == "" {
			bad = text
		}
		if !isTooWide(name) {
			return bad, text
		}
	}
	return bad, ""
}

// bearers are who has names of a form.
var bearers = map[pki.NameKind]string{pki.DNSName: "a host", pki.EmailName: "a mailbox"}

// isWellFormed reports whether a name can be somebody's: that of a host (RFC 5280,
// section 4.2.1.6), or of all hosts just below one, or a mailbox.
func isWellFormed(name pki.GeneralName) bool {
	text := string(name.Raw)
	switch name.Kind {
	case pki.DNSName:
		return pki.IsHostname(strings.TrimPrefix(text, "*.")) && !strings.ContainsRune(text, '_')
	case pki.EmailName:
		_, _, ok := splitMail(text)
		return ok
	}
	return true
}

// publicWildcard says which wildcard stands for everybody's names below a public
// suffix, or "" (CA/Browser Forum, section 3.2.2.6).
func publicWildcard(v *visit) string {
	for _, name := range v.names {
		if isTooWide(name) {
			return fmt.Sprintf("%s is for %s, whose names belong to many", v.title(), clip(name.Value()))
		}
	}
	return ""
}

// isTooWide reports whether a name is a wildcard below a public suffix, or below
// the root of all names.
func isTooWide(name pki.GeneralName) bool {
	rest, wildcard := strings.CutPrefix(strings.ToLower(string(name.Raw)), "*")
	if name.Kind != pki.DNSName || !wildcard {
		return false
	}
	rest, dotted := strings.CutPrefix(rest, ".")
	suffix, _ := publicsuffix.PublicSuffix(rest)
	return rest == "" || dotted && suffix == rest
}

// strayCommonName says which common name is not one of the alternative names,
// character by character, or the parent of a wildcard among them; or "" (CA/Browser
// Forum, section 7.1.4.3).
func strayCommonName(v *visit) string {
	names := v.cert.NamesOf(pki.DNSName, pki.IPName)
	for _, common := range v.cert.Subject().Get(pki.OIDCommonName) {
		if !slices.Contains(names, common) && !slices.Contains(names, "*."+common) {
			return fmt.Sprintf("the common name of %s is not one of its alternative names", v.title())
		}
	}
	return ""
}
