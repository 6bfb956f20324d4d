package cli

import (
	"io"
	"runtime"
	"testing"

	"github.com/signet-tls/signet/internal/recognise"
	"github.com/signet-tls/signet/pki"
)

// zeros is a file that does not end, and says no size.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestFileWithoutEnd holds that reading takes no more memory than the bound.
func TestFileWithoutEnd(t *testing.T) {
	s := &shell{stdin: zeros{}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	data, err := s.readAny("-")
	runtime.ReadMemStats(&after)
	if err != nil || len(data) != pki.MaxInput+1 {
		t.Errorf("%d bytes were read, %v", len(data), err)
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > pki.MaxInput+1<<20 {
		t.Errorf("it took %d bytes of memory", taken)
	}
}

// TestSizesOfFiles holds that a file is read whole, whatever size it claims.
func TestSizesOfFiles(t *testing.T) {
	for _, size := range []int{0, 1, beginning - 1, beginning, beginning + 1, 3 * beginning} {
		for _, claimed := range []int{0, 1, size, size + 1, beginning, 4 * beginning} {
			data, err := readSized(io.LimitReader(zeros{}, int64(size)), int64(claimed), recognise.Most)
			if err != nil || len(data) != size {
				t.Errorf("%d bytes, said to be %d: have %d, %v", size, claimed, len(data), err)
			}
		}
	}
}
