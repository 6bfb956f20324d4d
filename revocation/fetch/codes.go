package fetch

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	URLRefused     fault.Code = "fetch_url_refused"
	AddressRefused fault.Code = "fetch_address_refused"
	Failed         fault.Code = "fetch_failed"
	TooLarge       fault.Code = "fetch_too_large"
	AnswerUnfit    fault.Code = "fetch_answer_unfit"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: URLRefused, Meaning: "A certificate names a URL that is not asked.",
			Cause: "It is one of a directory (LDAP) or a file, has no host, or is longer than URLs are.",
			Next:  "Give the revocation list itself, or have the certificate issued again with an http URL."},
		{Code: AddressRefused, Meaning: "A URL that a certificate names leads to an address that is not public.",
			Cause: "The authority is one of your own network, or somebody made a certificate that has you ask your own machines.",
			Next:  "If the authority is your own, allow its network; else do not trust the certificate."},
		{Code: Failed, Meaning: "A revocation list, an OCSP response or an issuer's certificate could not be fetched.",
			Cause: "The server cannot be reached, is slow, broke off, or says that it has no answer.",
			Next:  "Check that the server can be reached from here, and try again."},
		{Code: TooLarge, Meaning: "An answer has more bytes than one of its kind may have.",
			Cause: "The URL leads to something else, or a server tries to fill this machine's memory.",
			Next:  "Tell the authority that names the URL; it can split a list by distribution points."},
		{Code: AnswerUnfit, Meaning: "A server answered, but not with what was asked for.",
			Cause: "The answer is a page for people, out of date, about others, or signed by somebody who may not.",
			Next:  "Ask again later; if the answer stays the same, tell the authority that names the URL."},
	}
}
