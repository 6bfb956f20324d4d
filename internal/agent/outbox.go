package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
)

// maxOutbox is how many events wait for the authority before new ones are
// dropped; a batch that is under way comes on top.
const maxOutbox = 10_000

// gatherFor is how long events gather behind a batch, unless they fill the next or a
// report waits for them: each batch takes a signature and a request.
const gatherFor = 250 * time.Millisecond

// outbox holds what the authority has yet to hear. Events go before the report
// of the change that caused them, so that who hears of a change finds its
// events.
type outbox struct {
	wake  chan struct{} // has a value when there is something to send
	again chan struct{} // has a value when the authority has come back

	mu     sync.Mutex
	events []api.Event  // guarded by mu
	gather bool         // guarded by mu; events wait for others
	lost   int          // guarded by mu; events for which there was no room, to be told with the next batch
	gone   int          // guarded by mu; all that were lost since the start
	last   batch        // guarded by mu, but for its run, which stays; its run and number
	unsent *batch       // guarded by mu; put back, to go again as it is
	report *api.Applied // guarded by mu; several become one
	offer  *api.Offer   // guarded by mu; the latest
	answer *api.Live    // guarded by mu; the latest answers all earlier asks
}

// batch is events that go together; an api.Batch once it is signed.
type batch struct {
	run    string
	number uint64
	events []api.Event
	lost   int
}

func newOutbox() outbox {
	return outbox{wake: make(chan struct{}, 1), again: make(chan struct{}, 1), last: batch{run: rand.Text()}}
}

// event reports whether there was room.
func (o *outbox) event(event api.Event) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.events) >= maxOutbox {
		o.lost++
		o.gone++
		return false
	}
	o.events = append(o.events, event)
	if o.due() {
		signal(o.wake)
	}
	return true
}

// due reports whether there are events to send. The caller holds mu.
func (o *outbox) due() bool {
	return len(o.events) > 0 && (!o.gather || o.report != nil || len(o.events) >= api.MaxBatch)
}

// rest has events gather for a while.
func (o *outbox) rest() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gather = true
	time.AfterFunc(gatherFor, o.rested)
}

// rested has events leave.
func (o *outbox) rested() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gather = false
	signal(o.wake)
}

// Waiting returns how many events the authority has yet to take, and how many were lost
// since the start.
func (a *Agent) Waiting() (waiting, lost int) {
	o := &a.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting = len(o.events)
	if o.unsent != nil {
		waiting += len(o.unsent.events)
	}
	return waiting, o.gone
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

func (o *outbox) offers(offer api.Offer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.offer = &offer
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
		again := *o.unsent
		o.unsent = nil
		return api.PathEvents, again, func() { o.putBackBatch(again) }
	case o.due():
		next := o.batch()
		return api.PathEvents, next, func() { o.putBackBatch(next) }
	case o.offer != nil:
		offer := *o.offer
		o.offer = nil
		return api.PathOffer, offer, func() {} // it is sent again with the next watch
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
func (o *outbox) batch() batch {
	n := min(len(o.events), api.MaxBatch)
	next := batch{run: o.last.run, number: o.last.number + 1, events: o.events[:n:n], lost: o.lost}
	o.events, o.lost, o.last.number = o.events[n:], 0, next.number
	return next
}

func (o *outbox) putBackBatch(unsent batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.unsent = &unsent
}

// giveUp counts the events of a batch that the authority does not take among
// those that are lost, so that it hears of the gap.
func (o *outbox) giveUp(refused batch) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lost += refused.lost + len(refused.events)
	o.gone += len(refused.events)
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

// send empties the outbox, in order, until ctx ends.
func (a *Agent) send(ctx context.Context) {
	for attempt := 0; ctx.Err() == nil; {
		sent, err := a.sendNext(ctx)
		switch {
		case err != nil:
			a.logger.Debug("sending failed", slog.Any("error", err))
			a.pause(ctx, backoff(attempt, usualBackoff))
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
}

// flush sends what is left. It comes after the watch, whose last change may be what
// the program stops for.
func (a *Agent) flush(ctx context.Context) {
	lastly, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	for sent := true; sent; {
		a.outbox.rested()
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
	events, isBatch := message.(batch)
	if isBatch {
		if message, err = a.sealed(events); err != nil {
			putBack()
			return false, err
		}
	}
	err = a.post(ctx, path, message, nil)
	if refused(err) {
		if isBatch {
			a.outbox.giveUp(events)
		}
		a.logger.Error("the authority refused a message; it is dropped", slog.String("path", path), slog.Any("error", err))
		return true, nil
	}
	if err != nil {
		putBack()
		return false, err
	}
	if isBatch {
		a.outbox.rest()
	}
	return true, nil
}

// sealed is a batch as it is sent: signed with the key of our present
// certificate, which goes with it.
func (a *Agent) sealed(b batch) ([]byte, error) {
	message, own := api.NewBatch(b.run, b.number, b.events, b.lost), a.keys.get(a.self)
	var err error
	if message.Signature, err = pki.SignFile(own.Key, bytes.NewReader(message.Signed(a.self))); err != nil {
		return nil, err
	}
	for _, cert := range own.Chain {
		message.Signer = append(message.Signer, cert.Raw())
	}
	return message.Encode()
}
