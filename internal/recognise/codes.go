package recognise

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unrecognised fault.Code = "unrecognised"
	CutShort     fault.Code = "cut_short"
	BadPEM       fault.Code = "pem_invalid"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unrecognised, Meaning: "The file, or a part of it, holds nothing that is known here.",
			Cause: "Another kind of file was named, or it was damaged from its first byte on.",
			Next:  "Name a file with certificates or keys, in PEM or DER; the message shows how this one begins."},
		{Code: CutShort, Meaning: "The object says that it is longer than what is there.",
			Cause: "A download or a copy that did not come to its end.",
			Next:  "Copy the file again from where it was made."},
		{Code: BadPEM, Meaning: "A PEM block is not valid; the message says where and why.",
			Cause: "A copy through a mail or a terminal that lost a line, or changed one.",
			Next:  "Copy the block again, with its first and last line and all between them."},
	}
}
