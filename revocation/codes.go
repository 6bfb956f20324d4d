package revocation

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	TooMuch          fault.Code = "too_much_evidence"
	IssuerNotFetched fault.Code = "issuer_not_fetched"

	ListForged      fault.Code = "crl_signature_invalid"
	ListInvalid     fault.Code = "crl_invalid"
	ListSigner      fault.Code = "crl_signer_not_allowed"
	ResponseForged  fault.Code = "ocsp_signature_invalid"
	ResponseInvalid fault.Code = "ocsp_invalid"
	ResponseSigner  fault.Code = "ocsp_signer_not_allowed"
	Stale           fault.Code = "revocation_stale"
	NoResponse      fault.Code = "ocsp_not_fetched"
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
		{Code: ListForged, Meaning: "The revocation list that is about a certificate was not signed by the key of the issuer that it names.",
			Cause: "The list was altered or forged, or the issuer has a second key of the same name.",
			Next:  "Do not use the list; get the present one from the issuer itself."},
		{Code: ResponseForged, Meaning: "The OCSP response about a certificate was not signed by the key of who it says has signed it.",
			Cause: "The response was altered or forged, or the issuer has a second key of the same name.",
			Next:  "Do not use the response; ask the responder that the certificate itself names."},
		{Code: ListInvalid, Meaning: "The revocation list that is about a certificate breaks a rule of its form, so it counts for nothing.",
			Cause: "An extension of it cannot be read, is not understood, or is critical and must not be (RFC 5280, section 5.2), or it is signed by an algorithm that proves nothing.",
			Next:  "Have the authority that signed the list issue it again, without what the message names."},
		{Code: ListSigner, Meaning: "The revocation list that is about a certificate was signed by nobody who may sign it.",
			Cause: "The authority's key usage lacks cRLSign (RFC 5280, section 4.2.1.3), or somebody else signed in its name.",
			Next:  "Have the authority's certificate issued again with the keyUsage cRLSign; if it has that, do not trust the list."},
		{Code: ResponseInvalid, Meaning: "The OCSP response about a certificate breaks a rule of its form, so it counts for nothing.",
			Cause: "An extension of it cannot be read, or is critical and not understood, or it is signed by an algorithm that proves nothing.",
			Next:  "Tell the authority that runs the responder; meanwhile give its revocation list."},
		{Code: ResponseSigner, Meaning: "The OCSP response about a certificate was signed by nobody whom its issuer has authorized.",
			Cause: "A responder of somebody else's, or one whose certificate lacks the extendedKeyUsage OCSPSigning (RFC 6960, section 4.2.2.2), or is over.",
			Next:  "Do not trust the response; ask the responder that the certificate itself names."},
		{Code: Stale, Meaning: "What says whether a certificate is revoked is out of date, or from the future.",
			Cause: "The list or response was kept beyond its nextUpdate, or a clock is wrong.",
			Next:  "Get the present list or response from its authority, and check this machine's clock."},
		{Code: NoResponse, Meaning: "No OCSP response about a certificate could be brought that counts.",
			Cause: "The certificate names no responder, none answers, or what they answer is out of date or somebody else's.",
			Next:  "See that the responder that the certificate names can be reached from this host."},
	}
}
