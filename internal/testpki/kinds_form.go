package testpki

import (
	"math/big"
	"slices"
	"time"

	"github.com/signet-tls/signet/pki"
)

// goodKinds change a chain and leave it good.
var goodKinds = []Kind{
	{Name: "nothing", place: atLeaf, make: func(*chain, int) {}},
	{Name: "its last second", place: anywhere, make: func(c *chain, at int) { c.Path[at].NotAfter = c.Now }},
	{Name: "its first second", place: anywhere, make: func(c *chain, at int) { c.Path[at].NotBefore = c.Now }},
	{Name: "critical key usage", place: anywhere, make: turn(pki.OIDKeyUsage, true)},
	{Name: "critical extended key usage", place: atLeaf, make: turn(pki.OIDExtKeyUsage, true)},
	{Name: "critical alternative names", place: atLeaf, make: turn(pki.OIDSubjectAltName, true)},
	{Name: "critical alternative names of the issuer", place: anywhere, make: set(pki.OIDIssuerAltName, true, names(name(pki.DNSName, "ca.example")))},
	{Name: "critical policies", place: anywhere, make: set(pki.OIDCertificatePolicies, true, policies(goodPolicy))},
	{Name: "critical policy mappings", place: atIntermediate, make: set(pki.OIDPolicyMappings, true, policyMapping(goodPolicy, otherPolicy))},
	{Name: "critical policy constraints", place: anywhere, make: set(pki.OIDPolicyConstraints, true, policyConstraints(-1, 0))},
	{Name: "critical inhibit any policy", place: anywhere, make: set(pki.OIDInhibitAnyPolicy, true, number(9))},
	{Name: "critical points of revocation lists", place: anywhere, make: set(pki.OIDCRLPoints, true, listPoint("http://ca.example/list"))},
	{Name: "critical TLS feature", place: atLeaf, make: set(pki.OIDTLSFeature, true, der(sequence, number(5)))},
	{Name: "key identifiers of nobody", place: belowRoot, make: set(pki.OIDAuthorityKeyID, false, authorityKeyID([]byte("nobody's")))},
	{Name: "path length kept", place: atAuthority, make: func(c *chain, at int) {
		c.Path[at].set(pki.OIDBasicConstraints, true, basicConstraints(true, at-1))
	}},
	{Name: "directory name permitted, in capitals", place: atAuthority, make: permit(name(pki.DirectoryName, string(pki.NewName(Must(pki.NewAttribute(pki.OIDOrganization, "EXAMPLE"))).DER())))},
	{Name: "every form of name permitted", place: atAuthority, make: set(pki.OIDNameConstraints, true, nameConstraints([][]byte{
		name(pki.DNSName, Host), name(pki.IPName, "\x7f\x00\x00\x00\xff\x00\x00\x00"), name(pki.EmailName, "mail.example"),
		name(pki.URIName, "web.example"), name(pki.DirectoryName, string(example.DER()))}, nil))},
}

// example is the name that all names of a good chain lie below.
var example = pki.NewName(Must(pki.NewAttribute(pki.OIDOrganization, "Example")))

const (
	dates    = "RFC 5280, section 6.1.3 (a)(2): valid from its first to its last second"
	dateForm = "RFC 5280, section 4.1.2.5.1: seconds, and Z"
	serial   = "RFC 5280, section 4.1.2.2: a positive number of at most 20 bytes"
)

var dateKinds = []Kind{
	{Name: "expired", Code: "cert_expired", Rule: dates, place: anywhere, make: func(c *chain, at int) { c.Path[at].NotAfter = c.Now.AddDate(0, 0, -1) }},
	{Name: "expired a second ago", Code: "cert_expired", Rule: dates, place: anywhere, make: func(c *chain, at int) { c.Path[at].NotAfter = c.Now.Add(-time.Second) }},
	{Name: "not yet valid", Code: "cert_not_yet_valid", Rule: dates, place: anywhere, make: func(c *chain, at int) { c.Path[at].NotBefore = c.Now.AddDate(0, 0, 1) }},
	{Name: "valid in a second", Code: "cert_not_yet_valid", Rule: dates, place: anywhere, make: func(c *chain, at int) { c.Path[at].NotBefore = c.Now.Add(time.Second) }},
	{Name: "beginning without seconds", Code: "date_malformed", Rule: dateForm, place: anywhere, make: func(c *chain, at int) { c.Path[at].Beginning = noSeconds(c.Path[at].NotBefore) }},
	{Name: "end without seconds", Code: "date_malformed", Rule: dateForm, place: anywhere, make: func(c *chain, at int) { c.Path[at].End = noSeconds(c.Path[at].NotAfter) }},
	{Name: "end in another zone", Code: "date_malformed", Rule: dateForm, place: anywhere, make: func(c *chain, at int) {
		c.Path[at].End = der(utcTime, []byte(c.Path[at].NotAfter.UTC().Format("060102150405")+"+0000"))
	}},
	{Name: "end before the beginning", Code: "date_malformed", Rule: "RFC 5280, section 4.1.2.5: valid from notBefore through notAfter", place: anywhere,
		make: func(c *chain, at int) {
			c.Path[at].NotBefore, c.Path[at].NotAfter = c.Path[at].NotAfter, c.Path[at].NotBefore
		}},
}

// noSeconds is a time without seconds, as some authorities once wrote it.
func noSeconds(t time.Time) []byte { return der(utcTime, []byte(t.UTC().Format("0601021504Z"))) }

var formKinds = []Kind{
	{Name: "version 2", Code: "version_old", Rule: "RFC 5280, section 4.1.2.1: extensions need version 3", place: anywhere,
		make: func(c *chain, at int) { c.Path[at].Version = 2 }},
	{Name: "version 1 without extensions", Code: "version_old", Rule: "RFC 5280, section 4.1.2.1: version 1 says nothing of its use", place: atLeaf,
		make: both(anyName, func(c *chain, at int) { c.Path[at].Version, c.Path[at].Extensions = 1, nil })},
	{Name: "serial number zero", Code: "serial_invalid", Rule: serial, place: belowRoot, make: func(c *chain, at int) { c.Path[at].Serial = new(big.Int) }},
	{Name: "negative serial number", Code: "serial_invalid", Rule: serial, place: belowRoot, make: func(c *chain, at int) { c.Path[at].Serial = big.NewInt(-5) }},
	{Name: "serial number of 21 bytes", Code: "serial_invalid", Rule: serial, place: belowRoot, make: func(c *chain, at int) { c.Path[at].Serial = new(big.Int).Lsh(big.NewInt(1), 161) }},
	{Name: "unnamed issuer", Code: "name_empty", Rule: "RFC 5280, section 4.1.2.4: the issuer has a name", place: atRoot,
		make: both(func(c *chain, at int) { c.Path[at].Issuer = new(pki.Name) }, set(pki.OIDAuthorityKeyID, false, authorityKeyID([]byte("nobody's"))))},
	{Name: "unnamed authority", Code: "name_empty", Rule: "RFC 5280, section 4.1.2.6: an authority has a name", place: atIntermediate, fault: theOneBelow,
		make: func(c *chain, at int) { c.Path[at].Subject = pki.Name{} }},
}

var nameKinds = []Kind{
	{Name: "address of three bytes", Code: "name_malformed", Rule: "RFC 5280, section 4.2.1.6: an address of four bytes or sixteen", place: atLeaf,
		make: set(pki.OIDSubjectAltName, false, names(append(slices.Clip(goodNames), name(pki.IPName, "\x0a\x00\x00"))...))},
	{Name: "another host", Code: "name_mismatch", Rule: "RFC 9525, section 6.3: a name that is equal label by label", place: atLeaf,
		make: set(pki.OIDSubjectAltName, false, names(name(pki.DNSName, "other.example")))},
	{Name: "another address", Code: "name_mismatch", Rule: "RFC 9525, section 6.5: an address that is equal byte by byte", place: atLeaf,
		make: both(func(c *chain, _ int) { c.Host = Address }, set(pki.OIDSubjectAltName, false, names(name(pki.IPName, "\x7f\x00\x00\x02"), name(pki.DNSName, Address[:1]+".example"))))},
	{Name: "common name alone", Code: "san_missing", Rule: "RFC 9525, section 2: a common name names no host", place: atLeaf,
		make: both(drop(pki.OIDSubjectAltName), func(c *chain, at int) { c.Path[at].Subject = commonName(Host) })},
	{Name: "underscore in a host name", Code: "name_malformed", Rule: hostForm, place: anywhere, make: alsoNamed(pki.DNSName, "under_score.example")},
	{Name: "blank in a host name", Code: "name_malformed", Rule: hostForm, place: anywhere, make: alsoNamed(pki.DNSName, "two words.example")},
	{Name: "wildcard in a label", Code: "name_malformed", Rule: hostForm, place: anywhere, make: alsoNamed(pki.DNSName, "w*b.example")},
	{Name: "two wildcards", Code: "name_malformed", Rule: hostForm, place: anywhere, make: alsoNamed(pki.DNSName, "*.*.example")},
	{Name: "e-mail address without a host", Code: "name_malformed", Rule: "RFC 5280, section 4.2.1.6: local part, @, host", place: anywhere, make: alsoNamed(pki.EmailName, "nobody")},
	{Name: "wildcard for everybody's names", Code: "wildcard_too_wide", Rule: "CA/B Forum, section 3.2.2.6: no wildcard right below a public suffix", Profile: "web", place: atLeaf,
		make: alsoNamed(pki.DNSName, "*.co.uk")},
	{Name: "stray common name", Code: "common_name_stray", Rule: "CA/B Forum, section 7.1.4.3: the common name is one of the alternative names", Profile: "web", place: atLeaf,
		make: func(c *chain, at int) { c.Path[at].Subject = commonName("other.example") }},
}

const hostForm = "RFC 5280, section 4.2.1.6: labels of letters, digits and hyphens"

// alsoNamed adds an alternative name to the leaf's good ones, or to none.
func alsoNamed(kind pki.NameKind, text string) func(*chain, int) {
	return func(c *chain, at int) {
		all := [][]byte{name(kind, text)}
		if at == 0 {
			all = append(all, goodNames...)
		}
		c.Path[at].set(pki.OIDSubjectAltName, false, names(all...))
	}
}
