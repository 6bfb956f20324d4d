package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// begin is how a bench begins: with its flags, what it works on, and the machine's name.
func begin[T any](out io.Writer, flags *flag.FlagSet, args []string, make func() (T, error)) (made T, err error) {
	if err := flags.Parse(args); err != nil {
		return made, err
	}
	if made, err = make(); err == nil {
		fmt.Fprintln(out, machine())
	}
	return made, err
}

// workshop is a folder with programs, and what runs of them.
type workshop struct {
	dir     string // everything is in here, and removed at the end
	program string // signet, built from this source
	env     []string

	mu      sync.Mutex
	running []*process // guarded by mu
}

func newWorkshop() (*workshop, error) {
	dir, err := os.MkdirTemp("", "signet-bench-")
	if err != nil {
		return nil, err
	}
	w := &workshop{dir: dir, env: append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "SIGNET_DATA=")}
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stopped
		w.close()
		os.Exit(130)
	}()
	return w, nil
}

// build builds signet from this source, and returns where it is.
func (w *workshop) build(name string, flags ...string) (string, error) {
	program := w.file(name)
	build := exec.Command("go", append(append([]string{"build"}, flags...), "-o", program, "github.com/signet-tls/signet/cmd/signet")...)
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program cannot be built: %w: %s", err, out)
	}
	return program, nil
}

// file is a path in the workshop's folder.
func (w *workshop) file(name string) string { return filepath.Join(w.dir, name) }

// command is one of signet's, with somebody's folder.
func (w *workshop) command(data string, args ...string) *exec.Cmd {
	command := exec.Command(w.program, append([]string{"--data", w.file(data)}, args...)...)
	command.Env, command.Dir = w.envOf(data), w.dir
	return command
}

// envOf is the environment on a host. Its clock is heard of by a build by clocks alone.
func (w *workshop) envOf(host string) []string {
	return append(slices.Clip(w.env), clockVariable+"="+w.clock(host))
}

// close ends everything that runs, and removes what it left.
func (w *workshop) close() {
	w.mu.Lock()
	running := w.running
	w.mu.Unlock()
	for _, p := range running {
		p.kill()
	}
	os.RemoveAll(w.dir)
}

// process is a program at work.
type process struct {
	name  string
	cmd   *exec.Cmd
	out   string   // the file of what it says
	log   string   // the file of what it logs
	begun [2]int64 // where in both its own words begin
	ended chan struct{}
}

// start starts a program, whose words go to files of its name.
func (w *workshop) start(name, program string, args ...string) (*process, error) {
	command := exec.Command(program, args...)
	command.Env, command.Dir = w.envOf(name), w.dir
	return w.run(name, command)
}

// run is start for a command that is ready.
func (w *workshop) run(name string, command *exec.Cmd) (*process, error) {
	p := &process{name: name, out: w.file(name + ".out"), log: w.file(name + ".log"), ended: make(chan struct{})}
	out, err := os.OpenFile(p.out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	for i, file := range []*os.File{out, log} {
		if info, err := file.Stat(); err == nil {
			p.begun[i] = info.Size()
		}
	}
	p.cmd, command.Stdout, command.Stderr = command, out, log
	var as syscall.SysProcAttr
	if command.SysProcAttr != nil { // it runs as somebody else
		as = *command.SysProcAttr
	}
	as.Setpgid = true // its own children end with it
	command.SysProcAttr = &as
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.cmd.Wait() // how it ended, nobody asks: who kills it knows
		close(p.ended)
	}()
	w.mu.Lock()
	w.running = append(w.running, p)
	w.mu.Unlock()
	return p, nil
}

// patience is how long anything may take to start, or to become so.
const patience = 60 * time.Second

// says waits until a process has said something.
func (p *process) says(text string) error {
	return until(p.name+" says "+text, func() (bool, error) {
		data, err := os.ReadFile(p.out)
		if err != nil || bytes.Contains(data[p.begun[0]:], []byte(text)) {
			return err == nil, err
		}
		return false, p.over()
	})
}

// over is an error, with what it said last, once a process has ended.
func (p *process) over() error {
	select {
	case <-p.ended:
		log := append(read(p.out)[p.begun[0]:], read(p.log)[p.begun[1]:]...)
		return fmt.Errorf("%s ended: %s", p.name, log[max(0, len(log)-2000):])
	default:
		return nil
	}
}

// until waits until something is so.
func until(what string, is func() (bool, error)) error {
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if so, err := is(); so || err != nil {
			return err
		}
		if time.Since(begun) > patience {
			return errors.New(what + ": it is not so after " + patience.String())
		}
	}
}

// kill ends a process and its children as a power cut does, and returns when it has.
func (p *process) kill() {
	select {
	case <-p.ended:
	default:
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
}

// stop asks a process to end, and returns when it has.
func (p *process) stop() {
	p.cmd.Process.Signal(os.Interrupt)
	<-p.ended
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
