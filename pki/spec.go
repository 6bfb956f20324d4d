package pki

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

// Profile is what a certificate is for; it decides the extensions.
type Profile int

// The profiles.
const (
	Root         Profile = iota // a trust anchor: signs authorities and leaves
	Intermediate                // signs leaves, no further authority
	Server                      // DNS names and IP addresses, for TLS servers
	Client                      // DNS names and IP addresses, for TLS clients
	Workload                    // one SPIFFE ID, both ends of a connection
)

// profiles says what each profile puts into a certificate.
var profiles = map[Profile]struct {
	lifetime    time.Duration
	authority   bool
	usage       x509.KeyUsage
	extended    []x509.ExtKeyUsage
	maxPathLen  int
	pathLenZero bool
}{
	Root:         {lifetime: 10 * 365 * 24 * time.Hour, authority: true, usage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, maxPathLen: -1},
	Intermediate: {lifetime: 2 * 365 * 24 * time.Hour, authority: true, usage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, pathLenZero: true},
	Server:       {lifetime: 90 * 24 * time.Hour, usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
	Client:       {lifetime: 90 * 24 * time.Hour, usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	Workload:     {lifetime: 24 * time.Hour, usage: x509.KeyUsageDigitalSignature, extended: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
}

// Backdate is how far before now a certificate begins, so that a peer whose
// clock is a little behind accepts it.
const Backdate = 5 * time.Minute

// Spec says which certificate is wanted. Version 3, a random serial number of
// 159 bits and both key identifiers are not a choice.
type Spec struct {
	Profile  Profile
	Name     string        // common name, at most 64 characters: required for authorities, else optional
	DNS      []string      // Server, Client
	IPs      []netip.Addr  // Server, Client
	ID       spiffeid.ID   // Workload
	Lifetime time.Duration // 0: the profile's; never beyond the issuer's end
	Now      time.Time     // zero: the present
}

func (s Spec) now() time.Time {
	if s.Now.IsZero() {
		return time.Now()
	}
	return s.Now
}

func (s Spec) template(public crypto.PublicKey) (*x509.Certificate, error) {
	profile, ok := profiles[s.Profile]
	if !ok {
		return nil, specInvalid("there is no profile %d", s.Profile)
	}
	if err := s.check(profile.authority); err != nil {
		return nil, err
	}
	keyID, err := subjectKeyID(public)
	if err != nil {
		return nil, err
	}
	lifetime := s.Lifetime
	if lifetime == 0 {
		lifetime = profile.lifetime
	}
	now := s.now()
	template := &x509.Certificate{
		SerialNumber:          newSerial(),
		Subject:               pkix.Name{CommonName: s.Name},
		NotBefore:             now.Add(-Backdate),
		NotAfter:              now.Add(lifetime),
		SubjectKeyId:          keyID,
		KeyUsage:              profile.usage,
		ExtKeyUsage:           profile.extended,
		BasicConstraintsValid: true,
		IsCA:                  profile.authority,
		MaxPathLen:            profile.maxPathLen,
		MaxPathLenZero:        profile.pathLenZero,
		DNSNames:              s.DNS,
	}
	for _, ip := range s.IPs {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.Unmap().AsSlice()))
	}
	if !s.ID.IsZero() {
		template.URIs = []*url.URL{s.ID.URL()}
	}
	return template, nil
}

// maxName is the upper bound of a common name, in characters (RFC 5280,
// appendix A.1, ub-common-name).
const maxName = 64

// check holds the names against the profile.
func (s Spec) check(authority bool) error {
	names := len(s.DNS) + len(s.IPs)
	switch {
	case s.Lifetime < 0:
		return specInvalid("a lifetime of %s is negative", s.Lifetime)
	case !isCommonName(s.Name):
		return badCommonName(s.Name)
	case authority && s.Name == "":
		return specInvalid("an authority needs a name")
	case authority && (names > 0 || !s.ID.IsZero()):
		return specInvalid("an authority has no subject alternative names")
	case s.Profile == Workload && (s.ID.IsZero() || names > 0):
		return specInvalid("a workload has exactly one name, its SPIFFE ID")
	case !authority && s.Profile != Workload && names == 0:
		return specInvalid("a leaf certificate needs a DNS name or an IP address; a common name alone is not looked at by anybody")
	case !authority && s.Profile != Workload && !s.ID.IsZero():
		return specInvalid("a SPIFFE ID belongs into a workload's certificate alone")
	}
	return checkNames(s.DNS, s.IPs)
}

// isCommonName reports whether text can be a common name, or is empty.
func isCommonName(text string) bool {
	return utf8.RuneCountInString(text) <= maxName && text == fault.Printable(text, maxName)
}

func badCommonName(text string) error {
	return specInvalid("the name %q has more than %d characters, or some that cannot be printed", fault.Printable(text, maxName), maxName)
}

func checkNames(dns []string, ips []netip.Addr) error {
	for _, name := range dns {
		if !IsHostname(strings.TrimPrefix(name, "*.")) {
			return specInvalid("%q is not a DNS name", fault.Printable(name, maxName))
		}
	}
	for _, ip := range ips {
		if !ip.IsValid() || ip.Zone() != "" {
			return specInvalid("%q is not an IP address that a certificate can carry", ip)
		}
	}
	return nil
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
	return strings.Trim(last, "0123456789") != ""
}

func notInHostname(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
}

func specInvalid(format string, args ...any) error {
	return fault.New(SpecInvalid, format, args...).
		WithHint("give the names that the certificate's profile needs, and only those")
}
