package cli

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	h.check(err)
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	as := asNobody(h.t, dir)
	data := filepath.Join(dir, "data")
	out, err := as(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-N", "-U", "signet").CombinedOutput()
	if err != nil {
		h.t.Fatalf("initdb: %v: %s", err, out)
	}
	server := as(filepath.Join(bin, "postgres"), "-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir, "-F",
		"-c", "ssl="+tls, "-c", "ssl_cert_file="+chain, "-c", "ssl_key_file="+key)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	h.check(server.Start())
	h.t.Cleanup(func() { server.Process.Signal(os.Interrupt); server.Wait() })
	address := "127.0.0.1:" + port
	for range 600 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	server.Process.Kill()
	server.Wait()
	h.t.Fatalf("PostgreSQL does not start: %s", log.String())
	return ""
}

// asNobody returns what makes commands that run as another user than root, whom
// PostgreSQL refuses, and gives that user the folder.
func asNobody(t *testing.T, dir string) func(string, ...string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return exec.Command
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("NOT RUN: PostgreSQL does not run as root, and there is no other user: %v", err)
	}
	uid, uidErr := strconv.Atoi(nobody.Uid)
	gid, gidErr := strconv.Atoi(nobody.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, dir) {
		if err := os.Chown(file, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	for above := filepath.Dir(dir); above != os.TempDir() && len(above) > 1; above = filepath.Dir(above) {
		if err := os.Chmod(above, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string, args ...string) *exec.Cmd {
		command := exec.Command(name, args...)
		command.Dir = dir
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		return command
	}
}
