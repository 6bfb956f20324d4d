//go:build unix

package delivery

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
)

// TestReloadAgain: a command that fails is tried again until it does not, and the
// files are in place all the while.
func TestReloadAgain(t *testing.T) {
	r := newRig(t)
	target := r.target()
	target.Reload = []string{"sh", "-c", "test -e " + r.path("up") + " || { echo the program does not run >&2; exit 7; }; echo told >> " + r.path("told")}
	k, _ := r.run(target)
	credential := r.renew()
	<-k.Ready()
	r.until("the failure is logged", func() bool {
		return strings.Contains(r.log.String(), "sh failed, and is tried again: exit status 7: the program does not run") && strings.Contains(r.log.String(), `"code":"reload_failed"`)
	})
	if !r.shows(credential) {
		t.Error("the files are not in place")
	}
	if err := os.WriteFile(r.path("up"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.until("the program was told", func() bool { return r.lines("told") == 1 })
}

// TestReloadHangs: a command that does not end is killed, with its children.
func TestReloadHangs(t *testing.T) {
	pid := filepath.Join(t.TempDir(), "pid")
	target := &target{Target: Target{Reload: []string{"sh", "-c", "sleep 1000 & echo $! > " + pid + ".new; mv " + pid + ".new " + pid + "; wait"}, Timeout: 2 * time.Second}}
	err := target.reload(t.Context())
	if !errors.Is(err, ReloadFailed) || !strings.Contains(err.Error(), "it took more than 2s and was killed") {
		t.Errorf("have %v", err)
	}
	child := testpki.Must(strconv.Atoi(strings.TrimSpace(string(testpki.Must(os.ReadFile(pid))))))
	for deadline := time.Now().Add(time.Minute); running(child); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("its child %d lives on", child)
		}
	}
}

// running reports whether a process is there and no zombie, which waits for its
// new parent.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestReloadOutput: what a command says is kept in bounds.
func TestReloadOutput(t *testing.T) {
	target := &target{Target: Target{Reload: []string{"sh", "-c", "yes | head -c 1000000; printf '\\033[31mlast words'; exit 1"}, Timeout: time.Minute}}
	err := target.reload(t.Context())
	if !errors.Is(err, ReloadFailed) || !strings.Contains(err.Error(), "last words") || len(err.Error()) > 4*maxOutput || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("have %d bytes: %v", len(err.Error()), err)
	}
}

// TestReloadEnvironment: what systemd gave us is not handed on.
func TestReloadEnvironment(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/notify")
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/secrets")
	target := &target{Target: Target{Reload: []string{"sh", "-c", `test -z "$NOTIFY_SOCKET$CREDENTIALS_DIRECTORY"`}, Timeout: time.Minute}}
	if err := target.reload(context.Background()); err != nil {
		t.Error(err)
	}
}
