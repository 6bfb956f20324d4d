// Package tamper attacks TLS on purpose. An adversary in the path between a
// client and a server flips bits, drops, swaps, replays and forges records,
// rewrites Hellos and cuts streams, towards either end, in TLS 1.2 and 1.3; and
// stands at an end as somebody else. A table says how often the application
// was fooled: with Signet, on both of its data paths, and beside it with others
// as they come by default.
package tamper

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// Codes of this package.
const (
	ReferenceFailed fault.Code = "tamper_reference_failed"
	TouchedNothing  fault.Code = "tamper_touched_nothing"
	Stuck           fault.Code = "tamper_stuck"
	TargetUnwell    fault.Code = "tamper_target_unwell"
	TargetRemote    fault.Code = "tamper_target_remote"
	CaseUnknown     fault.Code = "tamper_case_unknown"

	// What a program can be fooled by.
	ChangeBelieved      fault.Code = "change_believed"
	ImpostorTrusted     fault.Code = "impostor_trusted"
	TruncationUnnoticed fault.Code = "truncation_unnoticed"
)

// Codes returns the table of this package's codes.
func Codes() []fault.Entry {
	return []fault.Entry{
		{Code: ReferenceFailed, Meaning: "A connection that nobody attacked did not work, so there was nothing to attack.",
			Cause: "A defect of Signet, or a machine without memory or a usable clock.",
			Next:  "Run it again; if it stays, report it with the output of signet version."},
		{Code: TouchedNothing, Meaning: "An attack changed no byte, or did not get as far as what it was for, so it proves nothing and was not counted.",
			Cause: "Two connections of the same kind differed in length, a defect of the attacker; or the machine ran out of sockets.",
			Next:  "Report it with the case that the message names."},
		{Code: Stuck, Meaning: "A try did not end in time.",
			Cause: "A machine that stood still, or a defect of the attacked program.",
			Next:  "Run it again; if it stays, report it with the case that the message names."},
		{Code: TargetUnwell, Meaning: "The program that was to be attacked did not work with a peer that nobody attacked, or not always.",
			Cause: "It does not do what the attack counts on, believes other roots, does not connect each time, or is not there.",
			Next:  "Read in signet tamper --help what the program must do; the message has what it said."},
		{Code: TargetRemote, Meaning: "The server that was to be attacked is not on this machine, and nothing was sent.",
			Cause: "Attacks are for one's own programs, so only loopback addresses are attacked.",
			Next:  "Run the server on this machine, and name it as localhost:PORT."},
		{Code: CaseUnknown, Meaning: "There is no attack of this number.",
			Cause: "A mistyped number, or that of an attack on another program.",
			Next:  "Run it without a case; the example shows one."},
		{Code: ChangeBelieved, Meaning: "A program took data for good that was changed on the way.",
			Cause: "Its TLS library is broken, or it went on after an error.",
			Next:  "Have it stop at every error of its TLS library."},
		{Code: ImpostorTrusted, Meaning: "A program talked to a peer that is not who it must be.",
			Cause: "It does not verify certificates, or not the name in them.",
			Next:  "Switch verification on, of the chain and of the name, before any data is sent."},
		{Code: TruncationUnnoticed, Meaning: "A program took a stream that was cut for a whole one.",
			Cause: "It takes the end of the connection for the end of the data: without the peer's close_notify, or a length or checksum, that is a guess.",
			Next:  "Have it refuse an end without close_notify, or compare a length or checksum."},
	}
}

// Options says how much to attack, and who hears of it.
type Options struct {
	// Quick flips one bit in two bytes of three of a small exchange, its handshake
	// included, and 64 bits of each flow of a large one (64 KiB each way); cuts the
	// small one in front of one byte in eight, the large one in two places of each
	// record, and both between all records; attacks all records of the handshake and
	// one in eight behind it; and makes 10,000 clean connections. Without it every bit
	// of the small exchange is flipped, every record of the large one attacked, it is
	// cut at every byte, and 100,000 clean connections are made. Of all that, Signet's
	// record path gets what comes behind the handshake, and a tenth of the clean
	// connections. Of stacks beside Signet it tries a sample.
	Quick bool
	// Progress hears of every try that is done, one at a time; nil is nobody.
	Progress func(done, total int)
}

// Run makes all attacks on as many processors as there are. Who was fooled
// stands in the table; an error means that the table would prove nothing, or,
// where the context was canceled, less than was planned.
func Run(ctx context.Context, opts Options) (table *Table, err error) {
	f, err := newFixture(pki.Ed25519)
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "making certificates")
	}
	stacks, err := f.stacks()
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "making certificates")
	}
	dir, err := newFolder(f)
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "writing certificates").WithHint("make room for temporary files, and run it again")
	}
	defer dir.remove()
	own, bare := stacks[0], stacks[1]
	detached, end, err := f.newDetached(own)
	if err != nil {
		return nil, fault.Wrap(err, ReferenceFailed, "opening sockets")
	}
	defer end()
	processes, end := newProcesses(dir, bare)
	defer end()
	much := full
	if opts.Quick {
		much = quick
	}
	return attack(ctx, append([]*stack{own, detached, bare}, processes...), much, opts.Progress)
}

// attack tries the effort on each stack; the first, and those that detach
// connections, are what the table is about.
func attack(ctx context.Context, stacks []*stack, much effort, progress func(done, total int)) (*Table, error) {
	began := time.Now()
	sends := newPayloads()
	tries, err := plan(ctx, stacks, sends, much)
	switch {
	case err != nil && ctx.Err() != nil: // no clean connection of an interrupted run works
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	table := newTable(stacks)
	table.planned = len(tries)
	err = each(ctx, tries, sends, table, progress)
	table.Took = time.Since(began)
	return table, err
}

// waiters is how many tries with stacks behind sockets are made at once: much of
// their time they wait.
const waiters = 8

// each makes the tries and enters them into the table.
func each(ctx context.Context, tries []try, sends payloads, table *Table, progress func(done, total int)) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var (
		workers sync.WaitGroup
		mu      sync.Mutex // guards table and done
		done    int
	)
	work := func(queue <-chan try) {
		for t := range queue {
			result, err := t.run(ctx, sends)
			if err != nil {
				stop(err)
				return
			}
			mu.Lock()
			table.enter(t, result)
			if done++; progress != nil {
				progress(done, len(tries))
			}
			mu.Unlock()
		}
	}
	for _, group := range []struct {
		sockets bool
		workers int
	}{{false, runtime.GOMAXPROCS(0)}, {true, waiters}} {
		queue := make(chan try)
		workers.Go(func() {
			defer close(queue)
			for _, t := range tries {
				if t.arena.own.stack.sockets() != group.sockets {
					continue
				}
				select {
				case queue <- t:
				case <-ctx.Done():
					return
				}
			}
		})
		for range group.workers {
			workers.Go(func() { work(queue) })
		}
	}
	workers.Wait()
	return context.Cause(ctx)
}
