package pkcs7

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unreadable fault.Code = "pkcs7_unreadable"
	Sealed     fault.Code = "pkcs7_sealed"
)

// Codes returns this package's error codes, for documentation.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unreadable, Meaning: "The input is not PKCS#7 (CMS), or a damaged one.",
			Cause: "The file was cut short on its way, or another kind of file was named.",
			Next:  "Copy it again from where it was made."},
		{Code: Sealed, Meaning: "The PKCS#7 message is of a kind that holds no certificates in the open: it is encrypted, or plain data.",
			Cause: "An encrypted mail or file was named instead of a certificate bundle.",
			Next:  "Name a bundle (.p7b, .p7c); an encrypted message is opened by whom it is for: openssl cms -decrypt."},
	}
}
