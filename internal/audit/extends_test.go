package audit

import (
	"errors"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
)

// TestExtends: what was remembered at any size is found again in the log as it grows;
// an older log, and another one, are not taken for it.
func TestExtends(t *testing.T) {
	open := func(dir string) *Log {
		t.Helper()
		log, err := Open(Config{Dir: dir, Origin: "test/audit"})
		if err != nil {
			t.Fatal(err)
		}
		return log
	}
	fill := func(log *Log, n int, of string) {
		t.Helper()
		entries := make([]Entry, n)
		for i := range entries {
			entries[i] = Entry{Kind: Lost, Time: time.Unix(int64(i), 0), Gap: len(of)}
		}
		if _, err := log.Append(t.Context(), entries...); err != nil {
			t.Fatal(err)
		}
	}
	dir, other := t.TempDir(), open(t.TempDir())
	defer other.Close()
	fill(other, 700, "another")
	type head struct {
		size int64
		root string
	}
	var heads []head
	log := open(dir)
	for _, n := range []int{0, 1, 254, 1, 1, 300, 150} { // sizes up to 707: within, at and beyond the ends of tiles
		if n > 0 {
			fill(log, n, "one")
		}
		size, root := log.Head()
		heads = append(heads, head{size, root})
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		log = open(dir)
		for _, h := range heads {
			if err := log.Extends(h.size, h.root); err != nil {
				t.Fatalf("at %d entries, of what was remembered at %d: %v", size, h.size, err)
			}
		}
	}
	defer log.Close()
	last := heads[len(heads)-1]
	for name, test := range map[string]struct {
		log  *Log
		head head
		code fault.Code
	}{
		"an older log":  {other, last, Truncated},
		"another log":   {other, heads[4], Forked},
		"another start": {log, head{heads[1].size, last.root}, Forked},
	} {
		err := test.log.Extends(test.head.size, test.head.root)
		if ours, ok := fault.Of(err); !ok || !errors.Is(err, test.code) || ours.Hint == "" {
			t.Errorf("%s: %v, want [%s]", name, err, test.code)
		}
	}
}
