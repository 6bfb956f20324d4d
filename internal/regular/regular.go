// Package regular reads files that are files, and says which of them others than their
// owner can get at. Anything else under a name, such as a pipe without a writer, would be
// waited for.
package regular

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrNot is the error, in an *fs.PathError, of what is no regular file.
var ErrNot = errors.New("it is not a regular file")

// Exposed is the error of a file that others than its owner can get at.
type Exposed struct{ Mode fs.FileMode }

// Error says what its permissions are.
func (e *Exposed) Error() string { return fmt.Sprintf("its permissions are %04o", e.Mode.Perm()) }

// Open opens a regular file.
func Open(path string) (*os.File, error) {
	info, err := os.Stat(path) // before it is opened: opening a pipe waits, too
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNot}
	}
	return os.Open(path)
}

// Read returns the first bytes of a regular file, at most so many.
func Read(path string, most int64) ([]byte, error) {
	return read(path, most, func(fs.FileInfo) error { return nil })
}

// ReadPrivate is Read for a file that must be Private.
func ReadPrivate(path string, most int64) ([]byte, error) { return read(path, most, Private) }

// ReadGuarded is Read for a file that must not be anybody's to write, as one that says
// whom to believe, or what is allowed. The error is an *Exposed. What a group may write
// is its own affair.
func ReadGuarded(path string, most int64) ([]byte, error) { return read(path, most, guarded) }

func guarded(info fs.FileInfo) error {
	if public(info) {
		return &Exposed{info.Mode()}
	}
	return nil
}

func read(path string, most int64, check func(fs.FileInfo) error) ([]byte, error) {
	file, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil {
		err = check(info)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(file, most))
}

// Private returns an *Exposed for a regular file that others than its owner can read or
// write. One of root's may be readable by its group, of which the process then is: so
// does systemd hand credentials to a service, and root a key to a group.
func Private(info fs.FileInfo) error {
	mode := info.Mode()
	if !mode.IsRegular() || !exposed(info) {
		return nil
	}
	return &Exposed{mode}
}
