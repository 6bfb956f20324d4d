package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of times in /proc (proc(5)); it is 10 ms everywhere by now.
const clockTick = 10 * time.Millisecond

// cpu returns the time that a process has used so far.
func (p *process) cpu() time.Duration {
	text := string(read(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid)))
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick
}

// memory returns how much memory a process has that nobody shares, in KiB.
func (p *process) memory() int {
	for line := range strings.Lines(string(read(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid)))) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kib
		}
	}
	return 0
}

// descriptors counts what a process has open.
func (p *process) descriptors() int {
	entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(entries)
}

// goroutines ends a process by having it write all of them down, and counts them.
func (p *process) goroutines() int {
	before := len(read(p.log))
	p.cmd.Process.Signal(syscall.SIGQUIT)
	<-p.ended
	return bytes.Count(read(p.log)[before:], []byte("\ngoroutine "))
}
