package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
)

// hostGuides are pages for three hosts, and the program that is to be reached: how it
// is started on its host.
var hostGuides = []struct {
	page string
	peer func(testing.TB) string // that the program is of; nil for Python's own
	// start has the program's folder in $PEER, and runs in a folder of its own.
	start string
	says  string // the last command
}{
	{"guide-postgresql.md", peers.Postgres, `chown nobody . && runuser -u nobody -- $PEER/initdb -D data -A trust -N -U signet >init.out && exec runuser -u nobody -- $PEER/postgres -D data -h 127.0.0.1 -p 5432 -k $PWD -F`, "42"},
	{"guide-redis.md", peers.Redis, `exec $PEER/redis-server --bind 127.0.0.1 --save ""`, "OK"},
	{"guide-go.md", nil, `exec sleep infinity`, "an order for web"},
	{"guide-python.md", nil, `exec python3 -m http.server --bind 127.0.0.1 8080`, "200"},
}

// threeHosts makes three hosts of network namespaces, in namespaces of the script's
// own: when it ends the kernel ends all that it has started, and nothing is left.
const threeHosts = `set -eu
cd "$WORK"
mkdir -p /run/netns && mount -t tmpfs none /run/netns
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
  mkdir -p $host
done
on() { (cd "$WORK/$1" && HOME=$PWD exec ip netns exec $1 sh -c "$2"); }
# A step works by itself, or as soon as what it needs answers.
step() {
  for i in $(seq 600); do
    if on "$1" "$2" >last.out 2>last.err; then return; fi
    sleep 0.1
  done
  echo "on $1: $2"; cat last.out last.err; tail -n 20 */running.*; exit 1
}
(umask 077; echo 'correct horse battery staple' >authority/passphrase.txt)
mkdir -p service/program && chmod 755 service service/program
(cd service/program && on service "cd program && $START") >service/running.program 2>&1 &
`

// TestHostGuides runs each command of the guides for several hosts, word for word, on
// the host whose it is.
func TestHostGuides(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT RUN: network namespaces take root")
	}
	for _, program := range []string{"ip", "unshare", "runuser"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("NOT RUN: network namespaces take %s", program)
		}
	}
	if out, err := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "ip", "link", "add", "bridge", "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: no network namespace can be made here: %v: %s", err, out)
	}
	for _, guide := range hostGuides {
		t.Run(guide.page, func(t *testing.T) {
			t.Parallel()
			folder := ""
			if guide.peer != nil {
				if folder = guide.peer(t); filepath.Base(folder) == "redis-server" {
					folder = filepath.Dir(folder)
				}
			}
			page, err := os.ReadFile("../../docs/" + guide.page)
			if err != nil {
				t.Fatal(err)
			}
			work, err := os.MkdirTemp("", "hosts") // others than root have to reach it
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(work)
			programs := filepath.Join(work, "programs")
			if strings.Contains(string(page), "examples/orders") {
				if err := buildExample("orders", filepath.Join(programs, "orders")); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Chmod(work, 0o755); err != nil {
				t.Fatal(err)
			}
			script := exec.Command("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", threeHosts+steps(t, string(page))+"cat last.out\n")
			script.Env = append(os.Environ(), "WORK="+work, "PEER="+folder, "START="+guide.start, "USER=ann", "PATH="+programs+":"+os.Getenv("PATH"), "XDG_DATA_HOME=", "SIGNET_DATA=", hurry)
			out, err := script.CombinedOutput()
			if err != nil || !strings.Contains(string(out), guide.says) {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// hosts are those that a page names, and the namespaces in their place.
var hosts = []struct{ name, host string }{{"authority's host", "authority"}, {"database's host", "service"}, {"host of Redis", "service"}, {"server's host", "service"}, {"program's host", "client"}, {"client's host", "client"}}

// steps are a page's commands as a script. A line that names a host says whose those
// are that follow; one that names a file, what it has.
func steps(t *testing.T, page string) string {
	t.Helper()
	var script strings.Builder
	host, file, language := "", "", ""
	var block []string
	counts := map[string]int{}
	named := regexp.MustCompile("^`([a-z]+\\.toml)`:$")
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case isFence && language == "":
			language, block = fence, nil
		case isFence:
			if language == "toml" {
				fmt.Fprintf(&script, "cat >%s/%s <<'END'\n%s\nEND\n", host, file, strings.Join(block, "\n"))
			} else if language == "sh" {
				for _, command := range block {
					counts[host]++
					script.WriteString(step(host, command))
				}
			}
			language = ""
		case language != "":
			block = append(block, line)
		case named.MatchString(line):
			file = named.FindStringSubmatch(line)[1]
		case strings.HasPrefix(line, "## On the ") || strings.HasPrefix(line, "On the ") || strings.HasSuffix(line, "On the authority's host:"):
			at := strings.LastIndex(line, "On the ")
			for _, known := range hosts {
				if strings.HasPrefix(line[at:], "On the "+known.name) {
					host = known.host
				}
			}
		}
	}
	for _, host := range []string{"authority", "service", "client"} {
		if counts[host] == 0 || counts[host] > 6 {
			t.Errorf("%s has %d commands, not 1 to 6", host, counts[host])
		}
	}
	return script.String()
}

// step runs one command; a server goes on running. Tokens are carried to all hosts.
func step(host, command string) string {
	quoted := "'" + strings.ReplaceAll(command, "'", `'\''`) + "'"
	if strings.Contains(command, " serve ") {
		return fmt.Sprintf("on %s 'exec '%s >%s/running.signet 2>&1 &\n", host, quoted, host)
	}
	script := fmt.Sprintf("step %s %s\n", host, quoted)
	if strings.HasSuffix(command, ".token") && strings.Contains(command, "token new") {
		script += "cp authority/*.token service; cp authority/*.token client\n"
	}
	return script
}
