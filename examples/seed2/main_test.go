package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

const (
	clientID = "spiffe://seed.example/client"
	serverID = "spiffe://seed.example/server"
)

// TestClient runs the example as the client of a strict pyOpenSSL server.
func TestClient(t *testing.T) {
	tests := []struct {
		name     string
		server   string
		stranger bool // the server's certificate is another authority's
		distrust bool // the server believes another authority
		code     int
		stdout   string
		stderr   string // a part of it
		saw      saw
	}{
		{"good", serverID, false, false, 0, "Hello, client!\n", "",
			saw{[]string{clientID}, "Hello, World!", "complete"}},
		{"wrong name", "spiffe://seed.example/other", false, false, 2, "", "[name_mismatch]", saw{[]string{}, "", "refused"}},
		{"unknown root", serverID, true, false, 2, "", "[unknown_root]", saw{[]string{}, "", "refused"}},
		{"refused by the server", serverID, false, true, 2, "", "[refused_by_peer]", saw{[]string{}, "", "refused"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			ours, strangers := testpki.Must(authority(dir)), testpki.Must(authority(t.TempDir()))
			signer, believed := ours, ours
			if test.stranger {
				signer = strangers
			}
			if test.distrust {
				believed = strangers
			}
			pem := write(t, "server.pem", testpki.Must(workload(t, signer, test.server).PEM()))
			peer := python(t, "server.py", pem, write(t, "ca.crt", believed.ChainPEM()))
			port := peer.line()

			us := seed2(t, "127.0.0.1:"+port, dir)
			code, stdout, stderr := us.finish()
			if code != test.code || stdout != test.stdout || !strings.Contains(stderr, test.stderr) {
				t.Errorf("exit %d, stdout %q, stderr %q; want %d, %q, and %q in it", code, stdout, stderr, test.code, test.stdout, test.stderr)
			}
			if diff := cmp.Diff(test.saw, peer.saw()); diff != "" {
				t.Errorf("the server saw (-want +have):\n%s", diff)
			}
		})
	}
}

// TestServer runs the example as the server of strict pyOpenSSL clients.
func TestServer(t *testing.T) {
	dir := t.TempDir()
	us := seed2(t, "listen", "127.0.0.1:0", dir)
	address, ok := strings.CutPrefix(us.line(), "listening on ")
	if !ok {
		t.Fatal("the example does not listen")
	}
	ours, strangers := testpki.Must(authority(dir)), testpki.Must(authority(t.TempDir()))
	roots := write(t, "ca.crt", ours.ChainPEM())
	tests := []struct {
		name   string
		signer *pki.Credential // of the client's certificate, or nil
		id     string
		says   string // what our server says of it
		saw    saw
	}{
		{"good", ours, clientID, clientID + ` says: "Hello, World!"`,
			saw{[]string{serverID}, "Hello, client!", "complete"}},
		{"no certificate", nil, "", "was refused: ", saw{[]string{serverID}, "", "refused"}},
		{"stranger's certificate", strangers, clientID, "[unknown_root]", saw{[]string{serverID}, "", "refused"}},
		{"another trust domain", ours, "spiffe://other.example/client", "[name_mismatch]", saw{[]string{serverID}, "", "refused"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			args := []string{address, roots}
			if test.signer != nil {
				args = append(args, write(t, "client.pem", testpki.Must(workload(t, test.signer, test.id).PEM())))
			}
			peer := python(t, "client.py", args...)
			if diff := cmp.Diff(test.saw, peer.saw()); diff != "" {
				t.Errorf("the client saw (-want +have):\n%s", diff)
			}
			if line := us.line(); !strings.Contains(line, test.says) {
				t.Errorf("our server says %q, want %q in it", line, test.says)
			}
		})
	}
}

// TestBothEnds is what a reader of the example does first.
func TestBothEnds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	server := seed2(t, "listen", "127.0.0.1:0", dir)
	address := strings.TrimPrefix(server.line(), "listening on ")
	client := seed2(t, address, dir)
	if code, stdout, stderr := client.finish(); code != 0 || stdout != "Hello, client!\n" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	info := testpki.Must(os.Stat(filepath.Join(dir, "root.pem")))
	if info.Mode() != 0o600 {
		t.Errorf("the root's key has mode %v, want 0600", info.Mode())
	}
}

func TestUsage(t *testing.T) {
	folder := t.TempDir()
	damaged := filepath.Dir(write(t, "root.pem", []byte("nothing")))
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no arguments", nil, "usage: "},
		{"no port", []string{"localhost", folder}, "[address_invalid]"},
		{"nowhere to listen", []string{"listen", "nowhere", folder}, "[cannot_listen]"},
		{"damaged authority", []string{"localhost:1", damaged}, "[identity_unreadable]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := seed2(t, test.args...).finish()
			if code != 2 || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("exit %d, stdout %q, stderr %q; want 2, nothing, and %q in it", code, stdout, stderr, test.want)
			}
		})
	}
}

func TestReadAllIsBounded(t *testing.T) {
	if data, err := readAll(bytes.NewReader(make([]byte, most))); err != nil || len(data) != most {
		t.Errorf("%d bytes: have %d, %v", most, len(data), err)
	}
	if _, err := readAll(bytes.NewReader(make([]byte, most+1))); err == nil {
		t.Errorf("%d bytes: no error", most+1)
	}
}

func workload(t *testing.T, signer *pki.Credential, id string) *pki.Credential {
	t.Helper()
	return testpki.Must(signer.New(pki.Spec{Profile: pki.Workload, ID: testpki.Must(spiffeid.Parse(id))}))
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
