package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// asSeed1 makes the test's own binary the example.
const asSeed1 = "RUN_AS_SEED1"

func TestMain(m *testing.M) {
	if os.Getenv(asSeed1) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// saw is what the server says of its client: how its stream ended is
// "complete", "cut" or "refused".
type saw struct{ Received, End string }

func TestSeed1(t *testing.T) {
	ours, strangers := newPKI(t), newPKI(t)
	tests := []struct {
		name   string
		server []string // the names in its certificate
		ending string   // how it ends the session
		roots  *testpki.PKI
		code   int
		stdout string
		stderr string // a part of it
		next   bool   // it says what to do
		saw    saw
	}{
		{"complete", []string{testpki.Host}, "complete", ours,
			0, "Received: Hello, client!\n", "", false, saw{"Hello, server!", "complete"}},
		{"cut", []string{testpki.Host}, "cut", ours,
			2, "", "[truncated]", true, saw{"Hello, server!", "complete"}},
		{"wrong name", []string{"other.example"}, "complete", ours,
			2, "", "[name_mismatch]", true, saw{"", "refused"}},
		{"unknown root", []string{testpki.Host}, "complete", strangers,
			2, "", "[unknown_root]", true, saw{"", "refused"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			credential := testpki.Must(ours.Server(test.server...))
			pem := write(t, dir, "server.pem", testpki.Must(credential.PEM()))
			roots := write(t, dir, "ca.crt", test.roots.Root.Leaf().PEM())
			port, finish := startServer(t, pem, test.ending)

			code, stdout, stderr := seed1(t, testpki.Host+":"+port, roots)
			got := finish()
			if code != test.code || stdout != test.stdout {
				t.Errorf("exit %d, stdout %q; want %d, %q", code, stdout, test.code, test.stdout)
			}
			if !strings.Contains(stderr, test.stderr) || strings.Contains(stderr, "\n  next: ") != test.next {
				t.Errorf("stderr %q, want %q in it, with a next step: %t", stderr, test.stderr, test.next)
			}
			if diff := cmp.Diff(test.saw, got); diff != "" {
				t.Errorf("the server saw (-want +have):\n%s", diff)
			}
		})
	}
}

func TestSeed1Usage(t *testing.T) {
	roots := write(t, t.TempDir(), "ca.crt", newPKI(t).Root.Leaf().PEM())
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no arguments", nil, "usage: "},
		{"no port", []string{"localhost", roots}, "[address_invalid]"},
		{"no roots", []string{"localhost:1", filepath.Join(t.TempDir(), "ca.crt")}, "[roots_unreadable]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := seed1(t, test.args...)
			if code != 2 || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d, stdout %q, stderr %q; want 2, nothing, and %q in it", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestReadAllIsBounded(t *testing.T) {
	if data, err := readAll(bytes.NewReader(make([]byte, most))); err != nil || len(data) != most {
		t.Errorf("%d bytes: have %d, %v", most, len(data), err)
	}
	if _, err := readAll(bytes.NewReader(make([]byte, most+1))); err == nil {
		t.Errorf("%d bytes: no error", most+1)
	}
}

func newPKI(t *testing.T) *testpki.PKI {
	t.Helper()
	return testpki.Must(testpki.New(time.Now()))
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// seed1 runs the example to its end.
func seed1(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), testpki.Must(os.Executable()), args...)
	cmd.Env = append(os.Environ(), asSeed1+"=1")
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// startServer starts the pyOpenSSL server. Finish waits for its end.
func startServer(t *testing.T, args ...string) (port string, finish func() saw) {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), peers.Python(t), append([]string{"testdata/server.py"}, args...)...)
	cmd.Stderr = &stderr
	stdout := testpki.Must(cmd.StdoutPipe())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() {
		t.Fatalf("the server did not start: %v\n%s", cmd.Wait(), stderr.String())
	}
	port = lines.Text()
	return port, func() (s saw) {
		t.Helper()
		lines.Scan()
		line := lines.Bytes()
		if err := json.Unmarshal(line, &s); err != nil {
			t.Fatalf("the server says %q: %v\n%s", line, err, stderr.String())
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("the server: %v\n%s", err, stderr.String())
		}
		return s
	}
}
