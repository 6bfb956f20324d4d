package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

// asExample makes the test's own binary the example.
const asExample = "RUN_AS_CERTIFICATES"

func TestMain(m *testing.M) {
	if os.Getenv(asExample) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestOpenSSLAgrees has OpenSSL judge what the example makes.
func TestOpenSSLAgrees(t *testing.T) {
	openssl := peers.OpenSSL(t)
	folder := filepath.Join(t.TempDir(), "tls")
	if code, stdout, stderr := example(t, folder, "db.example"); code != 0 || !strings.HasPrefix(stdout, folder+": db.example, until 20") || stderr != "" {
		t.Fatalf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	tests := []struct {
		name string
		args []string
		fits bool
		says string
	}{
		{"good", []string{"-verify_hostname", "db.example", "server.pem"}, true, "server.pem: OK"},
		{"another host", []string{"-verify_hostname", "shop.example", "server.pem"}, false, "hostname mismatch"},
		{"revoked", []string{"older.crt"}, false, "certificate revoked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := append([]string{"verify", "-x509_strict", "-purpose", "sslserver", "-crl_check", "-CAfile", "root.crt", "-CRLfile", "root.crl"}, test.args...)
			cmd := exec.CommandContext(t.Context(), openssl, args...)
			cmd.Dir = folder
			if out, err := cmd.CombinedOutput(); (err == nil) != test.fits || !strings.Contains(string(out), test.says) {
				t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
	for _, name := range []string{"root.pem", "server.pem"} {
		if info := testpki.Must(os.Stat(filepath.Join(folder, name))); info.Mode() != 0o600 {
			t.Errorf("%s has the mode %v", name, info.Mode())
		}
	}
}

func TestRefused(t *testing.T) {
	existing := t.TempDir()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no host", []string{existing}, "usage: "},
		{"no name of a host", []string{filepath.Join(existing, "tls"), "db example"}, "[spec_invalid]"},
		{"a folder that exists", []string{existing, "db.example"}, "file exists"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if code, stdout, stderr := example(t, test.args...); code != 2 || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d, stdout %q, stderr %q; want 2, nothing, and %q in it", code, stdout, stderr, test.want)
			}
		})
	}
	if left := testpki.Must(os.ReadDir(existing)); len(left) > 0 {
		t.Errorf("it has left %v", left)
	}
}

// example runs the example to its end.
func example(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), testpki.Must(os.Executable()), args...)
	cmd.Env = append(os.Environ(), asExample+"=1")
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}
