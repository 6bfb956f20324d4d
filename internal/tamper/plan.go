package tamper

import (
	"context"
	"crypto/tls"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/signet-tls/signet/fault"
)

// effort says how much is tried.
type effort struct {
	step     int // of each kind of attack, the first of every so many is made
	flipBits int // how many bits of each byte of the small exchange are flipped
	flips    int // flips at random places of each large flow
	inside   int // cuts inside each record of each large flow; 0: at every byte
	clean    int // clean connections of Signet
	others   int // clean connections of each other stack
}

var (
	quick = effort{step: 1, flipBits: 1, flips: 64, inside: 4, clean: 10_000, others: 1_000}
	full  = effort{step: 1, flipBits: 8, flips: 4096, inside: 0, clean: 10_000, others: 10_000}
)

// kind is a row of the table.
type kind int

const (
	bitsFlipped kind = iota
	insideRecord
	betweenRecords
	cleanEnds
)

// versions are attacked one as much as the other.
var versions = []uint16{tls.VersionTLS12, tls.VersionTLS13}

// seat is a stack in one version, ready to take either side.
type seat struct {
	stack   *stack
	version uint16
	server  connect
	resumes connect // a client that resumes from its second connection on
}

func newSeat(s *stack, version uint16) *seat {
	return &seat{s, version, s.server(version), s.client(version)}
}

// arena is where a column's stack is attacked in one version.
type arena struct {
	column     int
	own, other *seat
}

// newArenas returns a stack's arena in each version.
func newArenas(column int, s *stack) (all []*arena) {
	for _, version := range versions {
		a := &arena{column: column, own: newSeat(s, version)}
		a.other = a.own
		if version == tls.VersionTLS12 && s.faces != nil {
			a.other = newSeat(s.faces, version)
		}
		all = append(all, a)
	}
	return all
}

// ends returns who meets if the attack is towards one side.
func (a *arena) ends(toward side, resume bool) [2]connect {
	var seats [2]*seat
	seats[toward], seats[toward.other()] = a.own, a.other
	if resume {
		return [2]connect{seats[client].resumes, seats[server].server}
	}
	return [2]connect{seats[client].stack.client(a.own.version), seats[server].server}
}

// try is one connection, attacked or clean. Its number is its place in the plan.
type try struct {
	number int
	kind   kind
	arena  *arena
	toward side
	shape  shape
	attack mutation // nil: none
	resume bool
}

// String says which try it is, for a person.
func (t try) String() string {
	text := fmt.Sprintf("case %d: %s, %s, ", t.number, tls.VersionName(t.arena.own.version), t.toward.arrow())
	if t.attack == nil {
		return text + "not attacked"
	}
	return text + t.attack.String()
}

// reference is the flow towards one side in a clean connection, by which the
// attacks on it are planned. Every connection of the same ends and shape has a
// flow of the same length.
type reference struct {
	length    int
	records   []int // where each ends
	handshake int   // where the sender's handshake ends
}

func refer(ctx context.Context, a *arena, toward side, size shape, sends payloads) (reference, error) {
	l := newLink(toward, nil)
	saw := exchange(ctx, l, a.ends(toward, false), sends[size])
	for at, o := range saw {
		if sent := sends[size][side(at).other()]; !o.well(sent) {
			return reference{}, fault.New(ReferenceFailed, "%s: a clean connection arrived with %d of %d bytes: %v", a.own.stack.name, len(o.got), len(sent), o.ended).
				WithHint("signet version # and tell its makers: nothing was attacked yet")
		}
	}
	flow := l.ends[toward].delivered
	ends, whole, err := records(flow)
	if err == nil && !whole {
		err = fault.New(ReferenceFailed, "%s: a clean connection did not end with a whole record", a.own.stack.name)
	}
	return reference{len(flow), ends, saw[toward.other()].handshake}, err
}

// plan lists every try, always in the same order.
func plan(ctx context.Context, stacks []*stack, sends payloads, much effort) (all []try, err error) {
	random := rand.New(rand.NewPCG(seed, 1))
	for column, s := range stacks {
		arenas, clean := newArenas(column, s), much.clean
		if column > 0 {
			clean = much.others
		}
		for _, a := range arenas {
			for _, toward := range []side{server, client} {
				attacks, err := attacksOn(ctx, a, toward, sends, much, random)
				if err != nil {
					return nil, err
				}
				all = append(all, attacks...)
			}
		}
		all = append(all, cleanTries(arenas, clean)...)
	}
	for i := range all {
		all[i].number = i + 1
	}
	return all, nil
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
	seen := map[kind]int{}
	add := func(kind kind, size shape, attack mutation) {
		if seen[kind]%much.step == 0 {
			all = append(all, try{kind: kind, arena: a, toward: toward, shape: size, attack: attack})
		}
		seen[kind]++
	}
	for offset := range little.length {
		for _, bit := range random.Perm(8)[:much.flipBits] {
			add(bitsFlipped, small, flip{offset, 1 << bit})
		}
	}
	for offset := range little.length {
		add(little.place(offset), small, cut{offset})
	}
	for range much.flips {
		add(bitsFlipped, large, flip{random.IntN(big.length), 1 << random.IntN(8)})
	}
	for _, offset := range big.inside(random, much.inside) {
		add(insideRecord, large, cut{offset})
	}
	for _, offset := range big.between() {
		add(betweenRecords, large, cut{offset})
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
	first, _ := slices.BinarySearch(r.records, r.handshake)
	return r.records[first : len(r.records)-1]
}
