package tamper

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/signet-tls/signet/fault"
)

// effort says how much is tried.
type effort struct {
	flipBits int // how many bits of each byte of the small exchange are flipped
	flips    int // flips at random places of each large flow
	cuts     int // the small exchange is cut in front of one in so many bytes, and between all its records
	inside   int // cuts inside each record of each large flow; 0: at every byte
	every    int // of a large flow's records of data, one in so many is attacked
	clean    int // clean connections of Signet
	others   int // clean connections of each other stack in this process
	// At most so many attacks of each kind on each flow in each version, for
	// Signet, for another stack in this process, and for one that is a process; 0:
	// no limit.
	own, sample, process int
}

var (
	quick = effort{flipBits: 1, flips: 64, cuts: 8, inside: 2, every: 8, clean: 10_000, others: 1_000, own: 1_200, sample: 150, process: 6}
	full  = effort{flipBits: 8, flips: 4096, cuts: 1, inside: 0, every: 1, clean: 100_000, others: 10_000, process: 64}
)

// kind is a row of the table.
type kind int

const (
	bitsFlipped kind = iota
	recordsMoved
	recordsInserted
	replays
	insideRecord
	betweenRecords
	impostors
	stripped
	cleanEnds
)

// reference is the flow towards one side in a clean connection, by which the
// attacks on it are planned and from which they take what they replay: it
// carried another payload. Every connection of the same ends and shape has a
// flow of the same length.
type reference struct {
	flow      []byte
	another   []byte // the same of yet another connection
	records   []int  // where each ends
	handshake int    // where the sender's handshake ends
	detached  int    // where the receiver's does, if what comes before is not attacked; else 0
}

func refer(ctx context.Context, a *arena, toward side, size shape, sends payloads) (r reference, err error) {
	if r.another, _, err = record(ctx, a, toward, sends.now[size]); err != nil {
		return r, err
	}
	if r.flow, r.handshake, err = record(ctx, a, toward, sends.past[size]); err != nil {
		return r, err
	}
	if len(r.another) != len(r.flow) {
		return r, fault.New(ReferenceFailed, "%s: two clean connections differed in length: %d and %d bytes", a.own.stack.name, len(r.another), len(r.flow)).
			WithHint("signet version # and tell its makers: nothing was attacked yet")
	}
	var whole bool
	if a.own.stack.detached {
		r.detached = a.detaches(ctx, toward, sends.past[size])
	}
	r.records, whole, err = records(r.flow)
	if err == nil && !whole {
		err = fault.New(ReferenceFailed, "%s: a clean connection did not end with a whole record", a.own.stack.name)
	}
	return r, err
}

// detaches returns how much of the flow towards one side its receiver's handshake
// takes: all of a client's, but of a server's all up to the tickets, which are read behind
// it (RFC 8446, section 4.6.1). It is seen between ends without sockets, which read no
// sooner than they must.
func (a *arena) detaches(ctx context.Context, toward side, data [2][]byte) int {
	near := arena{own: a.other, other: a.other}
	saw := exchange(ctx, newLink(attacks{}, false), near.ends(toward, false), data)
	return min(saw[toward].heard, saw[toward.other()].handshake)
}

// reaches reports whether an attack is one on who receives the flow: on who detaches
// connections it changes nothing before, and puts no alert in the clear there, with which
// a connection is not detached.
func (r reference) reaches(attack mutation) bool {
	if r.detached == 0 {
		return true
	}
	deliver, _ := attack.begin(new(half))(r.another)
	rest, same := bytes.CutPrefix(deliver, r.another[:r.detached])
	return same && !bytes.HasPrefix(rest, []byte{alertRecord})
}

// record returns the flow towards one side of a clean connection, and where its
// sender's handshake ended.
func record(ctx context.Context, a *arena, toward side, data [2][]byte) (flow []byte, handshake int, err error) {
	l := a.own.stack.link(attacks{})
	data = a.sends(data, toward)
	saw := exchange(ctx, l, a.ends(toward, false), data)
	for at, o := range saw {
		if sent := data[side(at).other()]; !o.well(sent) && (side(at) == toward || !a.own.stack.process) {
			return nil, 0, fault.New(ReferenceFailed, "%s: a clean connection arrived with %d of %d bytes: %v", a.own.stack.name, len(o.got), len(sent), o.ended).
				WithHint("signet version # and tell its makers: nothing was attacked yet")
		}
	}
	return l.ends[toward].delivered, saw[toward.other()].handshake, nil
}

// plan lists every try, always in the same order. A process that does not work
// where nobody attacks it counts as absent: others made it.
func plan(ctx context.Context, stacks []*stack, sends payloads, much effort) (all []try, err error) {
	random := rand.New(rand.NewPCG(seed, 1))
	for column, s := range stacks {
		if s.absent != "" {
			continue
		}
		tries, err := planColumn(ctx, column, s, sends, much, random)
		switch {
		case s.process && ctx.Err() == nil && errors.Is(err, ReferenceFailed):
			s.absent = err.Error()
		case err != nil:
			return nil, err
		default:
			all = append(all, tries...)
		}
	}
	for i := range all {
		all[i].number = i + 1
	}
	return all, nil
}

// planColumn lists the tries of one stack.
func planColumn(ctx context.Context, column int, s *stack, sends payloads, much effort, random *rand.Rand) (all []try, err error) {
	arenas := newArenas(column, s)
	for _, a := range arenas {
		for _, toward := range []side{server, client} {
			attacks, err := attacksOn(ctx, a, toward, sends, much, random)
			if err != nil {
				return nil, err
			}
			all = append(all, attacks...)
		}
	}
	if !s.detached { // a handshake's matter
		open := newArena(column, s, asItComes)
		for _, toward := range []side{server, client} {
			all = append(all, much.thinned(open, downgrades(open, toward))...)
		}
	}
	for _, list := range []func(context.Context, []*arena, payloads) ([]try, error){impostorTries, strippedTries} {
		tries, err := list(ctx, arenas, sends)
		if err != nil {
			return nil, err
		}
		all = append(all, tries...)
	}
	return append(all, cleanTries(arenas, much.cleanOf(column, s))...), nil
}

// cleanOf returns how many clean connections a column makes.
func (e effort) cleanOf(column int, s *stack) int {
	switch {
	case column == 0:
		return e.clean
	case s.process:
		return e.process
	}
	return e.others
}

// thinned returns as many tries as the arena's stack is good for, spread over
// all of them.
func (e effort) thinned(a *arena, tries []try) []try {
	most := e.own
	switch {
	case a.own.stack.process:
		most = e.process
	case !a.own.stack.own(a.column):
		most = e.sample
	}
	if most == 0 || len(tries) <= most {
		return tries
	}
	some := make([]try, most)
	for i := range some {
		some[i] = tries[i*len(tries)/most]
	}
	return some
}

// attacksOn lists the attacks on the flow towards one side.
func attacksOn(ctx context.Context, a *arena, toward side, sends payloads, much effort, random *rand.Rand) (all []try, err error) {
	little, err := refer(ctx, a, toward, small, sends)
	if err != nil {
		return nil, err
	}
	big, err := refer(ctx, a, toward, large, sends)
	if err != nil {
		return nil, err
	}
	kinds := make(map[kind][]try)
	add := func(kind kind, size shape, attack mutation) {
		if flow := [...]reference{small: little, large: big}[size]; !flow.reaches(attack) {
			return
		}
		kinds[kind] = append(kinds[kind], try{kind: kind, arena: a, toward: toward, shape: size, attacks: on(toward, attack)})
	}
	for offset := range little.flow {
		for _, bit := range random.Perm(8)[:much.flipBits] {
			add(bitsFlipped, small, flip{offset, 1 << bit})
		}
	}
	for offset := range little.flow {
		if place := little.place(offset); offset%much.cuts == 0 || place == betweenRecords {
			add(place, small, cut{offset})
		}
	}
	for range much.flips {
		add(bitsFlipped, large, flip{random.IntN(len(big.flow)), 1 << random.IntN(8)})
	}
	for _, offset := range big.inside(random, much.inside) {
		add(insideRecord, large, cut{offset})
	}
	for _, offset := range big.between() {
		add(betweenRecords, large, cut{offset})
	}
	for _, attack := range big.moves(toward, much.every) {
		add(recordsMoved, large, attack)
	}
	for _, attack := range big.insertions(much.every) {
		add(recordsInserted, large, attack)
	}
	for _, attack := range big.replays(much.every) {
		add(replays, large, attack)
	}
	for kind := range kind(len(titles)) {
		all = append(all, much.thinned(a, kinds[kind])...)
	}
	return all, nil
}

// cleanTries are clean connections in a column's arenas: in both versions, with
// the column's stack at either side, seven of eight resumed.
func cleanTries(arenas []*arena, n int) (all []try) {
	for i := range n {
		round := i / len(arenas)
		all = append(all, try{kind: cleanEnds, arena: arenas[i%len(arenas)], toward: side(round % 2), resume: round/2%8 > 0})
	}
	return all
}

// inside returns places within each record, at most n of each: its first and
// last, and others at random. 0 means all.
func (r reference) inside(random *rand.Rand, n int) (offsets []int) {
	start := 0
	for _, end := range r.records {
		places := make([]int, 0, end-start-1)
		for offset := start + 1; offset < end; offset++ {
			places = append(places, offset)
		}
		if n > 0 && len(places) > n {
			last := len(places) - 1
			random.Shuffle(last-1, func(i, j int) { places[i+1], places[j+1] = places[j+1], places[i+1] })
			places[n-1], places[last] = places[last], places[n-1]
			places = places[:n]
		}
		offsets = append(offsets, places...)
		start = end
	}
	return offsets
}

// place says in which row a cut in front of a byte counts.
func (r reference) place(offset int) kind {
	if _, boundary := slices.BinarySearch(r.records, offset); boundary || offset == 0 {
		return betweenRecords
	}
	return insideRecord
}

// between returns every place between two records behind the handshake: in
// front of the first record of data up to in front of the close_notify.
func (r reference) between() []int {
	return r.records[r.first() : len(r.records)-1]
}

// first returns the index of the border behind which the data begins.
func (r reference) first() int {
	first, _ := slices.BinarySearch(r.records, r.handshake)
	return first
}
