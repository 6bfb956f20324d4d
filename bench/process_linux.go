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

// cpu returns the time that a process and its children have used so far.
func (p *process) cpu() time.Duration { return cpuOf(p.cmd.Process.Pid) }

func cpuOf(process int) (used time.Duration) {
	for i, pid := range tree(process) {
		fields := stat(pid)
		if fields == nil {
			continue
		}
		times := fields[11:13] // user and system
		if i == 0 {
			times = fields[11:15] // and those of children that have ended
		}
		for _, field := range times {
			ticks, _ := strconv.Atoi(field)
			used += time.Duration(ticks) * clockTick
		}
	}
	return used
}

// tree returns a process and all below it.
func tree(process int) []int {
	children := map[int][]int{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := stat(pid); fields != nil {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], pid)
		}
	}
	all := []int{process}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// stat returns the fields of /proc/PID/stat that follow the program's name: the
// state, the parent and so on (proc(5)); nil where there is no such process.
func stat(pid int) []string {
	text := string(read(fmt.Sprintf("/proc/%d/stat", pid)))
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return nil
	}
	return fields
}

// pss returns how much memory a process and its children have, in KiB: what several
// share counts in parts.
func (p *process) pss() (kib int) {
	for _, pid := range tree(p.cmd.Process.Pid) {
		for line := range strings.Lines(string(read(fmt.Sprintf("/proc/%d/smaps_rollup", pid)))) {
			if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
				n, _ := strconv.Atoi(strings.Fields(rest)[0])
				kib += n
			}
		}
	}
	return kib
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
