package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockVariable names the file that says by how many seconds a process of a build by
// clocks has its wall clock ahead: eight bytes in the machine's order. The file is
// mapped, so that writing it sets the clock as settimeofday(2) does, under a process
// that runs.
const clockVariable = "SIGNET_BENCH_CLOCK"

// adjust is added to package time in a build by clocks.
const adjust = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var ahead = openClock()

func openClock() *int64 {
	name, found := syscall.Getenv("` + clockVariable + `")
	if !found {
		return new(int64)
	}
	file, err := syscall.Open(name, syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err == nil {
		err = syscall.Ftruncate(file, 8)
	}
	if err != nil {
		panic("no clock at " + name)
	}
	defer syscall.Close(file)
	data, err := syscall.Mmap(file, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("no clock at " + name)
	}
	return (*int64)(unsafe.Pointer(&data[0]))
}

func adjustedNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	return sec + atomic.LoadInt64(ahead), nsec, mono
}
`

// clocks returns the flags of a build whose wall clock, and it alone, can be set: of a
// copy of package time, since the program has no such switch. What it needs is left in
// a folder.
func clocks(dir string) (flags []string, err error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	source := filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return nil, err
	}
	const reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()"
	if !strings.Contains(string(text), reads) {
		return nil, fmt.Errorf("%s: time.Now does not read the clock as it is known to; next: run it by the Go of go.mod", source)
	}
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, text := range map[string]string{
		"time.go":  strings.Replace(string(text), reads, strings.Replace(reads, "runtimeNow", "adjustedNow", 1), 1),
		"clock.go": adjust,
	} {
		file := filepath.Join(dir, name+".txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			return nil, err
		}
		overlay.Replace[filepath.Join(source, name)] = file
	}
	file := filepath.Join(dir, "overlay.json")
	return []string{"-overlay", file}, os.WriteFile(file, sure(json.Marshal(overlay)), 0o600)
}

// clock is the file by which a host has its time.
func (w *workshop) clock(host string) string { return w.file(host + ".clock") }

// setClock has what runs on a host, and what will, be ahead of the machine's clock.
func (w *workshop) setClock(host string, ahead time.Duration) error {
	file, err := os.OpenFile(w.clock(host), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = file.Write(binary.NativeEndian.AppendUint64(nil, uint64(ahead/time.Second)))
	return err
}
