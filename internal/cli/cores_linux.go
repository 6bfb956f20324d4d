package cli

import "syscall"

// keepFromCores has the system write no core file of this process, and lets other
// processes of the same user neither trace it nor read its memory: it holds keys. Both
// hold without the other, so that an error of one, which only a strange kernel or a
// sandbox gives, is no reason to stop. A program that is started from here has a core
// limit of 0, too, and may raise it again.
func keepFromCores() {
	if limit, err := coreLimit(); err == nil {
		limit.Cur = 0
		syscall.Setrlimit(syscall.RLIMIT_CORE, &limit)
	}
	syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0)
}

func coreLimit() (limit syscall.Rlimit, err error) {
	return limit, syscall.Getrlimit(syscall.RLIMIT_CORE, &limit)
}
