package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// TestMain is a service where a test has started it again, as main is.
func TestMain(m *testing.M) {
	if ok, err := child(); ok {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestLoadTests(t *testing.T) {
	for _, name := range testNames() {
		if _, err := loadTest(name); err != nil && name != cipherTest {
			t.Errorf("%s is in the report, and %v", name, err)
		}
	}
	for name := range loadTests {
		if !slices.Contains(testNames(), name) {
			t.Errorf("%s is in no table of the report", name)
		}
	}
	for _, name := range []string{"", "hs-none", "idle", "idle-", "idle-0", "up-8"} {
		if _, err := loadTest(name); err == nil {
			t.Errorf("there is a test %q", name)
		}
	}
}

// TestEntrants holds the peers' configurations to the words that are filled in.
func TestEntrants(t *testing.T) {
	names := map[string]bool{}
	for _, e := range entrants() {
		if names[e.Name] || e.By == "" || strings.ContainsAny(e.Name, ", ") {
			t.Errorf("%+v: a name stands in a list, once", e.entry)
		}
		names[e.Name] = true
	}
	if !names[baseline] || !names[copyRelay] {
		t.Errorf("there is no baseline, or no relay: %v", names)
	}
	for _, file := range []string{"nginx.conf", "haproxy.cfg", "stunnel.conf"} {
		text, err := os.ReadFile(filepath.Join("peers", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"@DIR@", "@LISTEN@", "@BACKEND@"} {
			if !bytes.Contains(text, []byte(word)) {
				t.Errorf("%s has no %s", file, word)
			}
		}
	}
}

// TestForgetting holds what signet-cold is built with to the verifier's source.
func TestForgetting(t *testing.T) {
	source, err := os.ReadFile("../verify/verifier.go")
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := forgetting(source); err != nil || len(changed) != len(source)+len("\treturn\n") {
		t.Errorf("%d bytes become %d (%v)", len(source), len(changed), err)
	}
	if _, err := forgetting([]byte("package verify")); err == nil {
		t.Error("nothing was replaced, and nobody told")
	}
}

// TestLoad runs each test against a relay, and the storm's clients: no figure is looked
// at, only that there is one.
func TestLoad(t *testing.T) {
	address, err := startBackend()
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{dir: t.TempDir(), env: os.Environ()}
	t.Cleanup(w.close)
	small := sizes{shakes: 8, workers: 2, bulk: 1 << 20, pings: 20 * time.Millisecond, settle: time.Millisecond}
	for _, service := range []string{"copy", "splice"} {
		at, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.child(service, service, at, address)
		if err != nil {
			t.Fatal(err)
		}
		plain := &target{address: at, process: p}
		for _, name := range []string{"hs", "up1", "down1", "down8", "ping1", "ping64", "idle-4", "idlefull-4"} {
			have, err := sure(loadTest(name))(plain, small)
			if err != nil || len(have) < 2 {
				t.Errorf("%s, %s: have %v (%v)", service, name, have, err)
			}
		}
		var out bytes.Buffer
		if err := plain.comeBack(&out, "again", 4, 4, nil); err != nil || !strings.Contains(out.String(), "0 attempts failed") {
			t.Errorf("have %s (%v)", &out, err)
		}
		p.kill()
		if err := p.over(); err == nil {
			t.Error("it goes on after its end")
		}
	}
}

func TestVersionLine(t *testing.T) {
	for said, want := range map[string]string{
		"Initializing stunnel\nstunnel 5.68 on x86_64\nthreads": "stunnel 5.68 on x86_64",
		"": "stunnel, of an unknown version",
	} {
		if have := versionLine(said, "stunnel"); have != want {
			t.Errorf("%q: have %q", said, have)
		}
	}
}

func TestCommandLine(t *testing.T) {
	flags := flag.NewFlagSet("matrix", flag.ContinueOnError)
	flags.Int("rounds", 15, "")
	flags.Bool("quick", false, "")
	flags.String("out", "page.md", "")
	if err := flags.Parse([]string{"-out", "/elsewhere", "-quick", "-rounds", "3"}); err != nil {
		t.Fatal(err)
	}
	if have := commandLine(flags, "out"); have != "go run ./bench matrix -quick=true -rounds=3" {
		t.Errorf("have %s", have)
	}
}

func TestMany(t *testing.T) {
	done := make([]bool, 100)
	if err := many(len(done), 7, func(_, i int) error { done[i] = true; return nil }); err != nil || slices.Contains(done, false) {
		t.Errorf("have %v (%v)", done, err)
	}
	broken, calls := errors.New("broken"), 0
	if err := many(100, 1, func(_, i int) error { calls++; return broken }); !errors.Is(err, broken) || calls != 1 {
		t.Errorf("have %v after %d calls", err, calls)
	}
}

func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	var tokens []string
	for range 3 {
		tokens = append(tokens, api.Token{ID: decideID("host-", 1), Authority: "127.0.0.1:1", Root: strings.Repeat("0", 64), Secret: strings.Repeat("A", 22)}.String())
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil { // who may read it already must not
		t.Fatal(err)
	}
	if _, err := readTokens(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("have %v", err)
	}
	if err := writeTokens(path, tokens); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v (%v)", info.Mode(), err)
	}
	if have, err := readTokens(path); err != nil || len(have) != 3 || have[2].ID != decideID("host-", 1) {
		t.Errorf("have %v (%v)", have, err)
	}
	if err := writeTokens(path, []string{tokens[0], "nonsense"}); err != nil {
		t.Fatal(err)
	}
	if _, err := readTokens(path); err == nil || !strings.Contains(err.Error(), path+":2: ") {
		t.Errorf("have %v", err)
	}
}
