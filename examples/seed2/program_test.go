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

	"github.com/signet-tls/signet/internal/peers"
)

// asSeed2 makes the test's own binary the example.
const asSeed2 = "RUN_AS_SEED2"

func TestMain(m *testing.M) {
	if os.Getenv(asSeed2) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is the example, or a peer, while it runs.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Scanner
	stderr bytes.Buffer
}

// seed2 starts the example. It ends with the test at the latest.
func seed2(t *testing.T, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asSeed2+"=1")
	return start(t, cmd)
}

// python starts a peer written with pyOpenSSL.
func python(t *testing.T, script string, args ...string) *program {
	t.Helper()
	args = append([]string{"-B", filepath.Join("testdata", script)}, args...) // -B: leaves no files behind
	return start(t, exec.CommandContext(t.Context(), peers.Python(t), args...))
}

func start(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{t: t, cmd: cmd}
	cmd.Stderr = &p.stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdout = bufio.NewScanner(stdout)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// line returns the next line that the program prints.
func (p *program) line() string {
	p.t.Helper()
	if !p.stdout.Scan() {
		p.t.Fatalf("%s ended: %v\n%s", p.cmd, p.cmd.Wait(), &p.stderr)
	}
	return p.stdout.Text()
}

// finish waits for the program's end and returns the rest of what it prints.
func (p *program) finish() (code int, stdout, stderr string) {
	p.t.Helper()
	var rest strings.Builder
	for p.stdout.Scan() {
		rest.WriteString(p.stdout.Text() + "\n")
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return p.cmd.ProcessState.ExitCode(), rest.String(), p.stderr.String()
}

// saw is what a peer written with pyOpenSSL says of our end.
type saw struct {
	Peer     []string // the names that our certificate has
	Received string
	End      string // "complete", "cut" or "refused"
}

// saw waits for the peer's end and returns what it says.
func (p *program) saw() (s saw) {
	p.t.Helper()
	code, stdout, stderr := p.finish()
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != 0 {
		p.t.Fatalf("the peer says %q: exit %d, %v\n%s", stdout, code, err, stderr)
	}
	return s
}
