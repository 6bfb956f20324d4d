package pkcs12

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unreadable  fault.Code = "pkcs12_unreadable"
	Costly      fault.Code = "pkcs12_costly"
	Unsupported fault.Code = "pkcs12_unsupported"
	Ambiguous   fault.Code = "pkcs12_ambiguous"
	NotWritable fault.Code = "pkcs12_not_writable"
)

// Codes returns this package's error codes, for documentation.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unreadable, Meaning: "The input is not PKCS#12 (.p12, .pfx), or a damaged one.",
			Cause: "The file was cut short on its way, or another kind of file was named.",
			Next:  "Copy it again from where it was made."},
		{Code: Costly, Meaning: "The PKCS#12 file asks for more work than is done for a file.",
			Cause: "It was written with an extreme number of rounds, or to keep its readers busy.",
			Next:  "Write it anew with a usual number: openssl pkcs12 -export -iter 100000."},
		{Code: Unsupported, Meaning: "The PKCS#12 file holds something, or is protected in a way, that is not read here; the message names it.",
			Cause: "Secret keys of Java, files protected by public keys, or an old cipher.",
			Next:  "Export certificates and keys alone, from the program that wrote it."},
		{Code: Ambiguous, Meaning: "The PKCS#12 file holds several private keys, and one is wanted.",
			Cause: "A key store of several identities was named.",
			Next:  "Export the wanted one to a file of its own: keytool -importkeystore -srcalias NAME."},
		{Code: NotWritable, Meaning: "The PKCS#12 file cannot be written with these contents or this passphrase.",
			Cause: "An empty passphrase for a private key, a passphrase with characters that PKCS#12 has no form for, or a key that does not leave its store.",
			Next:  "Choose a passphrase of letters, digits and signs."},
	}
}
