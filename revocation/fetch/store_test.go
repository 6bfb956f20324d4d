package fetch

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
)

// shelf is a store that has room for ten blocks, and what it logs.
func shelf(t *testing.T) (*store, *strings.Builder) {
	log := new(strings.Builder)
	const most = 10 * block
	return &store{dir: t.TempDir(), most: most, size: most, log: slog.New(slog.NewTextHandler(log, nil))}, log
}

// fill is an entry with so many bytes of data.
func fill(size int) []byte { return make([]byte, headSize+size) }

// TestBounds: an entry of as many bytes as it may have is kept and found, one of
// more is not; nor is one found under the key of another.
func TestBounds(t *testing.T) {
	now := time.Now()
	s, _ := shelf(t)
	s.put(key{1}, fill(5000), now.Add(time.Hour), now)
	for bound, want := range map[int]int{5000: 5000, 4999: 0} {
		if have := len(s.get(key{1}, bound, now)); have != want {
			t.Errorf("by a bound of %d bytes: have %d, want %d", bound, have, want)
		}
	}
	testpki.Must(0, os.Rename(s.path(key{1}), s.path(key{2})))
	if s.get(key{2}, 5000, now) != nil {
		t.Error("what was kept under another key counts")
	}
	for size, kept := range map[int64]bool{headSize + 5000: true, headSize + 4999: false} {
		s.most = size
		s.put(key{byte(size)}, fill(5000), now.Add(time.Hour), now)
		if found := s.get(key{byte(size)}, 5000, now) != nil; found != kept {
			t.Errorf("where all may have %d bytes: kept %v, want %v", size, found, kept)
		}
	}
}

// TestTrim: the oldest go only where there is no room, and no more of them than
// make a tenth of it free; what is not the store's stays, however old.
func TestTrim(t *testing.T) {
	now := time.Now()
	s, log := shelf(t)
	hex := strings.Repeat("ab", 32)
	foreign := []string{"abcd", "README", hex + ".123", "." + hex, ".other.123"}
	for _, name := range foreign {
		testpki.Must(0, os.WriteFile(filepath.Join(s.dir, name), nil, 0o600))
	}
	folder := strings.Repeat("cd", 32) // has an entry's name
	testpki.Must(0, os.Mkdir(filepath.Join(s.dir, folder), 0o700))
	long := now.Add(-1000 * time.Hour)
	for _, name := range append(foreign, folder) {
		testpki.Must(0, os.Chtimes(filepath.Join(s.dir, name), long, long))
	}
	put := func(i int) {
		k := key{byte(i)}
		s.put(k, fill(block-headSize), now.Add(time.Hour), now)
		age := now.Add(time.Duration(i-100) * time.Minute)
		testpki.Must(0, os.Chtimes(s.path(k), age, age))
	}
	for i := range 10 {
		put(i)
	}
	wantKept(t, s, now, 0, 10)
	put(10)
	wantKept(t, s, now, 2, 11)
	put(11)
	wantKept(t, s, now, 2, 12)
	for _, name := range append(foreign, folder) {
		if _, err := os.Stat(filepath.Join(s.dir, name)); err != nil {
			t.Errorf("what is not the store's is gone: %v", err)
		}
	}
	if log.Len() > 0 {
		t.Errorf("the log says %q", log)
	}
}

// wantKept holds that of the entries these are there, and counted.
func wantKept(t *testing.T, s *store, now time.Time, from, to int) {
	t.Helper()
	for i := range to {
		if have := s.get(key{byte(i)}, block, now) != nil; have != (i >= from) {
			t.Errorf("entry %d is there: %v, want %v", i, have, i >= from)
		}
	}
	if want := int64(to-from) * block; s.size != want {
		t.Errorf("%d bytes are counted, want %d", s.size, want)
	}
}

// TestTrouble: what goes wrong with the folder is logged, but for what another has
// done already.
func TestTrouble(t *testing.T) {
	s, log := shelf(t)
	s.remove("nothing")
	if log.Len() > 0 {
		t.Errorf("of a file that is gone already the log says %q", log)
	}
	testpki.Must(0, os.MkdirAll(filepath.Join(s.dir, "full", "folder"), 0o700))
	s.remove("full")
	if !strings.Contains(log.String(), "cannot be removed") {
		t.Errorf("the log says %q", log)
	}
	s.dir = filepath.Join(s.dir, "missing")
	s.trim(time.Now())
	if !strings.Contains(log.String(), "cannot be listed") {
		t.Errorf("the log says %q", log)
	}
}

// TestDefaults holds what the fields of Config say of their zero values.
func TestDefaults(t *testing.T) {
	c := New(Config{Dir: t.TempDir()})
	if c.cfg.Timeout != 30*time.Second || c.store.most != 256<<20 {
		t.Errorf("a request may take %s, and %d bytes are kept", c.cfg.Timeout, c.store.most)
	}
	c.store.remove("nothing")
	c.store.dir = filepath.Join(c.store.dir, "missing")
	c.store.trim(time.Now()) // has somewhere to log to
}
