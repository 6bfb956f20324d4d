//go:build unix

package tamper

import (
	"os/exec"
	"syscall"
)

// startGroup has a process and those that it starts be a group of their own, all
// of which end with its context.
func startGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return endGroup(cmd) }
}

// endGroup ends whoever of the group is left.
func endGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
