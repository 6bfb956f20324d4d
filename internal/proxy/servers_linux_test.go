package proxy_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/proxy"
	"github.com/signet-tls/signet/internal/testpki"
)

// client runs a program to its end, and returns what it said.
func client(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Env = []string{"PGCONNECT_TIMEOUT=20", "LC_ALL=C"}
	out, err := command.CombinedOutput()
	return string(out), err
}

// host is an address in libpq's words, behind "host=".
func host(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return host + " port=" + port
}

// TestPostgres carries the real psql and pgbench to a real server, unchanged: they
// ask for TLS and GSSAPI as they like, and have none on their own machine. A change
// of the rules ends exactly whom it concerns, with an error.
func TestPostgres(t *testing.T) {
	bin := peers.Postgres(t)
	address := peers.StartPostgres(t, bin, t.TempDir())
	w := newFileWorld(t, fileSetup{names: []string{"ann", "bob"},
		service: func(s *proxy.Service) { s.Backend = proxy.Address{Network: "tcp", Address: address} },
		door:    func(d *proxy.Door) { d.Postgres = true }})
	to := func(door int, more string) string {
		return "host=" + host(w.doors[door]) + " user=signet dbname=postgres " + more
	}
	psql := filepath.Join(bin, "psql")
	for _, settings := range []string{"", "sslmode=disable", "sslmode=prefer gssencmode=prefer"} {
		if out, err := client(t, psql, "-XAtc", "select 6*7", to(0, settings)); err != nil || out != "42\n" {
			t.Errorf("psql with %q: %v: %s", settings, err, out)
		}
	}
	if out, err := client(t, psql, "-XAtc", "select 1", to(0, "sslmode=require")); err == nil || !strings.Contains(out, "does not support SSL") {
		t.Errorf("psql that insists on TLS on its own machine: %v: %s", err, out)
	}
	pgbench := filepath.Join(bin, "pgbench")
	if out, err := client(t, pgbench, "-i", "-q", "-s", "1", "-I", "dtG", to(0, "")); err != nil {
		t.Fatalf("pgbench -i: %v: %s", err, out)
	}
	if out, err := client(t, pgbench, "-n", "-c", "4", "-t", "25", "-b", "select-only", "-b", "simple-update", to(0, "")); err != nil || !strings.Contains(out, "number of failed transactions: 0") {
		t.Errorf("pgbench: %v: %s", err, out)
	}

	bob := exec.Command(psql, "-XAt", to(1, ""))
	var said bytes.Buffer
	bob.Stdout, bob.Stderr = &said, &said
	typed, err := bob.StdinPipe()
	if err == nil {
		err = bob.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(typed, "select 'before';\n")
	asleep := make(chan string)
	go func() {
		out, err := client(t, psql, "-XAtc", "select pg_sleep(60)", to(0, ""))
		asleep <- fmt.Sprint(err) + ": " + out
	}()
	w.until("both have spoken with the server", func() bool {
		out, _ := client(t, psql, "-XAtc", "select state from pg_stat_activity where query in ('select pg_sleep(60)', 'select ''before'';')",
			"host="+host(address)+" user=signet dbname=postgres")
		return strings.Contains(out, "active\n") && strings.Contains(out, "idle\n")
	})
	w.allow("bob")
	if out := <-asleep; !strings.HasPrefix(out, "exit status 2: ") || !strings.Contains(out, "connection to server was lost") {
		t.Errorf("psql whose connection the rules no longer allow: %s", out)
	}
	io.WriteString(typed, "select 'after';\n")
	typed.Close()
	if err := bob.Wait(); err != nil || said.String() != "before\nafter\n" {
		t.Errorf("psql whom the change does not concern: %v: %s", err, said.String())
	}
	w.until("the door has heard of the change, too, and refuses in words", func() bool { // if the service's proxy was first, it resets
		out, err := client(t, psql, "-XAtc", "select 1", to(0, ""))
		return err != nil && strings.Contains(out, "FATAL:  signet: ann may not talk to orders: no rule allows it [no_rule]")
	})
}

// TestRedis carries the real redis-cli to a real server, unchanged.
func TestRedis(t *testing.T) {
	program := peers.Redis(t)
	address := peers.StartRedis(t, program)
	w := newFileWorld(t, fileSetup{names: []string{"ann"}, service: func(s *proxy.Service) { s.Backend = proxy.Address{Network: "tcp", Address: address} }})
	_, port, _ := net.SplitHostPort(w.doors[0])
	cli := filepath.Join(filepath.Dir(program), "redis-cli")
	for _, test := range [][]string{{"OK", "set", "k", strings.Repeat("v", 100_000)}, {"100000", "strlen", "k"}, {"PONG", "ping"}} {
		if out, err := client(t, cli, append([]string{"-p", port}, test[1:]...)...); err != nil || strings.TrimSpace(out) != test[0] {
			t.Errorf("redis-cli %s: %v: %s", test[1], err, out)
		}
	}
	w.until("the connections have ended", func() bool { return len(w.in.Live()) == 0 })
	w.allow()
	w.until("redis-cli is refused", func() bool {
		out, _ := client(t, cli, "-p", port, "ping")
		return strings.Contains(out, "reset by peer")
	})
}

// TestPostgresStripped has somebody on the way answer as PostgreSQL without TLS
// does: no byte of the client's reaches it, since proxies speak TLS at once.
func TestPostgresStripped(t *testing.T) {
	heard := make(chan []byte, 1)
	stripper := program(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		first := make([]byte, 3)
		io.ReadFull(conn, first)
		conn.Write([]byte("NR\x00\x00\x00\x08\x00\x00\x00\x00")) // no TLS, and you are in
		rest, _ := io.ReadAll(io.LimitReader(conn, 1<<20))
		heard <- append(first, rest...)
	})
	w := newFileWorld(t, fileSetup{names: []string{"ann"}, door: func(d *proxy.Door) { d.Postgres, d.Targets = true, []string{stripper.Address} }})
	conn := w.dialPostgres(w.doors[0])
	said, _ := io.ReadAll(conn)
	if !bytes.HasPrefix(said, []byte("E")) || !bytes.Contains(said, []byte("C28000\x00")) {
		t.Errorf("the client hears %q, want an error in its own protocol", said)
	}
	if bytes := <-heard; len(bytes) < 3 || bytes[0] != 0x16 || strings.Contains(string(bytes), "signet\x00") {
		t.Errorf("on the way there was %q, want TLS", bytes)
	}
	w.wantEvent(api.Refused, api.Door, "not_tls")
}

// postgresStart is a client's beginning, of the user signet.
var postgresStart = packet("\x00\x03\x00\x00user\x00signet\x00\x00")

// packet puts a message behind its length.
func packet(message string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(4+len(message))), message...)
}

// dialPostgres asks a door for GSSAPI and TLS, and then begins in plain.
func (w *fileWorld) dialPostgres(door string) net.Conn {
	w.t.Helper()
	conn, err := net.Dial("tcp", door)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { conn.Close() })
	for _, ask := range []string{"\x04\xd2\x16\x30", "\x04\xd2\x16\x2f"} {
		answer := make([]byte, 1)
		conn.Write(packet(ask))
		if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
			w.t.Fatalf("asked for %x, the door answers %q, %v", ask, answer, err)
		}
	}
	conn.Write(postgresStart)
	return conn
}

// TestNotPostgres refuses at a door for PostgreSQL whatever begins otherwise.
// TestPostgresWantsTLS has a client ask for TLS and go when there is none, as psql does
// with sslmode=require.
func TestPostgresWantsTLS(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"ann"}, door: func(d *proxy.Door) { d.Postgres = true }})
	conn := testpki.Must(net.Dial("tcp", w.doors[0]))
	defer conn.Close()
	conn.Write(packet("\x04\xd2\x16\x2f"))
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil || answer[0] != 'N' {
		t.Fatalf("the answer is %q (%v)", answer, err)
	}
	conn.Close()
	w.until("it is told why", func() bool {
		return w.events.count(func(e api.Event) bool { return e.Kind == api.Refused && e.Code == "postgres_wants_tls" }) == 1
	})
}

func TestNotPostgres(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"ann"}, door: func(d *proxy.Door) { d.Postgres = true }})
	ssl := string(packet("\x04\xd2\x16\x2f"))
	for name, begin := range map[string]string{
		"HTTP":          "GET / HTTP/1.1\r\n\r\n",
		"TLS at once":   "\x16\x03\x01\x02\x00\x01\x00\x01",
		"no end of ask": strings.Repeat(ssl, 3),
		"too long":      "\x7f\xff\xff\xff\x00\x03\x00\x00",
		"too short":     "\x00\x00\x00\x04\x00\x03\x00\x00",
		"cut":           ssl + "\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			refused := func(e api.Event) bool { return e.Kind == api.Refused && e.Code == "not_postgres" }
			before := w.events.count(refused)
			conn, err := net.Dial("tcp", w.doors[0])
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Write([]byte(begin))
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			w.until("it is refused", func() bool { return w.events.count(refused) == before+1 })
		})
	}
	if opened := w.events.count(func(e api.Event) bool { return e.Kind == api.Opened }); opened != 0 {
		t.Errorf("%d connections were opened", opened)
	}
}
