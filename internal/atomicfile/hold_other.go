//go:build !unix || solaris || illumos || aix

package atomicfile

import (
	"os"
	"time"
)

// holding reports that a file can be held while it is renamed.
const holding = false

func lock(*os.File) {}

func hold(string) *os.File { return nil }

func takeTurns(string) (done func()) { return func() {} }

// abandoned is the age from which on a file is taken for one that was left.
const abandoned = time.Hour

// whenLeft calls do if a file is as old as one that nobody writes any longer, and
// reports whether it has.
func whenLeft(name string, do func()) bool {
	info, err := os.Lstat(name)
	if err != nil || time.Since(info.ModTime()) < abandoned {
		return false
	}
	do()
	return true
}
