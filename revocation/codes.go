package revocation

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const TooMuch fault.Code = "too_much_evidence"

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: TooMuch, Meaning: "More revocation lists and OCSP responses were given than are looked at.",
			Cause: "A folder of all lists there are was named.",
			Next:  "Give the lists of the chain's own issuers alone."},
	}
}
