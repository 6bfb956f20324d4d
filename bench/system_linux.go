package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
)

// ofSystem are the benches that run the whole system, and look into /proc.
var ofSystem = map[string]func(out io.Writer, rounds int, args []string) error{
	"bulk":       bulks,
	"issue":      issue,
	"keyupdates": keyUpdates,
	"kill":       kills,
	"matrix":     matrix,
	"programs":   programs,
	"revoke":     revocations,
	"rotate":     rotations,
	"sign":       sign,
	"slow":       slow,
	"soak":       soak,
	"storm":      storm,
}

// childVariable says which service this program is, run again, and where.
const childVariable = "SIGNET_BENCH_CHILD"

// services are what this program can be when a bench has started it again.
var services = map[string]func(address, to string) error{
	"echo":   func(address, _ string) error { return echo(address) },
	"copy":   func(address, to string) error { return relay(address, to, copied) },
	"splice": func(address, to string) error { return relay(address, to, spliced) },
}

// child is what this program does when a bench has started it again: ok is false where
// none has.
func child() (ok bool, err error) {
	name, rest, _ := strings.Cut(os.Getenv(childVariable), " ")
	if name == "" {
		return false, nil
	}
	address, to, _ := strings.Cut(rest, " ")
	return true, services[name](address, to)
}

// child starts this program as a service at an address, and returns when it listens.
func (w *workshop) child(name, service, address string, more ...string) (*process, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := exec.Command(own)
	command.Env = append(w.env[:len(w.env):len(w.env)], childVariable+"="+strings.Join(append([]string{service, address}, more...), " "))
	p, err := w.run(name, command)
	if err != nil {
		return nil, err
	}
	return p, p.listens(address)
}

// listens waits until a process accepts connections.
func (p *process) listens(address string) error {
	return until(p.name+" listens at "+address, func() (bool, error) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false, p.over()
		}
		conn.Close()
		return true, nil
	})
}
