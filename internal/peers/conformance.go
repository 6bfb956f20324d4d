package peers

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"iter"
	"os"
	"path"
	"path/filepath"
	"testing"
)

// BadInputs yields the names and contents of the malformed files of one kind,
// such as cert or pkcs12, or of all kinds where none is named.
func BadInputs(t testing.TB, kind string) iter.Seq2[string, []byte] {
	t.Helper()
	file := Conformance(t, "badinputs.tar.gz")
	return func(yield func(string, []byte) bool) {
		for name, data := range Archive(t, file) {
			if (kind == "" || path.Dir(name) == kind) && !yield(name, data) {
				return
			}
		}
	}
}

// Conformance returns the path of a file of other people's test data, which may
// not be committed: in the folder SIGNET_CONFORMANCE, or ../shared/conformance
// beside the project. A clone that has none skips the test, in CI too.
func Conformance(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("SIGNET_CONFORMANCE")
	if folder == "" {
		folder = filepath.Join(root(t), "..", "shared", "conformance")
	}
	file := filepath.Join(folder, name)
	if _, err := os.Stat(file); err != nil {
		t.Skipf("NOT RUN: conformance data is missing: %v; next: set SIGNET_CONFORMANCE to its folder", err)
	}
	return file
}

// Archive yields the files of a .tar.gz.
func Archive(t testing.TB, file string) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		opened, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		plain, err := gzip.NewReader(opened)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for files := tar.NewReader(plain); ; {
			header, err := files.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			data, err := io.ReadAll(files)
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if header.Typeflag == tar.TypeReg && !yield(path.Clean(header.Name), data) {
				return
			}
		}
	}
}
