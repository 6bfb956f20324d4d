package peers

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
)

// StartPostgres runs a new PostgreSQL server with some settings until the test
// ends, and returns its address. It trusts the user signet. Bin has its programs;
// dir, which may have files for it already, becomes its own.
func StartPostgres(t testing.TB, bin, dir string, settings ...string) (address string) {
	t.Helper()
	as := asNobody(t, dir)
	data := filepath.Join(dir, "data")
	if out, err := as(filepath.Join(bin, "initdb"), "-D", data, "-A", "trust", "-N", "-U", "signet").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v: %s", err, out)
	}
	address = FreeAddress(t)
	_, port, _ := net.SplitHostPort(address) // it was made of both
	args := []string{"-D", data, "-p", port, "-h", "127.0.0.1", "-k", dir, "-F"}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	start(t, as(filepath.Join(bin, "postgres"), args...), address)
	for range 600 { // it listens a while before it lets anybody in
		if exec.Command(filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", port).Run() == nil {
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("PostgreSQL at %s lets nobody in", address)
	return ""
}

// StartRedis runs a Redis server until the test ends, and returns its address.
func StartRedis(t testing.TB, program string) (address string) {
	t.Helper()
	address = FreeAddress(t)
	_, port, _ := net.SplitHostPort(address) // it was made of both
	server := exec.Command(program, "-")
	server.Stdin = strings.NewReader("bind 127.0.0.1\nport " + port + "\nsave \"\"\ndir " + t.TempDir() + "\n")
	start(t, server, address)
	return address
}

// StartNginx runs nginx as a TLS server with a certificate and key, which are files,
// until the test ends, and returns its address and the command that has it read them
// anew.
func StartNginx(t testing.TB, program, cert, key string) (address string, reload []string) {
	t.Helper()
	address = FreeAddress(t)
	dir := t.TempDir()
	config := filepath.Join(dir, "nginx.conf")
	text := "pid DIR/pid;\nerror_log stderr;\nevents {}\nhttp {\n  access_log off;\n  server { listen " + address + " ssl; ssl_certificate " + cert + "; ssl_certificate_key " + key + "; return 200 ok; }\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += "  " + kind + "_temp_path DIR;\n"
	}
	text = strings.ReplaceAll(text, "DIR", dir) + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command(program, "-e", "stderr", "-c", config, "-g", "daemon off;"), address)
	return address, []string{program, "-e", "stderr", "-c", config, "-s", "reload"}
}

// start runs a server until the test ends, and returns when it answers.
func start(t testing.TB, server *exec.Cmd, address string) {
	t.Helper()
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Process.Signal(os.Interrupt); server.Wait() })
	for range 600 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	server.Process.Kill()
	server.Wait()
	t.Fatalf("%s does not start: %s", server.Path, log.String())
}

// asNobody returns what makes commands that run as another user than root, whom
// PostgreSQL refuses, and gives that user the folder.
func asNobody(t testing.TB, dir string) func(string, ...string) *exec.Cmd {
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
