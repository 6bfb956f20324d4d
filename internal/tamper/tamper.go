// Package tamper attacks TLS on purpose. An adversary in the path between a
// client and a server flips bits and cuts streams, towards either end, in TLS
// 1.2 and 1.3; a table says how often the application that received them was
// fooled, with Signet and with Go's crypto/tls as it comes by default.
package tamper

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signet-tls/signet/fault"
)

// Codes of this package.
const (
	ReferenceFailed fault.Code = "tamper_reference_failed"
	TouchedNothing  fault.Code = "tamper_touched_nothing"
	Stuck           fault.Code = "tamper_stuck"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: ReferenceFailed, Meaning: "A connection that nobody attacked did not work, so there was nothing to attack.",
			Cause: "A defect of Signet, or a machine without memory or a usable clock.",
			Next:  "Run it again; if it stays, report it with the output of signet version."},
		{Code: TouchedNothing, Meaning: "An attack changed no byte, so it proves nothing and was not counted.",
			Cause: "Two connections of the same kind differed in length: a defect of the attacker.",
			Next:  "Report it with the case that the message names."},
		{Code: Stuck, Meaning: "A try did not end in time.",
			Cause: "A machine that stood still, or a defect of the attacked program.",
			Next:  "Run it again; if it stays, report it with the case that the message names."},
	}
}

// Options says how much to attack, and who hears of it.
type Options struct {
	// Quick flips one bit in every byte of a small exchange, its handshake
	// included, and 64 bits of each flow of a large one (64 KiB each way); cuts
	// the small one in front of every byte, the large one between all its records
	// and in four places of each; and makes 10,000 clean connections: some 15 s
	// on two cores. Without it every bit of
	// the small exchange is flipped, and the large one is cut at every byte: some
	// 10 minutes.
	Quick bool
	// Progress hears of every try that is done, one at a time; nil is nobody.
	Progress func(done, total int)
}

// Run makes all attacks on as many processors as there are. Who was fooled
// stands in the table; an error means that the table would prove nothing.
func Run(ctx context.Context, opts Options) (*Table, error) {
	stacks, err := newStacks()
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "making certificates")
	}
	much := full
	if opts.Quick {
		much = quick
	}
	return attack(ctx, stacks, much, opts.Progress)
}

// attack tries the effort on each stack; the first is the one that the table
// is about.
func attack(ctx context.Context, stacks []*stack, much effort, progress func(done, total int)) (*Table, error) {
	began := time.Now()
	sends := newPayloads()
	tries, err := plan(ctx, stacks, sends, much)
	if err != nil {
		return nil, err
	}
	table := newTable(stacks)
	if err := each(ctx, tries, sends, table, progress); err != nil {
		return nil, err
	}
	table.Took = time.Since(began)
	return table, nil
}

// each makes the tries and enters them into the table.
func each(ctx context.Context, tries []try, sends payloads, table *Table, progress func(done, total int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		workers sync.WaitGroup
		next    atomic.Int64
		mu      sync.Mutex // guards table and done
		done    int
	)
	work := func() {
		for i := next.Add(1) - 1; i < int64(len(tries)) && ctx.Err() == nil; i = next.Add(1) - 1 {
			result, err := tries[i].run(ctx, sends)
			if err != nil {
				stop(err)
				return
			}
			mu.Lock()
			table.enter(tries[i], result)
			if done++; progress != nil {
				progress(done, len(tries))
			}
			mu.Unlock()
		}
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Go(work)
	}
	workers.Wait()
	return context.Cause(ctx)
}

// run makes the connection and judges what the column's stack delivered.
func (t try) run(ctx context.Context, sends payloads) (Count, error) {
	l := newLink(t.toward, t.attack)
	saw := exchange(ctx, l, t.arena.ends(t.toward, t.resume), sends[t.shape])
	if err := t.proves(l); err != nil {
		return Count{}, err
	}
	count := Count{Tried: 1}
	for _, at := range t.judged() {
		sent := sends[t.shape][at.other()]
		count.AlteredBytes += saw[at].altered(sent)
		if saw[at].ended == nil && (t.isCut() || len(saw[at].got) < len(sent)) {
			count.UnnoticedTruncations = 1
		}
		if t.kind == cleanEnds && !saw[at].well(sent) {
			count.FalseAlarms = 1
		}
	}
	if count.AlteredBytes+count.UnnoticedTruncations+count.FalseAlarms > 0 {
		count.Fooled, count.Example = 1, t.String()
	}
	return count, nil
}

// isCut reports whether the stream is cut, so that the sender's word that this
// was all never arrives whole, and no end of it is a clean one.
func (t try) isCut() bool { return t.kind == insideRecord || t.kind == betweenRecords }

// judged returns the sides whose application is looked at: that which receives
// the attacked flow, and in a clean connection each at which the column's stack
// stands.
func (t try) judged() []side {
	if t.kind == cleanEnds && t.arena.other == t.arena.own {
		return []side{client, server}
	}
	return []side{t.toward}
}

// proves reports a try from which nothing can be learnt.
func (t try) proves(l *link) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	flow := &l.ends[t.toward]
	switch {
	case l.stuck:
		return fault.New(Stuck, "%s: no end after %s", t, patience).WithHint("signet tamper --quick # again, on a machine with less to do")
	case t.kind != cleanEnds && flow.touched == 0:
		return fault.New(TouchedNothing, "%s: no byte was touched", t).WithHint("signet version # and tell its makers the case")
	}
	if !t.isCut() {
		return nil
	}
	if _, whole, err := records(flow.delivered); err != nil || whole != (t.kind == betweenRecords) {
		return fault.New(TouchedNothing, "%s: the cut was to be %s, and is not", t, t.kind).WithHint("signet version # and tell its makers the case")
	}
	return nil
}
