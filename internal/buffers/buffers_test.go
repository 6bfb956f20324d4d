package buffers

import "testing"

// TestBound borrows more than there are large ones.
func TestBound(t *testing.T) {
	var lent []*Buffer
	for range (mostLent + large - 1) / large {
		lent = append(lent, Large())
	}
	if have := len(lent[len(lent)-1].Bytes); have != large {
		t.Errorf("the last large one has %d bytes", have)
	}
	one := Large()
	if have := len(one.Bytes); have != medium {
		t.Errorf("one too many has %d bytes", have)
	}
	one.Return()
	for _, b := range lent {
		b.Return()
	}
	again := Large()
	defer again.Return()
	if have := len(again.Bytes); have != large || larges.lent.Load() != 1 || mediums.lent.Load() != 0 {
		t.Errorf("after all are back, one has %d bytes; %d and %d are lent", have, larges.lent.Load(), mediums.lent.Load())
	}
}

// TestShare keeps what one may take in until no more than a record may be.
func TestShare(t *testing.T) {
	var lent []*Buffer
	for Share() >= medium {
		b := Of(min(Share(), large))
		defer b.Return()
		lent = append(lent, b)
	}
	if n := len(lent); n < 128 || free() <= 0 {
		t.Errorf("%d have taken their share, and large ones are scarce: %v", n, free() <= 0)
	}
}
