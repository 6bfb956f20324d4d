//go:build unix && !solaris && !illumos && !aix

package atomicfile

import (
	"os"
	"syscall"
	"time"
)

// holding reports that a file can be held while it is renamed.
const holding = true

// lock holds an open file. Where the file system has no locks nobody can see that
// it is held, nor take it for left.
func lock(file *os.File) { syscall.Flock(int(file.Fd()), syscall.LOCK_SH) }

// hold opens and holds a file; nil if it cannot be opened.
func hold(name string) *os.File {
	file, err := open(name)
	if err == nil {
		lock(file)
	}
	return file
}

// takeTurns waits until no other program puts files into their places that has begun
// in this folder, and returns what lets the next one go on. Whoever holds the folder
// for a second holds it for other ends, and is not waited for.
func takeTurns(folder string) (done func()) {
	file, err := os.Open(folder)
	if err != nil {
		return func() {}
	}
	for range 100 {
		if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return func() { file.Close() }
}

// whenLeft calls do if nobody holds a file, nor can begin to meanwhile, and reports
// whether it has.
func whenLeft(name string, do func()) bool {
	file, err := open(name)
	if err != nil {
		return false
	}
	defer file.Close()
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	do()
	return true
}

// open opens a file, and never waits for a pipe's other end.
func open(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
