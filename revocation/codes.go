package revocation

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	TooMuch          fault.Code = "too_much_evidence"
	IssuerNotFetched fault.Code = "issuer_not_fetched"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: TooMuch, Meaning: "More revocation lists and OCSP responses were given than are looked at.",
			Cause: "A folder of all lists there are was named.",
			Next:  "Give the lists of the chain's own issuers alone."},
		{Code: IssuerNotFetched, Meaning: "The certificate of who signed another could not be brought from where that says it is.",
			Cause: "The certificate names no place, the place does not answer, or it has another certificate.",
			Next:  "Append the issuer's certificate to the file of the one that it signed."},
	}
}
