package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
)

func TestMain(m *testing.M) {
	if dir := peers.ChildFolder(); dir != "" {
		child(dir)
	}
	os.Exit(m.Run())
}

// child adds entries from several writers, while tiles are written all the time,
// and says a line for each that is acknowledged.
func child(dir string) {
	l := testpki.Must(Open(Config{Dir: dir, Origin: Origin(domain.String())}))
	var out sync.Mutex
	for range 4 {
		go func() {
			for {
				name := fmt.Sprintf("act-%x", rand.Uint64())
				group := []Entry{acts(name)}
				for range rand.IntN(3) {
					group = append(group, acts(name))
				}
				first := testpki.Must(l.Append(context.Background(), group...))
				out.Lock()
				fmt.Println(first, len(group), name)
				out.Unlock()
			}
		}()
	}
	for {
		if err := l.publish(); err != nil {
			panic(err)
		}
	}
}

// TestKill kills a process that writes a log at 54 random moments. The log is
// whole, and has every entry that was acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	acknowledged := map[int64]string{}
	for round := range 54 {
		last := killed(t, dir, random.IntN(20), acknowledged)
		if round%6 != 5 {
			continue // opening it again is a check, too
		}
		r := check(t, os.DirFS(filepath.Join(dir, Folder)), Question{})
		if len(r.Problems) > 0 || r.Size <= last {
			t.Fatalf("round %d: %+v; entry %d was acknowledged", round, r, last)
		}
	}
	l := openLog(t, dir)
	defer closeLog(t, l)
	all := reasons(t, l)
	for n, name := range acknowledged {
		if all[n] != name {
			t.Errorf("entry %d is %s, and was acknowledged as %s", n, all[n], name)
		}
	}
	t.Logf("%d entries, %d acknowledged", len(all), len(acknowledged))
}

// killed runs a child until it has said some lines, and returns the last entry
// of which it told.
func killed(t *testing.T, dir string, lines int, acknowledged map[int64]string) (last int64) {
	t.Helper()
	last = -1
	for _, line := range peers.KilledAfter(t, dir, lines+1) {
		var first int64
		var count int
		var name string
		if _, err := fmt.Sscan(line, &first, &count, &name); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		for i := range int64(count) {
			acknowledged[first+i] = name
			last = max(last, first+i)
		}
	}
	return last
}
