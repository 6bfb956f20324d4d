package audit

import (
	"errors"
	"slices"
	"testing"

	"github.com/signet-tls/signet/tlog"
)

func TestSince(t *testing.T) {
	s := newSample(t)
	kept, size := s.log.Checkpoint(), s.log.Size()
	for i := range 5 {
		add(t, s.log, act(i))
	}
	var numbers []int64
	err := Since(s.files(), kept, func(n int64, e Entry) {
		if e.Kind != Acted {
			t.Errorf("entry %d is %s", n, e.Kind)
		}
		numbers = append(numbers, n)
	})
	if want := []int64{size, size + 1, size + 2, size + 3, size + 4}; err != nil || !slices.Equal(numbers, want) {
		t.Errorf("entries %v, %v; want %v", numbers, err, want)
	}
	other := newSample(t)
	if err := Since(other.files(), kept, func(int64, Entry) {}); !errors.Is(err, tlog.CheckpointUnsigned) {
		t.Errorf("of another log: %v", err)
	}
}
