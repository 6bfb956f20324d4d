package agent

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
)

// maxOutbox is how many events wait for the authority before new ones are
// dropped; a batch that is under way comes on top.
const maxOutbox = 10_000

// outbox holds what the authority has yet to hear. Events go before the report
// of the change that caused them, so that who hears of a change finds its
// events.
type outbox struct {
	wake  chan struct{} // has a value when there is something to send
	again chan struct{} // has a value when the authority has come back

	mu     sync.Mutex
	events []api.Event  // guarded by mu
	lost   int          // guarded by mu; events for which there was no room, to be told with the next batch
	last   api.Batch    // guarded by mu; its run and number
	unsent *api.Batch   // guarded by mu; put back, to go again as it is
	report *api.Applied // guarded by mu; several become one
	answer *api.Live    // guarded by mu; the latest answers all earlier asks
}

func newOutbox() outbox {
	return outbox{wake: make(chan struct{}, 1), again: make(chan struct{}, 1), last: api.Batch{Run: rand.Text()}}
}

// event reports whether there was room.
func (o *outbox) event(event api.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.events) >= maxOutbox {
		o.lost++
		return false
	}
	o.events = append(o.events, event)
	signal(o.wake)
	return true
}

func (o *outbox) applied(report api.Applied) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.report != nil {
		report.Ended = append(o.report.Ended, report.Ended...)
	}
	o.report = &report
	signal(o.wake)
}

func (o *outbox) live(answer api.Live) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = &answer
	signal(o.wake)
}

// retry says that waiting any longer after a failure is of no use.
func (o *outbox) retry() { signal(o.again) }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take returns the next thing to send, nil if there is none, and a function
// that puts it back.
func (o *outbox) take() (path string, message any, putBack func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.unsent != nil:
		batch := *o.unsent
		o.unsent = nil
		return api.PathEvents, batch, func() { o.putBackBatch(batch) }
	case len(o.events) > 0:
		batch := o.batch()
		return api.PathEvents, batch, func() { o.putBackBatch(batch) }
	case o.report != nil:
		report := *o.report
		o.report = nil
		return api.PathApplied, report, func() { o.putBackReport(report) }
	case o.answer != nil:
		answer := *o.answer
		o.answer = nil
		return api.PathLive, answer, func() {} // nobody waits for it that long
	}
	return "", nil, nil
}

// batch takes the oldest events out. The caller holds mu.
func (o *outbox) batch() api.Batch {
	n := min(len(o.events), api.MaxBatch)
	batch := api.Batch{Run: o.last.Run, Number: o.last.Number + 1, Events: o.events[:n:n], Lost: o.lost}
	o.events, o.lost, o.last.Number = o.events[n:], 0, batch.Number
	return batch
}

func (o *outbox) putBackBatch(batch api.Batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unsent = &batch
}

func (o *outbox) putBackReport(report api.Applied) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.report != nil {
		o.report.Ended = append(report.Ended, o.report.Ended...)
		return
	}
	o.report = &report
}

// flushTimeout bounds the sending of what is left when the agent stops.
const flushTimeout = 3 * time.Second

// send empties the outbox, in order, until ctx ends, and once more then.
func (a *Agent) send(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; {
		sent, err := a.sendNext(ctx)
		switch {
		case err != nil:
			a.logger.Debug("sending failed", slog.Any("error", err))
			a.pause(ctx, backoff(attempt))
			attempt++
		case sent:
			attempt = 0
		default:
			select {
			case <-ctx.Done():
			case <-a.outbox.wake:
			}
		}
	}
	lastly, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	for sent := true; sent; {
		sent, _ = a.sendNext(lastly) // whom could it be told?
	}
}

// pause waits before another attempt, but not beyond the authority's return.
func (a *Agent) pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-a.outbox.again:
	case <-timer.C:
	}
}

// sendNext sends one thing, if there is one. What the authority refuses is
// dropped: sending it again would be of no use.
func (a *Agent) sendNext(ctx context.Context) (sent bool, err error) {
	path, message, putBack := a.outbox.take()
	if message == nil {
		return false, nil
	}
	err = a.post(ctx, path, message, nil)
	if refused(err) {
		a.logger.Error("the authority refused a message; it is dropped", slog.String("path", path), slog.Any("error", err))
		return true, nil
	}
	if err != nil {
		putBack()
		return false, err
	}
	return true, nil
}
