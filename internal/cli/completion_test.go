package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
)

// drivers ask a shell for what may stand at the end of a command line. The
// script is the first argument, the words of the line follow.
var drivers = map[string][]string{
	"bash": {"--norc", "-c", `source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _signet; printf '%s\n' "${COMPREPLY[@]}"`},
	"fish": {"-c", `source $argv[1]; complete -C "$argv[2..-1]" | string split -f1 \t; true`},
	// Only an interactive zsh completes: what it offers for that is written here.
	"zsh": {"-f", "-c", `
		compdef() { :; }
		compadd() { shift; print -l -- "$@"; }
		_files() { print -l -- *; }
		_describe() { local item; for item in "${(@P)@[-1]}"; do print -r -- "${item%%:*}"; done; }
		words=("$@"); CURRENT=$#; source "$0"; _signet`},
}

// complete returns what a shell offers for the last of the words.
func complete(t *testing.T, shell, script string, words ...string) []string {
	t.Helper()
	command := exec.Command(peers.Shell(t, shell), append(slices.Clone(drivers[shell]), append([]string{script}, words...)...)...)
	command.Dir = filepath.Dir(script)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v: %s", shell, err, out)
	}
	offered := slices.DeleteFunc(strings.Fields(string(out)), func(word string) bool {
		return !strings.HasPrefix(word, words[len(words)-1]) // which zsh sorts out itself
	})
	slices.Sort(offered)
	return offered
}

func TestCompletion(t *testing.T) {
	tests := []struct{ line, want string }{
		{"signet ver", "verify version"},
		{"signet conn", "connect conns"},
		{"signet verify --ro", "--roots"},
		{"signet verify --js", "--json"},
		{"signet --da", "--data"},
		{"signet --data up con", "connect conns convert"},
		{"signet --data up conns --q", "--quiet"},
		{"signet allow allow --b", "--because"},
		{"signet allow ", ""},
		{"signet up ser", ""},
		{"signet verify ser", "server.pem"},
		{"signet verify --roots ser", "server.pem"},
		{"signet verify --name ser", ""},
		{"signet why chain_", "chain_incomplete"},
		{"signet completion ", "bash fish zsh"},
		{"signet nothing --ro", ""},
	}
	for shell := range drivers {
		t.Run(shell, func(t *testing.T) {
			have := signetMain(t, nil, "completion", shell)
			if have.code != 0 || have.stderr != "" {
				t.Fatalf("have %+v", have)
			}
			dir := t.TempDir()
			script := filepath.Join(dir, "_script")
			for path, content := range map[string]string{script: have.stdout, filepath.Join(dir, "server.pem"): ""} {
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for _, test := range tests {
				offered := complete(t, shell, script, strings.Split(test.line, " ")...)
				if have := strings.Join(offered, " "); have != test.want {
					t.Errorf("%q: offered %q, want %q", test.line, have, test.want)
				}
			}
		})
	}
}

// TestCompletionOfNestedCommands has a grammar with commands of two words.
func TestCompletionOfNestedCommands(t *testing.T) {
	var nested struct {
		Cert struct {
			New struct {
				Kind string `arg:"" enum:"root,server"`
				Form string `enum:"pem,der" default:"der" help:"It's \\ a form: one of two."`
				Out  string `placeholder:"FILE"`
			} `cmd:"" help:"make one; it's \\ \"quoted\""`
			Renew struct{} `cmd:""`
		} `cmd:""`
	}
	all := placesOf(kong.Must(&nested, kong.NoDefaultHelp()).Model)
	for shell, write := range map[string]func(places) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript} {
		t.Run(shell, func(t *testing.T) {
			script := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(script, []byte(write(all)), 0o600); err != nil {
				t.Fatal(err)
			}
			for line, want := range map[string]string{
				"signet ":                  "cert",
				"signet cert ":             "new renew",
				"signet cert new ":         "root server",
				"signet cert new root --":  "--form --out",
				"signet cert new --form d": "der",
				"signet cert new --out s":  "script",
				"signet new ":              "cert",
			} {
				if diff := cmp.Diff(strings.Fields(want), complete(t, shell, script, strings.Split(line, " ")...)); diff != "" {
					t.Errorf("%q (-want +have)\n%s", line, diff)
				}
			}
		})
	}
}
