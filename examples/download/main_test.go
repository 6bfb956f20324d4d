package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// asDownload makes the test's own binary the example.
const asDownload = "RUN_AS_DOWNLOAD"

func TestMain(m *testing.M) {
	if os.Getenv(asDownload) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestDownload has the example be both ends.
func TestDownload(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	dir := t.TempDir()
	want := bytes.Repeat([]byte("date,price\n"), 100_000)
	write(t, dir, "data.csv", want)
	server := command(t, "serve", testpki.Host+":0", write(t, t.TempDir(), "server.pem", testpki.Must(testpki.Must(p.Server(testpki.Host)).PEM())), dir)
	stdout := testpki.Must(server.StdoutPipe())
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	_, port, splitErr := net.SplitHostPort(strings.TrimSpace(strings.TrimPrefix(line, "listening on ")))
	if err != nil || splitErr != nil {
		t.Fatalf("the server says %q: %v, %v", line, err, splitErr)
	}
	url := "https://" + testpki.Host + ":" + port
	tests := []struct {
		name, url, stderr string
		by                *testpki.PKI
	}{
		{"whole", url + "/data.csv", "", p},
		{"no such file", url + "/nothing.csv", "404", p},
		{"strangers' roots", url + "/data.csv", "[unknown_root]", testpki.Must(testpki.New(time.Now()))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { fetch(t, test.url, test.by, want, test.stderr) })
	}
}

// TestCutDownload lets a server of bare crypto/tls cut its answer in each way
// that HTTP/1.1 has of saying how long it is, and end one of them well.
func TestCutDownload(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	body := bytes.Repeat([]byte("date,price\n"), 1000)
	tests := []struct {
		name, head string
		whole      bool
		stderr     string
	}{
		{"to the end of the stream, which it announces", "", true, ""},
		{"to the end of the stream, which is cut", "", false, "[truncated]"},
		{"by a length", "Content-Length: 22000\r\n", false, "[truncated]"},
		{"in chunks", "Transfer-Encoding: chunked\r\n", false, "[truncated]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			answer := "HTTP/1.1 200 OK\r\nConnection: close\r\n" + test.head + "\r\n"
			if strings.Contains(test.head, "chunked") {
				answer += "2AF8\r\n" // one chunk of 11,000 bytes, and not the last
			}
			url := serveOnce(t, testpki.Must(p.Server(testpki.Host)), append([]byte(answer), body...), test.whole)
			fetch(t, url, p, body, test.stderr)
		})
	}
}

// TestNoFile has something else be in the file's place: it is left as it is.
func TestNoFile(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	roots := write(t, t.TempDir(), "ca.crt", p.Root.Leaf().PEM())
	for _, test := range []struct {
		name string
		make func(path string) error
	}{
		{"folder", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"socket", func(path string) error {
			listener, err := net.Listen("unix", path)
			if err == nil {
				t.Cleanup(func() { listener.Close() })
			}
			return err
		}},
		{"link", func(path string) error { return os.Symlink("elsewhere", path) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := test.make("got"); err != nil {
				t.Fatal(err)
			}
			before := testpki.Must(os.Lstat("got"))
			url := serveOnce(t, testpki.Must(p.Server(testpki.Host)), []byte("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), true)
			out, err := command(t, url, roots, "got").CombinedOutput()
			if err == nil || !strings.Contains(string(out), "got is there already, and is no regular file") {
				t.Errorf("have %v: %s", err, out)
			}
			if after := testpki.Must(os.Lstat("got")); after.Mode() != before.Mode() || !os.SameFile(before, after) {
				t.Errorf("it was %v and is %v", before.Mode(), after.Mode())
			}
		})
	}
}

// fetch runs the example as a client. Of a failure nothing may be left.
func fetch(t *testing.T, url string, by *testpki.PKI, want []byte, says string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "got.csv")
	cmd := command(t, url, write(t, t.TempDir(), "ca.crt", by.Root.Leaf().PEM()), file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if (err != nil) != (says != "") || !strings.Contains(stderr.String(), says) {
		t.Errorf("have %v, stderr %q; want %q in it", err, &stderr, says)
	}
	have, err := os.ReadFile(file)
	if says == "" && !bytes.Equal(have, want) || says != "" && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file has %d bytes, %v; want %d or none", len(have), err, len(want))
	}
	if left := testpki.Must(os.ReadDir(dir)); says != "" && len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// serveOnce gives one answer, and ends the stream with or without close_notify.
func serveOnce(t *testing.T, own *pki.Credential, answer []byte, whole bool) (url string) {
	t.Helper()
	chain := make([][]byte, len(own.Chain))
	for i, cert := range own.Chain {
		chain[i] = cert.Raw()
	}
	listener := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { listener.Close() })
	go func() {
		plain, err := listener.Accept()
		if err != nil {
			return
		}
		conn := tls.Server(plain, &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: own.Key}}})
		if _, err := http.ReadRequest(bufio.NewReader(conn)); err != nil {
			return
		}
		conn.Write(answer)
		if whole {
			conn.CloseWrite()
		}
		plain.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, plain)
		plain.Close()
	}()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return "https://" + testpki.Host + ":" + port + "/"
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testpki.Must(os.Executable()), args...)
	cmd.Env = append(os.Environ(), asDownload+"=1")
	return cmd
}

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
