package cli

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"golang.org/x/term"

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

// standardOutput is how a user names it where a file is asked for.
const standardOutput = "-"

// mayWrite reports whether the files may be written by a command that reads others.
// It is asked before people are, and before anything is made.
func (f force) mayWrite(s *shell, reads []string, writes ...string) error {
	for i, path := range writes {
		for _, read := range reads {
			if read != "" && read != standardInput && sameFile(read, path) {
				return fault.New(OutputIsInput, "%s is what this command reads, and would be lost", path).
					WithHint("name another file to write")
			}
		}
		for _, other := range writes[:i] {
			if sameFile(path, other) {
				return fault.New(Usage, "%s and %s are the same file", other, path).WithHint("name two")
			}
		}
		if path == standardOutput && s.json {
			return fault.New(Usage, "--json and what is written to - would both be on standard output").WithHint("leave one out")
		}
		if err := f.free(path); err != nil {
			return err
		}
	}
	return nil
}

// sameFile reports whether two paths lead to one place, which may be empty yet.
func sameFile(a, b string) bool {
	if a == standardOutput || b == standardOutput {
		return a == b
	}
	one, errOne := os.Stat(a)
	other, errOther := os.Stat(b)
	if errOne != nil && errOther != nil && filepath.Base(a) == filepath.Base(b) {
		one, errOne = os.Stat(filepath.Dir(a))
		other, errOther = os.Stat(filepath.Dir(b))
	}
	return errOne == nil && errOther == nil && os.SameFile(one, other)
}

// save writes the files: all of them or none, and none in the place of another
// unless that may be overwritten. Behind what goes to standard output no answer
// fits: it goes to standard error.
func (f force) save(s *shell, products ...product) error {
	var files []atomicfile.File
	var shown []product
	for _, p := range products {
		if p.path == standardOutput {
			shown = append(shown, p)
		} else {
			files = append(files, atomicfile.File{Path: p.path, Data: p.data, Mode: p.mode})
		}
	}
	for _, p := range shown {
		if err := s.mayShow(p); err != nil {
			return err
		}
	}
	write := atomicfile.CreateAll
	if f.Force {
		write = atomicfile.WriteAll
	}
	if err := write(files...); err != nil {
		return unwritable(err)
	}
	for _, p := range shown {
		if err := s.print(string(p.data)); err != nil {
			return err
		}
		s.stdout, s.quiet = s.stderr, true
	}
	return nil
}

// mayShow refuses to show on a terminal what nobody is to see, or can read.
func (s *shell) mayShow(p product) error {
	file, ok := s.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) || p.mode != atomicfile.Private && utf8.Valid(p.data) {
		return nil
	}
	what := "a private key"
	if p.mode != atomicfile.Private {
		what = "what is not text"
	}
	return fault.New(Usage, "%s is not written to a terminal", what).WithHint("name a file, or another program behind |")
}

func unwritable(err error) error {
	path := ""
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		path = at.Path
	}
	if errors.Is(err, fs.ErrExist) {
		return thereAlready(path)
	}
	return fault.Wrap(reasonOf(err), FileUnwritable, "%s cannot be written", path).
		WithHint("name a file in a folder that this user may write to, on a disk with room")
}

// free reports whether the file may be written.
func (f force) free(path string) error {
	switch path {
	case standardOutput:
		return nil
	case "":
		return fault.New(Usage, "the name of the file to write is empty").WithHint("name a file, or - for standard output")
	}
	info, err := os.Stat(path)
	switch {
	case os.IsPathSeparator(path[len(path)-1]), err == nil && info.IsDir():
		return fault.New(FileUnwritable, "%s is a folder", path).WithHint("name a file in it: %s", filepath.Join(path, "NAME.pem"))
	case err == nil && !info.Mode().IsRegular():
		return fault.New(FileUnwritable, "%s is no ordinary file, and a key or certificate is written to no other", path).WithHint("name a file, or - for standard output")
	case err == nil && !f.Force:
		return thereAlready(path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return unwritable(err)
	}
	folder := filepath.Dir(path)
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return fault.New(FileUnwritable, "there is no folder %s to write %s into", folder, filepath.Base(path)).
			WithHint("make it: mkdir -p %s", quote(folder))
	}
	return nil
}

// outBeside names the file to write after the one that is read.
func outBeside(path, ending string) (string, error) {
	stem := path
	if known := filepath.Ext(path); endings[strings.ToLower(known)] != "" {
		stem = strings.TrimSuffix(path, known)
	}
	if path == standardInput || stem+ending == path {
		return "", fault.New(Usage, "%s gives no name to the file to write", baseName(path)).WithHint("add --out FILE")
	}
	return stem + ending, nil
}

// outTitle is how a file that was written is called in an answer.
func outTitle(path string) string {
	if path == standardOutput {
		return "standard output"
	}
	return path
}

func thereAlready(path string) error {
	return fault.New(FileExists, "%s is there already, and was left as it is", path).
		WithHint("choose another name, or add --force to overwrite it")
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
	if path == standardInput {
		name = "standard input"
		if err := s.takeInput(); err != nil {
			return nil, err
		}
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

// takeInput reports that standard input is read a second time, which it cannot be.
func (s *shell) takeInput() error {
	if s.inputTaken {
		return fault.New(Usage, "standard input is named twice, and can be read once").WithHint("put one of the two into a file")
	}
	s.inputTaken = true
	return nil
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
	ours := []fault.Code{Usage, Interrupted, FileMissing, FileUnreadable, PassphraseMissing, PassphraseDiffers}
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
