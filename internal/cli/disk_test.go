package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// pipe makes a named pipe.
func pipe(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if out, err := exec.Command("mkfifo", path).CombinedOutput(); err != nil {
		t.Skipf("no named pipe can be made: %v %s", err, out)
	}
	return path
}

// TestFilesThatNeverCome interrupts commands that wait for a pipe without a
// writer.
func TestFilesThatNeverCome(t *testing.T) {
	newHost(t)
	path := pipe(t)
	for _, args := range [][]string{
		{"verify", path, "--name", "a.example"},
		{"verify", "127.0.0.1:1", "--roots", path},
		{"connect", "127.0.0.1:1", "--as", path},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var stdout, stderr testpki.Output
		code := make(chan int)
		go func() { code <- Main(ctx, args, nil, &stdout, &stderr) }()
		cancel()
		if have := <-code; have != int(exitInterrupted) || stderr.String() != "error: interrupted [interrupted]\n  next: run it again\n" {
			t.Errorf("%v: exit %d, %s", args, have, &stderr)
		}
	}
}

// TestFilesThatCome reads pipes and standard input.
func TestFilesThatCome(t *testing.T) {
	h := newHost(t)
	h.domain("demo.signet")
	server := testpki.Must(testpki.Must(testpki.New(time.Now())).Server("a.example"))
	path := pipe(t)
	wrote := make(chan error, 1)
	go func() { wrote <- os.WriteFile(path, server.ChainPEM(), 0) }()
	have := signetMain(t, nil, "verify", path, "--name", "a.example", "--roots", "demo.signet")
	if err := <-wrote; err != nil || have.code != 1 || !strings.Contains(have.stdout, "[unknown_root]") {
		t.Errorf("from a pipe: %+v, %v", have, err)
	}
	have = signetMain(t, bytes.NewReader(server.ChainPEM()), "verify", "-", "--name", "b.example", "--roots", "demo.signet")
	if have.code != 1 || !strings.Contains(have.stdout, "[unknown_root]") {
		t.Errorf("from standard input: %+v", have)
	}
	have = signetMain(t, strings.NewReader("x"), "verify", "-", "--name", "b.example")
	if want := "error: standard input: there is no certificate"; have.code != 2 || !strings.HasPrefix(have.stderr, want) {
		t.Errorf("have %+v, want %s", have, want)
	}
	have = signetMain(t, bytes.NewReader(server.ChainPEM()), "verify", "127.0.0.1:1", "--roots", "-")
	if !strings.Contains(have.stderr, "[roots_is_leaf]") {
		t.Errorf("roots from standard input: %+v", have)
	}
}

// TestKeptFilesAreRegular has a pipe where Signet keeps a file of its own.
func TestKeptFilesAreRegular(t *testing.T) {
	h := newHost(t)
	h.domain("demo.signet", "web")
	for _, name := range []string{"identities/web.pem", "roots.pem", "signet.json"} {
		path := filepath.Join(h.data, "demo.signet", name)
		if err := os.Rename(path, path+".aside"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(pipe(t), path); err != nil {
			t.Fatal(err)
		}
		have := signetMain(t, nil, "connect", "127.0.0.1:1", "--as", "web")
		if have.code != 2 || !strings.Contains(have.stderr, "it is not a regular file [") {
			t.Errorf("%s is a pipe: %+v", name, have)
		}
		if err := os.Rename(path+".aside", path); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFilesThatAreTooLarge(t *testing.T) {
	newHost(t)
	path := filepath.Join(t.TempDir(), "huge.pem")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 20_000_000); err != nil {
		t.Fatal(err)
	}
	large := bytes.NewReader(make([]byte, pki.MaxInput+1))
	for _, test := range []struct{ args, want string }{
		{path, "error: huge.pem has 20,000,000 bytes, more than the 16 MiB that are read [input_too_large]"},
		{"-", "error: standard input has more than 16 MiB [input_too_large]"},
	} {
		have := signetMain(t, large, "verify", test.args, "--name", "a.example")
		if have.code != 2 || !strings.HasPrefix(have.stderr, test.want) {
			t.Errorf("have %+v, want %s", have, test.want)
		}
	}
	if _, err := os.Stat("/dev/zero"); errors.Is(err, os.ErrNotExist) {
		return
	}
	if have := signetMain(t, nil, "verify", "/dev/zero", "--name", "a.example"); !strings.HasPrefix(have.stderr, "error: zero has more than 16 MiB [input_too_large]") {
		t.Errorf("have %+v", have)
	}
}
