package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/metrics"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/spiffeid"
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

// sheets are a file in memory, by what was written at once.
type sheets chan string

func (s sheets) Write(data []byte) (int, error) {
	s <- string(data)
	return len(data), nil
}

func (s sheets) Close() error { return nil }

// TestJournalGathers: a line leaves at once, and those that come soon after it together.
func TestJournalGathers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := NewJournal(3, slog.New(slog.DiscardHandler))
		out := make(sheets, 10)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { j.Run(ctx, out) })
		expect := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			select {
			case text := <-out:
				if have := strings.Count(text, "\n"); have != want {
					t.Errorf("%s: %d lines are written, want %d", when, have, want)
				}
			default:
				if want > 0 {
					t.Errorf("%s: nothing is written, want %d lines", when, want)
				}
			}
		}
		j.Hear(api.Event{Kind: api.Opened})
		expect("at first", 1)
		j.Hear(api.Event{Kind: api.Opened})
		j.Hear(api.Event{Kind: api.Opened})
		expect("soon after", 0)
		time.Sleep(journalRest)
		expect("in a while", 2)
		j.Hear(api.Event{Kind: api.Opened})
		cancel()
		expect("in the end", 1)
		wg.Wait()
	})
}

// TestJournal writes every event, but of refusals so many a second alone, and
// counts the others; what comes after a new file was opened is in that.
func TestJournal(t *testing.T) {
	j := NewJournal(3, slog.New(slog.DiscardHandler))
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
	j.Hear(api.Event{Time: at, Kind: api.Ended, Conn: "c1", Side: api.Door, From: someone("a"), To: someone("b"), Path: "std", Sent: 0, Back: 7})
	cancel()
	wg.Wait()
	if !first.closed || !second.closed {
		t.Error("a file was left open")
	}
	events := map[string]int64{}
	for text := range strings.Lines(first.text.String() + second.text.String()) {
		var line struct {
			Event string
			Lines int64
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		events[line.Event]++
		events[line.Event+" lines"] += line.Lines
	}
	if events["refused"] != 4 || events["left_out lines"] != 7 || events["ended"] != 1 {
		t.Errorf("%v; want 4 refusals, 7 left out, 1 end", events)
	}
	const end = `{"time":"2027-01-15T08:00:00Z","event":"ended","conn":"c1","side":"door","from":"spiffe://test.signet/a","to":"spiffe://test.signet/b","path":"std","sent":0,"back":7}`
	if !strings.Contains(second.text.String(), end) {
		t.Errorf("the new file has %s, want %s", second.text.String(), end)
	}
}

// TestJournalNeverBlocks leaves out what nobody writes.
func TestJournalNeverBlocks(t *testing.T) {
	j := NewJournal(1, slog.New(slog.DiscardHandler))
	for range journalQueue + 5 {
		j.Hear(api.Event{Kind: api.Opened})
	}
	if left := j.left.Load(); left != 5 {
		t.Errorf("%d lines were left out, want 5", left)
	}
}

// fullDisk is a file that cannot be written for a while.
type fullDisk struct {
	paper
	room bool // guarded by mu
}

func (f *fullDisk) Write(data []byte) (int, error) {
	f.mu.Lock()
	room := f.room
	f.mu.Unlock()
	if !room {
		return 0, syscall.ENOSPC
	}
	return f.paper.Write(data)
}

// TestJournalNoticesErrors has the disk full for a time: each lost line is counted, the
// log hears once, and the proxy is not ready meanwhile.
func TestJournalNoticesErrors(t *testing.T) {
	told := &paper{}
	j := NewJournal(3, slog.New(slog.NewTextHandler(told, nil)))
	set := metrics.NewSet()
	j.Measure(set)
	disk := &fullDisk{}
	for range 3 {
		j.write(disk, api.Event{Kind: api.Opened})
	}
	if why := j.Ready(); len(why) != 1 || !strings.Contains(why[0], "no space left") {
		t.Errorf("with a full disk it is ready but for %q", why)
	}
	var text bytes.Buffer
	if err := set.Write(&text); err != nil || !strings.Contains(text.String(), "signet_proxy_access_log_failed_total 3") {
		t.Errorf("the metrics say %s, %v", &text, err)
	}
	disk.room = true
	j.write(disk, api.Event{Kind: api.Opened})
	if why := j.Ready(); len(why) != 0 {
		t.Errorf("with room again it is not ready: %q", why)
	}
	if n := strings.Count(told.text.String(), "level=ERROR"); n != 1 || !strings.Contains(told.text.String(), "lines_lost=3") {
		t.Errorf("the log was told %d times:\n%s", n, &told.text)
	}
}

func someone(name string) spiffeid.ID {
	return testpki.Must(testpki.Must(spiffeid.ParseTrustDomain("test.signet")).ID(name))
}
