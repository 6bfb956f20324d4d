package pki_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// vector is one file of certificates that others made.
type vector struct {
	name string // unique: its path in its set
	data []byte
}

// pkits returns the certificates and revocation lists of NIST's PKITS, which are in
// the public domain.
var pkits = sync.OnceValues(func() ([]vector, error) {
	packed, err := os.ReadFile("testdata/pkits.tar.gz")
	if err != nil {
		return nil, err
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	var all []vector
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		if name := strings.TrimPrefix(header.Name, "./"); header.Typeflag == tar.TypeReg {
			all = append(all, vector{name, data})
		}
	}
})

// wantPKITS returns its certificates for a test.
func wantPKITS(t testing.TB) []vector { return wantOfPKITS(t, ".crt", 405) }

// wantPKITSLists returns its revocation lists.
func wantPKITSLists(t testing.TB) []vector { return wantOfPKITS(t, ".crl", 173) }

func wantOfPKITS(t testing.TB, ending string, count int) []vector {
	t.Helper()
	all, err := pkits()
	all = slices.DeleteFunc(slices.Clone(all), func(v vector) bool { return !strings.HasSuffix(v.name, ending) })
	if err != nil || len(all) != count {
		t.Fatalf("%d files %s of PKITS, %v", len(all), ending, err)
	}
	return all
}

// wantVectors returns PKITS, and the certificates that pyca/cryptography tests
// with, other than its copy of PKITS.
func wantVectors(t testing.TB) []vector {
	t.Helper()
	all := wantPKITS(t)
	out, err := exec.Command(peers.Python(t), "-c", "import cryptography_vectors as v; print(v.__path__[0])").Output()
	if err != nil {
		t.Fatalf("cryptography_vectors is missing: %v; next: make peers", err)
	}
	top := filepath.Join(strings.TrimSpace(string(out)), "x509")
	err = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && entry.Name() == "PKITS_data" {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() || !slices.Contains([]string{".pem", ".der", ".crt", ".cer"}, filepath.Ext(path)) {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(top, path)
		all = append(all, vector{filepath.ToSlash(name), data})
		return err
	})
	if err != nil || len(all) < 500 {
		t.Fatalf("%d certificates, %v", len(all), err)
	}
	return all
}
