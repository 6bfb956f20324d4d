package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/spiffeid"
)

var demo = must(spiffeid.ParseTrustDomain("demo.signet"))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func noError(err error) {
	if err != nil {
		panic(err)
	}
}

// id returns the ID of a path in the trust domain of these tests.
func id(path string) spiffeid.ID { return must(demo.ID(path)) }

// sameState compares states but for etcd's own numbering.
var sameState = []cmp.Option{cmpopts.IgnoreUnexported(State{}), cmp.AllowUnexported(spiffeid.ID{}, spiffeid.TrustDomain{})}

// open opens a store, and closes it when the test ends.
func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), configOf(dir))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// change makes a change that must succeed.
func change(t testing.TB, s *Store, stage func(tx *Tx)) *State {
	t.Helper()
	state, err := s.Change(t.Context(), func(tx *Tx) error {
		stage(tx)
		return nil
	})
	if err != nil {
		t.Fatalf("Change: %v", err)
	}
	return state
}

// wantCode fails the test unless err has the code, a message in one line, a
// next step, and every text in its message.
func wantCode(t testing.TB, err error, code fault.Code, texts ...string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || e.Code != code {
		t.Fatalf("have the error %v, want [%s]", err, code)
	}
	if e.Message == "" || strings.Contains(e.Message, "\n") || e.Hint == "" {
		t.Errorf("message %q, hint %q: want one line and a next step", e.Message, e.Hint)
	}
	for _, text := range texts {
		if !strings.Contains(e.Message, text) {
			t.Errorf("message %q: want %q in it", e.Message, text)
		}
	}
}

func rule(from, to string) Rule {
	name := "allow-" + from + "-" + to
	return Rule{Name: name, Text: "permit (principal, action, resource); // " + name, From: id(from), To: id(to), By: id("operator/ops")}
}

// fill makes one of everything: four revisions and two certificates.
func fill(t testing.TB, s *Store) *State {
	t.Helper()
	change(t, s, func(tx *Tx) {
		tx.SetCA(CA{Root: "root PEM", Intermediate: "intermediate PEM"})
		tx.PutIdentity(Identity{ID: id("operator/ops"), Kind: Operator, Created: time.Unix(1e9, 0).UTC()})
	})
	change(t, s, func(tx *Tx) {
		for _, name := range []string{"web", "orders", "batch"} {
			tx.PutIdentity(Identity{ID: id(name), Kind: Service})
		}
		tx.PutIdentity(Identity{ID: id("proxy/edge-3"), Kind: Proxy})
		tx.PutGrant(Grant{Proxy: id("proxy/edge-3"), Identity: id("web")})
	})
	for i, name := range []string{"web", "batch"} {
		issue(t, s, Certificate{Serial: fmt.Sprintf("ab0%d", i), ID: id(name), NotAfter: time.Now().Add(time.Hour)})
	}
	change(t, s, func(tx *Tx) {
		tx.PutRule(rule("web", "orders"))
		tx.PutRule(rule("batch", "orders"))
	})
	change(t, s, func(tx *Tx) {
		tx.Revoke(Revocation{ID: id("web"), By: id("operator/ops"), Because: "key on a lost laptop"})
	})
	return change(t, s, func(tx *Tx) { tx.Revoke(Revocation{ID: id("batch")}) })
}

func issue(t testing.TB, s *Store, c Certificate) {
	t.Helper()
	if err := s.RecordCertificate(t.Context(), c); err != nil {
		t.Fatalf("RecordCertificate: %v", err)
	}
}

func TestReopenKeepsEverything(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "demo.signet")
	s := open(t, dir)
	before := fill(t, s)
	if before.Revision != 5 || len(before.Identities) != 5 || len(before.Grants) != 1 || len(before.Rules) != 2 || len(before.Revocations) != 2 {
		t.Errorf("the state is incomplete: %+v", before)
	}
	held, err := s.Certificates(t.Context(), id("web"))
	if err != nil || len(held) != 1 {
		t.Errorf("Certificates: %v, %v; want one", held, err)
	}
	closeStore(t, s)

	again := open(t, dir)
	if diff := cmp.Diff(before, again.State(), sameState...); diff != "" {
		t.Errorf("reopened (-before +after):\n%s", diff)
	}
	kept, err := again.Certificates(t.Context(), id("web"))
	if diff := cmp.Diff(held, kept, sameState...); err != nil || diff != "" {
		t.Errorf("certificates after reopening: %v (-before +after):\n%s", err, diff)
	}
	if after := change(t, again, func(tx *Tx) { tx.DeleteRule(rule("web", "orders").Pair()) }); after.Revision != 6 {
		t.Errorf("the next revision is %d, want 6", after.Revision)
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, t.TempDir())
	watch := s.Watch(t.Context())
	<-watch
	waiting := make(chan error)
	go func() {
		_, err := s.replica.await(s.life, 1<<60)
		waiting <- err
	}()
	closeStore(t, s)
	closeStore(t, s)

	if _, open := <-watch; open {
		t.Error("the watch gave another state after Close")
	}
	if _, open := <-s.Watch(t.Context()); open {
		t.Error("a watch begun after Close gave a state")
	}
	wantCode(t, <-waiting, StoreClosed)
	_, err := s.Change(t.Context(), func(tx *Tx) error { tx.SetCA(CA{}); return nil })
	wantCode(t, err, StoreClosed)
	wantCode(t, s.RecordCertificate(t.Context(), Certificate{Serial: "1", ID: id("web"), NotAfter: time.Now().Add(time.Hour)}), StoreClosed)
	_, err = s.Certificates(t.Context(), id("web"))
	wantCode(t, err, StoreClosed)
}

func TestInterrupted(t *testing.T) {
	s := open(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Change(ctx, func(tx *Tx) error { tx.SetCA(CA{}); return nil })
	wantCode(t, err, Interrupted)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v does not wrap context.Canceled", err)
	}
	_, err = Open(ctx, configOf(t.TempDir()))
	wantCode(t, err, Interrupted)
}

// TestNoListener looks for listening sockets among this process's descriptors.
func TestNoListener(t *testing.T) {
	open(t, t.TempDir())
	own := map[string]bool{}
	descriptors, err := filepath.Glob("/proc/self/fd/*")
	if err != nil || len(descriptors) == 0 {
		t.Skip("this system has no /proc")
	}
	for _, d := range descriptors {
		if target, err := os.Readlink(d); err == nil {
			own[strings.TrimSuffix(strings.TrimPrefix(target, "socket:["), "]")] = true
		}
	}
	const listening = "0A"
	for _, table := range []string{"tcp", "tcp6"} {
		text := must(os.ReadFile("/proc/self/net/" + table))
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 9 && fields[3] == listening && own[fields[9]] {
				t.Errorf("this process listens: %s", lines.Text())
			}
		}
	}
}

// TestQuiet wants nothing in the log of a store that is well.
func TestQuiet(t *testing.T) {
	var log bytes.Buffer
	dir := t.TempDir()
	for range 2 {
		cfg := configOf(dir)
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		change(t, s, func(tx *Tx) { tx.SetCA(CA{Root: "root"}) })
		closeStore(t, s)
	}
	if log.Len() > 0 {
		t.Errorf("logged:\n%s", &log)
	}
}

func TestEtcdGivesUp(t *testing.T) {
	s := open(t, t.TempDir())
	done := make(chan struct{})
	go func() {
		defer close(done)
		etcdLogger(slog.New(slog.DiscardHandler), func(reason string) {
			s.end(fault.New(StoreFailed, "etcd gave up: %s", reason).WithHint("look at the disk"))
		}).Fatal("the disk is gone")
		t.Error("the goroutine went on after Fatal")
	}()
	<-done
	_, err := s.Change(t.Context(), func(tx *Tx) error { tx.SetCA(CA{}); return nil })
	wantCode(t, err, StoreFailed, "the disk is gone")
}

func TestCodes(t *testing.T) {
	seen := map[fault.Code]bool{IdentityUnknown: true, IdentityRevoked: true} // in the table of another package
	for _, e := range Codes() {
		if seen[e.Code] || e.Meaning == "" || e.Cause == "" || e.Next == "" {
			t.Errorf("%s is incomplete, or twice in the table", e.Code)
		}
		seen[e.Code] = true
	}
	text := string(must(os.ReadFile("codes.go")))
	for _, line := range strings.Split(text, "\n") {
		if name, code, ok := strings.Cut(line, `fault.Code = "`); ok && !seen[fault.Code(strings.TrimSuffix(code, `"`))] {
			t.Errorf("%s is not in the table", strings.TrimSpace(name))
		}
	}
}

// errorCode returns an error's code, "" if it has none.
func errorCode(err error) fault.Code {
	if ours, ok := fault.Of(err); ok {
		return ours.Code
	}
	return ""
}
