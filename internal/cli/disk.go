package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/internal/regular"
	"github.com/signet-tls/signet/pki"
)

// standardInput is how a user names it where a file is asked for.
const standardInput = "-"

// disk is the whole file system as the user names it: absolute paths and ".."
// included, and pipes, such as those of <(COMMAND), and standard input. It reads
// no more of a file than can be used.
type disk struct {
	stdin io.Reader
	stop  <-chan struct{} // ends the wait for a pipe in which nothing comes
}

// disk returns the file system of whoever runs the command.
func (s *shell) disk() disk { return disk{s.stdin, s.stop} }

// Open opens a file.
func (disk) Open(name string) (fs.File, error) { return os.Open(name) }

// ReadFile reads a file. What it opens may stay in its last Read until the
// program ends: a pipe without a writer cannot be interrupted.
func (d disk) ReadFile(name string) ([]byte, error) {
	type content struct {
		data []byte
		err  error
	}
	read := make(chan content, 1)
	go func() {
		data, err := d.read(name)
		read <- content{data, err}
	}()
	select {
	case all := <-read:
		return all.data, all.err
	case <-d.stop:
		return nil, context.Canceled
	}
}

func (d disk) read(name string) ([]byte, error) {
	if name == standardInput && d.stdin != nil {
		return readBounded(d.stdin, name, 0)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readFile(file)
}

// certificates reads a chain from a file.
func (d disk) certificates(path string) ([]*pki.Certificate, error) {
	data, err := d.ReadFile(path)
	if _, ours := fault.Of(err); ours {
		return nil, err
	}
	if err != nil {
		return nil, fault.Wrap(reasonOf(err), FileUnreadable, "%s cannot be read", fileTitle(path)).WithHint("%s", whereUnreadable(err))
	}
	return certificatesIn(data, path)
}

func certificatesIn(data []byte, path string) ([]*pki.Certificate, error) {
	certs, err := pki.ParseCertificates(data)
	return certs, unstored(inFile(err, path), data, path)
}

// unstored adds to an error about what a file holds how to take it out, if the file
// is a store.
func unstored(err error, data []byte, path string) error {
	e, ok := fault.Of(err)
	if !ok || path == standardInput || errors.Is(err, pki.InputTooLarge) {
		return err
	}
	if what := storeIn(data); what != "" {
		e.Hint = fmt.Sprintf("signet convert %s chain.pem      # it is %s; this writes what is in it as PEM", quote(path), what)
	}
	return err
}

// storeIn says which store of certificates data is, or "".
func storeIn(data []byte) string {
	found, err := recognise.Read(data, recognise.Options{})
	if err != nil || len(found) == 0 {
		return ""
	}
	return map[recognise.Kind]string{recognise.PKCS7: "a PKCS#7 bundle", recognise.PKCS12: "a PKCS#12 store"}[found[0].Kind]
}

// kept are the files that Signet itself keeps: regular ones. Whatever else has
// been put in their place is refused, since its end might never come.
type kept struct{}

// Open opens a file.
func (kept) Open(name string) (fs.File, error) { return os.Open(name) }

// ReadFile reads a file.
func (kept) ReadFile(name string) ([]byte, error) {
	file, err := regular.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readFile(file)
}

func readFile(file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	size := int64(0)
	if info.Mode().IsRegular() {
		size = info.Size()
	}
	return readBounded(file, file.Name(), size)
}

// readBounded reads what package pki accepts, and refuses more. The size is 0
// where it is not known.
func readBounded(from io.Reader, name string, known int64) ([]byte, error) {
	if known <= pki.MaxInput {
		var data bytes.Buffer
		data.Grow(int(known) + bytes.MinRead) // else it would be copied again and again as it grows
		_, err := data.ReadFrom(io.LimitReader(from, pki.MaxInput+1))
		if err != nil || data.Len() <= pki.MaxInput {
			return data.Bytes(), err
		}
	}
	extent := "more than " + size(pki.MaxInput)
	if known > pki.MaxInput {
		extent = fmt.Sprintf("%s bytes, more than the %s that are read", thousands(known), size(pki.MaxInput))
	}
	return nil, fault.New(pki.InputTooLarge, "%s has %s", fileTitle(name), extent).
		WithHint("name the certificate's or key's own file")
}

// fileTitle is a file's name as a sentence has it.
func fileTitle(path string) string {
	if path == standardInput {
		return "standard input"
	}
	return filepath.Base(path)
}
