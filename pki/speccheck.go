package pki

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
)

// Bounds of what a Spec may ask for. A certificate beyond them hardly fits into
// a handshake.
const (
	maxNames   = 100 // subject alternative names, as public authorities have it
	maxURLs    = 8   // of one kind
	maxURL     = 2048
	maxExtra   = 16      // further extensions
	maxValue   = 8 << 10 // bytes of one of them
	maxPathLen = 8
)

// maxName is the upper bound of a common name, in characters (RFC 5280,
// appendix A.1, ub-common-name).
const maxName = 64

// check holds the wishes against the profile.
func (s Spec) check() error {
	if _, ok := profiles[s.Profile]; !ok {
		return specInvalid("there is no profile %d", s.Profile)
	}
	for _, check := range []func(Spec) error{Spec.checkTimes, Spec.checkSubject, Spec.checkProfile, Spec.checkNames, Spec.checkConstraints, Spec.checkURLs, Spec.checkExtra} {
		if err := check(s); err != nil {
			return err
		}
	}
	return nil
}

func (s Spec) checkTimes() error {
	profile := profiles[s.Profile]
	switch {
	case s.Lifetime < 0:
		return specInvalid("a lifetime of %s is negative", s.Lifetime)
	case s.Lifetime > profile.longest:
		return specInvalid("a lifetime of %d days is too long for a certificate of the kind %s; %d are the most: %s",
			s.Lifetime/day, s.Profile, profile.longest/day, profile.why).WithHint("shorten the lifetime, and renew in time")
	case s.Serial != "" && !isSerial(s.Serial):
		return specInvalid("%q is not a serial number to plan a certificate with", fault.Printable(s.Serial, maxName)).
			WithHint("take one from NewSerial")
	case s.Backdate < 0 || s.Backdate > maxBackdate:
		return specInvalid("a certificate cannot begin %s before now; %s are the most", s.Backdate, maxBackdate).
			WithHint("set the clocks of the peers instead")
	}
	return nil
}

// checkSubject looks at the subject's name.
func (s Spec) checkSubject() error {
	authority := profiles[s.Profile].authority
	switch {
	case s.Name != "" && !s.Subject.IsEmpty():
		return specInvalid("a common name beside the whole subject").WithHint("put the common name into the subject")
	case utf8.RuneCountInString(s.Name) > maxName || s.Name != fault.Printable(s.Name, maxName):
		return specInvalid("the name %q has more than %d characters, or some that cannot be printed", fault.Printable(s.Name, maxName), maxName)
	case s.Name != strings.TrimSpace(s.Name):
		return specInvalid("the name %q begins or ends with a space", s.Name)
	case authority && s.Name == "" && s.Subject.IsEmpty():
		return specInvalid("an authority needs a name")
	}
	if problem := s.Subject.problem(); problem != "" {
		return specInvalid("the subject cannot stand in a certificate: %s", problem).WithHint("correct the subject's name")
	}
	return nil
}

// checkProfile asks for the names that the profile needs, and for no others.
func (s Spec) checkProfile() error {
	profile := profiles[s.Profile]
	count := len(s.DNS) + len(s.IPs) + len(s.Emails) + len(s.URIs)
	switch {
	case profile.authority && (count > 0 || !s.ID.IsZero()):
		return specInvalid("an authority has no subject alternative names")
	case s.Profile.identifies() && (s.ID.IsZero() || count > 0):
		return specInvalid("a %s has exactly one name, its SPIFFE ID", s.Profile)
	case !profile.authority && !s.Profile.identifies() && !s.ID.IsZero():
		return specInvalid("a SPIFFE ID belongs into a workload's certificate alone")
	case s.Profile == Server && count > len(s.DNS)+len(s.IPs):
		return specInvalid("a server has DNS names and IP addresses, and neither e-mail addresses nor URIs").
			WithHint("write hosts' names and addresses alone, without a scheme, port or path: api.example.com")
	case s.Profile == Server && count == 0:
		return specInvalid("a leaf certificate needs a DNS name or an IP address; a common name alone is not looked at by anybody")
	case s.Profile == Client && count == 0:
		return specInvalid("a leaf certificate needs a DNS name, an IP address, an e-mail address or a URI; a common name alone is not looked at by anybody")
	case count > maxNames:
		return specInvalid("%d names; %d are the most", count, maxNames)
	case s.PathLen != 0 && s.Profile != Intermediate:
		return specInvalid("a path length belongs into an intermediate's certificate alone").WithHint("leave it away")
	case s.PathLen < 0 || s.PathLen > maxPathLen:
		return specInvalid("a path length of %d; between 0 and %d are allowed", s.PathLen, maxPathLen).WithHint("0 is for leaves alone")
	case s.Constraints != nil && !profile.authority:
		return specInvalid("name constraints belong into an authority's certificate alone").WithHint("leave them away")
	case s.MustStaple && (s.Profile != Server || len(s.OCSP) == 0):
		return specInvalid("only a server with an OCSP responder can staple").WithHint("give the responder's URL")
	}
	return nil
}

func (s Spec) checkNames() error {
	for _, name := range s.DNS {
		if !IsHostname(strings.TrimPrefix(name, "*.")) {
			return specInvalid("%q is not a DNS name", fault.Printable(name, maxName)).
				WithHint("write a host's name alone, without a scheme, port or path: api.example.com, or *.example.com")
		}
	}
	for _, ip := range s.IPs {
		if !ip.IsValid() || ip.Zone() != "" {
			return specInvalid("%q is not an IP address that a certificate can carry", ip)
		}
		if ip.Is4In6() { // who asks for either finds the other nowhere: addresses are compared by their bytes (RFC 9525, section 6.4)
			return specInvalid("%s is an address of IPv4 in the form of one of IPv6, which no certificate has", ip).WithHint("write %s", ip.Unmap())
		}
	}
	for _, address := range s.Emails {
		if !isMailbox(address) {
			return specInvalid("%q is not an e-mail address", fault.Printable(address, maxName))
		}
	}
	for _, uri := range s.URIs {
		parsed, ok := parseURI(uri)
		switch {
		case !ok:
			return specInvalid("%q is not a URI with a scheme and a host", fault.Printable(uri, maxName))
		case parsed.Scheme == "spiffe":
			return specInvalid("a SPIFFE ID belongs into a workload's certificate alone")
		}
	}
	return nil
}

// isMailbox reports whether address is a Mailbox of RFC 5321, section 4.1.2,
// without quotes and comments, as RFC 5280, section 4.2.1.6, wants it.
func isMailbox(address string) bool {
	local, host, ok := strings.Cut(address, "@")
	return ok && local != "" && len(local) <= 64 && IsHostname(host) &&
		!strings.HasPrefix(local, ".") && !strings.HasSuffix(local, ".") && !strings.Contains(local, "..") &&
		!strings.ContainsFunc(local, func(r rune) bool {
			return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),:;<>@[\]`, r)
		})
}

// parseURI reads a URI that is absolute, has a host that is a DNS name or an IP
// address (RFC 5280, section 4.2.1.6), and is written as it is read.
func parseURI(text string) (*url.URL, bool) {
	parsed, err := url.Parse(text)
	if err != nil || len(text) > maxURL || parsed.Scheme == "" || parsed.String() != text || strings.ContainsFunc(text, func(r rune) bool { return r >= 0x7f }) {
		return nil, false
	}
	_, notIP := netip.ParseAddr(parsed.Hostname())
	return parsed, notIP == nil || IsHostname(parsed.Hostname())
}

func (s Spec) checkURLs() error {
	for what, urls := range map[string][]string{"revocation list": s.CRLs, "OCSP responder": s.OCSP, "issuer's certificate": s.Issuers} {
		if len(urls) > 0 && s.Profile == Root {
			return specInvalid("nobody looks at the URL of a root's %s: a root is trusted by itself", what).WithHint("leave it away")
		}
		if len(urls) > maxURLs {
			return specInvalid("%d URLs of the %s; %d are the most", len(urls), what, maxURLs).WithHint("leave some away")
		}
		for _, text := range urls {
			if parsed, ok := parseURI(text); !ok || parsed.Scheme != "http" {
				return specInvalid("%q is not an http URL of the %s", fault.Printable(text, 100), what).
					WithHint("use http: what is fetched is signed, and https would need a certificate that is to be looked up itself (RFC 5280, section 8)")
			}
		}
	}
	return nil
}

// ownExtensions are those that the other fields of a Spec decide.
var ownExtensions = []OID{OIDSubjectKeyID, OIDAuthorityKeyID, OIDKeyUsage, OIDExtKeyUsage, OIDBasicConstraints, OIDSubjectAltName,
	OIDNameConstraints, OIDCRLPoints, OIDAuthorityInfo, OIDTLSFeature}

func (s Spec) checkExtra() error {
	if len(s.Extra) > maxExtra {
		return specInvalid("%d further extensions; %d are the most", len(s.Extra), maxExtra).WithHint("leave some away")
	}
	for i, e := range s.Extra {
		invalid := func(what string) error {
			return specInvalid("the extension %s %s", e.ID.Name(), what).WithHint("give it by an identifier of its own and a value in DER")
		}
		switch {
		case e.ID.arcs() == nil:
			return specInvalid("an extension without a valid identifier").WithHint("take the identifier from ParseOID")
		case slices.Contains(ownExtensions, e.ID):
			return invalid("is written by the profile, and cannot be replaced")
		case slices.ContainsFunc(s.Extra[:i], func(other Extension) bool { return other.ID == e.ID }):
			return invalid("is there twice")
		case len(e.Value) > maxValue:
			return invalid("is too long")
		case !isElement(e.Value):
			return invalid("has a value that is not DER")
		case e.rule() == mustBeCritical && !e.Critical || e.rule() == mustNotBeCritical && e.Critical:
			return invalid("has to be " + e.rule().String())
		}
		if _, err := e.Decode(); err != nil {
			return fault.Wrap(err, SpecInvalid, "a further extension").WithHint("correct its value")
		}
	}
	return nil
}

// isElement reports whether value is exactly one element, whose own elements are
// left unread.
func isElement(value []byte) bool {
	d := newDER(value)
	d.element("value")
	return d.end("the value") == nil
}

// IsHostname reports whether name is a DNS name as a certificate has it: letters,
// digits, dashes (none first) and underscores in labels of at most 63 bytes, 253
// in all; no wildcard, no trailing dot, and not all digits at the end, as an
// address has them (RFC 1123, section 2.1; the underscore, which internal names
// use, is crypto/x509's addition).
func IsHostname(name string) bool {
	if len(name) > 253 {
		return false
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || strings.ContainsFunc(label, notInHostname) {
			return false
		}
		last = label
	}
	return strings.ContainsFunc(last, isNoDigit)
}

func isNoDigit(r rune) bool { return r < '0' || r > '9' }

func notInHostname(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}
