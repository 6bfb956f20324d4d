//go:build !windows

package lock

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes a file for this process, or reports that another has it.
func tryLock(file *os.File) (held bool, err error) {
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}
