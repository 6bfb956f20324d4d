package config

import "github.com/signet-tls/signet/fault"

// Codes of this package.
const (
	Unreadable fault.Code = "proxy_config_unreadable"
	Invalid    fault.Code = "proxy_config_invalid"
	UnknownKey fault.Code = "proxy_config_key_unknown"
	BadPath    fault.Code = "proxy_config_path_invalid"
	Exposed    fault.Code = "proxy_config_exposed"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: Unreadable, Meaning: "A configuration could not be read.",
			Cause: "A mistyped path, missing permissions, or a file of more than a MiB.",
			Next:  "Name a file that this user may read."},
		{Code: Invalid, Meaning: "A configuration says something that cannot be, so nothing of it was put in force.",
			Cause: "A mistake in its TOML, a value that its key does not take, a key that is missing, or keys that contradict each other.",
			Next:  "Correct the line that the error names; signet proxy lint looks at the whole file."},
		{Code: UnknownKey, Meaning: "A configuration has a key that does not exist, so nothing of it was put in force.",
			Cause: "A mistyped key, or one that stands below the wrong heading.",
			Next:  "Correct the line that the error names; docs/proxy-config.md lists all keys."},
		{Code: BadPath, Meaning: "A configuration names a file or folder that is not there, or is not what it should be.",
			Cause: "A mistyped path: it is relative to the folder of the configuration.",
			Next:  "Correct the line that the error names, or make the file."},
		{Code: Exposed, Meaning: "A configuration may be written by anybody on this host, so nothing of it was put in force.",
			Cause: "Its permissions were opened, or it was made in a program without a umask.",
			Next:  "Look whether it says what it should, and then: chmod o-w FILE"},
	}
}
