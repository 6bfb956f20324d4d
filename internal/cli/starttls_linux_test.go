package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// TestStartTLSPostgres asks a real PostgreSQL for TLS, with TLS switched on and
// off.
func TestStartTLSPostgres(t *testing.T) {
	bin := peers.Postgres(t)
	h := newBadHosts(t)
	leaf := h.sign(leafFor("db.badssl.test"), h.mid, nil)
	h.write("server.pem", leaf, h.mid)
	servers := map[string]string{"on": h.postgres(bin, "on"), "off": h.postgres(bin, "off")}
	for _, test := range []struct {
		name, tls, protocol string
		code                int
		want                string
	}{
		{"on", "on", "postgres", 0, "Yes: HOST:PORT is db.badssl.test."},
		{"off", "off", "postgres", 2, "error: the server does not offer TLS on this connection [starttls_refused]"},
		{"not asked", "on", "none", 2, "error: the peer hung up during the handshake [handshake_cut]"},
		{"asked as another", "on", "ldap", 2, "error: the server hung up before TLS began [starttls_failed]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := servers[test.tls]
			said := signetMain(t, nil, "verify", address, "--starttls", test.protocol, "--roots", h.path("ca.pem"), "--name", "db.badssl.test")
			have, _, _ := strings.Cut(strings.ReplaceAll(said.stdout+said.stderr, address, "HOST:PORT"), "\n")
			if said.code != test.code || have != test.want {
				t.Errorf("exit code %d: %s", said.code, said.stdout+said.stderr)
			}
		})
	}
}

// postgres runs a PostgreSQL server with the key and chain in server.pem, and
// returns its address.
func (h *badHosts) postgres(bin, tls string) string {
	h.t.Helper()
	dir := h.t.TempDir()
	pem, err := os.ReadFile(h.path("server.pem"))
	h.check(err)
	own := func(name string, data []byte) string {
		h.check(os.WriteFile(filepath.Join(dir, name), data, 0o600))
		return filepath.Join(dir, name)
	}
	key := own("key.pem", pem[bytes.LastIndex(pem, []byte("-----BEGIN")):])
	chain := own("chain.pem", pem)
	return peers.StartPostgres(h.t, bin, dir, "ssl="+tls, "ssl_cert_file="+chain, "ssl_key_file="+key)
}
