package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/signet-tls/signet/internal/agent/api"
)

// patience is how long scripts wait for what happens soon.
const patience = 3 * time.Minute

// ports finds four free ports in a row and puts them into AUTHORITY, STATUS,
// ORDERS and WEB.
func ports(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: ports")
	}
	first, err := freePorts()
	ts.Check(err)
	for i, name := range []string{"AUTHORITY", "STATUS", "ORDERS", "WEB"} {
		ts.Setenv(name, strconv.Itoa(first+i))
	}
}

// ready waits until "up" answers at its status port and both of its proxies
// have the present revision.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: ready")
	}
	waitFor(ts, "up is ready", func() bool {
		answer, err := http.Get("http://127.0.0.1:" + ts.Getenv("STATUS") + "/status")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		var status api.Status
		if json.NewDecoder(answer.Body).Decode(&status) != nil || len(status.Proxies) != 2 {
			return false
		}
		for _, proxy := range status.Proxies {
			if !proxy.Connected || proxy.Revision < status.Revision {
				return false
			}
		}
		return true
	})
}

// until FILE PATTERN waits until a line of the file matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: until FILE PATTERN")
	}
	pattern, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	waitFor(ts, args[0]+" has "+args[1], func() bool {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(text)
	})
}

func waitFor(ts *testscript.TestScript, what string, true func() bool) {
	for deadline := time.Now().Add(patience); !true(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("timed out: not yet so: %s", what)
		}
	}
}

// keepid puts the ID of the last connection that stdout lists into ID.
func keepID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: keepid")
	}
	ids := regexp.MustCompile(`(?m)^c[0-9a-f]{3,32}\b`).FindAllString(ts.ReadFile("stdout"), -1)
	if len(ids) == 0 {
		ts.Fatalf("stdout lists no connection")
	}
	ts.Setenv("ID", ids[len(ids)-1])
}

// TestGoldenWordsCount shows that the quickstart's golden files are really
// compared: no mask hides a word of theirs, and a story with one changed word
// fails.
func TestGoldenWordsCount(t *testing.T) {
	const file = "testdata/quickstart.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tokens := regexp.MustCompile(`PORT|CLOCK|CONN|SIZE|SPAN|DATE|TIME`)
	n := 0
	for _, golden := range archive.Files {
		for word := range strings.FieldsSeq(string(golden.Data)) {
			if tokens.MatchString(word) {
				continue
			}
			n++
			changed := strings.Replace(string(golden.Data), word, word+"x", 1)
			if masked(changed) == masked(string(golden.Data)) {
				t.Errorf("%s: the masks hide a change of %q", golden.Name, word)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d words were looked at", n)
	}

	for i, golden := range archive.Files {
		if golden.Name == "why-ended.golden" {
			archive.Files[i].Data = bytes.Replace(golden.Data, []byte("both were told"), []byte("both were toldx"), 1)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "changed.txtar"), txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
	run := &recorder{}
	run.Run("all", func(r testscript.T) { testscript.RunT(r, stories(dir, false)) })
	if !run.failed || !strings.Contains(run.log.String(), "both were toldx") {
		t.Errorf("a story with a changed word does not fail for it: %s", run.log.String())
	}
}

// recorder is a test whose failure is what is wanted.
type recorder struct {
	failed bool
	log    strings.Builder
}

func (r *recorder) Skip(args ...any)  { r.Fatal(args...) }
func (r *recorder) Log(args ...any)   { fmt.Fprintln(&r.log, args...) }
func (r *recorder) Parallel()         {}
func (r *recorder) Verbose() bool     { return false }
func (r *recorder) Fatal(args ...any) { r.Log(args...); r.FailNow() }

func (r *recorder) FailNow() {
	r.failed = true
	runtime.Goexit()
}

func (r *recorder) Run(_ string, f func(testscript.T)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
}
