package fetch_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
)

// many is a list with so many entries of 16-byte serial numbers, and the leaf's.
func (r *rig) many(count int) []byte {
	list := r.list(r.issuer, func(s *pki.RevocationListSpec) {
		s.Entries = make([]pki.RevocationSpec, count, count+1)
		for i := range s.Entries {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
			s.Entries[i] = pki.RevocationSpec{Serial: new(big.Int).SetBytes(sum[:16]), Date: s.ThisUpdate, Reason: pki.Reason(i % 4)}
		}
	}, revoking(r.leaf))
	return list.Raw()
}

// allocated is how many bytes were ever allocated while do ran, which is more than
// the peak, and retained how many of them are still in use, with what do returned.
func allocated(do func() any) (all, retained int64) {
	var before, after, kept runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	result := do()
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.ReadMemStats(&kept)
	runtime.KeepAlive(result)
	return int64(after.TotalAlloc - before.TotalAlloc), int64(kept.HeapAlloc) - int64(before.HeapAlloc)
}

// TestLargeList holds the memory of a list against its size, and
// BenchmarkMillion that of one of a million entries: from a file, over HTTP and
// from what is kept, it is never twice its size while the list is loaded, nor more
// than one and a half times it afterwards.
func TestLargeList(t *testing.T) { loadLists(t, 100_000) }

func BenchmarkMillion(b *testing.B) { loadLists(b, 1_000_000) }

func loadLists(t testing.TB, count int) {
	r := newRig(t, withCRL)
	folder := t.TempDir()
	file := save(t, folder, "list.crl", r.many(count))
	size := testpki.Must(os.Stat(file)).Size()
	runtime.GC()
	r.serve(func(w http.ResponseWriter, q *http.Request) { http.ServeFile(w, q, file) })
	kept := r.client(func(cfg *fetch.Config) { cfg.Dir = filepath.Join(folder, "kept") })
	collect := func(client *fetch.Client) func() any {
		return func() any {
			collector := &revocation.Collector{Fetcher: client}
			if answer := r.ask(collector); answer.Status != revocation.Revoked {
				t.Errorf("have %+v", answer)
			}
			return collector
		}
	}
	for _, way := range []struct {
		name string
		load func() any
	}{
		{"file", func() any { return testpki.Must(pki.ParseRevocationLists(testpki.Must(os.ReadFile(file)))) }},
		{"http", collect(r.client())},
		{"http, kept on disk", collect(kept)},
		{"from disk", collect(kept)},
	} {
		all, retained := allocated(way.load)
		t.Logf("%s: %d bytes of DER; allocated %.3f times as much, retained %.3f", way.name, size, float64(all)/float64(size), float64(retained)/float64(size))
		if all > 2*size || retained > size+size/2 {
			t.Errorf("%s: %d bytes allocated and %d retained for %d of DER", way.name, all, retained, size)
		}
	}
	if have := len(r.requests()); have != 2 {
		t.Errorf("%d requests, want two", have)
	}
}
