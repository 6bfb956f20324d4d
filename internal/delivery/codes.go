package delivery

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unwritable         fault.Code = "delivery_unwritable"
	PasswordUnreadable fault.Code = "store_password_unreadable"
	ReloadFailed       fault.Code = "reload_failed"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unwritable, Meaning: "An identity's files could not be written; those before are still there, whole.",
			Cause: "Missing permissions, a full disk, or an owner whom only root may give files to.",
			Next:  "Make the folder writable for the agent's user, or free some space; it is tried again by itself."},
		{Code: PasswordUnreadable, Meaning: "The file with the passphrase of a key store or trust store could not be used.",
			Cause: "A wrong path, missing permissions, or an empty first line.",
			Next:  "Name a file whose first line is the passphrase, with password_file."},
		{Code: ReloadFailed, Meaning: "The command that tells a program of its new files failed. The files are in place.",
			Cause: "The program does not run, the command may not be run by the agent's user, or it took too long.",
			Next:  "Run it by hand; it is tried again by itself, after a second at first and a minute at most."},
	}
}
