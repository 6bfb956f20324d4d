package staple

import "github.com/signet-tls/signet/fault"

// Incomplete is the code of a Config that lacks something.
const Incomplete fault.Code = "staple_incomplete"

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Incomplete, Meaning: "What fetches staples lacks something; the message says what.",
			Cause: "A field of its Config was left at its zero value.",
			Next:  "Set the field that the message names."},
	}
}
