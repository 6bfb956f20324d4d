package cli

import (
	"io"
	"strings"
	"syscall"
	"testing"
)

// TestNoCores holds that a command, any of which may come to hold a key, keeps its
// memory from core files and from other processes.
func TestNoCores(t *testing.T) {
	if _, _, failed := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 1, 0); failed != 0 {
		t.Fatal(failed)
	}
	if code := Main(t.Context(), []string{"version"}, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if dumpable, _, failed := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_GET_DUMPABLE, 0, 0); failed != 0 || dumpable != 0 {
		t.Errorf("the process is dumpable: %d, %v", dumpable, failed)
	}
	if limit, err := coreLimit(); err != nil || limit.Cur != 0 {
		t.Errorf("a core file may have %d bytes: %v", limit.Cur, err)
	}
}
