// Package peers finds the real peers that the tests speak to. Where CI=true a
// missing one fails the test; elsewhere the test is skipped and says how to
// install it. With -short none is spoken to.
package peers

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Python returns the interpreter of the pinned environment, which has pyOpenSSL.
func Python(t testing.TB) string {
	t.Helper()
	return find(t, filepath.Join(root(t), ".cache", "venv", "bin", "python"))
}

// HasPython reports whether Python will find its interpreter: for tests that
// have a record of what it said. Where CI=true it must.
func HasPython(t testing.TB) bool {
	t.Helper()
	_, err := exec.LookPath(filepath.Join(root(t), ".cache", "venv", "bin", "python"))
	return err == nil || os.Getenv("CI") == "true"
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

// Pkilint returns the interpreter of the pinned environment, which has pkilint.
func Pkilint(t testing.TB) string {
	t.Helper()
	find(t, filepath.Join(root(t), ".cache", "venv", "bin", "lint_pkix_cert"))
	return Python(t)
}

// Zlint returns the zlint program, as pinned in tools/go.mod; the first time it
// is built.
func Zlint(t testing.TB) string {
	t.Helper()
	notShort(t)
	out, err := exec.Command("go", "tool", "-modfile="+filepath.Join(root(t), "tools", "go.mod"), "-n", "zlint").Output()
	if err != nil {
		missing(t, fmt.Errorf("zlint cannot be built: %w", err))
	}
	return find(t, strings.TrimSpace(string(out)))
}

// Keytool returns Java's program for key stores.
func Keytool(t testing.TB) string {
	t.Helper()
	return find(t, "keytool")
}

// Postgres returns the folder with PostgreSQL's server programs, which Debian keeps
// outside the PATH.
func Postgres(t testing.TB) string {
	t.Helper()
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		t.Fatal(err)
	}
	if len(folders) > 0 {
		return filepath.Dir(find(t, filepath.Join(folders[len(folders)-1], "postgres")))
	}
	return filepath.Dir(find(t, "postgres"))
}

// Nginx returns the nginx program, which Debian keeps outside some users' PATH.
func Nginx(t testing.TB) string {
	t.Helper()
	if _, err := os.Stat("/usr/sbin/nginx"); err == nil {
		return find(t, "/usr/sbin/nginx")
	}
	return find(t, "nginx")
}

// Redis returns Redis' server, beside which its client lies.
func Redis(t testing.TB) string {
	t.Helper()
	return find(t, "redis-server")
}

// EtcdServer returns the etcd server that internal/peers/etcd/go.mod pins, which is a
// module of its own as it links much that Signet does not; the first time it is built.
func EtcdServer(t testing.TB) string {
	t.Helper()
	notShort(t)
	out, err := exec.Command("go", "-C", filepath.Join(root(t), "internal", "peers", "etcd"), "tool", "-n", "server").Output()
	if err != nil {
		missing(t, fmt.Errorf("etcd cannot be built: %w", err))
	}
	return find(t, strings.TrimSpace(string(out)))
}

// find returns the path of program, which is a name on the PATH or a path.
func find(t testing.TB, program string) string {
	t.Helper()
	notShort(t)
	path, err := exec.LookPath(program)
	if err == nil {
		return path
	}
	missing(t, err)
	return ""
}

// missing ends a test that cannot go on without its peer.
func missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("a peer of the tests is missing, and CI may not skip it: %v; next: make peers", err)
	}
	t.Skipf("a peer of the tests is missing: %v; next: make peers", err)
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

func notShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("a real peer, which takes its time; run without -short")
	}
}

// FreeAddress is one of loopback at which nobody listens.
func FreeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
