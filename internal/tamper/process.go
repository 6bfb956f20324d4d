package tamper

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// halfCloser is a connection whose directions end one by one.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// bridge carries between an end of a link and a socket, until both directions have
// ended. What ends otherwise than by a FIN resets both.
func bridge(near, far halfCloser) {
	reset := func() {
		if tcp, ok := far.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		far.Close()
		near.Close()
	}
	carry := func(to, from halfCloser) {
		if _, err := io.Copy(to, from); err != nil || to.CloseWrite() != nil {
			reset()
		}
	}
	var both sync.WaitGroup
	both.Go(func() { carry(near, far) })
	both.Go(func() { carry(far, near) })
	both.Wait()
	far.Close()
	near.Close()
}

// door is where a process connects to.
type door struct{ net.Listener }

func openDoor() (door, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	return door{l}, err
}

func (d door) port() int { return d.Addr().(*net.TCPAddr).Port }

// admit bridges the first connection through the door, which it closes. It gives
// up when nobody has come and stop is closed, or patience has run out.
func (d door) admit(near halfCloser, stop <-chan struct{}) error {
	d.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(patience))
	came := make(chan struct{})
	defer close(came)
	go func() {
		select {
		case <-stop:
		case <-came:
		}
		d.Close()
	}()
	conn, err := d.Accept()
	if err != nil {
		near.Close()
		return err
	}
	go bridge(near, conn.(*net.TCPConn))
	return nil
}

// heard is the stream of a process: what it received, once it has ended. Its
// error is nil if it took that for all.
type heard struct {
	wait func() ([]byte, error) // once
	end  func()

	once sync.Once
	got  bytes.Reader
	err  error
}

func (h *heard) Read(p []byte) (int, error) {
	h.once.Do(func() {
		var data []byte
		data, h.err = h.wait()
		h.got.Reset(data)
	})
	n, err := h.got.Read(p)
	if err == io.EOF && h.err != nil {
		err = h.err
	}
	return n, err
}

// A process only listens.
func (h *heard) Write(p []byte) (int, error) { return len(p), nil }
func (h *heard) CloseWrite() error           { return nil }

func (h *heard) Close() error {
	h.end()
	return nil
}

// folder holds the certificates that processes read.
type folder string

func (f folder) file(name string) string { return filepath.Join(string(f), name) }

func (f folder) remove() { os.RemoveAll(string(f)) }

// newFolder writes the fixture's certificates. Its owner removes it.
func newFolder(f *fixture) (folder, error) {
	path, err := os.MkdirTemp("", "signet-tamper-")
	if err != nil {
		return "", err
	}
	dir := folder(path)
	files := map[string]credential{"client.pem": f.client, "server.pem": f.server}
	for name, holder := range files {
		text, err := holder.PEM()
		if err == nil {
			err = os.WriteFile(dir.file(name), text, 0o600)
		}
		if err != nil {
			dir.remove()
			return "", err
		}
	}
	err = os.WriteFile(dir.file("roots.pem"), f.root.ChainPEM(), 0o600)
	return dir, err
}

// newProcesses returns the stacks that are other programs; one that this machine
// does not have is absent. The function ends what they started.
func newProcesses(dir folder, faces *stack) (all []*stack, end func()) {
	snake := newPython(dir)
	all = []*stack{newOpenSSL(dir), snake.stack()}
	for _, s := range all {
		s.process, s.faces, s.shown = true, faces, faces.shown
	}
	return all, snake.close
}
