package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// smallDisk names, for a test that runs itself in a mount namespace of its own,
// the folder to mount a small file system at.
const smallDisk = "SIGNET_TEST_SMALL_DISK"

// TestFullDisk fills the file system that holds the data folder while commands
// change the policy. They are refused, and if "up" ends it says why; once there
// is room again, every change that was answered is there.
func TestFullDisk(t *testing.T) {
	dir := os.Getenv(smallDisk)
	if dir == "" {
		inNamespace(t)
		return
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=80m,mode=0700"); err != nil {
		t.Skipf("NOT RUN: no file system can be mounted here: %v", err)
	}
	port, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{t: t, dir: filepath.Join(dir, "data"), port: port, took: map[string]bool{}}
	up, stderr := k.up()
	enough := make(chan struct{})
	time.AfterFunc(time.Second/2, func() { close(enough) })
	k.work(enough, false)
	answered := len(k.acts)
	filler := fill(t, filepath.Join(dir, "filler"))
	k.work(nil, false) // until one is refused
	// Which of its files needs room first is chance: the audit log refuses acts,
	// the store ends "up".
	up.Process.Signal(os.Interrupt)
	if err := up.Wait(); err != nil {
		var exit *exec.ExitError
		first, next, _ := strings.Cut(stderr.String(), "\n")
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.HasPrefix(first, "error: ") || !strings.HasSuffix(first, "no space left on device [store_failed]") ||
			next != "  next: look at the disk, then start Signet again: what was confirmed is kept\n" {
			t.Errorf("up ends with %v: %s", err, stderr)
		}
	}
	if answered == 0 || len(k.acts) == answered {
		t.Fatalf("%d commands were run, %d of them with room: too few to show anything", len(k.acts), answered)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	k.check(0)
	up, stderr = k.up()
	up.Process.Signal(os.Interrupt)
	if err := up.Wait(); err != nil {
		t.Errorf("with room again, up ends with %v: %s", err, stderr)
	}
}

// inNamespace runs the test again where it may mount.
func inNamespace(t *testing.T) {
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	again.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	if me := os.Geteuid(); me != 0 { // who may mount in a user namespace of their own
		again.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: me, Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	out, err := again.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		t.Errorf("%s", out)
	case err != nil:
		t.Skipf("NOT RUN: no mount namespace can be made here: %v", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	}
}

// fill writes a file until there is no room for one more byte.
func fill(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return path
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
