package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// paper is a file in memory.
type paper struct {
	mu     sync.Mutex
	text   bytes.Buffer // guarded by mu
	closed bool         // guarded by mu
}

func (p *paper) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(data)
}

func (p *paper) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return nil
}

// TestJournal writes every event, but of refusals so many a second alone, and
// counts the others; what comes after a new file was opened is in that.
func TestJournal(t *testing.T) {
	j := NewJournal(3)
	first, second := &paper{}, &paper{}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { j.Run(ctx, first) })
	at := time.Unix(1_800_000_000, 0)
	for range 10 {
		j.Hear(api.Event{Time: at, Kind: api.Refused, Code: "no_rule"})
	}
	j.Hear(api.Event{Time: at.Add(time.Second), Kind: api.Refused, Code: "no_rule"})
	for deadline := time.Now().Add(30 * time.Second); len(j.queue) > 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	j.Reopen(ctx, second)
	j.Hear(api.Event{Time: at, Kind: api.Ended, Conn: "c1", Side: api.Door, From: id("a"), To: id("b"), Sent: 0, Back: 7})
	cancel()
	wg.Wait()
	if !first.closed || !second.closed {
		t.Error("a file was left open")
	}
	events := map[string]int64{}
	for text := range strings.Lines(first.text.String() + second.text.String()) {
		var line line
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		events[line.Event]++
		events[line.Event+" lines"] += line.Lines
	}
	if events["refused"] != 4 || events["left_out lines"] != 7 || events["ended"] != 1 {
		t.Errorf("%v; want 4 refusals, 7 left out, 1 end", events)
	}
	const end = `{"time":"2027-01-15T08:00:00Z","event":"ended","conn":"c1","side":"door","from":"spiffe://test.signet/a","to":"spiffe://test.signet/b","sent":0,"back":7}`
	if !strings.Contains(second.text.String(), end) {
		t.Errorf("the new file has %s, want %s", second.text.String(), end)
	}
}

// TestJournalNeverBlocks leaves out what nobody writes.
func TestJournalNeverBlocks(t *testing.T) {
	j := NewJournal(1)
	for range journalQueue + 5 {
		j.Hear(api.Event{Kind: api.Opened})
	}
	if left := j.left.Load(); left != 5 {
		t.Errorf("%d lines were left out, want 5", left)
	}
}
