package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/fault"
)

// outcome is what a command line came to.
type outcome struct {
	code           int
	stdout, stderr string
}

func signetMain(t *testing.T, stdin io.Reader, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(t.Context(), args, stdin, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

const portHint = "  next: write, for example, api.example.com:443 or 127.0.0.1:8443; a port is a number, 65535 at most\n"

func TestMisuseIsTwoLines(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"unknown command", []string{"vrify"}, "error: there is no command \"vrify\"; did you mean verify? [usage]\n  next: signet verify --help\n"},
		{"flag without a value", []string{"verify", "a.example:443", "--roots", ""}, "error: verify: --roots is given an empty value [usage]\n  next: give it a value, or leave --roots out; a variable of the shell may be empty\n"},
		{"flag without a value, in one word", []string{"connect", "a.example:443", "--as="}, "error: connect: --as is given an empty value [usage]\n  next: give it a value, or leave --as out; a variable of the shell may be empty\n"},
		{"one of several without a value", []string{"verify", "a.example:443", "--pin", "a.pem", "--pin", ""}, "error: verify: --pin is given an empty value [usage]\n  next: give it a value, or leave --pin out; a variable of the shell may be empty\n"},
		{"time without a value", []string{"verify", "a.example:443", "--at", ""}, "error: verify: --at is given an empty value [usage]\n  next: give it a value, or leave --at out; a variable of the shell may be empty\n"},
		{"one value given twice", []string{"connect", "a.example:443", "--roots", "a.pem", "--roots", "b.pem"}, "error: connect: --roots is given twice, and takes one value [usage]\n  next: leave one of them out\n"},
		{"one of a few given twice", []string{"verify", "a.example:25", "--starttls", "smtp", "--starttls=none"}, "error: verify: --starttls is given twice, and takes one value [usage]\n  next: leave one of them out\n"},
		{"number given twice", []string{"up", "--port", "7400", "--port", "7500"}, "error: up: --port is given twice, and takes one value [usage]\n  next: leave one of them out\n"},
		{"port that is none", []string{"connect", "localhost:99999"}, "error: \"localhost:99999\" is not HOST:PORT [address_invalid]\n" + portHint},
		{"port that no service has, of connect", []string{"connect", "localhost:abc", "--starttls", "smtp"}, "error: \"localhost:abc\" is not HOST:PORT [address_invalid]\n" + portHint},
		{"port that is none, to listen on", []string{"listen", "localhost:99999", "--as", "x.pem", "--public"}, "error: \"localhost:99999\" is not HOST:PORT [address_invalid]\n" + portHint},
		{"password in a target", []string{"verify", "https://jane:secret@a.example/"}, "error: https://jane:…@a.example/ is neither HOST:PORT nor a file [target_unknown]\n  next: signet verify a.example:443      # if this host is meant\n        or write a path that exists\n"},
		{"password of another command", []string{"connect", "https://jane:s@cret@a.example/"}, "error: \"https://jane:…@a.example/\" is not HOST:PORT [address_invalid]\n  next: signet connect a.example:443      # if this is meant\n"},
		{"unknown command of a line that is right", []string{"vrify", "a b:1"}, "error: there is no command \"vrify\"; did you mean verify? [usage]\n  next: signet verify 'a b:1'\n"},
		{"unknown command behind a flag", []string{"--data", "x", "cnons"}, "error: there is no command \"cnons\"; did you mean conns? [usage]\n  next: signet --data x conns\n"},
		{"help for an unknown command", []string{"help", "frob"}, "error: there is no command \"frob\" [usage]\n  next: signet --help\n"},
		{"hostile command", []string{"a\x1b[2J\n"}, "error: there is no command \"a\\x1b[2J\\n\" [usage]\n  next: signet --help\n"},
		{"unknown flag", []string{"--nope"}, "error: unknown flag --nope [usage]\n  next: signet --help\n"},
		{"unknown flag of a command", []string{"conns", "--nope"}, "error: conns: unknown flag --nope [usage]\n  next: signet conns --help\n"},
		{"misspelt flag", []string{"verify", "--rots", "x", "y:1"}, "error: verify: unknown flag --rots; did you mean --roots? [usage]\n  next: signet verify --roots x y:1\n"},
		{"misspelt flag with its value", []string{"verify", "--rots=x", "y:1"}, "error: verify: unknown flag --rots; did you mean --roots? [usage]\n  next: signet verify --roots=x y:1\n"},
		{"misspelt flag, and more", []string{"verify", "--rots", "x"}, "error: verify: unknown flag --rots; did you mean --roots? [usage]\n  next: signet verify --help\n"},
		{"short flag", []string{"verify", "-x"}, "error: verify: unknown flag -x [usage]\n  next: signet verify --help\n"},
		{"no number", []string{"up", "--port", "abc"}, "error: up: --port: \"abc\" is not a whole number [usage]\n  next: signet up --help\n"},
		{"number left out", []string{"up", "--port"}, "error: up: --port: a value is missing [usage]\n  next: signet up --help\n"},
		{"value of a flag that has none", []string{"up", "--fresh=maybe"}, "error: up: --fresh: it is said or left out, and has no value such as \"maybe\" [usage]\n  next: signet up --help\n"},
		{"endless word", []string{strings.Repeat("x", 5000)}, "error: there is no command \"" + strings.Repeat("x", 79) + "…" + strings.Repeat("x", 39) + "\" [usage]\n  next: signet --help\n"},
		{"missing argument", []string{"allow", "web"}, "error: allow: expected TO [usage]\n  next: signet allow --help\n"},
		{"missing arguments", []string{"deny"}, "error: deny: expected FROM TO [usage]\n  next: signet deny --help\n"},
		{"missing list", []string{"inspect"}, "error: inspect: expected FILE ... [usage]\n  next: signet inspect --help\n"},
		{"value of a flag alone", []string{"key", "new", "rsa-2048", "--out", "a.key"}, "error: key new: unexpected argument rsa-2048; did you mean --kind=rsa-2048? [usage]\n  next: signet key new --kind=rsa-2048 --out a.key\n"},
		{"command of another program", []string{"cert", "create"}, "error: there is no command \"cert create\"; did you mean new? [usage]\n  next: signet cert --help\n"},
		{"flag of curl", []string{"verify", "a:1", "--cacert", "ca.pem"}, "error: verify: unknown flag --cacert; did you mean --roots? [usage]\n  next: signet verify a:1 --roots ca.pem\n"},
		{"flag that there is not", []string{"verify", "a:1", "--port", "2"}, "error: verify: unknown flag --port [usage]\n  next: write the port behind the host: HOST:443\n"},
		{"one argument too many", []string{"conns", "web"}, "error: conns: unexpected argument web [usage]\n  next: signet conns --help\n"},
		{"flag without value", []string{"verify", "a:1", "--roots"}, "error: verify: --roots: a value is missing [usage]\n  next: signet verify --help\n"},
		{"flag that does not apply", []string{"connect", "a:1", "--json"}, "error: connect: unknown flag --json [usage]\n  next: signet connect --help\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			have := signetMain(t, nil, test.args...)
			if test.args[len(test.args)-1] == "--json" {
				var c complaint
				if err := json.Unmarshal([]byte(have.stdout), &c); err != nil || c.Error.Code != Usage {
					t.Errorf("have %+v, want an error in JSON", have)
				}
				return
			}
			if diff := cmp.Diff(outcome{2, "", test.want}, have, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

// TestWordsOfOtherPrograms has the same meant by other words.
func TestWordsOfOtherPrograms(t *testing.T) {
	for _, test := range []struct{ typed, meant []string }{
		{[]string{"--version"}, []string{"version"}},
		{[]string{"--version", "--json"}, []string{"version", "--json"}},
		{[]string{"help"}, []string{"--help"}},
		{[]string{"help", "verify"}, []string{"verify", "--help"}},
	} {
		have, want := signetMain(t, nil, test.typed...), signetMain(t, nil, test.meant...)
		if have != want || have.code != 0 {
			t.Errorf("%v: %+v, want what %v says", test.typed, have, test.meant)
		}
	}
}

func TestHelpExamplesParse(t *testing.T) {
	app := newParser(&grammar{}).Model
	if len(app.Children) < 9 {
		t.Fatalf("only %d commands", len(app.Children))
	}
	for _, node := range app.Leaves(true) {
		name := words(node)
		examples := lines(node.Detail)
		if len(examples) == 0 {
			t.Errorf("%s has no example", name)
		}
		for _, example := range examples {
			_, command, ok := strings.Cut(example, "signet ")
			if !ok {
				t.Errorf("%s: no command of ours: %s", name, example)
				continue
			}
			if _, err := newParser(&grammar{}).Parse(split(command)); err != nil {
				t.Errorf("%s: %v", example, err)
			}
			if !strings.HasPrefix(command, name) {
				t.Errorf("%s: the example is of another command: %s", name, example)
			}
		}
		if group := node.ClosestGroup(); !slices.Contains(ideas, group.Title) {
			t.Errorf("%s is in the group %s, which the help does not show", name, group.Title)
		}
	}
}

// split splits a command line as a shell does, as far as the examples need it.
func split(line string) []string {
	var out []string
	for i, part := range strings.Split(line, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

func TestHelpFitsTheScreen(t *testing.T) {
	help := signetMain(t, nil)
	for _, node := range newParser(&grammar{}).Model.Leaves(true) {
		have := signetMain(t, nil, append(strings.Fields(words(node)), "--help")...)
		if have.code != 0 || have.stderr != "" || !strings.Contains(have.stdout, "for example:\n  ") {
			t.Errorf("%s --help: %+v", node.Name, have)
		}
		help.stdout += have.stdout
	}
	for _, line := range lines(help.stdout) {
		if len(line) > lineWidth {
			t.Errorf("%d characters: %s", len(line), line)
		}
	}
}

func TestProgramIsNamedAsItWasStarted(t *testing.T) {
	paths := map[string]bool{
		"/usr/local/bin/signet":                               false,
		"/home/ann/go-builds/signet":                          false,
		"/tmp/go-build3851022919/b001/exe/signet":             true,
		"/tmp/x/go-build/b001/exe/signet":                     true,
		"/home/ann/.cache/go-build/7c/" + hex64 + "-d/signet": true,
		"/var/gocache/7c/" + hex64 + "-d/signet":              true,
		"/var/gocache/7c/" + hex64 + "/signet":                false,
	}
	for path, want := range paths {
		if have := goRun.MatchString(path); have != want {
			t.Errorf("%s: have %v, want %v", path, have, want)
		}
	}
	s := shell{program: "go run ./cmd/signet"}
	texts := map[string]string{
		"signet allow web orders":    "go run ./cmd/signet allow web orders",
		`here "signet up" helps`:     `here "go run ./cmd/signet up" helps`,
		"printf x | signet connect":  "printf x | go run ./cmd/signet connect",
		"Signet and assignet go on":  "Signet and assignet go on",
		"look into the server's log": "look into the server's log",
	}
	for text, want := range texts {
		if have := s.own(text); have != want {
			t.Errorf("have %q, want %q", have, want)
		}
	}
}

const hex64 = "7c0742736bf12bac57e746ed49ff89e5b673894e4d18edeb44f58cbec4eaa0f3"

func outOfRange(errs []error) error { return errs[0] }

func TestEndsOfCommands(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		end  func() error
		want outcome
	}{
		{"yes", t.Context(), func() error { return nil }, outcome{}},
		{"no", t.Context(), func() error { return exitNo }, outcome{code: 1}},
		{"coded", t.Context(), func() error { return fault.New(Unsent, "one\ntwo").WithHint("first\nsecond\tstep") },
			outcome{code: 2, stderr: "error: one?two [unsent]\n  next: first\n        second?step\n"}},
		{"without a hint", t.Context(), func() error { return fault.New(Unsent, "text") }, outcome{code: 2, stderr: "error: text [unsent]\n"}},
		{"foreign", t.Context(), func() error { return errors.New("text") },
			outcome{code: 2, stderr: "error: text [internal]\n  next: if this does not help, report it, with the output of \"signet version\"\n"}},
		{"panic", t.Context(), func() error { panic("a\nb") },
			outcome{code: 2, stderr: "error: a defect of Signet: a?b [internal_panic]\n  next: report it, with this line, the command, and the output of \"signet version\"\n"}},
		{"runtime panic", t.Context(), func() error { return outOfRange(nil) },
			outcome{code: 2, stderr: "error: a defect of Signet: runtime error: index out of range [0] with length 0 [internal_panic]\n  next: report it, with this line, the command, and the output of \"signet version\"\n"}},
		{"interrupted", canceled, func() error { return context.Canceled }, outcome{code: 130, stderr: "error: interrupted [interrupted]\n  next: run it again\n"}},
		{"canceled from inside", t.Context(), func() error { return context.Canceled },
			outcome{code: 2, stderr: "error: context canceled [internal]\n  next: if this does not help, report it, with the output of \"signet version\"\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			s := &shell{stdout: &stdout, stderr: &stderr, program: "signet", zone: time.UTC}
			code := s.conclude(test.ctx, guard(test.end))
			have := outcome{int(code), stdout.String(), stderr.String()}
			if diff := cmp.Diff(test.want, have, cmp.AllowUnexported(outcome{})); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
}

func TestErrorsForPrograms(t *testing.T) {
	have := signetMain(t, nil, "why", "no_such_code", "--json")
	var c complaint
	if err := json.Unmarshal([]byte(have.stdout), &c); err != nil {
		t.Fatal(err)
	}
	if have.code != 2 || have.stderr != "" || c.Error.Code != CodeUnknown || len(c.Error.Next) != 1 {
		t.Errorf("have %+v", have)
	}
}

func TestQuietLeavesOutWhatIsNext(t *testing.T) {
	have := signetMain(t, nil, "why", "no_such_code", "--quiet")
	want := outcome{2, "", "error: \"no_such_code\" is neither a code nor the ID of a connection [code_unknown]\n"}
	if diff := cmp.Diff(want, have, cmp.AllowUnexported(outcome{})); diff != "" {
		t.Errorf("(-want +have)\n%s", diff)
	}
}

// brokenPipe is an output that takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestOutputThatFailsIsAnError(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"version", "--json"}, {"why", "usage", "--json"}, {"--help"}, {"why", "usage"}} {
		var stderr bytes.Buffer
		code := Main(t.Context(), args, nil, brokenPipe{}, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), "[output_failed]\n") {
			t.Errorf("%q: exit %d, %s", args, code, stderr.String())
		}
	}
}

func TestVersion(t *testing.T) {
	have := signetMain(t, nil, "version", "--json")
	var b build
	if err := json.Unmarshal([]byte(have.stdout), &b); err != nil || b.Version == "" || b.Go == "" || b.System == "" {
		t.Errorf("have %+v: %v", have, err)
	}
}

// FuzzMain feeds command lines that need no network to the parser.
func FuzzMain(f *testing.F) {
	for _, seed := range []string{"", "--help", "why usage", "why c", "why caf", "verify --name", "version --json", "--data /dev/null conns", "-h -h"} {
		f.Add(seed)
	}
	f.Setenv("XDG_DATA_HOME", f.TempDir())
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		var stdout, stderr bytes.Buffer
		s := &shell{stdout: &stdout, stderr: &stderr, program: "signet", zone: time.UTC}
		if _, err := s.parse(args); err != nil {
			code := s.conclude(t.Context(), err)
			if code != 2 || !strings.Contains(stdout.String()+stderr.String(), "usage") {
				t.Errorf("%q: exit %d, %s%s", args, code, stdout.String(), stderr.String())
			}
		}
	})
}
