package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// What stands beside a file while it is written is called .NAME.DIGITS and one of
// these endings: the new content, and what it replaces.
const (
	newEnding = ".new"
	oldEnding = ".old"
)

// prefix is how the names begin of what stands beside a file.
func prefix(path string) string { return "." + filepath.Base(path) + "." }

// Left returns the files that programs have left beside the path which were killed
// while they wrote it. Those of a program that is still at it are not among them.
func Left(path string) (left []string) {
	eachBeside(path, func(name string) {
		if whenLeft(name, func() {}) {
			left = append(left, name)
		}
	})
	return left
}

// tidy removes what is left beside a file that is in its place again.
func tidy(path string) {
	eachBeside(path, func(name string) { whenLeft(name, func() { os.Remove(name) }) })
}

// eachBeside calls do with each name of what stands beside a file.
func eachBeside(path string, do func(name string)) {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return
	}
	defer folder.Close()
	names, _ := folder.Readdirnames(-1)
	for _, name := range names {
		if besides(name, path) {
			do(filepath.Join(filepath.Dir(path), name))
		}
	}
}

// besides reports whether a name is of what stands beside a file while it is
// written.
func besides(name, path string) bool {
	digits, ok := strings.CutPrefix(name, prefix(path))
	if !ok {
		return false
	}
	digits, isNew := strings.CutSuffix(digits, newEnding)
	digits, isOld := strings.CutSuffix(digits, oldEnding)
	return isNew != isOld && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// createHeld makes an empty file beside the path, and holds it.
func createHeld(path string) (*os.File, error) {
	for range 100 {
		file, err := os.CreateTemp(filepath.Dir(path), prefix(path)+"*"+newEnding)
		if err != nil {
			return nil, err
		}
		lock(file)
		mine, errMine := file.Stat()
		there, errThere := os.Lstat(file.Name())
		if errMine == nil && errThere == nil && os.SameFile(mine, there) {
			return file, nil
		}
		file.Close() // before it was held, somebody took it for a dead program's
	}
	return nil, errors.New("others remove what is about to be written")
}
