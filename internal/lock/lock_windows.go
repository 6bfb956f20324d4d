package lock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock takes a file for this process, or reports that another has it. What
// it locks is one byte far behind the file's end: a locked byte cannot be read,
// and the holder's number stands at the beginning.
func tryLock(file *os.File) (held bool, err error) {
	far := &windows.Overlapped{OffsetHigh: 1}
	err = windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return true, nil
	}
	return false, err
}
