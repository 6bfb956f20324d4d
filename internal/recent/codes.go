package recent

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	ConnUnknown   fault.Code = "connection_unknown"
	TooMuchCut    fault.Code = "cut_unconfirmed"
	ConnAmbiguous fault.Code = "connection_ambiguous"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: ConnUnknown, Meaning: "No connection with that ID is known.",
			Cause: "A typing error, or its events had to go: the authority keeps only the latest 10,000 of connections and changes, and as many refusals.",
			Next:  "signet conns     # lists the live ones"},
		{Code: TooMuchCut, Meaning: "The cut would end more than 100 connections, and was not confirmed.",
			Cause: "The pair has more connections than was thought.",
			Next:  "Add --yes, if all of them are meant."},
		{Code: ConnAmbiguous, Meaning: "The ID fits several connections.",
			Cause: "It is too short.",
			Next:  "Write more of its digits."},
	}
}
