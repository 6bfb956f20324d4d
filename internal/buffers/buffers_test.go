package buffers

import "testing"

// TestBound borrows more than there are large ones.
func TestBound(t *testing.T) {
	var lent []*Buffer
	for range mostLarge {
		lent = append(lent, Large())
	}
	if have := len(lent[mostLarge-1].Bytes); have != large {
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
