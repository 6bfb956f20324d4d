package delivery

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// shown is the serial of the certificate that a server shows; "" if none. Greet is
// what is said before TLS.
func shown(address string, greet func(net.Conn) bool) string {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return ""
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if !greet(conn) {
		return ""
	}
	client := tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) // which one it is is the question
	if client.Handshake() != nil {
		return ""
	}
	cert, err := pki.ParseCertificate(client.ConnectionState().PeerCertificates[0].Raw)
	if err != nil {
		return ""
	}
	return cert.Serial()
}

// askPostgres is PostgreSQL's SSLRequest, answered by S.
func askPostgres(conn net.Conn) bool {
	conn.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47})
	answer := make([]byte, 1)
	_, err := io.ReadFull(conn, answer)
	return err == nil && answer[0] == 'S'
}

// TestPostgres gives a real PostgreSQL a certificate, and another one while psql is
// connected: new connections see the new one, and the old one goes on.
func TestPostgres(t *testing.T) {
	bin := peers.Postgres(t)
	r := newRig(t)
	r.dir = t.TempDir()
	first := r.renew()
	target := r.target()
	k, stop := r.run(target)
	<-k.Ready()
	stop()
	data := filepath.Join(r.dir, "data")
	// The server's folder and all in it become the user's whom it runs as.
	address := peers.StartPostgres(t, bin, r.dir, "ssl=on", "ssl_cert_file="+target.Cert, "ssl_key_file="+target.Key)
	target.Reload = []string{filepath.Join(bin, "pg_ctl"), "reload", "-s", "-D", data}
	if os.Getuid() == 0 { // pg_ctl refuses root
		nobody := testpki.Must(user.Lookup("nobody"))
		target.UID, target.GID = testpki.Must(strconv.Atoi(nobody.Uid)), testpki.Must(strconv.Atoi(nobody.Gid))
		target.Reload = append([]string{"runuser", "-u", "nobody", "--"}, target.Reload...)
	}
	k, _ = r.run(target)
	<-k.Ready()
	if have := shown(address, askPostgres); have != first.Leaf().Serial() {
		t.Fatalf("it shows %s, want %s", have, first.Leaf().Serial())
	}
	host, port, _ := net.SplitHostPort(address)
	to := "host=" + host + " port=" + port + " user=signet dbname=postgres sslmode=verify-ca sslrootcert=" + target.Bundle
	psql := func(ctx context.Context, args ...string) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(bin, "psql"), append([]string{"-XAt", to}, args...)...)
	}
	old := psql(t.Context())
	typed := testpki.Must(old.StdinPipe())
	said := testpki.Must(old.StdoutPipe())
	if err := old.Start(); err != nil {
		t.Fatal(err)
	}
	hear := func(question, want string) {
		t.Helper()
		io.WriteString(typed, question+"\n")
		answer := make([]byte, len(want))
		if _, err := io.ReadFull(said, answer); err != nil || string(answer) != want {
			t.Fatalf("psql says %q, %v; want %q", answer, err, want)
		}
	}
	hear("select 'before';", "before\n")
	second := r.renew()
	r.until("it shows the new certificate", func() bool { return shown(address, askPostgres) == second.Leaf().Serial() })
	hear("select 'after', ssl from pg_stat_ssl where pid = pg_backend_pid();", "after|t\n")
	if out, err := psql(t.Context(), "-c", "select 42").CombinedOutput(); err != nil || string(out) != "42\n" {
		t.Errorf("a new psql: %v: %s", err, out)
	}
	typed.Close()
	if err := old.Wait(); err != nil {
		t.Errorf("the old psql: %v", err)
	}
}

// TestNginx does the same with nginx.
func TestNginx(t *testing.T) {
	program := peers.Nginx(t)
	r := newRig(t)
	first := r.renew()
	target := r.target()
	k, stop := r.run(target)
	<-k.Ready()
	stop()
	var address string
	address, target.Reload = peers.StartNginx(t, program, target.Cert, target.Key)
	plain := func(net.Conn) bool { return true }
	if have := shown(address, plain); have != first.Leaf().Serial() {
		t.Fatalf("it shows %s, want %s", have, first.Leaf().Serial())
	}
	r.run(target)
	second := r.renew()
	r.until("it shows the new certificate", func() bool { return shown(address, plain) == second.Leaf().Serial() })
}
