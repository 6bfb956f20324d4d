package tamper

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// clientRole has this test program be a client that downloads, of the kind that
// the variable names, from the address in its last argument.
const clientRole = "SIGNET_TAMPER_TEST_CLIENT"

func TestMain(m *testing.M) {
	if role := os.Getenv(clientRole); role != "" {
		if clients[role](os.Args[len(os.Args)-1]) != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// clients return an error unless they believe that they have the download.
var clients = map[string]func(address string) error{
	"signet": func(address string) error {
		roots, err := verify.LoadRoots(os.DirFS("/"), strings.TrimPrefix(os.Getenv("SSL_CERT_FILE"), "/"))
		if err != nil {
			return err
		}
		conn, err := (&signet.Client{Roots: roots}).Dial(context.Background(), "tcp", address)
		return drained(conn, err)
	},
	"bare": func(address string) error {
		conn, err := tls.Dial("tcp", address, nil)
		return drained(conn, err)
	},
	"blind": func(address string) error {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		return drained(conn, err)
	},
	"deaf": func(address string) error {
		conn, err := tls.Dial("tcp", address, nil)
		if drained(conn, err) != nil && conn == nil {
			return err
		}
		return nil
	},
	"hasty": func(address string) error {
		conn, err := tls.Dial("tcp", address, nil)
		if err != nil {
			return err
		}
		_, err = conn.Read(make([]byte, 1))
		return err
	},
	"broken": func(string) error { return errors.New("no") },
	"slow": func(address string) error { // to speak, and knows nothing but HTTP
		conn, err := tls.Dial("tcp", address, nil)
		if err != nil {
			return err
		}
		time.Sleep(2 * pause)
		answer, err := http.ReadResponse(bufio.NewReader(asking{conn}), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
		}
		return err
	},
}

// asking sends a request of HTTP before it reads.
type asking struct{ net.Conn }

func (a asking) Read(p []byte) (int, error) {
	io.WriteString(a.Conn, "GET / HTTP/1.1\r\n\r\n")
	return a.Conn.Read(p)
}

// drained asks for the download and reads it to its end.
func drained[C io.ReadWriteCloser](conn C, err error) error {
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "the file, please"); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

// sample is what a test can afford of the attacks on a target.
var sample = [3]int{changedRow: 48, impostorRow: 2, cutRow: 8}

// command has this test program be a client.
func command(t *testing.T, role string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return clientRole + "=" + role + " GORACE=atexit_sleep_ms=0 " + self + " {addr}"
}

// TestClients holds that each row can be fooled, and that who does it right is
// not blamed.
func TestClients(t *testing.T) {
	tests := []struct {
		role                   string
		changed, impostor, cut bool // fooled
		early                  bool
	}{
		{"signet", false, false, false, false},
		{"bare", false, false, true, false},
		{"blind", false, true, true, false},
		{"deaf", true, false, true, true}, // it never minds the end
		{"hasty", false, false, true, true},
		{"slow", false, false, true, false},
	}
	for _, test := range tests {
		t.Run(test.role, func(t *testing.T) {
			t.Parallel()
			verdict, err := Target{Client: command(t, test.role), sparse: sample}.Attack(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if verdict.Early != test.early {
				t.Errorf("have early %v, want %v", verdict.Early, test.early)
			}
			for row, want := range []bool{changedRow: test.changed, impostorRow: test.impostor, cutRow: test.cut} {
				f := verdict.Findings[row]
				if f.Tried < 6 || (f.Fooled > 0) != want || want != (f.Case > 0 && f.Example != "" && strings.HasPrefix(f.Saw, "exit 0")) {
					t.Errorf("%s: have %+v, want it fooled: %v", f.Row, f, want)
				}
			}
			if worst := verdict.Worst(); (worst != nil) != (test.changed || test.impostor || test.cut) {
				t.Errorf("have %+v as the worst", worst)
			}
		})
	}
}

func TestOneCase(t *testing.T) {
	var said strings.Builder
	target := Target{Client: command(t, "bare") + "; code=$?; echo ended; exit $code", Case: 3, Output: &said}
	verdict, err := target.Attack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if f := verdict.Findings[0]; len(verdict.Findings) != 1 || f.Tried != 1 || f.Fooled != 1 || f.Case != 3 || verdict.Case != "case 3: TLS 1.3, cut after 2,048 of 65,536 bytes" {
		t.Errorf("have %+v of %q", verdict.Findings, verdict.Case)
	}
	if said.String() != "ended\n" {
		t.Errorf("the client wrote %q, want what it writes in this case alone", said.String())
	}
}

func TestTargetsThatCannotBeAttacked(t *testing.T) {
	tests := []struct {
		name   string
		target Target
		want   error
	}{
		{"a client that never works", Target{Client: command(t, "broken")}, TargetUnwell},
		{"no client", Target{Client: "/no/such/program {addr}"}, TargetUnwell},
		{"a client without an address", Target{Client: "true"}, TargetUnwell},
		{"a client that never connects", Target{Client: "true {addr}"}, TargetUnwell},
		{"a case too many", Target{Client: command(t, "bare"), Case: 100_000}, CaseUnknown},
		{"a server elsewhere", Target{Server: "192.0.2.1:443"}, TargetRemote},
		{"no address", Target{Server: "localhost"}, TargetUnwell},
		{"nobody there", Target{Server: "127.0.0.1:1"}, TargetUnwell},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if verdict, err := test.target.Attack(t.Context()); !errors.Is(err, test.want) {
				t.Errorf("have %+v, %v, want %s", verdict, err, test.want)
			}
		})
	}
}

// TestUnsteadyClient holds that a client which often does not come is not praised
// for it, and that one which seldom does not come is counted when it does.
func TestUnsteadyClient(t *testing.T) {
	tests := []struct {
		name   string
		stays  string // says for the shell that it stays away on its run n
		missed int    // -1: it is refused
	}{
		{"comes three times", "[ $n -gt 3 ]", -1},
		{"comes one time in three", "[ $n -gt 3 -a $((n % 3)) -ne 0 ]", -1},
		{"missed one", "[ $n -gt 3 ] && mkdir $runs.once 2>/dev/null", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			runs := filepath.Join(t.TempDir(), "runs")
			counted := "runs=" + runs + "; echo >>$runs; n=$(wc -l <$runs); " + test.stays + " && exit 3; "
			verdict, err := Target{Client: counted + command(t, "signet"), sparse: sample}.Attack(t.Context())
			switch {
			case test.missed < 0 && !errors.Is(err, TargetUnwell):
				t.Errorf("have %+v, %v, want %s", verdict, err, TargetUnwell)
			case test.missed >= 0 && (err != nil || verdict.Missed != test.missed || verdict.Worst() != nil):
				t.Errorf("have %+v, %v, want %d missed", verdict, err, test.missed)
			}
		})
	}
}

// TestServerThatAsks holds that who forgot to say who they are is told how.
func TestServerThatAsks(t *testing.T) {
	f, err := newFixture(pki.P256)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{f.server.shown()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: f.pool}
	address := serving(t, func(raw net.Conn) {
		conn := tls.Server(raw, config)
		answers(conn, conn.Handshake())
		raw.Close()
	})
	_, err = Target{Server: address}.Attack(t.Context())
	if said := new(fault.Error); !errors.As(err, &said) || said.Code != TargetUnwell || !strings.Contains(said.Hint, "--as FILE") {
		t.Errorf("have %v with the hint %q", err, said.Hint)
	}
}

// serving answers each connection in a goroutine until the test ends.
func serving(t *testing.T, answer func(raw net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go answer(raw)
		}
	}()
	return l.Addr().String()
}

// answers reads all and then says that it did.
func answers(conn stream, err error) {
	if err != nil {
		return
	}
	defer conn.Close()
	if _, err := io.Copy(io.Discard, conn); err == nil {
		io.WriteString(conn, "received\n")
	}
}

func TestServers(t *testing.T) {
	f, err := newFixture(pki.P256)
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{f.server.shown()}}
	asking, checking := config.Clone(), config.Clone()
	asking.ClientAuth = tls.RequestClientCert
	checking.ClientAuth, checking.ClientCAs = tls.RequireAndVerifyClientCert, f.pool
	bare := func(config *tls.Config) func(net.Conn) {
		return func(raw net.Conn) {
			conn := tls.Server(raw, config)
			answers(conn, conn.Handshake())
			raw.Close()
		}
	}
	const no, yes, notChecked = 0, 1, 2
	tests := []struct {
		name   string
		answer func(net.Conn)
		own    *pki.Credential
		want   [3]int // by row
		early  bool
	}{
		{"signet", func(raw net.Conn) {
			listener := &signet.Server{Public: true, Identity: identity.Static(f.server.Credential)}
			conn, err := listener.Wrap(t.Context(), raw)
			answers(conn, err)
		}, nil, [3]int{no, notChecked, notChecked}, false}, // it says nothing more, as one would that was fooled
		{"says that a request is cut", func(raw net.Conn) {
			conn := tls.Server(raw, config)
			defer raw.Close()
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
			} else if errors.Is(err, io.ErrUnexpectedEOF) {
				io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\n\r\n")
			}
		}, nil, [3]int{no, notChecked, no}, false},
		{"bare", bare(config), nil, [3]int{no, notChecked, yes}, false},
		{"asks and does not look", bare(asking), f.client.Credential, [3]int{no, yes, yes}, false},
		{"looks", bare(checking), f.client.Credential, [3]int{no, no, yes}, false},
		{"answers whatever comes", func(raw net.Conn) {
			conn := tls.Server(raw, config)
			io.WriteString(conn, "hello\n")
			time.Sleep(10 * time.Millisecond)
			raw.Close()
		}, nil, [3]int{yes, notChecked, notChecked}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			verdict, err := Target{Server: serving(t, test.answer), Own: test.own, sparse: [3]int{16, 1, 4}}.Attack(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if verdict.Early != test.early {
				t.Errorf("have early %v, want %v", verdict.Early, test.early)
			}
			for row, want := range test.want {
				f := verdict.Findings[row]
				have := map[bool]int{true: yes}[f.Fooled > 0]
				if f.Skipped != "" {
					have = notChecked
				}
				if have != want || (have != notChecked) != (f.Tried > 2) {
					t.Errorf("%s: have %+v, want %d", f.Row, f, want)
				}
			}
		})
	}
}
