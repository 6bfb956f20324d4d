package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/atomicfile"
	"github.com/signet-tls/signet/internal/recognise"
)

// readable is the mode of files that hold no secret.
const readable fs.FileMode = 0o644

// force is the flag of every command that writes files.
type force struct {
	Force bool `help:"Overwrite a file that is there."`
}

// product is a file that a command is about to write.
type product struct {
	path string
	data []byte
	mode fs.FileMode
}

// save writes the files, each whole or not at all, and none if one of them is
// there already and may not be overwritten.
func (f force) save(files ...product) error {
	for _, file := range files {
		if err := f.free(file.path); err != nil {
			return err
		}
	}
	write := atomicfile.Create
	if f.Force {
		write = atomicfile.Write
	}
	for _, file := range files {
		err := write(file.path, file.data, file.mode)
		if errors.Is(err, fs.ErrExist) {
			return thereAlready(file.path)
		}
		if err != nil {
			return fault.Wrap(reasonOf(err), FileUnwritable, "%s cannot be written", file.path).
				WithHint("name a file in a folder that this user may write to, on a disk with room")
		}
	}
	return nil
}

// free reports whether the file may be written. Commands that ask a person ask
// this first.
func (f force) free(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fault.New(FileUnwritable, "%s is a folder", path).WithHint("name a file in it: %s", filepath.Join(path, "NAME.pem"))
	case err == nil && !info.Mode().IsRegular():
		return fault.New(FileUnwritable, "%s is no ordinary file, and a key or certificate is written to no other", path).WithHint("name a file")
	case err == nil && !f.Force:
		return thereAlready(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return fault.Wrap(reasonOf(err), FileUnwritable, "%s cannot be written", path).
			WithHint("name a file in a folder that this user may write to")
	}
	return nil
}

func thereAlready(path string) error {
	return fault.New(FileExists, "%s is there already, and was left as it is", path).
		WithHint("choose another name with --out, or add --force to overwrite it")
}

// reasonOf leaves out what the operating system's error says about the path, which
// stands in front of it already.
func reasonOf(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// read returns what a file holds, up to one byte more than limit; "-" is standard
// input.
func (s *shell) read(path string, limit int64) ([]byte, error) {
	return s.readBy(path, func([]byte) int64 { return limit })
}

// readAny is read of a file of any kind, each with its own limit.
func (s *shell) readAny(path string) ([]byte, error) { return s.readBy(path, recognise.Most) }

// readBy is read with a limit that depends on how the file begins.
func (s *shell) readBy(path string, limit func(begin []byte) int64) ([]byte, error) {
	return waiting(s, func() ([]byte, error) { return s.readWhole(path, limit) })
}

// waiting does what may have to wait for another program, such as to open a FIFO or
// to read from a terminal: until Ctrl-C, which leaves it behind.
func waiting[T any](s *shell, work func() (T, error)) (result T, err error) {
	type outcome struct {
		result T
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		result, err := work()
		done <- outcome{result, err}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-s.stop:
		return result, context.Canceled
	}
}

func (s *shell) readWhole(path string, limit func(begin []byte) int64) ([]byte, error) {
	name, file, size := path, s.stdin, int64(0)
	if path == "-" {
		name = "standard input"
	} else {
		opened, err := os.Open(path)
		if err != nil {
			return nil, unreadableFile(err, path)
		}
		defer opened.Close()
		if info, err := opened.Stat(); err == nil {
			size = info.Size()
		}
		file = opened
	}
	data, err := readSized(file, size, limit)
	if err != nil {
		return nil, unreadableFile(err, name)
	}
	return data, nil
}

// beginning is how much of a file decides how much of it is read.
const beginning = 64 << 10

// readSized reads a file into one buffer of its size; where it says none, of as
// much as may come: memory that is not written to costs nothing.
func readSized(file io.Reader, size int64, limit func(begin []byte) int64) ([]byte, error) {
	begin := make([]byte, beginning)
	n, err := io.ReadFull(file, begin)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return begin[:n], nil
	}
	if err != nil {
		return nil, err
	}
	most := limit(begin) + 1
	if size == 0 {
		size = most
	}
	data := append(make([]byte, 0, max(beginning, min(size+1, most))), begin...)
	for {
		n, err := file.Read(data[len(data):min(int64(cap(data)), max(most, int64(len(data))))])
		data = data[:len(data)+n]
		switch {
		case err == io.EOF || int64(len(data)) >= most:
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

func unreadableFile(err error, path string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.New(FileMissing, "there is no file %s", path).WithHint("write a path that exists")
	}
	return fault.Wrap(reasonOf(err), FileUnreadable, "%s cannot be read", path).WithHint("%s", whereUnreadable(err))
}

func whereUnreadable(err error) string {
	if errors.Is(err, syscall.EISDIR) {
		return "name a file in that folder"
	}
	return "name a file that this user may read"
}

// inFile puts the file's name in front of an error of what is in it. Errors of the
// command itself name what they are about already.
func inFile(err error, path string) error {
	ours := []fault.Code{Usage, FileMissing, FileUnreadable, PassphraseMissing, PassphraseDiffers}
	if e, ok := fault.Of(err); ok && !slices.Contains(ours, e.Code) {
		return fault.Wrap(e, e.Code, "%s", asWritten(path))
	}
	return err
}

// asWritten is how a file is called where there may be several: as the user wrote it.
func asWritten(path string) string {
	if path == "-" {
		return "standard input"
	}
	return path
}

// baseName is how a file is called in sentences about it alone.
func baseName(path string) string { return filepath.Base(asWritten(path)) }
