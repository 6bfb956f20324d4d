package cli

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// TestListenPeers has clients of other libraries come.
func TestListenPeers(t *testing.T) {
	curl, openssl, python := peers.Curl(t), peers.OpenSSL(t), peers.Python(t)
	h := newHosts(t)
	// Python's ssl module, which says nothing of an end that nobody announced, unless
	// it is asked.
	h.write("client.py", []byte(`
import socket, ssl, sys
context = ssl.create_default_context(cafile="ca.pem")
host, port = sys.argv[1].split(":")
with context.wrap_socket(socket.create_connection((host, port)), server_hostname=host, suppress_ragged_eofs=False) as conn:
    conn.sendall(b"hello")
    conn.recv(100)
    conn.unwrap()
`))
	const open = `\S+, not asked who it is; TLS 1\.3, AES-\d+-GCM, X25519(MLKEM768 \(post-quantum\))?$`
	for _, test := range []struct {
		name    string
		command []string
		echo    bool
		rows    []string
	}{
		{"curl", []string{curl, "-sS", "--cacert", "ca.pem", "https://ADDRESS/x"}, false, []string{`^accepted   \S+, not asked who it is; TLS 1\.3, .*, http/1\.1$`, `^answered   \S+: GET /x$`}},
		{"curl of TLS 1.2", []string{curl, "-sS", "--tls-max", "1.2", "--cacert", "ca.pem", "https://ADDRESS/x"}, false, []string{`^accepted   \S+, not asked who it is; TLS 1\.2, .*, http/1\.1$`, `^answered   \S+: GET /x$`}},
		{"curl that does not believe us", []string{curl, "-sS", "https://ADDRESS/"}, false, []string{`^failed     \S+: the peer refused our certificate: .* \(alert 48 unknown_ca\) \[refused_by_peer\]$`}},
		{"openssl", []string{openssl, "s_client", "-connect", "ADDRESS", "-CAfile", "ca.pem", "-verify_return_error", "-brief"}, true, []string{"^accepted   " + open, `^complete   \S+: 0 bytes came and went back`}},
		{"openssl that does not believe us", []string{openssl, "s_client", "-connect", "ADDRESS", "-verify_return_error"}, true, []string{`^failed     \S+: the peer refused our certificate: .* \(alert 48 unknown_ca\) \[refused_by_peer\]$`}},
		{"python", []string{python, "client.py", "ADDRESS"}, true, []string{"^accepted   " + open, `^complete   \S+: 5 bytes came and went back`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			sort := "--www"
			if test.echo {
				sort = "--echo"
			}
			l := h.listen(nil, "--as", "server.pem", "--public", sort)
			args := strings.Split(strings.ReplaceAll(strings.Join(test.command, "\n"), "ADDRESS", l.address), "\n")
			out, _ := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput()
			defer func() {
				if t.Failed() {
					t.Logf("the client said: %s", out)
				}
			}()
			for _, row := range test.rows {
				l.wait(t, row)
			}
		})
	}
}

// TestConnectStartTLSPostgres has a real PostgreSQL go on in TLS, and asks it for
// something in its own protocol.
func TestConnectStartTLSPostgres(t *testing.T) {
	bin := peers.Postgres(t)
	h := newBadHosts(t)
	leaf := h.sign(leafFor("db.badssl.test"), h.mid, nil)
	h.write("server.pem", leaf, h.mid)
	address := h.postgres(bin, "on")
	const startup = "\x00\x00\x00\x27\x00\x03\x00\x00user\x00signet\x00database\x00postgres\x00\x00" // protocol 3.0
	const terminate, welcome = "X\x00\x00\x00\x04", "R\x00\x00\x00\x08\x00\x00\x00\x00"
	said := signetMain(t, strings.NewReader(startup+terminate), "connect", address, "--roots", h.path("ca.pem"), "--name", "db.badssl.test", "--starttls", "postgres", "--trace")
	if said.code != 0 || !strings.HasPrefix(said.stdout, welcome) || !strings.Contains(said.stderr, " the server goes on in TLS (postgres)\n") ||
		!strings.Contains(said.stderr, "\nverified   "+address+" is db.badssl.test, ") || !strings.HasSuffix(said.stderr, "both ends said that this was all\n") {
		t.Errorf("exit code %d: %q %s", said.code, said.stdout, said.stderr)
	}
}
