//go:build unix

package cli

import (
	"math"
	"syscall"
)

// diskSpace returns what this user can still write where a folder is, and the size of
// all, in bytes.
func diskSpace(dir string) (free, all int64, err error) {
	var at syscall.Statfs_t
	if err := syscall.Statfs(dir, &at); err != nil {
		return 0, 0, err
	}
	block := int64(at.Bsize)
	return int64(at.Bavail) * block, int64(at.Blocks) * block, nil
}

// descriptorLimit returns how many descriptors a program that is started from here can
// have: Go's raise theirs as far as they may.
func descriptorLimit() (int64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	return int64(min(limit.Max, math.MaxInt64)), nil
}
