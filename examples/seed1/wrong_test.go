package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestWrong shows what the wrong way lets through, and that the right way lets
// none of it: both talk to the same peers, and trust the same roots.
func TestWrong(t *testing.T) {
	ours, strangers := newPKI(t), newPKI(t)
	db := testpki.Must(ours.Server(testpki.Host))
	shop := testpki.Must(ours.Server("shop.example"))
	stranger := testpki.Must(strangers.Server(testpki.Host))
	tests := []struct {
		name     string
		server   *pki.Credential
		ending   string
		between  *pki.Credential // of a man in the middle, who alters the answer
		received string          // what the wrong way takes for the server's whole answer
		verified bool            // and what its check says of that
		refused  string          // by the right way
	}{
		{"the server itself", db, "complete", nil, "Hello, client!", true, ""},
		{"an impostor", stranger, "complete", nil, "Hello, client!", false, "[unknown_root]"},
		{"an impostor of the same authority", shop, "complete", nil, "Hello, client!", true, "[name_mismatch]"},
		{"an answer that is cut", db, "cut", nil, "Hello, ", true, "[truncated]"},
		{"an answer that is altered", db, "complete", shop, "Hello, mallet!", true, "[name_mismatch]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			pem := write(t, dir, "server.pem", testpki.Must(test.server.PEM()))
			roots := write(t, dir, "ca.crt", slices.Concat(ours.Root.Leaf().PEM(), ours.Intermediate.Leaf().PEM()))
			meet := func() (port string, finish func() saw) {
				port, finish = startServer(t, pem, test.ending)
				if test.between != nil {
					port = alter(t, test.between, port, "client", "mallet")
				}
				return port, finish
			}

			port, finish := meet()
			var have struct {
				Received string
				Verified bool
			}
			out, err := exec.CommandContext(t.Context(), peers.Python(t), "wrong.py", port, roots).Output()
			if err != nil || json.Unmarshal(out, &have) != nil {
				t.Fatalf("wrong.py says %q: %v", out, err)
			}
			if have.Received != test.received || have.Verified != test.verified {
				t.Errorf("the wrong way: have %+v, want %q, verified: %t", have, test.received, test.verified)
			}
			if got := finish(); got.Received != "Hello, server!" {
				t.Errorf("the server, whoever it is, saw %+v of the wrong way", got)
			}

			port, finish = meet()
			code, stdout, stderr := seed1(t, testpki.Host+":"+port, roots)
			if refused := test.refused != ""; refused != (code == 2 && stdout == "" && strings.Contains(stderr, test.refused)) {
				t.Errorf("the right way: exit %d, stdout %q, stderr %q; want %q", code, stdout, stderr, test.refused)
			}
			want := saw{"Hello, server!", "complete"}
			if test.refused != "" && test.ending != "cut" {
				want = saw{"", "refused"}
			}
			if diff := cmp.Diff(want, finish()); diff != "" {
				t.Errorf("the server saw of the right way (-want +have):\n%s", diff)
			}
		})
	}
}

// alter puts a man in the middle between a client and the server at a port, who
// has a certificate of his own, and one word for another in each answer. He has
// no more to do with the server than the client lets him.
func alter(t *testing.T, own *pki.Credential, port, word, by string) string {
	t.Helper()
	chain := make([][]byte, len(own.Chain))
	for i, cert := range own.Chain {
		chain[i] = cert.Raw()
	}
	listener := testpki.Must(tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: own.Key}},
	}))
	t.Cleanup(func() { listener.Close() })
	go func() {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		defer client.Close()
		if client.(*tls.Conn).Handshake() != nil {
			if plain, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
				plain.Close() // the server is told that it waits in vain
			}
			return
		}
		server, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer server.Close()
		data := make([]byte, 4096)
		if n, err := client.Read(data); err == nil {
			server.Write(data[:n])
		}
		if n, err := server.Read(data); err == nil {
			client.Write(bytes.ReplaceAll(data[:n], []byte(word), []byte(by)))
		}
	}()
	return testpki.Must(portOf(listener.Addr()))
}

func portOf(address net.Addr) (string, error) {
	_, port, err := net.SplitHostPort(address.String())
	return port, err
}
