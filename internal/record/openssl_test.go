package record

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
)

// TestOpenSSL has a Session in the place of a client of OpenSSL's, with each suite: both
// ends ask for new keys, and speak before and after.
func TestOpenSSL(t *testing.T) {
	program := peers.OpenSSL(t)
	file := filepath.Join(t.TempDir(), "server.pem")
	if err := os.WriteFile(file, certificatePEM(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, suite := range allSuites {
		t.Run(tls.CipherSuiteName(suite), func(t *testing.T) {
			server := exec.Command(program, "s_server", "-accept", "127.0.0.1:0", "-naccept", "1",
				"-cert", file, "-key", file, "-tls1_3", "-ciphersuites", tls.CipherSuiteName(suite))
			stdin, err := server.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := server.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			server.Stderr = server.Stdout
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Process.Kill(); stdin.Close(); server.Wait() })
			lines := bufio.NewScanner(stdout)
			until := func(want string) string {
				for lines.Scan() {
					if strings.Contains(lines.Text(), want) {
						return lines.Text()
					}
				}
				t.Fatalf("openssl never says %q", want)
				return ""
			}
			_, address, _ := strings.Cut(until("ACCEPT "), "ACCEPT ")

			conn, session := dial(t, address, suite)
			defer conn.Close()
			say := func(records []byte) {
				if _, err := conn.Write(records); err != nil {
					t.Fatal(err)
				}
			}
			var in, have []byte
			hear := func(heard func() bool) {
				for p := make([]byte, MaxRecord); !heard(); {
					n, err := conn.Read(p)
					if err != nil {
						t.Fatalf("after %q: %v", have, err)
					}
					data, used, err := session.Receive(room(), append(in, p[:n]...))
					if err != nil {
						t.Fatal(err)
					}
					have, in = append(have, data...), append(in, p[:n]...)[used:]
				}
			}

			says := func(want string) func() bool {
				return func() bool { return strings.Contains(string(have), want) }
			}

			say(session.Send(nil, []byte("first\n")))
			until("first")
			io.WriteString(stdin, "erste\n")
			hear(says("erste"))

			io.WriteString(stdin, "K\n") // s_server's word for a KeyUpdate with a request
			hear(session.Owes)
			io.WriteString(stdin, "zweite\n")
			hear(says("zweite"))
			say(session.Send(session.Reply(nil), []byte("second\n")))
			until("second")

			say(session.Send(session.UpdateKeys(nil, true), []byte("third\n")))
			until("third")
			io.WriteString(stdin, "dritte\n")
			hear(says("dritte"))
			if session.in.sequence == 0 || session.in.sequence > 2 {
				t.Errorf("OpenSSL has sent %d records under its newest keys", session.in.sequence)
			}
			say(session.CloseNotify(nil))
			until("CLOSED")
		})
	}
}

// dial makes a handshake by crypto/tls, and returns what is left of it.
func dial(t *testing.T, address string, suite uint16) (net.Conn, *Session) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute)) // against a test that hangs
	var log bytes.Buffer
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &log})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if have := client.ConnectionState().CipherSuite; have != suite {
		t.Fatalf("the suite is %s", tls.CipherSuiteName(have))
	}
	up, down := trafficSecrets(log.String())
	return conn, open(t, Keys{Suite: suite, Client: true, Read: down, Write: up})
}

func certificatePEM(t *testing.T) []byte {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(certificate().PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate().Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
}
