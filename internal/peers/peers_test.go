package peers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestPeersAnswer asks every peer who it is.
func TestPeersAnswer(t *testing.T) {
	tests := []struct {
		name string
		find func(testing.TB) string
		args []string
		want string
	}{
		{"openssl", OpenSSL, []string{"version"}, "OpenSSL"},
		{"curl", Curl, []string{"--version"}, "curl"},
		{"nginx", Nginx, []string{"-v"}, "nginx version"},
		{"redis", Redis, []string{"--version"}, "Redis server"},
		{"keytool", Keytool, []string{"-help"}, "Key and Certificate Management Tool"},
		{"python", Python, []string{"-c", "import OpenSSL; print(OpenSSL.__title__, OpenSSL.__version__)"}, "pyOpenSSL 26."},
		{"pkilint", Pkilint, []string{"-c", "from importlib.metadata import version; print('pkilint', version('pkilint'))"}, "pkilint 0.13."},
		{"zlint", Zlint, []string{"-list-lints-source"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, err := exec.Command(test.find(t), test.args...).CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), test.want) {
				t.Errorf("%s: have %q, %v; want an answer that begins with %q", test.name, out, err, test.want)
			}
		})
	}
}

func TestMissingPeer(t *testing.T) {
	tests := []struct {
		name, ci, want string
	}{
		{"CI fails", "true", "failed: "},
		{"elsewhere skips", "", "skipped: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("CI", test.ci)
			got := outcome(t, func(t testing.TB) { find(t, "no-such-peer") })
			if !strings.HasPrefix(got, test.want) || !strings.Contains(got, "no-such-peer") || !strings.Contains(got, "make peers") {
				t.Errorf("have %q, want it to begin with %q and to name the peer and make peers", got, test.want)
			}
		})
	}
}

func TestRoot(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "internal", "deep")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	got := outcome(t, func(t testing.TB) { root(t) })
	if !strings.HasPrefix(got, "failed: no go.mod") {
		t.Errorf("without a go.mod: have %q, want a failure", got)
	}
	if err := os.WriteFile(filepath.Join(top, "go.mod"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := root(t); got != top {
		t.Errorf("have %s, want %s", got, top)
	}
}

// recorder is a test whose end is looked at, not acted on.
type recorder struct {
	testing.TB
	end string
}

func (r *recorder) Fatalf(format string, args ...any) { r.stop("failed: ", format, args) }
func (r *recorder) Skipf(format string, args ...any)  { r.stop("skipped: ", format, args) }

func (r *recorder) stop(how, format string, args []any) {
	r.end = how + fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// outcome runs test to its end and says what that was, "" for a pass.
func outcome(t *testing.T, test func(testing.TB)) string {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		test(r)
	}()
	<-done
	return r.end
}
