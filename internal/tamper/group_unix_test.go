//go:build unix

package tamper

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestNobodyIsLeft holds that what a client has started ends with it, and with
// the run.
func TestNobodyIsLeft(t *testing.T) {
	const hangs = "sleep 300 </dev/null >/dev/null 2>&1 & echo $! >>"
	t.Run("behind a client that ended", func(t *testing.T) {
		pids := filepath.Join(t.TempDir(), "pids")
		Target{Client: hangs + pids + "; false {addr}"}.Attack(t.Context())
		nobodyOf(t, pids)
	})
	t.Run("behind one that was interrupted", func(t *testing.T) {
		pids := filepath.Join(t.TempDir(), "pids")
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
				if text, _ := os.ReadFile(pids); len(text) > 0 {
					return
				}
			}
		}()
		Target{Client: hangs + pids + "; wait; : {addr}"}.Attack(ctx)
		nobodyOf(t, pids)
	})
}

// nobodyOf reports the processes of a file that are still there, and ends them.
func nobodyOf(t *testing.T, pids string) {
	t.Helper()
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			t.Fatal(err)
		}
		if !ends(pid) {
			t.Errorf("process %d is still there", pid)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// ends reports whether a process that was killed is gone, once whoever inherited
// it has noticed.
func ends(pid int) bool {
	for range 500 {
		if syscall.Kill(pid, 0) != nil || zombie(pid) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// zombie reports whether nobody has asked for a process's end: some first
// processes of containers never do.
func zombie(pid int) bool {
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return strings.Contains(string(text), ") Z ")
}
