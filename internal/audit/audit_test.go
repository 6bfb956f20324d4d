package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/tlog"
)

var domain = testpki.Must(spiffeid.ParseTrustDomain("test.signet"))

func id(path string) spiffeid.ID { return testpki.Must(domain.ID(path)) }

func openLog(t testing.TB, dir string) *Log {
	t.Helper()
	l, err := Open(Config{Dir: dir, Origin: Origin(domain.String())})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLog(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// act is an entry that its number tells from others.
func act(n int) Entry { return acts(fmt.Sprint("act ", n)) }

func acts(because string) Entry {
	return OfAct(time.Unix(1, 0).UTC(), id("operator/ann"), "allow", testpki.Must(json.Marshal(because)))
}

func add(t testing.TB, l *Log, entries ...Entry) int64 {
	t.Helper()
	first, err := l.Append(context.Background(), entries...)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// reasons returns what tells the entries from each other.
func reasons(t testing.TB, l *Log) (all []string) {
	t.Helper()
	if err := l.Entries(0, func(e Entry) { all = append(all, strings.Trim(string(e.Act.Request), `"`)) }); err != nil {
		t.Fatal(err)
	}
	return all
}

func wantReasons(t *testing.T, l *Log, n int) {
	t.Helper()
	have := reasons(t, l)
	if len(have) != n {
		t.Fatalf("the log has %d entries, want %d", len(have), n)
	}
	for i, reason := range have {
		if reason != fmt.Sprint("act ", i) {
			t.Fatalf("entry %d is %q", i, reason)
		}
	}
}

// TestReopen adds entries over several lives of a log, closed and not closed.
func TestReopen(t *testing.T) {
	dir, n := t.TempDir(), 0
	for _, life := range []struct {
		adds    int
		publish bool
		close   bool
	}{{0, false, true}, {3, false, true}, {260, true, false}, {30, false, false}, {1, true, true}, {0, false, false}, {220, false, true}} {
		l := openLog(t, dir)
		wantReasons(t, l, n)
		for i := range life.adds {
			if first := add(t, l, act(n)); first != int64(n) {
				t.Fatalf("the entry has the number %d, want %d", first, n)
			}
			n++
			if life.publish && i == life.adds/2 {
				if err := l.publish(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if l.Size() != int64(n) {
			t.Fatalf("the size is %d, want %d", l.Size(), n)
		}
		if c, err := l.verifier.Open(l.Checkpoint()); err != nil || c.Size != int64(n) {
			t.Fatalf("the checkpoint is %+v (%v)", c, err)
		}
		if life.close {
			closeLog(t, l)
		} else {
			l.release() // as a kill does
		}
	}
	l := openLog(t, dir)
	defer closeLog(t, l)
	wantReasons(t, l, n)
}

// TestGroups has many writers add single entries and groups of them: each is
// there once, and a group together.
func TestGroups(t *testing.T) {
	l := openLog(t, t.TempDir())
	defer closeLog(t, l)
	const writers, each = 16, 40
	var wg sync.WaitGroup
	firsts := make([][]int64, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				group := []Entry{act(w*each + i)}
				if i%10 == 0 {
					group = append(group, act(w*each+i), act(w*each+i))
				}
				first, err := l.Append(t.Context(), group...)
				if err != nil {
					t.Error(err)
				}
				firsts[w] = append(firsts[w], first)
			}
		})
	}
	wg.Wait()
	if err := l.publish(); err != nil {
		t.Fatal(err)
	}
	all := reasons(t, l)
	if want := writers * (each + each/10*2); len(all) != want {
		t.Fatalf("there are %d entries, want %d", len(all), want)
	}
	for w := range writers {
		for i, first := range firsts[w] {
			for k := range 1 + 2*(1-min(i%10, 1)) {
				if all[first+int64(k)] != fmt.Sprint("act ", w*each+i) {
					t.Fatalf("entry %d is %q, and was acknowledged as act %d", first, all[first+int64(k)], w*each+i)
				}
			}
		}
	}
}

// TestFullDisk has writes fail, in parts, and space come back.
func TestFullDisk(t *testing.T) {
	for _, written := range []int{0, 1, headerSize, headerSize + 20} {
		t.Run(fmt.Sprint(written), func(t *testing.T) {
			dir := t.TempDir()
			l := openLog(t, dir)
			add(t, l, act(0))
			l.write = func(file *os.File, data []byte, at int64) error {
				if _, err := file.WriteAt(data[:min(written, len(data))], at); err != nil {
					t.Fatal(err)
				}
				return &os.PathError{Op: "write", Path: file.Name(), Err: syscall.ENOSPC}
			}
			for range 2 {
				_, err := l.Append(t.Context(), act(1))
				if !errors.Is(err, Unwritable) || !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("a full disk: %v, want %s and the cause", err, Unwritable)
				}
			}
			l.write = writeAndSync
			if first := add(t, l, act(1)); first != 1 {
				t.Errorf("the next entry has the number %d", first)
			}
			l.release()
			again := openLog(t, dir)
			wantReasons(t, again, 2)
			closeLog(t, again)
		})
	}
}

// TestTornTail cuts the journal at each byte of its last block: what is before
// it stays, and the log goes on.
func TestTornTail(t *testing.T) {
	dir := t.TempDir()
	l := openLog(t, dir)
	add(t, l, act(0))
	kept := l.end
	add(t, l, act(1))
	l.release()
	path := filepath.Join(dir, Folder, segmentName(0))
	whole := testpki.Must(os.ReadFile(path))
	for cut := kept; cut < int64(len(whole)); cut += 7 {
		other := t.TempDir()
		if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(other, KeyFile), 0o600); err != nil {
			t.Fatal(err)
		}
		torn := filepath.Join(other, Folder, segmentName(0))
		if err := os.WriteFile(torn, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, other)
		wantReasons(t, l, 1)
		add(t, l, act(1))
		closeLog(t, l)
	}
}

// TestRefusesDamage changes what a log needs to go on.
func TestRefusesDamage(t *testing.T) {
	flip := func(path string, at int) func(string) error {
		return func(dir string) error {
			data := testpki.Must(os.ReadFile(filepath.Join(dir, path)))
			data[(at+len(data))%len(data)] ^= 1
			return os.WriteFile(filepath.Join(dir, path), data, 0o600)
		}
	}
	remove := func(path string) func(string) error {
		return func(dir string) error { return os.Remove(filepath.Join(dir, path)) }
	}
	tests := []struct {
		name   string
		damage func(dir string) error
		want   error
	}{
		{"checkpoint", flip("audit/checkpoint", 20), Damaged},
		{"no checkpoint", remove("audit/checkpoint"), Damaged},
		{"tile", flip("audit/tile/0/001.p/44", 0), Damaged},
		{"no tile", remove("audit/tile/1/000.p/1"), Damaged},
		{"bundle", flip("audit/tile/entries/001.p/44", 40), Damaged},
		{"journal's first block", flip("audit/journal/0000000000000000300", headerSize+20), Damaged},
		{"journal's header", flip("audit/journal/0000000000000000300", 5), Damaged},
		{"journal's last byte", flip("audit/journal/0000000000000000300", -1), Damaged},
		{"a stranger in the journal", func(dir string) error { return os.WriteFile(filepath.Join(dir, "audit/journal/x"), nil, 0o600) }, Damaged},
		{"no key", remove("audit.key"), KeyLost},
		{"key", flip("audit.key", 60), tlog.KeyInvalid},
		{"open key", func(dir string) error { return os.Chmod(filepath.Join(dir, "audit.key"), 0o644) }, KeyExposed},
	}
	dir := t.TempDir()
	l := openLog(t, dir)
	for n := range 300 {
		add(t, l, act(n))
	}
	if err := l.publish(); err != nil {
		t.Fatal(err)
	}
	add(t, l, act(300))
	add(t, l, act(301))
	l.release()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			other := t.TempDir()
			if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(filepath.Join(other, KeyFile), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := test.damage(other); err != nil {
				t.Fatal(err)
			}
			_, err := Open(Config{Dir: other, Origin: Origin(domain.String())})
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	_, err := Open(Config{Dir: dir, Origin: Origin("other.signet")})
	if !errors.Is(err, KeyLost) {
		t.Errorf("another domain's log: %v, want %s", err, KeyLost)
	}
}

func TestEntryTooLarge(t *testing.T) {
	l := openLog(t, t.TempDir())
	defer closeLog(t, l)
	large := act(0)
	large.Act.Verb = strings.Repeat("x", tlog.MaxEntry)
	if _, err := l.Append(t.Context(), large); !errors.Is(err, tlog.EntryTooLarge) {
		t.Errorf("%v, want %s", err, tlog.EntryTooLarge)
	}
	if l.Size() != 0 {
		t.Error("it was added all the same")
	}
}

// TestBacklog adds more than may be fresh without Run: the log writes its tiles
// itself, and holds no more than it may.
func TestBacklog(t *testing.T) {
	l := openLog(t, t.TempDir())
	defer closeLog(t, l)
	large := act(0)
	large.Act.Verb = strings.Repeat("x", 60_000)
	group := make([]Entry, 100)
	for i := range group {
		group[i] = large
	}
	for range 4 {
		add(t, l, group...)
		if fresh := l.freshLen.Load(); fresh > maxFresh+maxBlock/2 {
			t.Fatalf("%d bytes are in memory alone", fresh)
		}
	}
	l.publisher.mu.Lock()
	defer l.publisher.mu.Unlock()
	if l.publisher.tree.Size() == 0 {
		t.Error("no tile was written")
	}
}

func TestClosed(t *testing.T) {
	l := openLog(t, t.TempDir())
	closeLog(t, l)
	if _, err := l.Append(t.Context(), act(0)); !errors.Is(err, Closed) {
		t.Errorf("%v, want %s", err, Closed)
	}
}
