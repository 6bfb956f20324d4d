//go:build unix

package main

import (
	"syscall"
	"time"
)

// cpuTime returns what this process has used so far, its collector included.
func cpuTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // cannot be: the arguments are constants
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
