package agent

import (
	"context"
	"log/slog"
	"sync"

	"github.com/signet-tls/signet/internal/agent/api"
)

// maxOutbox is how many events wait for the authority before new ones are
// dropped.
const maxOutbox = 10_000

// outbox holds what the authority has yet to hear. Events go before the report
// of the change that caused them, so that who hears of a change finds its
// events.
type outbox struct {
	wake chan struct{} // has a value when there is something to send

	mu      sync.Mutex
	events  []api.Event  // guarded by mu
	reports *api.Applied // guarded by mu; several become one
	answers []api.Live   // guarded by mu
}

func (o *outbox) event(event api.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.events) >= maxOutbox {
		return false
	}
	o.events = append(o.events, event)
	o.signal()
	return true
}

func (o *outbox) applied(report api.Applied) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.reports != nil {
		report.Ended = append(o.reports.Ended, report.Ended...)
	}
	o.reports = &report
	o.signal()
}

func (o *outbox) live(answer api.Live) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answers = []api.Live{answer} // nobody waits for an older one for long
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// take returns the next thing to send, and a function that puts it back.
func (o *outbox) take() (path string, message any, putBack func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.events) > 0:
		n := min(len(o.events), api.MaxBatch)
		batch := o.events[:n:n]
		o.events = o.events[n:]
		return api.PathEvents, batch, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.events = append(batch, o.events...)
		}
	case o.reports != nil:
		report := *o.reports
		o.reports = nil
		return api.PathApplied, report, func() {
			o.mu.Lock()
			defer o.mu.Unlock()
			if o.reports == nil {
				o.reports = &report
				return
			}
			o.reports.Ended = append(report.Ended, o.reports.Ended...)
		}
	case len(o.answers) > 0:
		answer := o.answers[0]
		o.answers = o.answers[1:]
		return api.PathLive, answer, func() {} // too late by then
	}
	return "", nil, nil
}

// send empties the outbox, in order, until ctx ends.
func (a *Agent) send(ctx context.Context) {
	for attempt := 0; ; {
		path, message, putBack := a.outbox.take()
		if message == nil {
			select {
			case <-ctx.Done():
				return
			case <-a.outbox.wake:
			}
			continue
		}
		err := a.post(ctx, path, message, nil)
		if err == nil {
			attempt = 0
			continue
		}
		a.logger.Debug("sending failed", slog.String("path", path), slog.Any("error", err))
		if refused(err) {
			continue
		}
		putBack()
		if !sleep(ctx, backoff(attempt)) {
			return
		}
		attempt++
	}
}
