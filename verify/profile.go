package verify

// Profile says which rules a path must keep beyond those that hold everywhere.
type Profile int

// The profiles.
const (
	RFC5280  Profile = 1 << iota // all that RFC 5280 asks of certificates
	WebPKI                       // what the CA/Browser Forum asks of those of public web servers
	Workload                     // what SPIFFE asks of workloads' identities
	Path                         // what section 6 of RFC 5280 asks of paths, and nothing of certificates' form

	anyProfile = RFC5280 | WebPKI | Workload | Path
	formal     = RFC5280 | WebPKI | Workload // those that ask for the form of certificates

	identities = Path << 1 // beside any of them, where a trust domain's roots vouch for a SPIFFE ID
)
