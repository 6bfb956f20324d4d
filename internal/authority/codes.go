package authority

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	NotPermitted  fault.Code = "not_permitted"
	NotGranted    fault.Code = "not_granted"
	BadRequest    fault.Code = "bad_request"
	ConnUnknown   fault.Code = "connection_unknown"
	ConnAmbiguous fault.Code = "connection_ambiguous"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: NotPermitted, Meaning: "This identity may not ask the authority for that.",
			Cause: "A proxy asked for an operator's act, an operator for a proxy's, or a workload for anything.",
			Next:  "Use an operator's identity: --as operator/NAME."},
		{Code: NotGranted, Meaning: "The proxy may not hold that identity.",
			Cause: "A proxy asked for an identity that is not one of its services or doors.",
			Next:  "Grant the identity to the proxy, or correct the proxy's configuration."},
		{Code: BadRequest, Meaning: "The authority could not read the request.",
			Cause: "A client of another version, or not one of Signet's.",
			Next:  "Use the signet command of the authority's version."},
		{Code: ConnUnknown, Meaning: "No connection with that ID is known.",
			Cause: "A typing error, or it is older than the events that are kept.",
			Next:  "signet conns     # lists the live ones"},
		{Code: ConnAmbiguous, Meaning: "The ID fits several connections.",
			Cause: "It is too short.",
			Next:  "Write more of its digits."},
	}
}
