package pki

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// nameRules are about who a certificate is from and for.
var nameRules = []lintRule{
	{"issuer_empty", Error, "RFC 5280, section 4.1.2.4", by(byGo, byOpenSSL, byPython, byCryptography), "give the authority a name, and have it issued again",
		func(l *lint) string { return when(l.issuer.IsEmpty(), "the issuer has no name") }},
	{"subject_empty", Error, "RFC 5280, section 4.1.2.6", by(byPython, byCryptography), "give the authority a name",
		func(l *lint) string { return when(l.isAuthority() && l.subject.IsEmpty(), "the authority has no name") }},
	{"name_value_empty", Warning, "RFC 5280, appendix A.1", nil, "leave out what has no value", inNames(Attribute.emptyValue)},
	{"name_blank_ends", Warning, "RFC 5280, section 7.1", nil, "remove the space: it is compared by some and ignored by others", inNames(Attribute.blankEnds)},
	{"name_control", Warning, "RFC 4514, section 2.4", nil, "have it issued again with a name that can be read", inNames(Attribute.controls)},
	{"name_not_text", Error, "RFC 5280, section 4.1.2.4", by(byGo, byOpenSSL, byPython, byCryptography), "have it issued again with a UTF8String", inNames(Attribute.notText)},
	{"name_old_string", Notice, "RFC 5280, section 4.1.2.4", nil, "have it issued again with a UTF8String", inNames(Attribute.oldString)},
	{"name_country", Warning, "RFC 5280, appendix A.1", nil, "write the country as ISO 3166 has it", inNames(Attribute.notCountry)},
	{"name_too_long", Warning, "RFC 5280, appendix A.1", nil, "shorten the name", inNames(Attribute.tooLong)},

	{"names_missing", Error, "RFC 9525, section 2", by(byGo, byCryptography, byApple, byBrowsers), "have it issued again with the names as subject alternative names: the common name is looked at by nobody",
		func(l *lint) string {
			return when(l.isLeaf() && !l.has(OIDSubjectAltName), "no subject alternative name")
		}},
	{"names_not_critical", Error, "RFC 5280, section 4.2.1.6", by(byPython, byCryptography), "mark the names as critical, or give the subject a name",
		func(l *lint) string {
			e := l.extension(OIDSubjectAltName)
			return when(e != nil && !e.Critical && l.subject.IsEmpty(), "subject alternative names that are not critical, where there is no subject")
		}},
	{"names_critical", Notice, "RFC 5280, section 4.2.1.6", by(byCryptography), "do not mark them as critical",
		func(l *lint) string {
			e := l.extension(OIDSubjectAltName)
			return when(e != nil && e.Critical && !l.subject.IsEmpty(), "subject alternative names that are critical, beside a subject")
		}},
	{"common_name_alone", Warning, "CA/Browser Forum Baseline Requirements, section 7.1.4.3", nil, "add it to the subject alternative names, or remove it", (*lint).commonNameAlone},
	{"dns_wildcard", Error, "RFC 9525, section 6.3", by(byGo, byOpenSSL, byPython, byCryptography), "put the wildcard first and alone, as in *.example.com",
		inDNS(func(name string) bool {
			return strings.Contains(name, "*") && strings.Contains(strings.TrimPrefix(name, "*."), "*")
		}, "has a wildcard elsewhere than as its first label")},
	{"dns_wildcard_public", Warning, "CA/Browser Forum Baseline Requirements, section 3.2.2.6", by(byOpenSSL, byPython, byBrowsers), "name the hosts of one owner, as in *.example.com",
		inDNS(func(name string) bool {
			parent, wildcard := strings.CutPrefix(strings.ToLower(name), "*.")
			return wildcard && isSuffix(parent)
		}, "is for every name below a public suffix, whose names belong to many")},
	{"dns_trailing_dot", Error, "RFC 5280, section 4.2.1.6", by(byGo, byOpenSSL, byPython, byCryptography), "remove the dot at the end",
		inDNS(func(name string) bool { return strings.HasSuffix(name, ".") }, "ends with a dot")},
	{"dns_is_address", Error, "RFC 9525, section 2", by(byGo, byOpenSSL, byPython, byCryptography), "give the address as an IP address",
		inDNS(isAddress, "is an address")},
	{"dns_underscore", Notice, "RFC 5280, section 4.2.1.6; CA/Browser Forum Baseline Requirements, section 7.1.2.7.12", nil, "use a name without an underscore",
		inDNS(func(name string) bool { return strings.Contains(name, "_") }, "has an underscore")},
	{"dns_invalid", Error, "RFC 5280, section 4.2.1.6", nil, "write it as letters, digits and dashes, in labels of at most 63",
		inDNS(func(name string) bool {
			rest := strings.TrimSuffix(strings.TrimPrefix(name, "*."), ".")
			return !strings.Contains(rest, "*") && !isAddress(rest) && !IsHostname(rest)
		}, "is not a DNS name")},
	{"email_invalid", Warning, "RFC 5280, section 4.2.1.6", nil, "write it as name@example.com",
		inKind(EmailName, func(name string) string { return when(!isMailbox(name), "is not a mailbox") })},
	{"uri_invalid", Error, "RFC 5280, section 4.2.1.6", nil, "write it with a scheme and a host",
		inKind(URIName, func(name string) string {
			parsed, err := url.Parse(name)
			return when(!isSPIFFE(name) && (err != nil || !parsed.IsAbs() || parsed.Opaque == "" && parsed.Host == ""), "is not an absolute URI")
		})},
	{"spiffe_id_invalid", Error, "SPIFFE X.509-SVID, section 2; SPIFFE ID, section 2", nil, "write it as spiffe://trust.domain/path",
		(*lint).invalidID},
	{"spiffe_ids_many", Error, "SPIFFE X.509-SVID, section 2", nil, "give it one SPIFFE ID, and no other URI", (*lint).manyIDs},
}

// inNames looks at every attribute of both names.
func inNames(find func(Attribute) string) func(*lint) string {
	return func(l *lint) string {
		for _, name := range []Name{l.subject, l.issuer} {
			for a := range name.Attributes() {
				if found := find(a); found != "" {
					return found
				}
			}
		}
		return ""
	}
}

// inKind looks at every subject alternative name of one form.
func inKind(kind NameKind, find func(name string) string) func(*lint) string {
	return func(l *lint) string {
		for _, name := range l.names {
			if name.Kind != kind {
				continue
			}
			if found := find(string(name.Raw)); found != "" {
				return fmt.Sprintf("the name %s %s", fault.Printable(name.String(), 100), found)
			}
		}
		return ""
	}
}

func inDNS(wrong func(name string) bool, text string) func(*lint) string {
	return inKind(DNSName, func(name string) string { return when(wrong(name), text) })
}

// isSuffix reports whether a name is that of a registry, such as com or co.uk, or
// any of a single label. Those of private registries, such as github.io, belong to
// one owner, who may have such a certificate.
func isSuffix(name string) bool {
	suffix, registry := publicsuffix.PublicSuffix(name)
	return suffix == name && (registry || !strings.Contains(name, "."))
}

func isAddress(name string) bool {
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

func isSPIFFE(uri string) bool { return strings.HasPrefix(strings.ToLower(uri), "spiffe:") }

// commonNameAlone finds a host in the common name that the certificate is not
// good for.
func (l *lint) commonNameAlone() string {
	if !l.isLeaf() || !l.has(OIDSubjectAltName) {
		return ""
	}
	for _, name := range l.subject.Get(OIDCommonName) {
		host := strings.Contains(name, ".") && IsHostname(strings.TrimPrefix(name, "*.")) || isAddress(name)
		if host && !slices.ContainsFunc(l.names, func(other GeneralName) bool { return strings.EqualFold(other.Value(), name) }) {
			return fmt.Sprintf("the common name %s is not among the subject alternative names", fault.Printable(name, maxName))
		}
	}
	return ""
}

// invalidID finds what should be a SPIFFE ID. An authority may have one without
// a path: its trust domain's.
func (l *lint) invalidID() string {
	return inKind(URIName, func(name string) string {
		if !isSPIFFE(name) {
			return ""
		}
		_, err := spiffeid.Parse(name)
		if domain, ok := strings.CutPrefix(name, "spiffe://"); ok && l.isAuthority() && err != nil {
			_, err = spiffeid.ParseTrustDomain(domain)
		}
		return when(err != nil, "is not a SPIFFE ID")
	})(l)
}

func (l *lint) manyIDs() string {
	uris, ids := 0, 0
	for _, name := range l.names {
		if name.Kind == URIName {
			uris++
			if isSPIFFE(string(name.Raw)) {
				ids++
			}
		}
	}
	return when(ids > 0 && uris > 1, fmt.Sprintf("%d URIs, SPIFFE IDs among them; one is the most", uris))
}
