package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/signet-tls/signet/spiffeid"
)

// Batch is events of one run of an agent. Batches are numbered from 1 on; one
// that comes again, because its answer was lost, is not taken twice.
type Batch struct {
	Run    string `json:"run"` // other in each run
	Number uint64 `json:"number"`
	Lost   int    `json:"lost,omitempty"` // events since the last batch for which there was no room
	// Signer is the proxy's own certificate and those between it and a root, in
	// DER; its key has made the signature.
	Signer    [][]byte `json:"signer"`
	Signature []byte   `json:"signature"`
	// Events are an Event each, as it was signed.
	Events []json.RawMessage `json:"-"`
}

// NewBatch returns a batch that nobody has signed.
func NewBatch(run string, number uint64, events []Event, lost int) Batch {
	lines := make([]byte, 0, len(events)*usualEvent)
	for i := range events {
		lines = events[i].line(lines)
	}
	return Batch{Run: run, Number: number, Lost: lost, Events: eachLine(lines, len(events))}
}

// usualEvent is about as much as the line of an event takes, in bytes.
const usualEvent = 512

// Encode writes a batch as it is sent: a line of JSON without its events, and a line for
// each of them: they are most of a batch, and JSON already.
func (b Batch) Encode() ([]byte, error) {
	text, err := json.Marshal(b)
	return b.lines(append(text, '\n')), err
}

// ParseBatch reads what Encode has written. The events may be anything yet.
func ParseBatch(text []byte) (b Batch, err error) {
	head, lines, _ := bytes.Cut(text, newline)
	if err := json.Unmarshal(head, &b); err != nil {
		return b, err
	}
	n := bytes.Count(lines, newline)
	switch {
	case n > MaxBatch:
		return b, fmt.Errorf("it has %d events; %d are the most", n, MaxBatch)
	case len(lines) > 0 && !bytes.HasSuffix(lines, newline):
		return b, errors.New("its last line does not end")
	}
	b.Events = eachLine(lines, n)
	return b, nil
}

// Signed returns the bytes that the proxy signs: whose batch it is, which, and
// each event on a line of its own, letter for letter as it is sent.
func (b Batch) Signed(proxy spiffeid.ID) []byte {
	return b.lines(fmt.Appendf(nil, "signet-batch/v1\n%s\n%s\n%d\n%d\n%d\n", proxy, b.Run, b.Number, b.Lost, len(b.Events)))
}

var newline = []byte("\n")

// lines adds the events to text, a line each.
func (b Batch) lines(text []byte) []byte {
	size := 0
	for _, event := range b.Events {
		size += len(event) + len(newline)
	}
	text = slices.Grow(text, size)
	for _, event := range b.Events {
		text = append(append(text, event...), newline...)
	}
	return text
}

// eachLine returns n lines without their ends.
func eachLine(text []byte, n int) []json.RawMessage {
	all := make([]json.RawMessage, 0, n)
	for line := range bytes.Lines(text) {
		all = append(all, json.RawMessage(bytes.TrimSuffix(line, newline)))
	}
	return all
}
