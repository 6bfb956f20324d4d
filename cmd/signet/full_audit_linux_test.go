package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
)

// TestFullAudit fills the file system of the audit log alone. Acts are refused,
// and say why; once there is room again they work, without a restart, and every
// change that was answered is there.
func TestFullAudit(t *testing.T) {
	dir := os.Getenv(smallDisk)
	if dir == "" {
		inNamespace(t)
		return
	}
	port, err := freePorts()
	if err != nil {
		t.Fatal(err)
	}
	k := &killer{t: t, dir: filepath.Join(dir, "data"), port: port, took: map[string]bool{}}
	k.stop(k.up())
	k.moveLog(filepath.Join(dir, "aside"))

	up, stderr := k.up()
	k.changes("allow", "web", "orders", "--because", "before")
	filler := fill(t, filepath.Join(k.dir, audit.Folder, "filler"))
	k.exhaust()
	long := strings.Repeat("no room ", 20) // longer than whatever was refused before
	k.refused("deny", "web", "orders", "--because", long)
	k.refused("revoke", "web", "--because", long)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	k.changes("deny", "web", "web", "--because", "after")
	k.stop(up, stderr)
	k.check(0)
}

// moveLog puts the audit log on a small file system of its own.
func (k *killer) moveLog(aside string) {
	k.t.Helper()
	log := filepath.Join(k.dir, audit.Folder)
	if err := os.CopyFS(aside, os.DirFS(log)); err != nil {
		k.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", log, "tmpfs", 0, "size=1m,mode=0700"); err != nil {
		k.t.Skipf("NOT RUN: no file system can be mounted here: %v", err)
	}
	if err := os.CopyFS(log, os.DirFS(aside)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *killer) stop(up *exec.Cmd, stderr *strings.Builder) {
	k.t.Helper()
	up.Process.Signal(os.Interrupt)
	if err := up.Wait(); err != nil {
		k.t.Errorf("up ends with %v: %s", err, stderr)
	}
}

// changes runs a command that is carried out.
func (k *killer) changes(verb, from, to, because, token string) {
	k.t.Helper()
	out, err := k.signet(verb, from, to, because, token, "--json").Output()
	var change api.Change
	if err == nil {
		err = json.Unmarshal(out, &change)
	}
	if err != nil {
		k.t.Errorf("%s: %v", verb, err)
	}
	k.acts = append(k.acts, act{verb, from, to, token, change.Revision})
}

// exhaust changes rules until that is refused: on a full file system there is room yet
// in the last page of a file.
func (k *killer) exhaust() {
	k.t.Helper()
	for n := range 20 {
		a := act{verb: []string{"allow", "deny"}[n%2], from: "orders", to: "web", token: fmt.Sprint("p", n)}
		out, err := k.signet(a.verb, a.from, a.to, "--because", a.token, "--json").Output()
		var change api.Change
		if err != nil || json.Unmarshal(out, &change) != nil {
			k.acts = append(k.acts, a)
			if strings.Contains(string(out), "it was done") { // there was room for its plan, and none for its outcome
				continue
			}
			return
		}
		a.revision = change.Revision
		k.acts = append(k.acts, a)
	}
	k.t.Fatal("20 changes went into a log that has no room")
}

// refused runs a command that a full disk does not let through.
func (k *killer) refused(args ...string) {
	k.t.Helper()
	out, err := k.signet(args...).CombinedOutput()
	var exit *exec.ExitError
	if text := string(out); !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(text, "no space left on device [audit_unwritable]\n  next: free some space") {
		k.t.Errorf("on a full disk %s says (%v): %s", args[0], err, text)
	}
}
