package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
)

const (
	// lull is how long standard input must be silent, once the peer has said
	// that it sends no more, to count as having no more to send either.
	lull = 250 * time.Millisecond
	// patience is how long such a peer may take to accept what is still sent.
	patience = 10 * time.Second
)

// carry sends standard input to the peer and what it sends to standard output,
// until the peer has said that this was all.
func (s *shell) carry(ctx context.Context, conn *signet.Conn, peer role, timeline *timeline) error {
	stop := context.AfterFunc(ctx, func() { conn.Abort() })
	defer stop()
	up := newUpload(conn, peer)
	go up.run(s.stdin)
	down := &outlet{w: s.stdout, timeline: timeline}
	err := down.drain(conn)
	s.newline(down)
	if err == nil {
		return s.complete(conn, up, down)
	}
	cut := up.cut()
	switch {
	case ctx.Err() != nil:
		return fault.New(Interrupted, "cut by us after %s: interrupted", count(down.bytes, "byte", "bytes")).
			WithHint("treat %s as unfinished, and run it again", arrival(s.stdout))
	case cut != nil:
		return cut
	case down.failed != nil:
		conn.Abort()
		return fault.Wrap(down.failed, OutputFailed, "standard output does not take what arrives").
			WithHint("make room, or write elsewhere, and run it again")
	case errors.Is(err, signet.Truncated):
		again := "fetch it again"
		if peer == theClient {
			again = "have the client send it again"
		}
		return fault.New(signet.Truncated, "cut after %s: the %s never said that this was all", count(down.bytes, "byte", "bytes"), peer).
			WithHint("treat %s as unfinished (what arrived is unaltered); %s", arrival(s.stdout), again)
	}
	return err
}

// complete ends a session whose peer has said that this was all.
func (s *shell) complete(conn *signet.Conn, up *upload, down *outlet) error {
	sent, err := up.end()
	if err != nil {
		return err
	}
	conn.Close()
	s.note("complete", "%s sent, %s received; both ends said that this was all", count(sent, "byte", "bytes"), thousands(down.bytes))
	return nil
}

// newline ends the peer's last line where ours follows: on a terminal, or where both
// outputs go to the same file or pipe.
func (s *shell) newline(down *outlet) {
	if down.bytes > 0 && down.last != '\n' && (isTerminal(s.stdout) || sameOutput(s.stdout, s.stderr)) {
		fmt.Fprintln(s.stderr)
	}
}

// sameOutput reports whether what is written to both comes out at one place.
func sameOutput(a, b io.Writer) bool {
	one, ok := a.(*os.File)
	other, too := b.(*os.File)
	if !ok || !too {
		return false
	}
	first, err := one.Stat()
	second, err2 := other.Stat()
	return err == nil && err2 == nil && os.SameFile(first, second)
}

// arrival names what holds the peer's bytes: the file that standard output goes
// to, where that can be known.
func arrival(stdout io.Writer) string {
	const unknown = "what arrived"
	file, ok := stdout.(*os.File)
	if !ok {
		return unknown
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return unknown
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", file.Fd())) // Linux
	if err != nil {
		return unknown
	}
	return filepath.Base(path)
}

// role is what the peer of a session is called.
type role string

const (
	theServer role = "server"
	theClient role = "client"
)

// outlet counts what is written to standard output, and keeps its error apart
// from the connection's.
type outlet struct {
	w        io.Writer
	timeline *timeline // of the connection, or nil
	bytes    int64
	last     byte
	failed   error
}

// Write writes p.
func (o *outlet) Write(p []byte) (int, error) {
	if o.bytes == 0 {
		o.timeline.tell("received the first data")
	}
	n, err := o.w.Write(p)
	if n > 0 {
		o.bytes, o.last = o.bytes+int64(n), p[n-1]
	}
	o.failed = err
	return n, err
}

// drain writes what the connection brings. It returns nil if the peer said that
// this was all.
func (o *outlet) drain(conn io.Reader) error {
	_, err := io.CopyBuffer(o, struct{ io.Reader }{conn}, make([]byte, 32<<10))
	return err
}

// upload sends standard input, and knows when there is no more of it: at its
// end, or in a lull after the peer has ended the session.
type upload struct {
	conn      *signet.Conn
	peer      role
	input     chan piece
	peerEnded chan struct{} // closed when it did
	result    chan error    // of sending, once
	sent      int64         // bytes; read it after result
}

// piece is what one read of standard input brought.
type piece struct {
	data []byte
	err  error
}

func newUpload(conn *signet.Conn, peer role) *upload {
	return &upload{conn: conn, peer: peer, input: make(chan piece), peerEnded: make(chan struct{}), result: make(chan error, 1)}
}

// run sends until there is no more. Input that cannot be read to its end cuts
// the connection: the peer must not take a part for the whole.
func (u *upload) run(stdin io.Reader) {
	go u.read(stdin)
	err := u.send()
	u.result <- err
	if errors.Is(err, InputFailed) {
		u.conn.Abort()
	}
}

// read hands over what standard input brings. It may stay in its last Read
// until the program ends: an idle terminal cannot be interrupted.
func (u *upload) read(stdin io.Reader) {
	// While one buffer is being sent, the next is filled.
	for buffers := [2][]byte{make([]byte, 32<<10), make([]byte, 32<<10)}; ; buffers[0], buffers[1] = buffers[1], buffers[0] {
		n, err := stdin.Read(buffers[0])
		u.input <- piece{buffers[0][:n], err}
		if err != nil {
			return
		}
	}
}

func (u *upload) send() error {
	var quiet <-chan time.Time // nil until the peer has ended
	ended := u.peerEnded
	for {
		select {
		case next := <-u.input:
			n, err := u.conn.Write(next.data)
			u.sent += int64(n)
			switch {
			case err != nil:
				return err
			case next.err == io.EOF && u.sent == 0 && u.peer == theClient:
				// Told of an end before it has said anything, many a client would
				// not say it any more.
				<-u.peerEnded
				return u.conn.CloseWrite()
			case next.err == io.EOF:
				return u.conn.CloseWrite()
			case next.err != nil:
				return fault.Wrap(next.err, InputFailed, "standard input cannot be read").
					WithHint("correct the input and run it again")
			case quiet != nil:
				quiet = u.lull()
			}
		case <-ended:
			ended, quiet = nil, u.lull()
		case <-quiet:
			return u.conn.CloseWrite()
		}
	}
}

// cut returns why the connection was cut by us, or nil.
func (u *upload) cut() error {
	select {
	case err := <-u.result:
		if errors.Is(err, InputFailed) {
			return err
		}
	default:
	}
	return nil
}

func (u *upload) lull() <-chan time.Time {
	u.conn.SetWriteDeadline(time.Now().Add(patience))
	return time.After(lull)
}

// end says that the peer has ended the session, and returns how many bytes were
// sent. It is an error if there were more.
func (u *upload) end() (int64, error) {
	u.conn.SetWriteDeadline(time.Now().Add(patience)) // for a Write under way
	close(u.peerEnded)
	err := <-u.result
	if err != nil && !errors.Is(err, InputFailed) {
		err = fault.New(Unsent, "the %s ended the session after %s of ours, and there was more", u.peer, count(u.sent, "byte", "bytes")).
			WithHint("look into the %s's log, and send it again", u.peer)
	}
	return u.sent, err
}
