package cli

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// hosts are files of who may meet at "listen", and clients who are there.
type hosts struct {
	*testpki.PKI
	t   *testing.T
	dir string
}

// newHosts writes server.pem (127.0.0.1), orders.pem (spiffe://demo.signet/orders)
// and ca.pem, whom all of them believe.
func newHosts(t *testing.T) *hosts {
	t.Helper()
	h := &hosts{testpki.Must(testpki.New(time.Now())), t, t.TempDir()}
	h.write("ca.pem", h.Root.Leaf().PEM())
	h.write("server.pem", testpki.Must(testpki.Must(h.Server("127.0.0.1")).PEM()))
	h.write("orders.pem", testpki.Must(testpki.Must(h.Workload("spiffe://demo.signet/orders")).PEM()))
	t.Chdir(h.dir)
	t.Setenv("XDG_DATA_HOME", filepath.Join(h.dir, "home"))
	t.Setenv("SIGNET_DATA", "")
	return h
}

func (h *hosts) write(name string, data []byte) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), data, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// client is one of 127.0.0.1's, who shows this certificate, or none.
func (h *hosts) client(own *pki.Credential) *signet.Client {
	client := &signet.Client{Roots: testpki.Must(verify.NewRoots("ca.pem", h.Root.Leaf()))}
	if own != nil {
		client.Identity = identity.Static(own)
	}
	return client
}

// listening is a "listen" that runs.
type listening struct {
	address        string
	stdout, stderr *testpki.Output
	stop           context.CancelFunc // as Ctrl-C does
	code           chan int
}

// listen starts "listen" on a free port.
func (h *hosts) listen(stdin io.Reader, args ...string) *listening {
	h.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	l := &listening{stdout: &testpki.Output{}, stderr: &testpki.Output{}, stop: stop, code: make(chan int, 1)}
	over := make(chan struct{})
	go func() {
		defer close(over)
		l.code <- Main(ctx, append([]string{"listen", "127.0.0.1:0"}, args...), stdin, l.stdout, l.stderr)
	}()
	h.t.Cleanup(func() { stop(); <-over })
	l.address = strings.Fields(l.wait(h.t, `^listening  127\.0\.0\.1:\d+`))[1]
	return l
}

// wait waits for a line on standard error and returns it.
func (l *listening) wait(t *testing.T, pattern string) string {
	t.Helper()
	line := regexp.MustCompile("(?m)" + pattern + ".*$")
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if found := line.FindString(l.stderr.String()); found != "" {
			return found
		}
	}
	t.Fatalf("no line %s: %s", pattern, l.stderr)
	return ""
}

// ended wants it to have ended, or to end by itself.
func (l *listening) ended(t *testing.T, code int, stderr string) {
	t.Helper()
	select {
	case have := <-l.code:
		if have != code {
			t.Errorf("exit code %d, want %d", have, code)
		}
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	if have := masked(l.stderr.String()); have != stderr {
		t.Errorf("(-want +have)\n%s", cmp.Diff(stderr, have))
	}
}

// talk says something to the server, and returns all that it says.
func talk(ctx context.Context, client *signet.Client, address, say string) (string, error) {
	conn, err := client.Dial(ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, say); err != nil {
		return "", err
	}
	if err := conn.CloseWrite(); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(conn)
	return string(answer), err
}

const (
	publicly  = "listening  127.0.0.1:PORT as 127.0.0.1, 89 days left; anybody may connect\n"
	accepted  = "accepted   127.0.0.1:PORT, not asked who it is; TLS 1.3, AES-128-GCM, X25519MLKEM768 (post-quantum)\n"
	completed = "both ends said that this was all\n"
)

func TestListenOnce(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<16)
	for _, test := range []struct {
		name       string
		stdin      io.Reader
		say        string
		hear, last string
	}{
		{"both speak", strings.NewReader("Hello, client!"), "Hello, server!", "Hello, client!", "complete   14 bytes sent, 14 received; " + completed},
		{"the client speaks", strings.NewReader(""), large, "", "complete   0 bytes sent, 1,048,576 received; " + completed},
		{"the server speaks", strings.NewReader(large), "", large, "complete   1,048,576 bytes sent, 0 received; " + completed},
		{"the terminal is idle", idle(t, ""), "Hello, server!", "", "complete   0 bytes sent, 14 received; " + completed},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHosts(t)
			l := h.listen(test.stdin, "--as", "server.pem", "--public")
			heard, err := talk(t.Context(), h.client(nil), l.address, test.say)
			if err != nil || heard != test.hear {
				t.Errorf("the client heard %d bytes, want %d: %v", len(heard), len(test.hear), err)
			}
			l.ended(t, 0, publicly+accepted+test.last)
			if have := l.stdout.String(); have != test.say {
				t.Errorf("%d bytes on standard output, want %d", len(have), len(test.say))
			}
		})
	}
}

// TestListenWaitsForTheEnd has a client that would stop speaking if it were told
// of our end.
func TestListenWaitsForTheEnd(t *testing.T) {
	h := newHosts(t)
	l := h.listen(strings.NewReader(""), "--as", "server.pem", "--public")
	conn, err := h.client(nil).Dial(t.Context(), "tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(lull))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the client was told %v; want nothing yet", err)
	}
	conn.CloseWrite()
	l.ended(t, 0, publicly+accepted+"complete   0 bytes sent, 0 received; "+completed)
}

func TestListenCut(t *testing.T) {
	h := newHosts(t)
	l := h.listen(strings.NewReader(""), "--as", "server.pem", "--public")
	conn, err := h.client(nil).Dial(t.Context(), "tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "a part")
	for l.stdout.String() == "" {
		time.Sleep(time.Millisecond)
	}
	conn.Abort()
	l.ended(t, 2, publicly+accepted+"error: cut after 6 bytes: the client never said that this was all [truncated]\n"+
		"  next: treat what arrived as unfinished (what arrived is unaltered); have the client send it again\n")
}

// TestListenRefuses has clients come in vain, and one who may.
func TestListenRefuses(t *testing.T) {
	h := newHosts(t)
	l := h.listen(strings.NewReader("welcome"), "--as", "server.pem", "--roots", "ca.pem", "--name", "web.example")
	stranger := testpki.Must(testpki.New(time.Now()))
	for _, test := range []struct {
		own    *pki.Credential
		row    string
		answer string
	}{
		{nil, `^refused    \S+: the client showed no certificate \[no_peer_certificate\]$`, ""},
		{testpki.Must(h.Client("other.example")), `^refused    \S+: wrong name: it is for other.example, not for web.example \[name_mismatch\]$`, ""},
		{testpki.Must(stranger.Client("web.example")), `^refused    \S+: .* \[unknown_root\]$`, ""},
		{testpki.Must(h.Client("web.example")), `^verified   \S+ is web.example, by Demo Root \(ca.pem\), 89 days left; TLS 1.3, `, "welcome"},
	} {
		heard, err := talk(t.Context(), h.client(test.own), l.address, "")
		if heard != test.answer || (err == nil) != (test.answer != "") {
			t.Errorf("the client heard %q, %v; want %q", heard, err, test.answer)
		}
		l.wait(t, test.row)
	}
	if code := <-l.code; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestListenTurnsAway holds that one client is the only one.
func TestListenTurnsAway(t *testing.T) {
	h := newHosts(t)
	silent, say := io.Pipe()
	l := h.listen(silent, "--as", "server.pem", "--public")
	first, err := h.client(nil).Dial(t.Context(), "tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	l.wait(t, "^accepted ")
	if _, err := h.client(nil).Dial(t.Context(), "tcp", l.address); !errors.Is(err, signet.Unreachable) {
		t.Errorf("another client: %v, want %s", err, signet.Unreachable)
	}
	say.Close()
	first.CloseWrite()
	l.ended(t, 0, publicly+accepted+"complete   0 bytes sent, 0 received; "+completed)
}

func TestListenInterrupted(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		code int
		last string
	}{
		{"waiting for the one", nil, 130, "error: interrupted [interrupted]\n  next: run it again\n"},
		{"echo", []string{"--echo"}, 0, ""},
		{"www", []string{"--www"}, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHosts(t)
			l := h.listen(nil, append([]string{"--as", "server.pem", "--public"}, test.args...)...)
			l.stop()
			l.ended(t, test.code, publicly+test.last)
		})
	}
	t.Run("echo with a client", func(t *testing.T) {
		h := newHosts(t)
		l := h.listen(nil, "--as", "server.pem", "--public", "--echo")
		conn, err := h.client(nil).Dial(t.Context(), "tcp", l.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		l.wait(t, "^accepted ")
		l.stop()
		if _, err := io.ReadAll(conn); !errors.Is(err, signet.Truncated) {
			t.Errorf("the client was told %v, want %s", err, signet.Truncated)
		}
		l.ended(t, 0, publicly+accepted+"cut        127.0.0.1:PORT: stopped here [interrupted]\n")
	})
}

func TestListenEcho(t *testing.T) {
	h := newHosts(t)
	l := h.listen(nil, "--as", "server.pem", "--public", "--echo", "--alpn", "x", "--alpn", "y")
	client := h.client(nil)
	client.ALPN = []string{"y"}
	for _, say := range []string{"", "hello", strings.Repeat("0123456789abcdef", 1<<16)} {
		heard, err := talk(t.Context(), client, l.address, say)
		if err != nil || heard != say {
			t.Errorf("%d bytes came back, want %d: %v", len(heard), len(say), err)
		}
	}
	l.wait(t, `^accepted   \S+, not asked who it is; TLS 1.3, AES-128-GCM, X25519MLKEM768 \(post-quantum\), y$`)
	l.wait(t, `^complete   \S+: 1,048,576 bytes came and went back; both ends said that this was all$`)
}

// TestListenWWW asks as a browser would, several times over one connection.
func TestListenWWW(t *testing.T) {
	h := newHosts(t)
	l := h.listen(nil, "--as", "orders.pem", "--roots", "ca.pem", "--name", "spiffe://demo.signet/web", "--www")
	domain := testpki.Must(spiffeid.ParseTrustDomain("demo.signet"))
	client := signet.Client{Roots: testpki.Must(verify.ForTrustDomain(domain, h.Root.Leaf())), Name: verify.ID(testpki.Must(domain.ID("orders"))),
		Identity: identity.Static(testpki.Must(h.Workload("spiffe://demo.signet/web")))}
	browser := client.HTTP()
	defer browser.CloseIdleConnections()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		request := testpki.Must(http.NewRequestWithContext(t.Context(), method, "https://"+l.address+"/a/b?c=%0a", strings.NewReader("body")))
		request.Header.Set("X-Test", "yes")
		response, err := browser.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		want := regexp.MustCompile(`^You come from 127\.0\.0\.1:\d+, and are web \(demo\.signet\)\.\n` +
			`TLS 1\.3, AES-128-GCM, X25519MLKEM768 \(post-quantum\), http/1\.1; connection c[0-9a-f]{32}\n\n` +
			method + ` /a/b\?c=%0a HTTP/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\n(.*\r\n)*X-Test: yes\r\n`)
		if err != nil || !want.Match(body) || response.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%v, %v: %s", err, response.Header, body)
		}
	}
	l.wait(t, `^verified   \S+ is web \(demo\.signet\), \d+ (h|min) left; TLS 1\.3, .*, http/1\.1$`)
	l.wait(t, `^answered   \S+: POST /a/b\?c=%0a$`)
	if n := strings.Count(l.stderr.String(), "verified "); n != 1 {
		t.Errorf("%d connections, want one for both requests", n)
	}
}

// TestListenNamesWhatIsProved holds that a SPIFFE ID for which the roots do not vouch is
// shown to nobody as if it were proved.
func TestListenNamesWhatIsProved(t *testing.T) {
	h := newHosts(t)
	l := h.listen(nil, "--as", "server.pem", "--roots", "ca.pem", "--any-name", "a test", "--www")
	browser := h.client(testpki.Must(h.Workload("spiffe://demo.signet/web"))).HTTP()
	defer browser.CloseIdleConnections()
	response, err := browser.Get("https://" + l.address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body := testpki.Must(io.ReadAll(response.Body))
	const who = "somebody with a SPIFFE ID for which ca.pem does not vouch"
	if !strings.Contains(string(body), ", and are "+who+".\n") || strings.Contains(string(body)+l.stderr.String(), "demo.signet") {
		t.Errorf("%s%s", body, l.stderr)
	}
	l.wait(t, `^verified   \S+ is `+who+`, by Demo Root \(ca\.pem\), `)
}

// TestListenSaysWhatIsMissing holds the errors before anybody comes.
func TestListenSaysWhatIsMissing(t *testing.T) {
	h := newHosts(t)
	broken := testpki.Must(testpki.Broken(time.Now(), pki.Server))
	i := slices.IndexFunc(broken, func(c testpki.Case) bool { return c.Name == "expired" })
	h.write("expired.pem", testpki.Must(broken[i].Credential.PEM()))
	h.write("client.pem", testpki.Must(testpki.Must(h.Client("web.example")).PEM()))
	for _, test := range []struct {
		args string
		code fault.Code
		text string
	}{
		{"--public", Usage, "who are we? --as is missing"},
		{"--as server.pem", Usage, "who may connect? Neither --public nor --roots is given"},
		{"--as server.pem --public --roots ca.pem", Usage, "--public lets everybody in"},
		{"--as server.pem --public --name x", Usage, "--public lets everybody in"},
		{"--as server.pem --roots ca.pem", verify.NameMissing, "it was not said who may connect, of those for whom ca.pem vouches"},
		{"--as server.pem --roots ca.pem --name x --any-name y", Usage, "--name and --any-name are given"},
		{"--as server.pem --roots server.pem --name x", verify.RootsIsLeaf, "server.pem is"},
		{"--as server.pem --public --echo --www", Usage, "--echo and --www are given"},
		{"--as server.pem --public --www --alpn h2", Usage, "--alpn and --www are given"},
		{"--as nobody --public", CredentialUnknown, "nobody is neither an identity kept on this host nor a file"},
		{"--as ca.pem --public", identity.Unreadable, "private key"},
		{"--as client.pem --public", verify.WrongPurpose, "client.pem: "},
		{"--as expired.pem --public", verify.CertExpired, "expired.pem: "},
	} {
		t.Run(test.args, func(t *testing.T) {
			have := signetMain(t, nil, append([]string{"listen", "127.0.0.1:0"}, strings.Fields(test.args)...)...)
			line, next, _ := strings.Cut(have.stderr, "\n")
			if have.code != 2 || !strings.Contains(line, test.text) || !strings.HasSuffix(line, "["+string(test.code)+"]") || !strings.HasPrefix(next, "  next: ") {
				t.Errorf("exit code %d: %s", have.code, have.stderr)
			}
		})
	}
	t.Run("port in use", func(t *testing.T) {
		l := h.listen(nil, "--as", "server.pem", "--public", "--echo")
		have := signetMain(t, nil, "listen", l.address, "--as", "server.pem", "--public")
		if have.code != 2 || !strings.Contains(have.stderr, "[address_in_use]") {
			t.Errorf("exit code %d: %s", have.code, have.stderr)
		}
	})
}
