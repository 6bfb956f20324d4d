package api

import (
	"encoding/json"
	"fmt"

	"github.com/signet-tls/signet/spiffeid"
)

// Batch is events of one run of an agent. Batches are numbered from 1 on; one
// that comes again, because its answer was lost, is not taken twice.
type Batch struct {
	Run    string            `json:"run"` // other in each run
	Number uint64            `json:"number"`
	Events []json.RawMessage `json:"events"`         // each an Event, as it was signed
	Lost   int               `json:"lost,omitempty"` // events since the last batch for which there was no room
	// Signer is the proxy's own certificate and those between it and a root, in
	// DER; its key has made the signature.
	Signer    [][]byte `json:"signer"`
	Signature []byte   `json:"signature"`
}

// NewBatch returns a batch that nobody has signed.
func NewBatch(run string, number uint64, events []Event, lost int) (Batch, error) {
	b := Batch{Run: run, Number: number, Events: make([]json.RawMessage, len(events)), Lost: lost}
	for i, event := range events {
		var err error
		if b.Events[i], err = json.Marshal(event); err != nil {
			return b, err
		}
	}
	return b, nil
}

// Signed returns the bytes that the proxy signs: whose batch it is, which, and
// each event on a line of its own, letter for letter as it is sent.
func (b Batch) Signed(proxy spiffeid.ID) []byte {
	text := fmt.Appendf(nil, "signet-batch/v1\n%s\n%s\n%d\n%d\n%d\n", proxy, b.Run, b.Number, b.Lost, len(b.Events))
	for _, event := range b.Events {
		text = append(append(text, event...), '\n')
	}
	return text
}
