package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// servers are PostgreSQL and Redis behind an inbound proxy, and the doors to them.
type servers struct {
	*rig
	bin   string // PostgreSQL's programs
	dir   string // its folder
	db    string // where it listens
	redis string // where Redis does
	doors map[string]string
}

// programs has PostgreSQL's and Redis' own programs work through both proxies as they
// are, and revokes one of those who do in the midst of it.
func programs(out io.Writer, _ int, args []string) error {
	flags := flag.NewFlagSet("programs", flag.ContinueOnError)
	seconds := flags.Int("seconds", 60, "how long pgbench works")
	clients := flags.Int("c", 8, "clients of pgbench")
	r, err := begin(out, flags, args, func() (*rig, error) { return newRig(build{}) })
	if err != nil {
		return err
	}
	defer r.close()
	s := &servers{rig: r, doors: map[string]string{}}
	defer func() { os.RemoveAll(s.dir) }()
	if err := s.begin(); err != nil {
		return err
	}
	version, err := exec.Command(filepath.Join(s.bin, "postgres"), "--version").Output()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d clients of pgbench for %d s, and redis-benchmark beside them\n\n", bytes.TrimSpace(version), *clients, *seconds)
	direct, err := s.pgbench(s.db, *clients, max(1, *seconds/6))
	if err != nil {
		return fmt.Errorf("pgbench without proxies: %w", err)
	}
	fmt.Fprintf(out, "pgbench without proxies, %d s: %s\n", max(1, *seconds/6), direct)

	left, err := s.psql(s.doors["leaving"])
	if err != nil {
		return err
	}
	defer left.stop()
	stays, err := s.psql(s.doors["staying"])
	if err != nil {
		return err
	}
	defer stays.stop()
	type outcome struct {
		name, said string
		err        error
	}
	outcomes := make(chan outcome, 2)
	go func() {
		said, err := s.pgbench(s.doors["staying"], *clients, *seconds)
		outcomes <- outcome{"pgbench", said, err}
	}()
	done := make(chan struct{})
	go func() {
		said, err := s.redisBenchmark(done)
		outcomes <- outcome{"redis-benchmark", said, err}
	}()
	time.Sleep(time.Duration(*seconds) * time.Second / 2)
	change, err := s.change(api.PathRevoke, api.RevokeRequest{Who: "leaving"})
	if err != nil {
		return err
	}
	said, err := left.ask("select 'after'")
	if err == nil {
		return fmt.Errorf("psql of whom was revoked: %s", said)
	}
	fmt.Fprintf(out, "revoked in the midst of it: %d connections ended, %d went on; psql says: %s\n", len(change.Ended), change.Others, said)
	var failed []error
	for range 2 {
		o := <-outcomes
		if o.name == "pgbench" {
			close(done)
		}
		failed = append(failed, o.err)
		fmt.Fprintf(out, "%s through both proxies: %s\n", o.name, o.said)
	}
	said, err = stays.ask("select 'after'")
	if err == nil && said != "after" {
		err = errors.New(said)
	}
	if err := errors.Join(append(failed, err)...); err != nil {
		return err
	}
	fmt.Fprintf(out, "psql that was there all the time: %s\n", said)
	if out, err := s.client("psql", s.doors["leaving"], "-c", "select 1"); err == nil {
		return fmt.Errorf("psql of whom was revoked connects: %s", out)
	}
	fmt.Fprintf(out, "errors: 0; others lost: 0\n%s\n", machine())
	return nil
}

// begin starts the servers and both proxies.
func (s *servers) begin() error {
	if err := s.startPostgres(); err != nil {
		return err
	}
	if err := s.startRedis(); err != nil {
		return err
	}
	if err := s.join("proxy/in", "db", "cache"); err != nil {
		return err
	}
	if err := s.join("proxy/out", "leaving", "staying", "reader"); err != nil {
		return err
	}
	var in, out strings.Builder
	at := map[string]string{}
	for name, backend := range map[string]string{"db": s.db, "cache": s.redis} {
		address, err := freeAddress()
		if err != nil {
			return err
		}
		at[name] = address
		fmt.Fprintf(&in, "[[service]]\nidentity = %q\nlisten = %q\nbackend = %q\n", name, address, backend)
	}
	for name, to := range map[string]string{"leaving": "db", "staying": "db", "reader": "cache"} {
		door, err := freeAddress()
		if err != nil {
			return err
		}
		s.doors[name] = door
		fmt.Fprintf(&out, "[[door]]\nidentity = %q\nto = %q\nlisten = %q\nloopback = true\naddresses = [%q]\n", name, to, door, at[to])
		if to == "db" {
			fmt.Fprintln(&out, "protocol = \"postgres\"")
		}
		if err := s.allow(name, to); err != nil && !strings.Contains(err.Error(), "of 2 proxies") { // which do not run yet
			return err
		}
	}
	if _, err := s.proxy("in", in.String()); err != nil {
		return err
	}
	if _, err := s.proxy("out", out.String()); err != nil {
		return err
	}
	for name, program := range map[string]string{"leaving": "psql", "staying": "psql", "reader": "redis-cli"} {
		args := map[string][]string{"psql": {"-c", "select 1"}, "redis-cli": {"ping"}}[program]
		err := until(name+" reaches its server", func() (bool, error) {
			_, err := s.client(program, s.doors[name], args...)
			return err == nil, nil
		})
		if err != nil {
			return err
		}
	}
	said, err := s.client("pgbench", s.doors["staying"], "-i", "-q", "-s", "10")
	if err != nil {
		return fmt.Errorf("pgbench -i: %w: %s", err, said)
	}
	return nil
}

// startPostgres makes a server of its own folder; PostgreSQL does not run as root.
func (s *servers) startPostgres() (err error) {
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(folders) == 0 {
		return fmt.Errorf("no server of PostgreSQL is installed (%v); next: apt-get install postgresql", err)
	}
	s.bin = folders[len(folders)-1]
	if s.dir, err = os.MkdirTemp("", "signet-bench-pg-"); err != nil {
		return err
	}
	var as *syscall.SysProcAttr
	if os.Getuid() == 0 {
		nobody, err := user.Lookup("nobody")
		if err != nil {
			return err
		}
		uid, gid := sure(strconv.Atoi(nobody.Uid)), sure(strconv.Atoi(nobody.Gid))
		if err := os.Chown(s.dir, uid, gid); err != nil {
			return err
		}
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	command := func(name string, args ...string) *exec.Cmd {
		command := exec.Command(filepath.Join(s.bin, name), args...)
		command.Dir, command.SysProcAttr = s.dir, as
		return command
	}
	data := filepath.Join(s.dir, "data")
	if out, err := command("initdb", "-D", data, "-A", "trust", "-N", "-U", "signet").CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.db, err = freeAddress(); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(s.db)
	if _, err := s.run("postgres", command("postgres", "-D", data, "-p", port, "-h", "127.0.0.1", "-k", s.dir)); err != nil {
		return err
	}
	return until("PostgreSQL answers", func() (bool, error) {
		_, err := s.client("psql", s.db, "-c", "select 1")
		return err == nil, nil
	})
}

func (s *servers) startRedis() (err error) {
	if s.redis, err = freeAddress(); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(s.redis)
	if _, err := s.start("redis", "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", s.rig.dir); err != nil {
		return fmt.Errorf("no server of Redis: %w; next: apt-get install redis-server", err)
	}
	return nil
}

// client runs a program against a server or a door to its end.
func (s *servers) client(name, address string, args ...string) (string, error) {
	out, err := s.command(name, address, args...).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (s *servers) command(name, address string, args ...string) *exec.Cmd {
	host, port, _ := net.SplitHostPort(address)
	var command *exec.Cmd
	switch name {
	case "psql":
		command = exec.Command(filepath.Join(s.bin, name), append([]string{"-XAt", "-h", host, "-p", port, "-U", "signet", "postgres"}, args...)...)
	case "pgbench":
		command = exec.Command(filepath.Join(s.bin, name), append([]string{"-h", host, "-p", port, "-U", "signet"}, append(args, "postgres")...)...)
	default:
		command = exec.Command(name, append([]string{"-h", host, "-p", port}, args...)...)
	}
	command.Env = []string{"LC_ALL=C", "PGCONNECT_TIMEOUT=20", "PATH=" + os.Getenv("PATH")}
	return command
}

var pgbenchSays = regexp.MustCompile(`number of transactions actually processed: (\d+)[\s\S]*number of failed transactions: (\d+)[\s\S]*tps = ([0-9.]+)`)

// pgbench works for a while, with transactions that write.
func (s *servers) pgbench(address string, clients, seconds int) (string, error) {
	said, err := s.client("pgbench", address, "-n", "-c", fmt.Sprint(clients), "-j", "2", "-T", fmt.Sprint(seconds))
	found := pgbenchSays.FindStringSubmatch(said)
	if err != nil || found == nil || found[2] != "0" || strings.Contains(said, "error") {
		return said, fmt.Errorf("pgbench: %w", errors.Join(err, errors.New(said)))
	}
	return fmt.Sprintf("%s transactions, %s failed, %s/s", found[1], found[2], found[3]), nil
}

// redisBenchmark works until pgbench has.
func (s *servers) redisBenchmark(done <-chan struct{}) (string, error) {
	requests := 0
	for {
		select {
		case <-done:
			return fmt.Sprintf("%d requests, 0 failed", requests), nil
		default:
		}
		const n = 2000
		said, err := s.client("redis-benchmark", s.doors["reader"], "-q", "-n", fmt.Sprint(n), "-c", "8", "-t", "set,get,lpush")
		if err != nil || strings.Contains(said, "rror") {
			return said, fmt.Errorf("redis-benchmark: %w: %s", err, said)
		}
		requests += 3 * n
	}
}

// session is psql as somebody types into it.
type session struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *os.File
}

// psql connects, and returns when the server has answered.
func (s *servers) psql(address string) (*session, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	p := &session{command: s.command("psql", address, "-v", "ON_ERROR_STOP=1"), out: read}
	p.command.Stdout, p.command.Stderr = write, write
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.command.Start(); err != nil {
		return nil, err
	}
	said, err := p.ask("select 'before'")
	if err == nil && said != "before" {
		err = errors.New(said)
	}
	return p, err
}

// ask types a statement, and returns what psql says to it; an error where it ends.
func (p *session) ask(statement string) (string, error) {
	fmt.Fprintln(p.in, statement+";") // where it has ended, that is what is read
	var said []byte
	p.out.SetReadDeadline(time.Now().Add(patience))
	for piece := make([]byte, 4096); !slices.Contains(said, '\n'); {
		n, err := p.out.Read(piece)
		said = append(said, piece[:n]...)
		if err != nil {
			return string(bytes.TrimSpace(said)), err
		}
	}
	line := string(bytes.TrimSpace(said))
	if !slices.Contains([]string{"before", "after"}, line) {
		return strings.Join(strings.Fields(line), " "), fmt.Errorf("psql says %s", line)
	}
	return line, nil
}

func (p *session) stop() {
	p.in.Close()
	p.command.Wait() // which ends once it has nothing to read, or has ended by itself
	p.out.Close()
}
