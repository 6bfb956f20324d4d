package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// silent is the address of a server that answers nothing.
func silent(t *testing.T) string {
	listener := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// aligned are the blanks between columns, which depend on the length of a port.
var aligned = regexp.MustCompile(` {2,}`)

// TestVerifyInterrupted: whoever does not wait for the last answer gets those that
// are there.
func TestVerifyInterrupted(t *testing.T) {
	for _, test := range []struct {
		name   string
		flags  []string
		stdout string
	}{
		{"for a person", nil, "Yes  127.0.0.1:PORT  89 days left\n" +
			"Could not  127.0.0.1:PORT  interrupted  [interrupted]\n" +
			"1 of 2 trusted.  (exit 130: interrupted before 1 could be told)\n"},
		{"for a program", []string{"--json"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			address, roots := serve(t, func(conn *signet.Conn) {
				io.Copy(io.Discard, conn) // the verdict is there once the client has gone
				interrupt()
			})
			var stdout, stderr bytes.Buffer
			code := Main(ctx, append([]string{"verify", address, silent(t), "--roots", roots}, test.flags...), nil, &stdout, &stderr)
			if code != 130 || stderr.Len() > 0 {
				t.Errorf("exit code %d, stderr %q", code, stderr.String())
			}
			if test.flags != nil {
				wantSameKeys(t, stdout.Bytes(), 2)
			} else if diff := cmp.Diff(test.stdout, aligned.ReplaceAllString(masked(stdout.String()), "  ")); diff != "" {
				t.Errorf("(-want +have):\n%s", diff)
			}
		})
	}
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var stdout, stderr bytes.Buffer
	if code := Main(ctx, []string{"verify", silent(t)}, nil, &stdout, &stderr); code != 130 || stdout.Len() > 0 || stderr.Len() == 0 {
		t.Errorf("of one target: exit code %d, stdout %q, stderr %q", code, stdout.String(), stderr.String())
	}
}

// wantSameKeys holds each entry of a list to the keys of the first, which are those
// of a report and of a target.
func wantSameKeys(t *testing.T, list []byte, length int) {
	t.Helper()
	var entries []map[string]any
	if err := json.Unmarshal(list, &entries); err != nil || len(entries) != length {
		t.Fatalf("%d entries, %v: %s", len(entries), err, list)
	}
	want := []string{"candidates", "checks", "code", "error", "headline", "next", "note", "sent", "target", "tls", "trusted"}
	for _, entry := range entries {
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(entry))); diff != "" {
			t.Errorf("%v: keys (-want +have):\n%s", entry["target"], diff)
		}
		for _, key := range []string{"next", "checks", "candidates", "sent"} {
			if _, isList := entry[key].([]any); !isList {
				t.Errorf("%v: %s is no list: %v", entry["target"], key, entry[key])
			}
		}
	}
}

// TestVerifyJSON: what could not be told has the keys of an answer, and so has a chain
// that is not looked at.
func TestVerifyJSON(t *testing.T) {
	_, roots := serve(t, func(*signet.Conn) {})
	many := filepath.Join(t.TempDir(), "many.pem")
	if err := os.WriteFile(many, bytes.Repeat(testpki.Must(os.ReadFile(roots)), verify.MaxChain+1), 0o600); err != nil {
		t.Fatal(err)
	}
	have := signetMain(t, nil, "verify", "127.0.0.1:1", "https://jane:secret@nowhere.pem/", many, roots, "--roots", roots, "--name", "localhost", "--json")
	if have.code != 2 || strings.Contains(have.stdout+have.stderr, "secret") {
		t.Errorf("exit code %d: %s%s", have.code, have.stdout, have.stderr)
	}
	wantSameKeys(t, []byte(have.stdout), 4)
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	var stdout, stderr bytes.Buffer
	if code := Main(ctx, []string{"verify", silent(t), "--json"}, nil, &stdout, &stderr); code != 130 || stderr.Len() > 0 {
		t.Errorf("interrupted: exit code %d, stderr %q", code, stderr.String())
	}
	wantSameKeys(t, stdout.Bytes(), 1)
	var instead struct{ Error complaintError }
	have = signetMain(t, nil, "verify", "127.0.0.1:1", "127.0.0.1:2", "--roots", "nowhere.pem", "--json")
	if err := json.Unmarshal([]byte(have.stdout), &instead); err != nil || have.code != 2 || instead.Error.Code != verify.RootsUnreadable {
		t.Errorf("without roots: exit code %d, %v: %s", have.code, err, have.stdout)
	}
}

// TestVerifyUndialed: for purposes in which nobody is dialed no name is asked for,
// and for the others it still is.
func TestVerifyUndialed(t *testing.T) {
	now := time.Now()
	root := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil))
	signer := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Acme"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}, root))
	t.Chdir(t.TempDir())
	for name, data := range map[string][]byte{"-signer.pem": signer.ChainPEM(), "root.pem": root.ChainPEM()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have := signetMain(t, nil, "verify", "--roots", "root.pem", "--purpose", "code-signing", "--", "-signer.pem")
	if have.code != 0 || !strings.HasPrefix(have.stdout, "Yes: -signer.pem is a certificate of Acme.") || !strings.Contains(have.stdout, "nobody is dialed") {
		t.Errorf("exit code %d: %s%s", have.code, have.stdout, have.stderr)
	}
	if have := signetMain(t, nil, "verify", "--roots", "root.pem", "--purpose", "email", "--", "-signer.pem"); have.code != 2 || !strings.Contains(have.stderr, "[name_missing]") {
		t.Errorf("for e-mail: exit code %d: %s%s", have.code, have.stdout, have.stderr)
	}
	if have := (trust{Roots: "root.pem"}).command("verify", "-signer.pem"); have != "signet verify --roots root.pem -- -signer.pem" {
		t.Errorf("of a target that looks like a flag: %s", have)
	}
}

// TestVerifyRefusedUs: a server of TLS 1.3 says only after the handshake that it does
// not take our certificate, and that is waited for, without sending it anything; what
// it says to one that it takes, a ticket, ends the wait.
func TestVerifyRefusedUs(t *testing.T) {
	authority := testpki.Must(testpki.New(time.Now()))
	own := testpki.Must(authority.Client("jane"))
	t.Chdir(t.TempDir())
	for name, data := range map[string][]byte{"ca.pem": authority.Root.Leaf().PEM(), "jane.pem": testpki.Must(own.PEM())} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	known := x509.NewCertPool()
	known.AddCert(testpki.Must(authority.Root.Leaf().X509()))
	for _, test := range []struct {
		name           string
		takes          *x509.CertPool
		tickets        bool
		version        uint16
		code           int
		stdout, stderr string
	}{
		{"refused", x509.NewCertPool(), true, tls.VersionTLS13, 2, "", "error: the peer refused our certificate: "},
		{"refused in TLS 1.2", x509.NewCertPool(), true, tls.VersionTLS12, 2, "", "error: the peer refused our certificate: "},
		{"taken", known, true, tls.VersionTLS13, 0, "Yes: ", ""},
		{"taken, and nothing is said", known, false, tls.VersionTLS13, 0, "Yes: ", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := testpki.Must(authority.Server("127.0.0.1"))
			shown := tls.Certificate{PrivateKey: server.Key}
			for _, cert := range server.Chain {
				shown.Certificate = append(shown.Certificate, cert.Raw())
			}
			listener := testpki.Must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: test.takes, MaxVersion: test.version,
				SessionTicketsDisabled: !test.tickets, Certificates: []tls.Certificate{shown}}))
			defer listener.Close()
			received := make(chan int64, 1)
			go func() {
				conn, err := listener.Accept()
				if err != nil {
					received <- 0
					return
				}
				defer conn.Close()
				n, _ := io.Copy(io.Discard, conn)
				received <- n
			}()
			have := signetMain(t, nil, "verify", listener.Addr().String(), "--roots", "ca.pem", "--as", "jane.pem")
			if have.code != test.code || !strings.HasPrefix(have.stdout, test.stdout) || !strings.HasPrefix(have.stderr, test.stderr) {
				t.Errorf("have %+v", have)
			}
			if test.code != 0 && !strings.Contains(have.stderr, "[refused_by_peer]\n  next: ") {
				t.Errorf("no next step: %s", have.stderr)
			}
			if n := <-received; n != 0 {
				t.Errorf("%d bytes were sent", n)
			}
		})
	}
}

// TestVerifyIntermediateFirst: a file with the intermediate before the leaf is told to
// be one, whether a name is asked for or not.
func TestVerifyIntermediateFirst(t *testing.T) {
	authority := testpki.Must(testpki.New(time.Now()))
	server := testpki.Must(authority.Server("a.example"))
	t.Chdir(t.TempDir())
	for name, data := range map[string][]byte{"ca.pem": authority.Root.Leaf().PEM(), "chain.pem": append(server.Chain[1].PEM(), server.Leaf().PEM()...)} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have := signetMain(t, nil, "verify", "chain.pem", "--roots", "ca.pem", "--name", "a.example")
	if have.code != 1 || !strings.HasPrefix(have.stdout, "No: the certificate for a.example stands at place 2, and Demo Intermediate at the first.") ||
		!strings.Contains(have.stderr, "next: put a.example first, before its authorities, in chain.pem\n") {
		t.Errorf("have %+v", have)
	}
	have = signetMain(t, nil, "verify", "chain.pem", "--roots", "ca.pem")
	if have.code != 2 || have.stderr != "error: the first certificate in chain.pem is an authority's, Demo Intermediate [name_missing]\n  next: in chain.pem, put a.example, which stands at place 2, before its authorities\n" {
		t.Errorf("without a name: have %+v", have)
	}
}
