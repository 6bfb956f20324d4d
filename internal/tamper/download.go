package tamper

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/fault"
)

// downloader is somebody's client, started anew for each connection, to which a
// download is sent. Its exit code says whether it believes that it has it.
type downloader struct {
	line    string // for the shell
	dir     folder
	honest  tls.Certificate
	shown   []impostor
	payload []byte
	output  io.Writer   // nil: nobody reads what it writes
	speaks  atomic.Bool // it says what it wants, as it did to an honest peer
}

func newDownloader(t Target, f *fixture, dir folder) (*downloader, error) {
	d := &downloader{line: t.Client, dir: dir, honest: f.server.shown(), payload: newPayloads().now[large][server]}
	if t.Case != 0 {
		d.output = t.Output
	}
	if !strings.Contains(d.line, "{addr}") && !strings.Contains(d.line, "{port}") {
		return nil, fault.New(TargetUnwell, "the command has no {addr}, so it cannot know where to connect to").
			WithHint("write {addr} where the address of the server belongs: signet tamper --client 'python3 download.py {addr}'")
	}
	m := maker{keys: f.keys, serial: 100}
	d.shown = f.pretend(&m, server)
	return d, m.err
}

func (d *downloader) receives() (at side, records, bytes int) {
	return client, len(d.payload) / chunk, chunk
}

func (d *downloader) impostors() ([]impostor, string) { return d.shown, "" }

// pause is how long a client that never said what it wants may take to say it
// before it gets the download.
const pause = 200 * time.Millisecond

// hearing returns how long the peer listens for what the client wants. While
// nobody attacks there is time to find out whether it says it; it is then waited
// for, since what is answered must not depend on how busy the machine is.
func (d *downloader) hearing(t trial) time.Duration {
	switch {
	case d.speaks.Load():
		return patience
	case t.number == 0:
		return silence
	}
	return pause
}

// meet starts the client, sends it the download, and waits for its exit. It
// believes a peer to whom it says something, too.
func (d *downloader) meet(ctx context.Context, t trial) (sight, error) {
	entry, err := openDoor()
	if err != nil {
		return sight{}, err
	}
	l, begun := t.link(client)
	timer := time.AfterFunc(patience, l.expire)
	defer timer.Stop()
	running, kill := context.WithTimeout(ctx, patience+silence)
	defer kill()
	cmd, said := d.command(running, entry.port())
	if d.output != nil && t.number > 0 {
		cmd.Stdout, cmd.Stderr = d.output, io.MultiWriter(said, d.output)
	}
	if err := cmd.Start(); err != nil {
		entry.Close()
		return sight{}, fault.Wrap(err, TargetUnwell, "no shell can be started")
	}
	exited := make(chan struct{})
	go func() {
		cmd.Wait()
		endGroup(cmd)
		close(exited)
	}()
	var heard []byte
	came := entry.admit(l.end(client), exited) == nil
	if came {
		heard = d.serve(running, l.end(server), t, func() { begun.Store(true) })
	}
	<-exited
	if ctx.Err() != nil {
		return sight{}, context.Cause(ctx)
	}
	reached, err := t.reached(l, client, begun)
	if err != nil {
		return sight{}, err
	}
	seen := sight{believed: cmd.ProcessState.Success(), saw: fmt.Sprintf("exit %d", cmd.ProcessState.ExitCode()), missed: !came || !reached}
	if t.number == 0 {
		seen.saw += ": " + said.lastLine()
	}
	switch {
	case !came:
		seen.saw += ", and it never connected"
	case t.peer != nil && len(heard) > 0:
		seen.believed, seen.saw = true, seen.saw+", having sent "+count(len(heard), "byte")
	}
	return seen, nil
}

// command prepares the client's process, of which the end of what it complains
// about is kept.
func (d *downloader) command(ctx context.Context, port int) (*exec.Cmd, *tail) {
	number, roots := strconv.Itoa(port), d.dir.file("roots.pem")
	cmd := exec.CommandContext(ctx, "sh", "-c", strings.NewReplacer("{addr}", "127.0.0.1:"+number, "{host}", "127.0.0.1", "{port}", number, "{roots}", roots).Replace(d.line))
	cmd.WaitDelay = silence
	startGroup(cmd)
	cmd.Env = os.Environ()
	for _, name := range []string{"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
		cmd.Env = append(cmd.Env, name+"="+roots)
	}
	said := &tail{}
	cmd.Stderr = said
	return cmd, said
}

// serve is the peer: it sends the download once the client has spoken or is taken
// for one that does not, says that this was all, and returns what the client said. A client
// of HTTP is answered in HTTP, without a length.
func (d *downloader) serve(ctx context.Context, near end, t trial, begins func()) (heard []byte) {
	defer near.Close()
	shown := d.honest
	if t.peer != nil {
		shown = t.peer.has
	}
	config := &tls.Config{Certificates: []tls.Certificate{shown}, MinVersion: t.version, MaxVersion: t.version, DynamicRecordSizingDisabled: true}
	conn := tls.Server(near, config)
	if conn.HandshakeContext(ctx) != nil {
		return nil
	}
	spoken := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		first := make([]byte, 4<<10)
		n, err := conn.Read(first)
		heard = first[:n]
		close(spoken)
		if err == nil {
			io.Copy(io.Discard, conn)
		}
	})
	http := false
	select {
	case <-spoken:
		http = bytes.Contains(heard, []byte(" HTTP/1."))
		if t.number == 0 && len(heard) > 0 {
			d.speaks.Store(true)
		}
	case <-time.After(d.hearing(t)):
	}
	if http {
		conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n"))
	}
	begins()
	writeAll(conn, d.payload)
	near.CloseWrite()
	reading.Wait()
	return heard
}

// tail keeps the end of what a program writes.
type tail struct {
	mu   sync.Mutex
	text []byte // guarded by mu
}

const maxTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	t.text = t.text[max(len(t.text)-maxTail, 0):]
	return len(p), nil
}

// lastLine returns the last line that says something.
func (t *tail) lastLine() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.text)), "\n")
	if line := lines[len(lines)-1]; line != "" {
		return fault.Printable(line, 200)
	}
	return "it wrote no error"
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// loopback resolves an address of this machine; others are refused.
func loopback(ctx context.Context, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.New(TargetUnwell, "%q is not HOST:PORT", address).WithHint("write, for example, localhost:8443")
	}
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, fault.Wrap(err, TargetUnwell, "%s is not known", host).WithHint("write, for example, localhost:8443")
	}
	for _, ip := range found {
		if !ip.Unmap().IsLoopback() {
			return nil, fault.New(TargetRemote, "%s is not on this machine, and only one's own programs are attacked", host).
				WithHint("run the server here, and name it as localhost:PORT")
		}
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fault.Wrap(err, TargetUnwell, "%s cannot be reached", address).WithHint("start the server, and run it again")
	}
	return conn, nil
}
