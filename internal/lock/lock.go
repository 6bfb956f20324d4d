// Package lock takes folders for one process. The kernel lets go of a lock when its
// process ends, however it ends.
package lock

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
)

// Held is the error of a lock that another process has.
type Held struct {
	By string // "process 123", or "another process" where its number is not known
}

// Error implements error.
func (h *Held) Error() string { return "in use by " + h.By }

// Take takes a file, which it makes if need be, for this process until the file is
// closed, and writes the process's number into it. It does not wait.
func Take(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := tryLock(file)
	switch {
	case held:
		err = &Held{holder(file)}
	case err == nil:
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// holder names the process whose number stands in the file.
func holder(file *os.File) string {
	text, err := io.ReadAll(io.LimitReader(file, 32))
	pid := string(bytes.TrimSpace(text))
	if err != nil || pid == "" || strings.Trim(pid, "0123456789") != "" {
		return "another process"
	}
	return "process " + pid
}
