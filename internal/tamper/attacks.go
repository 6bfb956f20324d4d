package tamper

import (
	"bytes"
	"fmt"
	"math/rand/v2"
)

// span returns where a record begins and ends.
func (r reference) span(number int) (start, end int) {
	if number > 0 {
		start = r.records[number-1]
	}
	return start, r.records[number]
}

// record returns one record of the flow, with its header.
func (r reference) record(number int) []byte {
	start, end := r.span(number)
	return r.flow[start:end]
}

// from returns the flow from one record up to another.
func (r reference) from(number, upTo int) (flow []byte) {
	for ; number < upTo; number++ {
		flow = append(flow, r.record(number)...)
	}
	return flow
}

// Types of records (RFC 8446, section 5.1).
const (
	changeCipherSpec = 20
	alertRecord      = 21
	handshakeRecord  = 22
	dataRecord       = 23
)

// constant reports whether a record is the same in every connection, so that
// another's in its place would change nothing.
func (r reference) constant(number int) bool {
	start, end := r.span(number)
	return bytes.Equal(r.flow[start:end], r.another[start:end])
}

// chosen returns the records to attack: all of the handshake, and one in so many
// behind it. The last says that this was all; what is done to it counts as a cut
// or comes too late.
func (r reference) chosen(every int) (numbers []int) {
	for number := range len(r.records) - 1 {
		if since := number - r.first(); since <= 1 || since%every == 0 || number == len(r.records)-2 {
			numbers = append(numbers, number)
		}
	}
	return numbers
}

// moves are attacks that drop, repeat, reorder and swap records.
func (r reference) moves(toward side, every int) (all []mutation) {
	last := len(r.records) - 1
	for _, number := range r.chosen(every) {
		all = append(all,
			splice{from: number, upTo: number + 1, what: fmt.Sprintf("record %d dropped", number)},
			later{number, number, true},
			later{number, min(number+3, last-1), true},
			later{number, number + 1, false},
		)
		if number+4 < last {
			all = append(all, later{number, number + 4, false})
		}
		if r.constant(number) {
			continue
		}
		all = append(all, splice{from: number, upTo: number + 1, put: r.record(number),
			what: fmt.Sprintf("record %d swapped with that of another connection", number)})
		if toward == client || number > 0 { // nothing comes before the ClientHello
			all = append(all, reflect{number})
		}
	}
	return all
}

// made is a record of the adversary's own.
type made struct {
	what   string
	record []byte
}

// forgeries are records that anybody can write.
func forgeries() []made {
	random := rand.New(rand.NewPCG(seed, 2))
	noise := make([]byte, 64)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	record := func(kind byte, body ...byte) []byte {
		return append([]byte{kind, 3, 3, byte(len(body) >> 8), byte(len(body))}, body...)
	}
	return []made{
		{"data in the clear", record(dataRecord, noise...)},
		{"an empty record of data", record(dataRecord)},
		{"a noisy record of the handshake", record(handshakeRecord, noise...)},
		{"a request to begin again", record(handshakeRecord, 0, 0, 0, 0)},
		{"a fatal alert in the clear", record(alertRecord, 2, 40)},
		{"a warning in the clear", record(alertRecord, 1, 100)},
		{"a close_notify in the clear", closeNotify},
		{"a change of ciphers", record(changeCipherSpec, 1)},
		{"a record of an unknown type", record(24, noise...)},
		{"a record longer than any", []byte{dataRecord, 3, 3, 0xff, 0xff}},
		{"text that is no record", []byte("HTTP/1.1 200 OK\r\n\r\n")},
	}
}

var closeNotify = []byte{alertRecord, 3, 3, 0, 2, 1, 0}

// insertions are attacks that put records into the flow.
func (r reference) insertions(every int) (all []mutation) {
	forged := forgeries()
	for _, number := range r.chosen(every) {
		for _, f := range forged {
			all = append(all, splice{from: number, upTo: number, put: f.record, what: fmt.Sprintf("%s in front of record %d", f.what, number)})
		}
		all = append(all,
			splice{from: number, upTo: number, put: r.record(number), what: fmt.Sprintf("a record of another connection in front of record %d", number)},
			splice{from: number, upTo: number, put: closeNotify, ends: true, what: fmt.Sprintf("a close_notify in the clear and the end in front of record %d", number)})
	}
	return all
}

// replays are attacks that deliver what another connection carried: its
// beginning, or all from one record on.
func (r reference) replays(every int) (all []mutation) {
	n := len(r.records)
	all = append(all, splice{upTo: n, put: r.flow, what: "another connection's flow replayed"})
	for _, number := range r.chosen(every) {
		if number == 0 {
			continue
		}
		all = append(all,
			splice{upTo: number, put: r.from(0, number), what: fmt.Sprintf("records before %d replayed from another connection", number)},
			splice{from: number, upTo: n, put: r.from(number, n), what: fmt.Sprintf("all from record %d on replayed from another connection", number)})
	}
	return all
}

// rewrites are attacks on the Hellos of ends that speak both versions.
func rewrites() (all []attacks) {
	for _, r := range clientHellos {
		all = append(all, on(server, r))
	}
	for _, r := range clientHellos[:2] {
		all = append(all, attacks{server: r, client: unmarked})
	}
	for _, r := range serverHellos {
		all = append(all, on(client, r))
	}
	return all
}

// downgrades are those attacks on an arena's stack at one side: if it goes on
// with what it then hears, it was fooled.
func downgrades(a *arena, toward side) (all []try) {
	for _, done := range rewrites() {
		all = append(all, try{kind: replays, arena: a, toward: toward, attacks: done})
	}
	return all
}
