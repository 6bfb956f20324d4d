package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/examples/libraries/postgres"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/verify"
)

// TestPostgreSQL asks a real server, which is who it should be, and who is not.
func TestPostgreSQL(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	stranger := testpki.Must(testpki.New(time.Now()))
	roots := testpki.Must(verify.NewRoots("ca.crt", p.Roots()...))
	tests := []struct {
		name string
		by   *testpki.PKI // who signed the server's certificate
		host string       // which it is for
		want error
	}{
		{"the server", p, testpki.Host, nil},
		{"another host of the same authority", p, "shop.example", verify.NameMismatch},
		{"an impostor", stranger, testpki.Host, verify.UnknownRoot},
	}
	server := start(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server.certify(t, testpki.Must(testpki.Must(test.by.Server(test.host)).PEM()))
			url := fmt.Sprintf("postgres://%s@%s:%s/postgres?sslmode=prefer", superuser, testpki.Host, server.port)
			conn, err := postgres.Connect(t.Context(), url, &signet.Client{Roots: roots})
			if !errors.Is(err, test.want) {
				t.Fatalf("have %v, want %v", err, test.want)
			}
			if err != nil {
				return
			}
			defer conn.Close(context.Background())
			var version string
			var encrypted bool
			row := conn.QueryRow(t.Context(), "select version, ssl from pg_stat_ssl where pid = pg_backend_pid()")
			if err := row.Scan(&version, &encrypted); err != nil || version != "TLSv1.3" || !encrypted {
				t.Errorf("the server says %q, %t, %v", version, encrypted, err)
			}
		})
	}
}

const superuser = "signet"

// server is a PostgreSQL of the test's own, on a port and in a folder of its own.
type server struct {
	programs, folder, port string
	owner                  *syscall.Credential
}

// start makes a database cluster and starts it. It ends with the test.
func start(t *testing.T) *server {
	t.Helper()
	programs := peers.Postgres(t)
	listener := testpki.Must(net.Listen("tcp", "127.0.0.1:0"))
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	s := &server{programs: programs, folder: testpki.Must(os.MkdirTemp("", "signet-pg-")), port: port}
	t.Cleanup(func() { os.RemoveAll(s.folder) })
	if os.Getuid() == 0 { // as whom PostgreSQL refuses to run
		nobody := testpki.Must(user.Lookup("postgres"))
		s.owner = &syscall.Credential{Uid: number(nobody.Uid), Gid: number(nobody.Gid)}
		if err := os.Chown(s.folder, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.run(t, "initdb", "--pgdata", s.data(), "--auth", "trust", "--username", superuser, "--no-sync", "--locale", "C")
	s.certify(t, testpki.Must(testpki.Must(testpki.Must(testpki.New(time.Now())).Server("unused.example")).PEM()))
	options := fmt.Sprintf("-p %s -c listen_addresses=localhost -c unix_socket_directories=%s -c ssl=on -c fsync=off -c ssl_cert_file=server.pem -c ssl_key_file=server.pem", port, s.folder)
	s.run(t, "pg_ctl", "start", "--wait", "--pgdata", s.data(), "--log", filepath.Join(s.folder, "log"), "--options", options)
	t.Cleanup(func() { s.run(t, "pg_ctl", "stop", "--pgdata", s.data(), "--mode", "immediate") })
	return s
}

func (s *server) data() string { return filepath.Join(s.folder, "data") }

// certify gives the server another certificate, with its key.
func (s *server) certify(t *testing.T, pem []byte) {
	t.Helper()
	file := filepath.Join(s.data(), "server.pem")
	if err := os.WriteFile(file, pem, 0o600); err != nil {
		t.Fatal(err)
	}
	if s.owner != nil {
		if err := os.Chown(file, int(s.owner.Uid), int(s.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err == nil {
		s.run(t, "pg_ctl", "restart", "--wait", "--pgdata", s.data(), "--mode", "fast", "--log", filepath.Join(s.folder, "log"))
	}
}

// run runs a program of PostgreSQL's to its end, whatever holds its output.
func (s *server) run(t *testing.T, name string, args ...string) {
	t.Helper()
	output := testpki.Must(os.CreateTemp(t.TempDir(), name))
	defer output.Close()
	cmd := exec.Command(filepath.Join(s.programs, name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.folder, output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(output.Name())
		log, _ := os.ReadFile(filepath.Join(s.folder, "log"))
		t.Fatalf("%s: %v\n%s", name, err, bytes.Join([][]byte{said, log}, nil))
	}
}

func number(text string) uint32 { return uint32(testpki.Must(strconv.ParseUint(text, 10, 32))) }
