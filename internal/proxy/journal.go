package proxy

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/metrics"
)

const (
	journalQueue = 4096                  // lines that wait for a slow disk before new ones are left out
	journalRest  = 10 * time.Millisecond // between two writes, in which lines gather
	journalRoom  = 256 << 10             // bytes that are kept for the next lines
)

// Journal is the access log: a JSON object a line for each connection that was
// opened, refused or ended, under the ID that it has at both ends. What there is no
// room for is counted: refusals beyond so many a second, since an attacker makes
// them, and lines that the disk is too slow for.
type Journal struct {
	refusals int64 // a second
	queue    chan api.Event
	reopened chan io.WriteCloser

	second  atomic.Int64          // of the refusals that are counted
	refused atomic.Int64          // in that second
	left    atomic.Int64          // lines that were left out, and not told yet
	leftAll atomic.Int64          // all of them
	failed  atomic.Int64          // lines that could not be written
	failing atomic.Pointer[error] // why the last could not; nil: it could

	lines []byte // Run's own: what it is about to write

	logger *slog.Logger
}

// NewJournal returns a journal of at most so many refusals a second. The logger hears
// when it can no longer be written, and when it can again.
func NewJournal(refusals int, logger *slog.Logger) *Journal {
	return &Journal{refusals: int64(refusals), queue: make(chan api.Event, journalQueue), reopened: make(chan io.WriteCloser), logger: logger}
}

// Measure adds what the journal counts to a proxy's metrics.
func (j *Journal) Measure(set *metrics.Set) {
	read := func(m metrics.Metric, value func() float64) {
		set.Read(m, func(put func(float64, ...string)) { put(value()) })
	}
	read(metrics.ProxyLogWaiting, func() float64 { return float64(len(j.queue)) })
	read(metrics.ProxyLogLeftOut, func() float64 { return float64(j.leftAll.Load()) })
	read(metrics.ProxyLogFailed, func() float64 { return float64(j.failed.Load()) })
}

// Ready says why the access log cannot be written at present; nothing where it can.
func (j *Journal) Ready() []string {
	if failing := j.failing.Load(); failing != nil {
		return []string{"the access log cannot be written: " + (*failing).Error()}
	}
	return nil
}

// Hear takes an event, unless there is no room for it. It never blocks.
func (j *Journal) Hear(event api.Event) {
	if event.Kind == api.Refused && !j.mayRefuse(event.Time) {
		j.leaveOut()
		return
	}
	select {
	case j.queue <- event:
	default:
		j.leaveOut()
	}
}

func (j *Journal) leaveOut() {
	j.left.Add(1)
	j.leftAll.Add(1)
}

// mayRefuse counts a refusal in its second.
func (j *Journal) mayRefuse(at time.Time) bool {
	second := at.Unix()
	if before := j.second.Load(); before != second && j.second.CompareAndSwap(before, second) {
		j.refused.Store(0)
	}
	return j.refused.Add(1) <= j.refusals
}

// Reopen has the journal write to another place from now on, and closes the one
// before. It is for while Run runs.
func (j *Journal) Reopen(ctx context.Context, out io.WriteCloser) {
	select {
	case j.reopened <- out:
	case <-ctx.Done():
		out.Close()
	}
}

// Run writes what is heard until ctx ends, and then what is left. It closes out.
func (j *Journal) Run(ctx context.Context, out io.WriteCloser) {
	defer func() { out.Close() }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	queue, rested := j.queue, (<-chan time.Time)(nil)
	for {
		select {
		case event := <-queue:
			j.write(out, event)
			queue, rested = nil, time.After(journalRest)
		case <-rested:
			queue, rested = j.queue, nil
		case <-tick.C:
			j.count(out)
		case next := <-j.reopened:
			out.Close()
			out = next
		case <-ctx.Done():
			j.write(out)
			j.count(out)
			return
		}
	}
}

// count tells how many lines were left out.
func (j *Journal) count(out io.Writer) {
	if n := j.left.Swap(0); n > 0 {
		j.lines = api.Begin(j.lines).Time("time", time.Now()).Text("event", "left_out").Number("lines", n).End()
		j.put(out)
	}
}

// write writes events, and those that wait.
func (j *Journal) write(out io.Writer, events ...api.Event) {
	for _, event := range events {
		j.add(event)
	}
	for range len(j.queue) { // only Run takes them out
		j.add(<-j.queue)
	}
	j.put(out)
}

// add has the line of an event written by the next put.
func (j *Journal) add(event api.Event) {
	told := api.Begin(j.lines).Time("time", event.Time).Text("event", string(event.Kind)).About(&event)
	if event.Kind == api.Ended {
		told = told.Count("sent", event.Sent).Count("back", event.Back)
	}
	j.lines = told.End()
}

// put writes the lines. That some could not be is told once, until one can be again.
func (j *Journal) put(out io.Writer) {
	if len(j.lines) == 0 {
		return
	}
	defer j.clear()
	n, err := out.Write(j.lines)
	switch before := j.failing.Load(); {
	case err != nil:
		j.failed.Add(int64(bytes.Count(j.lines[n:], []byte{'\n'})))
		j.failing.Store(&err)
		if before == nil {
			j.logger.Error("the access log cannot be written; its lines are lost until it can", slog.Any("error", err))
		}
	case before != nil:
		j.failing.Store(nil)
		j.logger.Info("the access log can be written again", slog.Int64("lines_lost", j.failed.Load()))
	}
}

// clear makes room for the next lines, and keeps no more than they usually need.
func (j *Journal) clear() {
	if j.lines = j.lines[:0]; cap(j.lines) > journalRoom {
		j.lines = nil
	}
}
