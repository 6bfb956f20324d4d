package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-tls/signet/internal/peers"
)

// hurry has programs under the race detector end at once, not after the second
// that it waits by default.
const hurry = "GORACE=atexit_sleep_ms=0"

var update = flag.Bool("update", false, "rewrite the golden texts in testdata")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"signet": main})
}

// TestStories runs each user story of testdata with the real main.
func TestStories(t *testing.T) {
	peers.Curl(t)
	testscript.Run(t, stories("testdata", *update))
}

func stories(dir string, update bool) testscript.Params {
	return testscript.Params{
		Dir:                dir,
		UpdateScripts:      update,
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("USER", "ann")
			env.Vars = append(env.Vars, hurry)
			env.Setenv("TZ", "UTC")
			env.Setenv("GORACE", "atexit_sleep_ms=10") // else each command waits a second at its end
			return ownersAlone(env.WorkDir)
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, errors.New("unknown condition " + name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":  exits,
			"mask":   mask,
			"pki":    writePKI,
			"serve":  serve,
			"ports":  ports,
			"ready":  ready,
			"until":  until,
			"keepid": keepID,
			"example": func(ts *testscript.TestScript, neg bool, args []string) {
				if neg || len(args) != 1 {
					ts.Fatalf("usage: example NAME")
				}
				ts.Check(buildExample(args[0], ts.MkAbs(args[0])))
			},
		},
	}
}

// buildExample builds one of the examples, the program that the guides speak of.
func buildExample(name, file string) error {
	if out, err := exec.Command("go", "build", "-o", file, "../../examples/"+name).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// ownersAlone keeps a story's files from others, as those with a passphrase must be.
func ownersAlone(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			err = os.Chmod(path, 0o600)
		}
		return err
	})
}

// exits CODE COMMAND… runs a command that must end with exactly that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		code = exit.ExitCode()
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// masks are what differs from run to run, and nothing else.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`sha256//[A-Za-z0-9+/]{43}=`), "PIN"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "FINGERPRINT"},
	{regexp.MustCompile(`\b[0-9a-f]{40}\b`), "SERIAL"},
	{regexp.MustCompile(`(localhost|127\.0\.0\.1):\d+`), "$1:PORT"},
	{regexp.MustCompile(`\d\d:\d\d:\d\d\b`), "CLOCK"},
	{regexp.MustCompile(`\bc[0-9a-f]{3,32}\b`), "CONN"},
	{regexp.MustCompile(`\b\d+(\.\d)? (B|KiB|MiB)\b`), "SIZE"},
	{regexp.MustCompile(`\bjust now\b`), "SPAN ago"},
	{regexp.MustCompile(`\d+ (ms|s|min|h|days)\b`), "SPAN"},
	{regexp.MustCompile(`\d+ \w{3} 20\d\d( \d\d:\d\d UTC)?`), "DATE"},
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
}

// verdictGap is what stands before a row's verdict; it grows and shrinks with
// what is masked.
var verdictGap = regexp.MustCompile(` {2,}(ok|STOP|not checked)$`)

// mask FILE OUT writes FILE (or stdout, stderr) with masks to OUT.
func mask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mask FILE OUT")
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(masked(ts.ReadFile(args[0]))), 0o600))
}

func masked(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		masked := line
		for _, mask := range masks {
			masked = mask.what.ReplaceAllString(masked, mask.with)
		}
		if masked != line {
			masked = verdictGap.ReplaceAllString(masked, "  $1")
		}
		lines[i] = masked
	}
	return strings.Join(lines, "\n")
}
