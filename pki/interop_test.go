package pki_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// cryptography runs a command of testdata/interop.py; a nil answer is of bytes.
func cryptography(t *testing.T, command string, input []byte, answer any) []byte {
	t.Helper()
	out := run(t, input, peers.Python(t), "testdata/interop.py", command)
	if answer != nil {
		if err := json.Unmarshal(out, answer); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	return out
}

// run returns what a program answers, which must succeed.
func run(t *testing.T, input []byte, program string, args ...string) []byte {
	t.Helper()
	command := exec.Command(program, args...)
	command.Stdin = bytes.NewReader(input)
	var out, problems bytes.Buffer
	command.Stdout, command.Stderr = &out, &problems
	if err := command.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, &out, &problems)
	}
	return out.Bytes()
}

// save writes a file into a folder and returns its path.
func save(t *testing.T, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func wantLines(t *testing.T, text []byte, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(string(text), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

func TestOpenSSLReadsRequests(t *testing.T) {
	openssl := peers.OpenSSL(t)
	for name, key := range strongSigners(t) {
		t.Run(name, func(t *testing.T) {
			request := testpki.Must(wish().Sign(key))
			out := run(t, request.PEM(), openssl, "req", "-verify", "-noout", "-text", "-nameopt", "RFC2253", "-in", "/dev/stdin")
			wantLines(t, out, "Subject: CN=a.example", "challengePassword", "status_request", "X509v3 Key Usage: critical", "Signature Algorithm: "+signatureNames[name],
				"DNS:a.example, DNS:*.b.example, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1, email:jane@a.example, URI:https://a.example/x, URI:"+web.String())
		})
	}
}

func TestOpenSSLMakesRequests(t *testing.T) {
	openssl := peers.OpenSSL(t)
	for _, kind := range [][]string{{"rsa:2048"}, {"ec", "-pkeyopt", "ec_paramgen_curve:P-256"}, {"ed25519"}, {"rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-sigopt", "rsa_padding_mode:pss"}} {
		t.Run(kind[0], func(t *testing.T) {
			folder := t.TempDir()
			args := append([]string{"req", "-new", "-nodes", "-keyout", filepath.Join(folder, "key.pem"), "-subj", "/O=Acme/CN=a.example",
				"-addext", "subjectAltName=DNS:a.example,IP:10.0.0.1", "-addext", "extendedKeyUsage=serverAuth", "-newkey"}, kind...)
			for _, form := range []string{"PEM", "DER"} {
				data := run(t, nil, openssl, append(args, "-outform", form)...)
				found, err := pki.ParseRequests(data)
				if err != nil || len(found) != 1 {
					t.Fatalf("%d requests, %v", len(found), err)
				}
				request := found[0]
				if kind[0] != "rsa-pss" { // Go has no such keys
					if err := request.CheckSignature(); err != nil {
						t.Error(err)
					}
				}
				if diff := cmp.Diff([]string{"DNS:a.example", "IP:10.0.0.1"}, texts(testpki.Must(request.SubjectAltNames()))); diff != "" {
					t.Errorf("names (-want +have):\n%s", diff)
				}
				if diff := cmp.Diff([]pki.OID{pki.OIDServerAuth}, testpki.Must(request.ExtKeyUsage())); diff != "" || request.Subject().String() != "CN=a.example,O=Acme" {
					t.Errorf("the subject is %q; usage (-want +have):\n%s", request.Subject(), diff)
				}
			}
		})
	}
}

func TestPythonReadsRequests(t *testing.T) {
	for name, key := range strongSigners(t) {
		t.Run(name, func(t *testing.T) {
			var have struct {
				Valid              bool
				Subject, Challenge string
				Names              []string
			}
			cryptography(t, "read-request", testpki.Must(wish().Sign(key)).Raw(), &have)
			if !have.Valid || have.Subject != "CN=a.example" || have.Challenge != "비밀" {
				t.Errorf("have %+v", have)
			}
			if diff := cmp.Diff([]string{"a.example", "*.b.example", "10.0.0.1", "::1", "jane@a.example", "https://a.example/x", web.String()}, have.Names); diff != "" {
				t.Errorf("names (-want +have):\n%s", diff)
			}
		})
	}
}

func TestPythonMakesRequests(t *testing.T) {
	request := testpki.Must(pki.ParseRequests(cryptography(t, "make-request", nil, nil)))[0]
	if err := request.CheckSignature(); err != nil {
		t.Error(err)
	}
	constraints, extended := testpki.Must(request.BasicConstraints()), testpki.Must(request.ExtKeyUsage())
	if diff := cmp.Diff(&pki.BasicConstraints{CA: true, PathLen: 1}, constraints); diff != "" {
		t.Errorf("constraints (-want +have):\n%s", diff)
	}
	if request.Subject().String() != "CN=a.example,O=Ö" || testpki.Must(request.ChallengePassword()) != "secret" || len(extended) != 1 {
		t.Errorf("subject %q, usage %v", request.Subject(), extended)
	}
	if diff := cmp.Diff([]string{"DNS:a.example", "email:jane@a.example"}, texts(testpki.Must(request.SubjectAltNames()))); diff != "" {
		t.Errorf("names (-want +have):\n%s", diff)
	}
}
