package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
)

// serve runs a public server for one connection and returns its address and the
// file of its root.
func serve(t *testing.T, session func(*signet.Conn)) (address, roots string) {
	t.Helper()
	authority := testpki.Must(testpki.New(time.Now()))
	server := signet.Server{Identity: identity.Static(testpki.Must(authority.Server("127.0.0.1"))), Public: true}
	listener, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		session(conn.(*signet.Conn))
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	roots = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(roots, authority.Root.Leaf().PEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return listener.Addr().String(), roots
}

// masked leaves out of a session's notes what differs from run to run.
func masked(notes string) string {
	notes = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(notes, "127.0.0.1:PORT")
	return regexp.MustCompile(`\d+ ms`).ReplaceAllString(notes, "N ms")
}

const opened = "verified   127.0.0.1:PORT is 127.0.0.1, by Demo Root (ca.pem), 89 days left; nothing sent before this\n" +
	"tls        1.3, AES-128-GCM, X25519MLKEM768 (post-quantum), N ms\n"

// idle is a standard input at which nobody types any more.
func idle(t *testing.T, typed string) io.Reader {
	silent, end := io.Pipe()
	t.Cleanup(func() { end.Close() })
	return io.MultiReader(strings.NewReader(typed), silent)
}

// unreadable is a standard input that fails.
type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestConnect(t *testing.T) {
	readAll := func(conn *signet.Conn) { io.Copy(io.Discard, conn) }
	large := strings.Repeat("0123456789abcdef", 1<<16)
	tests := []struct {
		name    string
		session func(*signet.Conn)
		stdin   io.Reader
		code    int
		stdout  string
		notes   string // after the first two
	}{
		{"both say that this was all", func(c *signet.Conn) { readAll(c); io.WriteString(c, "Hello, client!") },
			strings.NewReader("Hello, server!"), 0, "Hello, client!", "complete   14 bytes sent, 14 received; both ends said that this was all\n"},
		{"echo of a megabyte", func(c *signet.Conn) { io.Copy(c, c) },
			strings.NewReader(large), 0, large, "complete   1,048,576 bytes sent, 1,048,576 received; both ends said that this was all\n"},
		{"server ends while the terminal is idle", func(c *signet.Conn) { io.WriteString(c, "bye\n") },
			idle(t, ""), 0, "bye\n", "complete   0 bytes sent, 4 received; both ends said that this was all\n"},
		{"server answers one line and ends", func(c *signet.Conn) { io.ReadFull(c, make([]byte, 6)); io.WriteString(c, "bye\n") },
			idle(t, "hello\n"), 0, "bye\n", "complete   6 bytes sent, 4 received; both ends said that this was all\n"},
		{"server cuts", func(c *signet.Conn) { io.WriteString(c, strings.Repeat("x", 65536)); c.Abort() },
			strings.NewReader(""), 2, "", "error: cut after 65,536 bytes: the server never said that this was all [truncated]\n" +
				"  next: treat what arrived as unfinished (what arrived is unaltered); fetch it again\n"},
		{"server ends before it has all", func(c *signet.Conn) { c.CloseWrite(); c.Abort() },
			endless{}, 2, "", "[unsent]\n  next: look into the server's log, and send it again\n"},
		{"server ends early and reads on", func(c *signet.Conn) { io.WriteString(c, "ok"); c.CloseWrite(); readAll(c) },
			strings.NewReader(large), 0, "ok", "complete   1,048,576 bytes sent, 2 received; both ends said that this was all\n"},
		{"input fails", readAll,
			io.MultiReader(strings.NewReader("a part"), unreadable{}), 2, "", "error: standard input cannot be read: disk on fire [input_failed]\n  next: correct the input and run it again\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			address, roots := serve(t, test.session)
			have := signetMain(t, test.stdin, "connect", address, "--roots", roots)
			if have.code != test.code {
				t.Errorf("exit %d, want %d", have.code, test.code)
			}
			if test.stdout != "" && have.stdout != test.stdout {
				t.Errorf("%d bytes on standard output, want %d", len(have.stdout), len(test.stdout))
			}
			notes, ok := strings.CutPrefix(masked(have.stderr), opened)
			if !ok || !strings.HasSuffix(notes, test.notes) {
				t.Errorf("notes (-want +have)\n%s", cmp.Diff(opened+test.notes, masked(have.stderr)))
			}
		})
	}
}

// endless is a standard input that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestConnectTellsThePeerTheTruth(t *testing.T) {
	tests := []struct {
		name  string
		stdin io.Reader
		want  error // of the server's last Read
	}{
		{"end of input", strings.NewReader("all of it"), nil},
		{"input that fails", io.MultiReader(strings.NewReader("a part"), unreadable{}), signet.Truncated},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			told := make(chan error, 1)
			address, roots := serve(t, func(c *signet.Conn) {
				_, err := io.Copy(io.Discard, c)
				told <- err
			})
			signetMain(t, test.stdin, "connect", address, "--roots", roots)
			if err := <-told; !errors.Is(err, test.want) {
				t.Errorf("the server was told %v, want %v", err, test.want)
			}
		})
	}
}

// TestConnectEndsThePeersLine sends both outputs through one pipe: what is said of the
// cut has a line of its own.
func TestConnectEndsThePeersLine(t *testing.T) {
	for _, test := range []struct {
		name, say, want string
		cut             bool
	}{
		{"cut within a line", "a part of", "\na part of\nerror: cut after 9 bytes: ", true},
		{"cut after a line", "a line\n", "\na line\nerror: cut after 7 bytes: ", true},
		{"cut before anything", "", " ms\nerror: cut after 0 bytes: ", true},
		{"all of it", "all", "\nall\ncomplete   0 bytes sent, 3 received; ", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			address, roots := serve(t, func(c *signet.Conn) {
				io.WriteString(c, test.say)
				if test.cut {
					c.Abort()
				}
			})
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			Main(t.Context(), []string{"connect", address, "--roots", roots}, strings.NewReader(""), w, w)
			w.Close()
			if said := string(testpki.Must(io.ReadAll(r))); !strings.Contains(said, test.want) {
				t.Errorf("have %q, want %q in it", said, test.want)
			}
		})
	}
}

func TestConnectOutputFails(t *testing.T) {
	told := make(chan error, 1)
	address, roots := serve(t, func(c *signet.Conn) {
		io.WriteString(c, "data")
		_, err := io.Copy(io.Discard, c)
		told <- err
	})
	var stderr bytes.Buffer
	code := Main(t.Context(), []string{"connect", address, "--roots", roots}, idle(t, ""), brokenPipe{}, &stderr)
	if code != 2 || !strings.Contains(stderr.String(), "[output_failed]") {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
	if err := <-told; !errors.Is(err, signet.Truncated) {
		t.Errorf("the server was told %v, want a cut", err)
	}
}

func TestConnectInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	address, roots := serve(t, func(c *signet.Conn) {
		c.Handshake(t.Context())
		interrupt()
		io.Copy(io.Discard, c)
	})
	var stderr bytes.Buffer
	code := Main(ctx, []string{"connect", address, "--roots", roots}, idle(t, ""), io.Discard, &stderr)
	if code != 130 || !strings.Contains(stderr.String(), "[interrupted]\n  next: ") {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
}

func TestArrivalNamesTheOutputFile(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "big.iso"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	for _, test := range []struct {
		name   string
		stdout io.Writer
		want   string
	}{{"file", file, "big.iso"}, {"pipe", w, "what arrived"}, {"memory", io.Discard, "what arrived"}} {
		if have := arrival(test.stdout); have != test.want {
			t.Errorf("%s: have %q, want %q", test.name, have, test.want)
		}
	}
}
