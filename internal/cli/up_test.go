package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
)

// site is a data folder and four ports.
type site struct {
	t    *testing.T
	dir  string
	port int
}

func newSite(t *testing.T) *site {
	t.Helper()
	t.Setenv("SIGNET_DATA", "")
	t.Setenv("USER", "ann")
	return &site{t, filepath.Join(t.TempDir(), "data"), fourPorts(t)}
}

// fourPorts finds four free ports in a row.
func fourPorts(t *testing.T) int {
	t.Helper()
search:
	for first := 20_000 + os.Getpid()%10_000; first < 60_000; first += 4 {
		for i := range 4 {
			listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first+i))
			if err != nil {
				continue search
			}
			listener.Close()
		}
		return first
	}
	t.Fatal("there are no four free ports in a row")
	return 0
}

// running is an "up" that has printed its welcome.
type running struct {
	stdout, stderr *testpki.Output
	stop           func() (code int) // as Ctrl-C does
}

// up starts Signet on the site and waits until it says that it runs.
func (s *site) up(args ...string) *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	r := &running{stdout: &testpki.Output{}, stderr: &testpki.Output{}}
	code := make(chan int, 1)
	go func() { code <- Main(ctx, append([]string{"up", "--data", s.dir}, args...), nil, r.stdout, r.stderr) }()
	r.stop = sync.OnceValue(func() int {
		cancel()
		return <-code
	})
	s.t.Cleanup(func() { r.stop() })
	until(s.t, "up runs", func() bool {
		select {
		case early := <-code:
			s.t.Fatalf("up ended with %d: %s", early, r.stderr)
		default:
		}
		return strings.Contains(r.stdout.String(), "Signet is running")
	})
	return r
}

func (s *site) ports() []string { return []string{"--port", fmt.Sprint(s.port)} }

// signet runs another command of the same site.
func (s *site) signet(args ...string) outcome {
	s.t.Helper()
	return signetMain(s.t, nil, append(args, "--data", s.dir)...)
}

// must is signet for what has to succeed.
func (s *site) must(args ...string) string {
	s.t.Helper()
	have := s.signet(args...)
	if have.code != 0 {
		s.t.Fatalf("%v: %+v", args, have)
	}
	return have.stdout
}

// ask asks the demo service through web's door.
func (s *site) ask(path string) (*http.Response, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return client.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.port+3, path))
}

// until waits for what happens soon.
func until(t *testing.T, what string, true func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("timed out until %s", what)
		}
	}
}

// TestUp is the demonstration: refused, allowed, revoked, stopped, and started
// again where it stopped.
func TestUp(t *testing.T) {
	s := newSite(t)
	r := s.up(s.ports()...)
	if _, err := s.ask("/"); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("before it is allowed: %v, want a reset", err)
	}
	s.must("allow", "web", "orders")
	answer, err := s.ask("/")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(body), "This is orders") {
		t.Errorf("once it is allowed: %q, %v", body, err)
	}
	ticks, err := s.ask("/ticks")
	if err != nil {
		t.Fatal(err)
	}
	defer ticks.Body.Close()
	if _, err := io.ReadFull(ticks.Body, make([]byte, len("tick 1\n"))); err != nil {
		t.Fatal(err)
	}
	s.must("revoke", "web", "--because", "a test")
	if _, err := io.ReadAll(ticks.Body); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("once it is revoked: %v, want a reset", err)
	}
	until(t, "the end is told of", func() bool { return strings.Contains(r.stdout.String(), "web was revoked") })
	if code := r.stop(); code != 0 {
		t.Errorf("up ended with %d: %s", code, r.stderr)
	}
	wantNews(t, r.stdout.String(), "refused  web → orders    no rule allows it       signet --data "+s.dir+" why web orders", "ended    web → orders    web was revoked         signet --data "+s.dir+" why c")
	if r.stderr.String() != "" {
		t.Errorf("up complained: %s", r.stderr)
	}
	wantPrivate(t, s.dir)

	r = s.up()
	want := fmt.Sprintf("Signet is running again where it stopped: revision 3, 5 identities (2 services, 2 proxies, 1 operator), 1 rule. Ports as before (%d–%d).\n", s.port, s.port+3)
	if have := r.stdout.String(); have != want {
		t.Errorf("started again, it says %q, want %q", have, want)
	}
	if have := s.signet("why", "web", "orders"); have.code != 1 || !strings.Contains(have.stdout, "[identity_revoked]") {
		t.Errorf("started again: %+v", have)
	}
}

// wantNews compares what was printed below the welcome, times left out.
func wantNews(t *testing.T, stdout string, want ...string) {
	t.Helper()
	_, news, ok := strings.Cut(stdout, "nothing is lost.\n")
	have := strings.Split(strings.TrimSpace(news), "\n")
	if !ok || len(have) != len(want) {
		t.Errorf("the news are %q, want %d lines", have, len(want))
		return
	}
	for i, line := range have {
		if _, rest, _ := strings.Cut(line, "  "); !strings.HasPrefix(rest, want[i]) {
			t.Errorf("the news are %q, want %q", rest, want[i])
		}
	}
}

// wantPrivate checks that what is in the data folder is for its owner alone.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o600)
		if entry.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return nil
	})
	if err != nil || files < 8 {
		t.Errorf("%d files were looked at: %v", files, err)
	}
}

// TestUpMoves moves the ports of a system that was there.
func TestUpMoves(t *testing.T) {
	s := newSite(t)
	s.up(s.ports()...).stop()
	s.port = fourPorts(t)
	r := s.up(s.ports()...)
	if want := fmt.Sprintf("revision 1, 5 identities (2 services, 2 proxies, 1 operator), 0 rules. Ports now %d–%d.", s.port, s.port+3); !strings.Contains(r.stdout.String(), want) {
		t.Errorf("it says %q, want %q", r.stdout, want)
	}
	s.must("allow", "web", "orders") // finds the new ports
	r.stop()
	r = s.up("--fresh", "--port", fmt.Sprint(s.port))
	if !strings.Contains(r.stdout.String(), "nothing is allowed until you allow it") {
		t.Errorf("a fresh one says %q", r.stdout)
	}
	if have := s.signet("why", "web", "orders"); have.code != 1 || !strings.Contains(have.stdout, "[no_rule]") {
		t.Errorf("the rule is still there: %+v", have)
	}
}

// TestUpPortTaken takes each of the four ports.
func TestUpPortTaken(t *testing.T) {
	s := newSite(t)
	for i := range 4 {
		port := fmt.Sprint(s.port + i)
		taken, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		s.refused("port "+port+" is in use by another program [address_in_use]", "signet --data "+s.dir+" up --port ", s.ports()...)
		taken.Close()
	}
	r := s.up(s.ports()...) // nothing of the failed ones is left
	if have := r.stdout.String(); !strings.Contains(have, "Now, in a second terminal:") {
		t.Errorf("the first that starts says %q, want what to do", have)
	}
}

// TestUpMovesElsewhere follows the hint of a port that is taken: it does the
// same, where there is room.
func TestUpMovesElsewhere(t *testing.T) {
	s := newSite(t)
	for _, port := range []int{s.port + 2, 8401} {
		taken, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil { // else somebody else has it, which will do
			t.Cleanup(func() { taken.Close() })
		}
	}
	for _, flags := range [][]string{nil, {"--fresh"}, {"--verbose"}, {"--fresh", "--verbose"}} {
		have := s.signet(append(append([]string{"up"}, flags...), s.ports()...)...)
		match := regexp.MustCompile(` up( --[a-z -]+)? --port (\d+)     # moves all four ports\n$`).FindStringSubmatch(have.stderr)
		if match == nil {
			t.Fatalf("up %v: %+v", flags, have)
		}
		first, err := strconv.Atoi(match[2])
		if err != nil {
			t.Fatal(err)
		}
		if strings.Join(strings.Fields(match[1]), " ") != strings.Join(flags, " ") {
			t.Errorf("up %v hints at%s", flags, match[1])
		}
		if err := portsFrom(first).free(t.Context()); err != nil || first == 8400 {
			t.Errorf("up %v proposes port %d: %v", flags, first, err)
		}
	}
}

// refused runs an "up" that must fail, with an error of two lines.
func (s *site) refused(message, next string, args ...string) {
	s.t.Helper()
	have := signetMain(s.t, nil, append([]string{"up", "--data", s.dir}, args...)...)
	first, rest, _ := strings.Cut(have.stderr, "\n")
	if have.code != int(exitFailed) || have.stdout != "" || !strings.HasPrefix(first, "error: ") || !strings.Contains(first, message) || !strings.HasPrefix(rest, "  next: ") || !strings.Contains(rest, next) {
		s.t.Errorf("have %+v\nwant error: …%s, and next: …%s", have, message, next)
	}
}

func TestUpTwice(t *testing.T) {
	s := newSite(t)
	s.up(s.ports()...)
	other := &site{t, s.dir, fourPorts(t)}
	for _, args := range [][]string{other.ports(), {"--fresh"}} {
		other.refused(fmt.Sprintf("%s is in use by process %d [already_running]", s.dir, os.Getpid()), "signet --data "+s.dir+" conns     # asks the Signet that is running", args...)
	}
	s.must("conns")
}

func TestUpRefuses(t *testing.T) {
	tests := []struct {
		name    string
		spoil   func(t *testing.T, dir string) // a folder in which "up" ran
		message string                         // with the code
		next    string
		fresh   bool // "up --fresh" mends it
	}{
		{"settings that are no JSON", put("settings.json", "{"), "settings.json cannot be used", "up --port 7400     # writes it anew", true},
		{"settings without an address", put("settings.json", "{}"), "[settings_unreadable]", "up --port 7400", true},
		{"settings for the whole network", put("settings.json", `{"authority":"0.0.0.0:7400","status":"127.0.0.1:7401","orders":"127.0.0.1:7402","web":"127.0.0.1:7403"}`),
			`"0.0.0.0:7400" is not a port of this machine's loopback [settings_unreadable]`, "up --port 7400", true},
		{"settings that cannot be read", func(t *testing.T, dir string) {
			drop(t, filepath.Join(dir, "settings.json"))
			if err := os.Mkdir(filepath.Join(dir, "settings.json"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "[settings_unreadable]", "up --port 7400", true},
		{"the authority's key is lost", func(t *testing.T, dir string) { drop(t, filepath.Join(dir, "ca")) },
			"root.pem is missing [ca_key_lost]", "bring the folder back from a backup", true},
		{"the authority's key is garbage", put("ca/root.pem", "x"), "root.pem", "bring the folder back from a backup", true},
		{"the database is lost", func(t *testing.T, dir string) { drop(t, filepath.Join(dir, "etcd", "member", "snap", "db")) }, "[db_missing]", "restore the data folder from a backup", true},
		{"the database is garbage", put("etcd/member/snap/db", strings.Repeat("x", 1<<16)), "[db_header_damaged]", "restore the data folder from a backup", true},
		{"the socket's place is taken", put("orders.sock/file", "x"), "the demo service's socket", "orders.sock, or make its folder writable", true},
		{"another trust domain's folder", put("signet.json", `{"format":1,"trust_domain":"prod.example","ready":true}`), "[folder_other_domain]", "name demo.signet's own folder", false},
		{"a folder that is not ours", func(t *testing.T, dir string) { drop(t, filepath.Join(dir, "signet.json")) }, "[folder_not_ours]", "name an empty folder, a new one, or one that Signet made", false},
		{"a file in its place", func(t *testing.T, dir string) {
			drop(t, dir)
			if err := os.WriteFile(dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "[folder_not_directory]", "name a folder", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.up(s.ports()...).stop()
			test.spoil(t, s.dir)
			s.refused(test.message, test.next)
			if !test.fresh {
				s.refused(test.message, test.next, "--fresh")
				return
			}
			s.up(append(s.ports(), "--fresh")...)
		})
	}
}

// put writes a file below the data folder.
func put(path, content string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		path := filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func drop(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func TestUpBadPort(t *testing.T) {
	s := newSite(t)
	for _, port := range []string{"-1", "65533", "99999"} {
		s.refused("there is no port "+port+" with three more behind it [usage]", "up --port ", "--port="+port)
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a command that was refused left a folder: %v", err)
	}
}

// TestUpInterrupted stops it before it has begun.
func TestUpInterrupted(t *testing.T) {
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr testpki.Output
	if code := Main(ctx, append([]string{"up", "--data", s.dir}, s.ports()...), nil, &stdout, &stderr); code != int(exitInterrupted) && code != 0 {
		t.Errorf("it ended with %d: %s", code, &stderr)
	}
	s.up(s.ports()...) // what there is of the folder does not stand in the way
}

// TestUpAsSomebodyElse starts the same folder as another user: they become an
// operator too.
func TestUpAsSomebodyElse(t *testing.T) {
	s := newSite(t)
	s.up(s.ports()...).stop()
	t.Setenv("USER", "b.o b")
	r := s.up()
	if !strings.Contains(r.stdout.String(), "revision 2,") {
		t.Errorf("it says %q", r.stdout)
	}
	if have := s.must("deny", "web", "orders", "--as", "operator/b-o-b"); !strings.HasPrefix(have, "Denied") {
		t.Errorf("the new operator gets %q", have)
	}
}

// TestUpAfterRevocations starts again without those who were revoked.
func TestUpAfterRevocations(t *testing.T) {
	s := newSite(t)
	first := s.up(s.ports()...)
	s.must("revoke", "web")
	s.must("revoke", "proxy/orders")
	s.must("revoke", "operator/ann", "--yes", "--anyway")
	if have := s.signet("conns"); have.code != 2 {
		t.Errorf("the revoked operator is answered: %+v", have)
	}
	operator := filepath.Join(s.dir, "identities", "operator", "ann.pem")
	before, err := os.ReadFile(operator)
	if err != nil {
		t.Fatal(err)
	}
	first.stop()
	r := s.up()
	if !strings.Contains(r.stdout.String(), "proxy/orders was revoked, so it does not run: nothing goes through it.\n") {
		t.Errorf("it says %q", r.stdout)
	}
	if after, err := os.ReadFile(operator); err != nil || string(after) != string(before) {
		t.Errorf("the revoked operator has a new certificate: %v", err)
	}
	if have := s.signet("conns"); have.code != 2 {
		t.Errorf("the revoked operator is answered: %+v", have)
	}
}
