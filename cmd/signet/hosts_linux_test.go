package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// hostGuide is a page for three hosts, and the program that is to be reached.
type hostGuide struct {
	page string
	peer func(testing.TB) string // that the program is of; nil for Python's own
	// start starts it on its host, in a folder of its own: with the program's in $PEER,
	// and in $AS how root becomes another user. "": the page says how.
	start string
	says  string // the last command
}

var hostGuides = []hostGuide{
	{"quickstart.md", nil, "", "Connection reset by peer"},
	{"guide-postgresql.md", peers.Postgres, `$AS $PEER/initdb -D data -A trust -N -U signet >init.out && exec $AS $PEER/postgres -D data -h 127.0.0.1 -p 5432 -k $PWD -F`, "42"},
	{"guide-redis.md", peers.Redis, `exec $PEER/redis-server --bind 127.0.0.1 --save ""`, "OK"},
	{"guide-go.md", nil, `exec sleep infinity`, "an order for web"},
	{"guide-python.md", nil, `exec python3 -m http.server --bind 127.0.0.1 8080`, "200"},
}

// namespaces makes three hosts of network namespaces, in namespaces of the script's
// own: when it ends the kernel ends all that it has started, and nothing is left.
const namespaces = `mkdir -p /run/netns && mount -t tmpfs none /run/netns
ip link add bridge type bridge && ip link set bridge up
n=0
for host in authority service client; do
  n=$((n + 1))
  ip netns add $host
  ip link add to-$host type veth peer name eth0 netns $host
  ip link set to-$host master bridge up
  ip -n $host addr add 10.77.0.$n/24 dev eth0
  ip -n $host link set eth0 up
  ip -n $host link set lo up
done
enter() { exec ip netns exec "$@"; }
`

// loopback has three hosts be three addresses of this one, for whoever may not make
// namespaces: what the script has started it ends itself.
const loopback = `set -m # each job is a process group
trap 'for job in $(jobs -p); do kill -KILL -- -$job; done' EXIT
enter() { shift; exec "$@"; }
`

// onHosts is what follows either of them.
const onHosts = `for host in authority service client; do mkdir -p $host; done
on() { (cd "$WORK/$1" && export HOME=$PWD && enter "$@"); }
# A step works by itself, or as soon as what it needs answers.
step() {
  until on "$1" timeout 20 sh -c "$2" >last.out 2>last.err; do again "$@"; done
}
# A step that is shown with what it says, which may be a refusal.
shown() {
  until on "$1" timeout 20 sh -c "$2" >last.out 2>&1 || true; grep -qF -- "$3" last.out; do again "$@"; done
}
again() {
  if test $SECONDS -gt 240; then fail "$@"; fi
  sleep 0.1
}
fail() { echo "on $1: $2"; cat last.out last.err; tail -n 20 */running.*; exit 1; }
(umask 077; echo 'correct horse battery staple' >authority/passphrase.txt)
mkdir -p service/program && chmod 755 service service/program
if test "$AS"; then chown nobody service/program; fi
if test "$START"; then on service sh -c "cd program && $START" >service/running.program 2>&1 & fi
`

// TestHostGuides runs each command of the guides for several hosts, word for word, on
// the host whose it is.
func TestHostGuides(t *testing.T) {
	apart := []string{"unshare", "--net", "--mount", "--pid", "--fork", "--kill-child"}
	t.Run("namespaces", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("NOT RUN: network namespaces take root")
		}
		for _, program := range []string{"ip", "unshare", "runuser"} {
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("NOT RUN: network namespaces take %s", program)
			}
		}
		if out, err := exec.Command(apart[0], append(apart[1:], "ip", "link", "add", "bridge", "type", "bridge")...).CombinedOutput(); err != nil {
			t.Skipf("NOT RUN: no network namespace can be made here: %v: %s", err, out)
		}
		for _, guide := range hostGuides {
			t.Run(guide.page, func(t *testing.T) {
				t.Parallel()
				guide.run(t, apart, namespaces, func(_, text string) string { return text })
			})
		}
	})
	t.Run("loopback", func(t *testing.T) {
		for i, guide := range hostGuides {
			t.Run(guide.page, func(t *testing.T) {
				t.Parallel()
				guide.run(t, nil, loopback, func(host, text string) string { return onLoopback(i, host, text) })
			})
		}
	})
}

// run runs a page's commands on hosts that a script makes, itself begun by a program.
// Local is a text as it is on a host.
func (g hostGuide) run(t *testing.T, by []string, hosts string, local func(host, text string) string) {
	folder := ""
	if g.peer != nil {
		if folder = g.peer(t); filepath.Base(folder) == "redis-server" {
			folder = filepath.Dir(folder)
		}
	}
	work, err := os.MkdirTemp("", "hosts") // others than root have to reach it
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(work)
	if err := os.Chmod(work, 0o755); err != nil {
		t.Fatal(err)
	}
	programs := filepath.Join(work, "programs")
	if g.page == "guide-go.md" {
		if err := buildExample("orders", filepath.Join(programs, "orders")); err != nil {
			t.Fatal(err)
		}
	}
	other := ""
	if os.Getuid() == 0 {
		other = "runuser -u nobody --"
	}
	args := append(by, "bash", "-c", "set -eu\ncd \"$WORK\"\n"+hosts+onHosts+steps(t, g.page, local)+"cat last.out\n")
	script := exec.Command(args[0], args[1:]...)
	script.Env = append(os.Environ(), "WORK="+work, "PEER="+folder, "AS="+other, "START="+local("service", g.start), "USER=ann", "PATH="+programs+":"+os.Getenv("PATH"), "XDG_DATA_HOME=", "SIGNET_DATA=", hurry)
	out, err := script.CombinedOutput()
	if err != nil || !strings.Contains(string(out), g.says) {
		t.Errorf("%v: %s", err, out)
	}
}

// hostNames are the hosts that pages name, and which of three each is.
var hostNames = []struct{ name, host string }{{"authority's host", "authority"}, {"database's host", "service"}, {"host of Redis", "service"}, {"server's host", "service"}, {"program's host", "client"}, {"client's host", "client"}, {"caller's host", "client"}}

// hosts are the three, in the order of their addresses.
var hosts = []string{"authority", "service", "client"}

// onLoopback gives each host an address of this machine's loopback, all of 127/8, in
// place of its own and of its loopback: others for each guide.
func onLoopback(guide int, host, text string) string {
	network := fmt.Sprintf("127.77.%d.", guide)
	own := network + strconv.Itoa(1+slices.Index(hosts, host))
	text = strings.NewReplacer("10.77.0.", network, "127.0.0.1", own).Replace(text)
	if strings.HasPrefix(text, "signet authority serve ") {
		text += " --status " + own + ":7401"
	}
	return text
}

// steps are a page's commands as a script. A line that names a host says whose those
// are that follow; one that names a file, what it has.
func steps(t *testing.T, name string, local func(host, text string) string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	host, file, language := "", "", ""
	var block []string
	counts := map[string]int{}
	named := regexp.MustCompile("^`([a-z]+\\.toml)`:$")
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && language == "":
			language, block = fence, nil
		case isFence:
			switch language {
			case "toml":
				fmt.Fprintf(&script, "cat >%s/%s <<'END'\n%s\nEND\n", host, file, strings.Join(block, "\n"))
			case "console": // one command, and the line of what it says that matters
				counts[host]++
				fmt.Fprintf(&script, "shown %s %s %s\n", host, quoted(strings.TrimPrefix(block[0], "$ ")), quoted(block[1]))
			case "sh":
				for _, command := range block {
					counts[host]++
					script.WriteString(step(host, command))
				}
			}
			language = ""
		case language != "":
			block = append(block, local(host, line))
		case named.MatchString(line):
			file = named.FindStringSubmatch(line)[1]
		default:
			for _, known := range hostNames {
				if strings.Contains(line, "On the "+known.name) {
					host = known.host
				}
			}
		}
	}
	for _, host := range hosts {
		if counts[host] == 0 || counts[host] > 6 {
			t.Errorf("%s has %d commands, not 1 to 6", host, counts[host])
		}
	}
	return script.String()
}

// step runs one command; a server goes on running. Tokens are carried to all hosts.
func step(host, command string) string {
	for _, server := range []string{" serve ", "http.server"} {
		if strings.Contains(command, server) {
			return fmt.Sprintf("on %s sh -c %s >%s/running.%s 2>&1 &\n", host, quoted(command), host, strings.Trim(server, " "))
		}
	}
	script := fmt.Sprintf("step %s %s\n", host, quoted(command))
	if strings.HasSuffix(command, ".token") && strings.Contains(command, "token new") {
		script += "cp authority/*.token service; cp authority/*.token client\n"
	}
	return script
}

// quoted is a text as one word of a shell's.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }
