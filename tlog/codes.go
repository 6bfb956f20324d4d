package tlog

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	CheckpointInvalid  fault.Code = "checkpoint_invalid"
	CheckpointUnsigned fault.Code = "checkpoint_unsigned"
	TileInvalid        fault.Code = "tile_invalid"
	EntryTooLarge      fault.Code = "log_entry_too_large"
	KeyInvalid         fault.Code = "log_key_invalid"
)

const readHint = "signet audit verify     # finds what is damaged, and where"

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: CheckpointInvalid, Meaning: "What was named as a log's checkpoint is none.",
			Cause: "Another file was named, or it was damaged.",
			Next:  "Name a copy of the log's file checkpoint."},
		{Code: CheckpointUnsigned, Meaning: "The log's key did not sign the checkpoint.",
			Cause: "It is another log's, it was changed, or the log has been replaced together with its key.",
			Next:  "Name a checkpoint of this log. If it is one, do not trust the log: somebody has started it over."},
		{Code: TileInvalid, Meaning: "A file of a log is not as logs are written.",
			Cause: "It was damaged, or is of something else.",
			Next:  "signet audit verify finds what is damaged, and where."},
		{Code: EntryTooLarge, Meaning: "An entry is too large for a log.",
			Cause: "It has more than 65,535 bytes.",
			Next:  "Say it shorter: give a shorter reason."},
		{Code: KeyInvalid, Meaning: "The key of a log cannot be used.",
			Cause: "Its file was damaged, or is of something else.",
			Next:  "Bring the log's key back from a backup."},
	}
}
