package cli

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
)

// steps are the lines of a timeline, without what differs from run to run.
func steps(notes string) string {
	for _, mask := range [][2]string{{`(?m)^\+\d+\.\d ms +`, "+ "}, {`\d+\.\d ms`, "N ms"}, {`connection c[0-9a-f]{32}`, "connection ID"}} {
		notes = regexp.MustCompile(mask[0]).ReplaceAllString(notes, mask[1])
	}
	notes = masked(notes)
	var told strings.Builder
	for line := range strings.Lines(notes) {
		if strings.HasPrefix(line, "+ ") {
			told.WriteString(line)
		}
	}
	return told.String()
}

const offered = "TLS 1.3, 1.2; 9 cipher suites; X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, X25519, P256, P384, P521"

// TestTrace tells the same connection from both of its ends.
func TestTrace(t *testing.T) {
	h := newHosts(t)
	h.write("web.pem", testpki.Must(testpki.Must(h.Client("web.example")).PEM()))
	l := h.listen(strings.NewReader("to you"), "--as", "server.pem", "--roots", "ca.pem", "--name", "web.example", "--alpn", "x", "--trace")
	have := signetMain(t, strings.NewReader("to you"), "connect", l.address, "--roots", "ca.pem", "--as", "web.pem", "--alpn", "x", "--trace")
	if code := <-l.code; have.code != 0 || code != 0 {
		t.Errorf("exit codes %d and %d: %s%s", have.code, code, have.stderr, l.stderr)
	}
	for _, end := range []struct{ name, want, have string }{
		{"client", "+ TCP is connected: 127.0.0.1:PORT to 127.0.0.1:PORT\n" +
			"+ sent client hello: " + offered + "; x\n" +
			"+ received server hello: TLS 1.3; TLS_AES_128_GCM_SHA256; X25519MLKEM768\n" +
			"+ certificates: 127.0.0.1, Demo Intermediate\n" +
			"+ verified in N ms\n" +
			"+ the server asks for a certificate of ours\n" +
			"+ the handshake is finished: TLS 1.3, AES-128-GCM, X25519MLKEM768 (post-quantum); connection ID\n" +
			"+ received the first data\n" +
			"+ sent alert 0 close_notify\n" +
			"+ received alert 0 close_notify\n" +
			"+ closed\n", have.stderr},
		{"server", "+ 127.0.0.1:PORT: received client hello: " + offered + "; x\n" +
			"+ 127.0.0.1:PORT: sent server hello: TLS 1.3; TLS_AES_128_GCM_SHA256; X25519MLKEM768\n" +
			"+ 127.0.0.1:PORT: certificates: web.example, Demo Intermediate\n" +
			"+ 127.0.0.1:PORT: verified in N ms\n" +
			"+ 127.0.0.1:PORT: the handshake is finished: TLS 1.3, AES-128-GCM, X25519MLKEM768 (post-quantum); connection ID\n" +
			"+ 127.0.0.1:PORT: received the first data\n" +
			"+ 127.0.0.1:PORT: sent alert 0 close_notify\n" +
			"+ 127.0.0.1:PORT: received alert 0 close_notify\n" +
			"+ 127.0.0.1:PORT: closed\n", l.stderr.String()},
	} {
		// Which end says first that this was all is chance.
		const said, heard, data = "sent alert 0 close_notify\n", "received alert 0 close_notify\n", "received the first data\n"
		told := steps(end.have)
		for _, line := range []string{said, heard, data} {
			if strings.Count(told, line) != 1 {
				t.Errorf("%s: %q is told %d times, want once", end.name, line, strings.Count(told, line))
			}
		}
		mix := regexp.MustCompile(`(?m)^.*(close_notify|first data)\n`)
		if diff := cmp.Diff(mix.ReplaceAllString(end.want, ""), mix.ReplaceAllString(told, "")); diff != "" {
			t.Errorf("%s (-want +have)\n%s", end.name, diff)
		}
	}
}

// TestTraceOfARefusal has a client that does not believe the server.
func TestTraceOfARefusal(t *testing.T) {
	address, roots := serve(t, func(c *signet.Conn) { io.Copy(io.Discard, c) })
	have := signetMain(t, nil, "connect", address, "--roots", roots, "--name", "other.example", "--trace")
	want := "+ TCP is connected: 127.0.0.1:PORT to 127.0.0.1:PORT\n" +
		"+ sent client hello: " + offered + "; for other.example\n" +
		"+ received server hello: TLS 1.3; TLS_AES_128_GCM_SHA256; X25519MLKEM768\n" +
		"+ certificates: 127.0.0.1, Demo Intermediate\n" +
		"+ refused: wrong name: it is for 127.0.0.1, not for other.example [name_mismatch]\n"
	told, ok := strings.CutSuffix(steps(have.stderr), "+ closed\n")
	if have.code != 2 || !ok || !strings.HasPrefix(told, want) {
		t.Errorf("exit code %d (-want +have)\n%s", have.code, cmp.Diff(want, told))
	}
}

// TestTraceBoundsWhatAPeerSays holds that no hello fills the screen.
func TestTraceBoundsWhatAPeerSays(t *testing.T) {
	hello := &signet.Hello{Versions: make([]uint16, 100), Suites: make([]uint16, 5000), Groups: make([]uint16, 3000), ALPN: make([]string, 5000)}
	for i := range hello.Groups {
		hello.Groups[i] = uint16(0x0A0A + i)
	}
	for i := range hello.ALPN {
		hello.ALPN[i] = "h2"
	}
	have := offers(hello)
	want := "TLS 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000, 0x0000 and 92 more; 5,000 cipher suites; " +
		"0x0A0A, 0x0A0B, 0x0A0C, 0x0A0D, 0x0A0E, 0x0A0F, 0x0A10, 0x0A11 and 2992 more; h2, h2, h2, h2, h2, h2, h2, h2 and 4992 more"
	if have != want {
		t.Errorf("(-want +have)\n%s", cmp.Diff(want, have))
	}
}
