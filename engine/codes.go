package engine

import "github.com/signet-tls/signet/fault"

// Codes of this package. They are answers rather than failures.
const (
	// WantRead says that the peer's next bytes are needed: Drain, carry, Feed.
	WantRead fault.Code = "want_read"
	// Full says that MaxWaiting bytes wait already, and that nothing was taken.
	Full fault.Code = "buffer_full"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: WantRead, Meaning: "The engine needs more bytes of the peer before it can go on.",
			Cause: "Nothing is wrong: they have not been fed yet.",
			Next:  "Carry to the peer what Drain returns, Feed what comes back, and call again."},
		{Code: Full, Meaning: "1 MiB waits in the engine, in this direction, and nothing more was taken.",
			Cause: "Bytes are fed without being read, or written without being carried.",
			Next:  "Call Read (after Feed) or Drain (after Write) first, then the same call again."},
	}
}
