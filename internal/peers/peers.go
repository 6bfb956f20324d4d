// Package peers finds the real peers that the tests speak to. Where CI=true a
// missing one fails the test; elsewhere the test is skipped and says how to
// install it.
package peers

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Python returns the interpreter of the pinned environment, which has pyOpenSSL.
func Python(t testing.TB) string {
	t.Helper()
	return find(t, filepath.Join(root(t), ".cache", "venv", "bin", "python"))
}

// OpenSSL returns the openssl program.
func OpenSSL(t testing.TB) string {
	t.Helper()
	return find(t, "openssl")
}

// Curl returns the curl program.
func Curl(t testing.TB) string {
	t.Helper()
	return find(t, "curl")
}

// Shell returns a shell, such as zsh.
func Shell(t testing.TB, name string) string {
	t.Helper()
	return find(t, name)
}

// find returns the path of program, which is a name on the PATH or a path.
func find(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("a peer of the tests is missing, and CI may not skip it: %v; next: make peers", err)
	}
	t.Skipf("a peer of the tests is missing: %v; next: make peers", err)
	return ""
}

// root returns the nearest folder above the test that has a go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		_, err := os.Stat(filepath.Join(dir, "go.mod"))
		if err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if !errors.Is(err, fs.ErrNotExist) || parent == dir {
			t.Fatalf("no go.mod in the test's folder or above: %v", err)
		}
		dir = parent
	}
}
