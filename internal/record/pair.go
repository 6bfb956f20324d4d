package record

import (
	"errors"
	"sync/atomic"
)

// Pair is a connection whose handshake is over, and the plain one that it is joined with:
// what one brings leaves by the other.
type Pair struct {
	Session *Session
	Secure  int // descriptors, which are the loops' from now on
	Plain   int

	Received []byte // by Secure and not opened yet; it is copied
	Head     []byte // by Plain and not sealed yet

	Sealed *atomic.Int64 // counts bytes of data that have left by Secure
	Opened *atomic.Int64 // and by Plain

	// Done is called once, in a goroutine of its own, when both descriptors are closed:
	// with nil if each end said that this was all, else with what went wrong first. That
	// is an *Error, or ErrCut or a *WireError of Secure's, an error of the system's of
	// Plain's, or ErrAborted.
	Done func(error)
}

// ErrCut says that the encrypted stream ended, and the peer never said that this was all.
var ErrCut = errors.New("the stream ended without a close_notify")

// ErrAborted says that Abort, or the end of Run, has ended a link.
var ErrAborted = errors.New("ended by this side")

// WireError is what the system says of the encrypted side.
type WireError struct{ Err error }

// Error returns the system's words.
func (e *WireError) Error() string { return e.Err.Error() }

// Unwrap returns the system's error.
func (e *WireError) Unwrap() error { return e.Err }
