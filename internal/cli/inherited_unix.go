//go:build unix

package cli

import "syscall"

// isInherited reports whether a descriptor is one that this process was given:
// those that it opened itself, the runtime's among them, close at an exec.
func isInherited(descriptor int) bool {
	flags, _, failed := syscall.Syscall(syscall.SYS_FCNTL, uintptr(descriptor), syscall.F_GETFD, 0)
	return failed == 0 && flags&syscall.FD_CLOEXEC == 0
}
