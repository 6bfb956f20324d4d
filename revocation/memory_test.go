package revocation

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestMemoryBound: what ends first goes first, and what is larger than all that is
// kept is not kept.
func TestMemoryBound(t *testing.T) {
	now := time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)
	var m memory[string]
	gets := 0
	get := func(key string, size int, until time.Duration) {
		have, err := m.get(t.Context(), key, now, 100, func(context.Context) (memo[string], error) {
			gets++
			return memo[string]{"value of " + key, size, now.Add(until)}, nil
		})
		if have != "value of "+key || err != nil {
			t.Errorf("%s: have %q, %v", key, have, err)
		}
	}
	for i := range 10 {
		get(fmt.Sprint(i), 10, time.Duration(10-i)*time.Hour)
	}
	get("one more", 25, time.Minute)
	if m.size != 95 || len(m.kept) != 8 {
		t.Errorf("%d bytes of %d things are kept, want 95 of 8", m.size, len(m.kept))
	}
	before := gets
	for _, key := range []string{"0", "6", "one more"} {
		get(key, 10, time.Hour)
	}
	if gets != before {
		t.Errorf("%d of those that are kept were got again", gets-before)
	}
	get("7", 10, time.Hour) // was forgotten, as were 8 and 9
	get("huge", 101, time.Hour)
	get("huge", 101, time.Hour)
	get("over", 1, 0)
	get("over", 1, 0)
	if gets != before+5 || m.size > 100 {
		t.Errorf("%d were got, want 5; %d bytes are kept", gets-before, m.size)
	}
	if _, err := m.get(t.Context(), "failure", now, 100, func(context.Context) (memo[string], error) {
		return memo[string]{"no", 1, now.Add(time.Hour)}, context.Canceled
	}); err != context.Canceled || m.kept["failure"].size != 0 {
		t.Errorf("a failure is kept: %v", err)
	}
}
