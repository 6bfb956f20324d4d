package pki

import "time"

// Profile is what a certificate is for; it decides the extensions.
type Profile int

// The profiles.
const (
	Root         Profile = iota // a trust anchor: signs authorities and leaves
	Intermediate                // signs leaves, and authorities if it has a path length
	Server                      // DNS names and IP addresses, for TLS servers
	Client                      // any names of hosts or people, for TLS clients
	Workload                    // one SPIFFE ID, both ends of a connection
	Signer                      // one SPIFFE ID, signs statements and opens no connection
)

const day = 24 * time.Hour

// profile is what each Profile puts into a certificate, and may.
type profile struct {
	name      string
	lifetime  time.Duration
	longest   time.Duration
	why       string // there is no longer life
	authority bool
	usage     KeyUsage
	extended  []OID
	names     []NameKind // of subject alternative names
}

var profiles = map[Profile]profile{
	Root: {name: "root", lifetime: 3650 * day, longest: 9131 * day,
		why:       "the CA/Browser Forum gives a root 9,132 days (Baseline Requirements, section 7.1.2.1.1), and its key's algorithm may not last longer",
		authority: true, usage: KeyCertSign | CRLSign},
	Intermediate: {name: "intermediate", lifetime: 730 * day, longest: 3650 * day,
		why:       "a key that signs every day is replaced well before its root",
		authority: true, usage: KeyCertSign | CRLSign},
	Server: {name: "server", lifetime: 90 * day, longest: 397 * day,
		why:   "Apple's and Google's clients refuse a server's certificate of more than 398 days, the backdating among them",
		usage: DigitalSignature, extended: []OID{OIDServerAuth}, names: []NameKind{DNSName, IPName}},
	Client: {name: "client", lifetime: 90 * day, longest: 397 * day,
		why:   "a stolen key that nobody misses is good for as long; a server's has the same bound",
		usage: DigitalSignature, extended: []OID{OIDClientAuth}, names: []NameKind{DNSName, IPName, EmailName, URIName}},
	Workload: {name: "workload", lifetime: day, longest: 31 * day,
		why:   "a workload's certificate renews itself; a long life would only serve a thief of its key",
		usage: DigitalSignature, extended: []OID{OIDServerAuth, OIDClientAuth}, names: []NameKind{URIName}},
	Signer: {name: "signer", lifetime: day, longest: 31 * day,
		why:   "a signer's certificate renews itself, as a workload's does",
		usage: DigitalSignature, extended: []OID{OIDCodeSigning}, names: []NameKind{URIName}},
}

// identifies reports whether the profile's one name is a SPIFFE ID.
func (p Profile) identifies() bool { return p == Workload || p == Signer }

// String returns the profile's name, such as server.
func (p Profile) String() string { return profiles[p].name }
