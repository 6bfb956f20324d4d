package audit

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unwritable    fault.Code = "audit_unwritable"
	Unreadable    fault.Code = "audit_unreadable"
	Damaged       fault.Code = "audit_damaged"
	KeyLost       fault.Code = "audit_key_lost"
	KeyExposed    fault.Code = "audit_key_exposed"
	Closed        fault.Code = "audit_closed"
	Missing       fault.Code = "audit_missing"
	Forked        fault.Code = "audit_forked"
	Truncated     fault.Code = "audit_truncated"
	BatchUnsigned fault.Code = "batch_unsigned"
	BatchMissing  fault.Code = "batch_missing"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unwritable, Meaning: "The audit log could not be written, so what was to be in it did not happen.",
			Cause: "A full disk, or missing permissions.",
			Next:  "Free some space on the disk of the data folder; nothing has to be started anew."},
		{Code: Unreadable, Meaning: "The audit log could not be read.",
			Cause: "Missing permissions, or a failing disk.",
			Next:  "Run the command as the folder's owner."},
		{Code: Damaged, Meaning: "The audit log is not as it was written.",
			Cause: "A failing disk, or somebody who changed it.",
			Next:  "signet audit verify says what is damaged, and where. Keep the folder, and bring it back from a backup."},
		{Code: KeyLost, Meaning: "There is an audit log, but not the key that signs its checkpoints.",
			Cause: "The file audit.key was removed from the data folder, or is another log's.",
			Next:  "Bring audit.key back from a backup, or move the folder audit away: a new log then begins."},
		{Code: KeyExposed, Meaning: "The key of the audit log may be read or written by others than its owner.",
			Cause: "Its permissions were changed, or it was copied without them. Who has read it can forge the log.",
			Next:  "chmod 600 the file that the message names."},
		{Code: Closed, Meaning: "The audit log has been closed.",
			Cause: "Signet is stopping.",
			Next:  "Start it again."},
		{Code: Missing, Meaning: "There is no audit log here.",
			Cause: "Another folder was named, or the log was removed.",
			Next:  "Name the data folder of an authority, or its folder audit."},
		{Code: Forked, Meaning: "The audit log is not the continuation of a checkpoint that was kept, or of what the store remembers.",
			Cause: "Entries before that checkpoint were changed, and everything behind them was made anew.",
			Next:  "Do not trust the log; who has its key has forged it. Compare it with a copy."},
		{Code: Truncated, Meaning: "The audit log is shorter than a checkpoint that was kept, or than the store remembers.",
			Cause: "Entries were cut off at its end, or an older copy was put in its place.",
			Next:  "Bring the newer log back; entries are missing. Where it is lost: signet authority serve --accept-log."},
		{Code: BatchUnsigned, Meaning: "A batch of events is not signed by the proxy that sent it.",
			Cause: "A proxy of another version, or somebody who speaks for it.",
			Next:  "Run authority and proxies with the same version of Signet; if they are, revoke the proxy."},
		{Code: BatchMissing, Meaning: "In the batches of events that a proxy numbered, there is one missing or one twice.",
			Cause: "The authority did not record what it was sent.",
			Next:  "signet audit reconcile lists what is missing."},
	}
}
