package dangerous

import (
	"errors"
	"io"
	"os"

	"github.com/signet-tls/signet/fault"
)

// KeyLogRefused says that no key log could be opened.
const KeyLogRefused fault.Code = "key_log_refused"

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: KeyLogRefused, Meaning: "The file for a log of TLS secrets could not be made.",
			Cause: "It exists already, maybe made by somebody else who could then read it; or its folder cannot be written.",
			Next:  "Name a file that does not exist yet, in a folder of your own."},
	}
}

// Switch takes a protection from a Client's or Server's connections. The zero
// value takes none.
type Switch struct {
	name string
	keys *os.File
}

// SkipVerification has a Client or Server accept whoever answers: nobody is
// verified, and Authorize is all that is asked.
func SkipVerification() Switch { return Switch{name: "verification is skipped"} }

// LegacyVersions has one speak TLS 1.0 and 1.1, with suites of CBC, and TLS 1.2
// without the extended master secret; and a Client's TLSConfig speak what its
// connections do. Between Signet's own ends it changes nothing.
func LegacyVersions() Switch { return Switch{name: "legacy versions are spoken"} }

// AllowTruncation has a stream that was cut look as if it had come to its end.
func AllowTruncation() Switch { return Switch{name: "truncation is not noticed"} }

// KeyLog has the secrets of all connections written to a new file that only its
// owner can read, as Wireshark and others want them (NSS key log format): who
// has it can read everything. It fails if the file exists.
func KeyLog(path string) (Switch, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		var why *os.PathError
		if errors.As(err, &why) {
			err = why.Err
		}
		return Switch{}, fault.Wrap(err, KeyLogRefused, "no key log can be made at %s", fault.Printable(path, 200)).
			WithHint("name a file that does not exist yet, in a folder of your own")
	}
	return Switch{name: "keys are logged to " + path, keys: file}, nil
}

// Close closes the file of a KeyLog; other switches have none. Connections that
// are made afterwards fail.
func (s Switch) Close() error {
	if s.keys == nil {
		return nil
	}
	return s.keys.Close()
}

// Keys is where a KeyLog's secrets go; nil of other switches.
func (s Switch) Keys() io.Writer {
	if s.keys == nil {
		return nil
	}
	return s.keys
}

// String says what is no longer so.
func (s Switch) String() string { return s.name }
