package bogoshim

import (
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write testdata/defaults.json")

// The runner is that of BoringSSL's commit f51d8b099832, which Go 1.26 has for its own
// crypto/tls. Another has other tests.
const (
	commit        = "f51d8b099832"
	tests         = 6473 // of which 4,176 are of TLS over TCP
	unimplemented = 4253
)

// group are tests that have another outcome than BoringSSL's own, and why.
type group struct {
	Reason string
	Tests  []string
}

// settings are testdata/config.json, of which the runner reads the first two and leaves
// the third aside: which errors of ours stand for each of BoringSSL's, and the tests that
// Signet fails whatever protections are off.
type settings struct {
	AllCurves []int
	ErrorMap  map[string][]string
	Groups    []group
}

// outcomes are those of tests by their names.
type outcomes map[string]outcome

type outcome struct {
	Actual string // PASS, FAIL or SKIP
	Error  string
}

func (o outcomes) named(actual string) (names []string) {
	for name, one := range o {
		if one.Actual == actual {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// TestBoGo has BoringSSL's runner try to break Signet: once with all protections off
// that a switch can take off, since the runner speaks what is old, and once as Signet is.
func TestBoGo(t *testing.T) {
	checkout := os.Getenv("SIGNET_BOGO")
	if checkout == "" {
		t.Skipf("NOT RUN: BoringSSL's runner is not here; next: set SIGNET_BOGO to a checkout of its commit %s", commit)
	}
	runner := buildRunner(t, filepath.Join(checkout, "ssl", "test", "runner"))
	var off outcomes
	t.Run(protectionsOff, func(t *testing.T) {
		off = run(t, runner, protectionsOff, "", tests)
		config := load[settings](t, "config.json")
		if !slices.Equal(config.AllCurves, spoken) {
			t.Errorf("config.json has the groups %d, want %d", config.AllCurves, spoken)
		}
		checkListed(t, off, config.Groups)
	})
	t.Run(protectionsOn, func(t *testing.T) {
		if off == nil {
			t.Skip("needs the outcomes of the run before")
		}
		checkDefaults(t, off, run(t, runner, protectionsOn, "", tests))
	})
	t.Run(byLoops, func(t *testing.T) {
		if off == nil {
			t.Skip("needs the outcomes of the run before")
		}
		checkCarried(t, off, run(t, runner, byLoops, strings.Join(afterHandshake, ";"), carriedTests))
	})
}

func buildRunner(t *testing.T, folder string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "runner")
	build := exec.Command("go", "test", "-c", "-o", file, ".")
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the runner cannot be built: %v\n%s", err, out)
	}
	return &exec.Cmd{Path: file, Dir: folder}
}

// afterHandshake are tests of what is said behind a handshake, by which loops may go on:
// records, new keys, alerts and ends.
var afterHandshake = []string{
	"*KeyUpdate*", "*Shutdown*", "*Close*", "*Alert*", "*UserCanceled*",
	"*Record*", "*Padding*", "*Fragment*", "*AppData*", "*WrongVersion*", "SendBogus*", "TLS-TLS13-*",
}

// How many they are, and how many of them at least loops carry and pass. The others have
// TLS 1.2 or a handshake that fails, or ask for what the shim has not.
const (
	carriedTests  = 937
	carriedPassed = 120
)

// notResumed is what the runner says of a client's second connection: crypto/tls tells
// nobody what its sessions need, so that loops have none.
const notResumed = "didResume is false, but we expected the opposite"

// checkCarried holds that no test fails that passes where crypto/tls carries the
// connection.
func checkCarried(t *testing.T, off, carried outcomes) {
	t.Helper()
	passed := carried.named("PASS")
	t.Logf("%d passed of %d", len(passed), len(carried))
	if len(passed) < carriedPassed {
		t.Errorf("%d passed, want %d at least", len(passed), carriedPassed)
	}
	for _, test := range carried.named("FAIL") {
		if off[test].Actual == "PASS" && !strings.Contains(carried[test].Error, notResumed) {
			t.Errorf("%s: %s", test, carried[test].Error)
		}
	}
}

// run returns what came of so many tests: of all, or of those that fit patterns.
func run(t *testing.T, runner *exec.Cmd, mode, patterns string, count int) outcomes {
	t.Helper()
	shim, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config, err := filepath.Abs(filepath.Join("testdata", "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	results, crashed := filepath.Join(t.TempDir(), "results.json"), filepath.Join(t.TempDir(), "crashes")
	if err := os.WriteFile(crashed, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	command := &exec.Cmd{Path: runner.Path, Dir: runner.Dir, Env: append(os.Environ(), asShim+"="+mode, crashes+"="+crashed), Args: []string{
		runner.Path,
		"-shim-path", shim,
		"-shim-config", config,
		"-allow-unimplemented",
		"-json-output", results,
		"-test", patterns,
	}}
	out, err := command.CombinedOutput()
	data, missing := os.ReadFile(results)
	if missing != nil { // the runner fails where any test does
		t.Fatalf("the runner did not get to its end: %v\n%s", err, out)
	}
	if text, err := os.ReadFile(crashed); err != nil || len(text) > 0 {
		t.Errorf("the shim crashed: %v\n%s", err, text)
	}
	var all struct{ Tests outcomes }
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all.Tests) != count {
		t.Fatalf("the runner has %d tests, that of %s has %d", len(all.Tests), commit, count)
	}
	return all.Tests
}

// checkListed holds that exactly the listed tests fail.
func checkListed(t *testing.T, have outcomes, groups []group) {
	t.Helper()
	reasons := map[string]string{}
	for _, group := range groups {
		for _, test := range group.Tests {
			if reasons[test] != "" || group.Reason == "" {
				t.Errorf("%s is listed twice, or without a reason", test)
			}
			reasons[test] = group.Reason
		}
	}
	failed := 0
	for _, test := range have.named("FAIL") {
		if reasons[test] == "" {
			failed++
			t.Errorf("%s: %s", test, have[test].Error)
		}
	}
	for test, reason := range reasons {
		if actual := have[test].Actual; actual != "FAIL" {
			t.Errorf("%s has %q, and is listed as failing: %s", test, actual, reason)
		}
	}
	skipped := len(have.named("SKIP"))
	t.Logf("%d passed, %d failed, %d listed in %d groups, %d unimplemented", len(have.named("PASS")), failed, len(reasons), len(groups), skipped)
	if skipped != unimplemented {
		t.Errorf("%d are unimplemented, want %d", skipped, unimplemented)
	}
}

// purposes are why a test fails with Signet's defaults alone, by a text of the shim's
// error: the code of Signet's own. The first that fits counts.
var purposes = []struct{ sign, reason string }{
	{"[tls_version_mismatch]", "TLS 1.0 and 1.1 are not spoken (RFC 8996)."},
	{"[no_extended_master_secret]", "TLS 1.2 is not spoken without the extended master secret (RFC 7627)."},
	{"[tls_cipher_mismatch]", noCBC},
	{"no cipher suite supported by both client and server", noCBC},
}

const noCBC = "Suites of CBC are not spoken, and TLS 1.1 and older have no others."

// checkDefaults holds that testdata/defaults.json has exactly the tests that fail
// because a protection is on, and why.
func checkDefaults(t *testing.T, off, on outcomes) {
	t.Helper()
	found := map[string][]string{}
	for _, test := range off.named("PASS") {
		switch one := on[test]; one.Actual {
		case "FAIL":
			reason, err := purpose(one.Error)
			if err != nil {
				t.Errorf("%s: %v: %s", test, err, one.Error)
			}
			found[reason] = append(found[reason], test)
		case "SKIP":
			t.Errorf("%s is unimplemented, and passes where protections are off", test)
		}
	}
	var groups []group
	for _, reason := range slices.Sorted(maps.Keys(found)) {
		t.Logf("%d refused: %s", len(found[reason]), reason)
		groups = append(groups, group{reason, found[reason]})
	}
	if *update {
		save(t, "defaults.json", groups)
	}
	if diff := cmp.Diff(load[[]group](t, "defaults.json"), groups); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

func purpose(text string) (string, error) {
	for _, one := range purposes {
		if strings.Contains(text, one.sign) {
			return one.reason, nil
		}
	}
	return "", errors.New("refused, and nobody knows why")
}

func load[T any](t *testing.T, name string) (value T) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err == nil {
		err = json.Unmarshal(data, &value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func save(t *testing.T, name string, value any) {
	t.Helper()
	data, err := json.MarshalIndent(value, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join("testdata", name), append(data, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}
