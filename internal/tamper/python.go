package tamper

import (
	"bufio"
	"context"
	"crypto/tls"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

//go:embed python.py
var pythonProgram string

// python is one process that makes all connections of its column.
type python struct {
	program string
	dir     folder

	start   sync.Once
	failed  error // set by start
	cmd     *exec.Cmd
	ask     io.WriteCloser
	mu      sync.Mutex // guards the rest
	last    int
	waiting map[int]chan answered
	gone    error // why no more answers come
}

type answered struct {
	got []byte
	err error
}

func newPython(dir folder) *python {
	return &python{program: "python3", dir: dir, waiting: map[int]chan answered{}}
}

func (p *python) stack() *stack {
	s := &stack{name: "Python ssl", client: p.role("client"), server: p.role("server")}
	if exec.Command(p.program, "-c", "import ssl").Run() != nil {
		s.absent = "there is no python3 with its module ssl"
	}
	return s
}

// role returns the ends that take it. Whichever it is, the process connects.
func (p *python) role(role string) func(uint16) connect {
	return func(version uint16) connect {
		name := map[uint16]string{tls.VersionTLS12: "TLSv1_2", tls.VersionTLS13: "TLSv1_3", asItComes: "any"}[version]
		return func(ctx context.Context, raw net.Conn) (stream, error) {
			entry, err := openDoor()
			if err != nil {
				raw.Close()
				return nil, err
			}
			answer, err := p.request(ctx, role, name, entry.port())
			if err != nil {
				entry.Close()
				raw.Close()
				return nil, err
			}
			if err := entry.admit(raw.(halfCloser), ctx.Done()); err != nil {
				return nil, err
			}
			return &heard{end: func() {}, wait: func() ([]byte, error) {
				a := <-answer
				return a.got, a.err
			}}, nil
		}
	}
}

// request asks the process for one connection. The process lasts as long as the
// first one's context.
func (p *python) request(ctx context.Context, role, version string, port int) (<-chan answered, error) {
	p.start.Do(func() { p.failed = p.run(ctx) })
	if p.failed != nil {
		return nil, p.failed
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone != nil {
		return nil, p.gone
	}
	p.last++
	answer := make(chan answered, 1)
	p.waiting[p.last] = answer
	_, err := fmt.Fprintln(p.ask, p.last, role, version, port)
	return answer, err
}

func (p *python) run(ctx context.Context) error {
	p.cmd = exec.CommandContext(ctx, p.program, "-c", pythonProgram, string(p.dir))
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.ask, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go p.hear(out)
	return nil
}

// hear hands out the answers until the process ends.
func (p *python) hear(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		number, a, ok := parseAnswer(lines.Text())
		if !ok {
			continue
		}
		p.mu.Lock()
		if answer := p.waiting[number]; answer != nil {
			answer <- a
			delete(p.waiting, number)
		}
		p.mu.Unlock()
	}
	err := errors.Join(lines.Err(), p.cmd.Wait(), errors.New("python3 has ended"))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = err
	for _, answer := range p.waiting {
		answer <- answered{err: err}
	}
	clear(p.waiting)
}

func parseAnswer(line string) (number int, a answered, ok bool) {
	parts := strings.Split(line, " ")
	if len(parts) != 3 {
		return 0, a, false
	}
	number, err := strconv.Atoi(parts[0])
	if err != nil {
		return 0, a, false
	}
	a.got, err = base64.StdEncoding.DecodeString(parts[2])
	if parts[1] != "whole" {
		a.err = errors.New("an error")
	}
	return number, a, err == nil
}

// close ends the process.
func (p *python) close() {
	p.start.Do(func() { p.failed = errors.New("closed") })
	if p.ask != nil {
		p.ask.Close()
	}
}
