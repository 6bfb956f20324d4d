package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// pythonPeer is a running parse.py, which has all certificates.
type pythonPeer struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	takes []bool // which certificates it takes
}

func startPython(certs [][]byte) (*pythonPeer, error) {
	p := &pythonPeer{cmd: exec.Command(python, "bench/parse.py")}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	list := []string{}
	for _, der := range certs {
		list = append(list, base64.StdEncoding.EncodeToString(der))
	}
	if err := p.ask(list, &p.takes); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// ask sends one line of JSON and reads the answer's, unless answer is nil.
func (p *pythonPeer) ask(question, answer any) error {
	if err := json.NewEncoder(p.in).Encode(question); err != nil {
		return err
	}
	if answer == nil {
		return nil
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("parse.py does not answer: %w", err)
	}
	return json.Unmarshal(line, answer)
}

// pass has one of Python's libraries parse the certificates, and returns the CPU
// time that parse.py has measured.
func (p *pythonPeer) pass(library string) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		var seconds float64
		err := p.ask(map[string]any{"library": library, "repeats": repeats}, &seconds)
		return time.Duration(seconds * float64(time.Second)), err
	}
}

func (p *pythonPeer) stop() {
	p.in.Close()
	p.cmd.Wait()
}
