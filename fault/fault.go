// Package fault is the one error type of Signet: a stable code that programs
// match on, a message that a person reads, and the next step.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Code names one kind of failure, in snake_case. A code is never renamed or
// reused. It is an error itself, so that a package's exported codes are the
// sentinels of errors.Is:
//
//	if errors.Is(err, verify.CertExpired) { … }
type Code string

// Error returns the code's text.
func (c Code) Error() string { return string(c) }

// Error is data first (Code, Detail), prose second (Message, Hint).
type Error struct {
	// Code says which kind of failure this is.
	Code Code
	// Message says what happened, in one line, without the code.
	Message string
	// Hint is the next step: a command that can be pasted, with an optional
	// comment after " # ", or who must do what. Each line is one step.
	Hint string
	// Detail is the failing package's own struct, or nil.
	Detail any
	// Err is the cause, or nil.
	Err error
}

// New returns an Error with a formatted message.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap returns an Error whose cause is err; the cause's text follows the
// message, and its next step, if it has one, stands until another is set.
func Wrap(err error, code Code, format string, args ...any) *Error {
	e := &Error{Code: code, Message: fmt.Sprintf(format, args...) + ": " + Text(err), Err: err}
	if cause, ok := Of(err); ok {
		e.Hint = cause.Hint
	}
	return e
}

// WithHint sets the next step and returns e.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// WithDetail sets the package's own struct and returns e.
func (e *Error) WithDetail(detail any) *Error {
	e.Detail = detail
	return e
}

// Error returns the message and, in brackets, the code.
func (e *Error) Error() string { return e.Message + " [" + string(e.Code) + "]" }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is this error's code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Of returns the outermost Error in err's chain.
func Of(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// Text returns err's text without the bracketed code, for use inside a longer
// message.
func Text(err error) string {
	if e, ok := err.(*Error); ok {
		return e.Message
	}
	return err.Error()
}

// Printable returns text from outside as it may stand in a line that a person
// reads: whatever is not printable (line ends, escapes, bidirectional controls)
// becomes "?", and what is beyond the given number of characters is cut.
func Printable(text string, most int) string {
	var out strings.Builder
	for _, r := range text {
		if most--; most < 0 {
			return out.String() + "…"
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		out.WriteRune(r)
	}
	return out.String()
}

// Entry is one row of a package's table of codes; "signet why CODE" and
// docs/errors.md are made of it.
type Entry struct {
	Code    Code
	Meaning string // what it says, a sentence
	Cause   string // what usually lies behind it, a sentence
	Next    string // who must do what, a sentence or a command
}
