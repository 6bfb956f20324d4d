package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/tlog"
)

// Kind is what an entry records.
type Kind string

// The kinds of entries.
const (
	Issued   Kind = "issuance" // a certificate, before it is handed out
	Acted    Kind = "act"      // an operator's, before it is carried out
	Came     Kind = "outcome"  // of an act
	Decided  Kind = "decision" // an event: a connection was opened or refused
	Ending   Kind = "ending"   // an event: a connection ended
	Warning  Kind = "warning"  // an event: a proxy tells what is wrong with itself
	Disowned Kind = "disowned" // an event that was not the proxy's to tell
	Batched  Kind = "batch"    // the signature over the events that follow
	Lost     Kind = "gap"      // events for which there was no room
	Signs    Kind = "signer"   // the certificate that signs the batches that follow
)

// Entry is one record of the log. The field of its kind is set.
type Entry struct {
	Kind     Kind            `json:"kind"`
	Time     time.Time       `json:"time"`            // of the authority
	Proxy    spiffeid.ID     `json:"proxy,omitzero"`  // that an event, a batch, a gap or a signer is of
	Event    json.RawMessage `json:"event,omitempty"` // an api.Event, as the proxy signed it
	Issuance *Issuance       `json:"issuance,omitempty"`
	Act      *Act            `json:"act,omitempty"`
	Outcome  *Outcome        `json:"outcome,omitempty"`
	Batch    *Batch          `json:"batch,omitempty"`
	Gap      int             `json:"gap,omitempty"`    // events
	Signer   [][]byte        `json:"signer,omitempty"` // chain in DER, leaf first
}

// OfCertificate returns the entry of a certificate that was signed for who asked.
func OfCertificate(now time.Time, leaf *pki.Certificate, by spiffeid.ID) Entry {
	return Entry{Kind: Issued, Time: now, Issuance: &Issuance{Serial: leaf.Serial(), ID: leaf.ID(), Key: leaf.PublicKey().PinText(), NotAfter: leaf.NotAfter(), By: by}}
}

// maxRequest is how long a request may be to stand in the log itself, in bytes.
const maxRequest = 32 << 10

// OfAct returns the entry of an act that an operator asks for, with a request in
// JSON.
func OfAct(now time.Time, by spiffeid.ID, verb string, request []byte) Entry {
	act := &Act{By: by, Verb: verb, Request: request}
	if len(request) > maxRequest {
		act.Request, act.Digest = nil, fmt.Sprintf("%x", sha256.Sum256(request))
	}
	return Entry{Kind: Acted, Time: now, Act: act}
}

// Issuance is a certificate that was signed.
type Issuance struct {
	Serial   string      `json:"serial"` // lower-case hexadecimal
	ID       spiffeid.ID `json:"id"`
	Key      string      `json:"key"` // its fingerprint, as a pin: sha256//…
	NotAfter time.Time   `json:"not_after"`
	By       spiffeid.ID `json:"by"` // who asked, and got it
}

// Act is what an operator asked for.
type Act struct {
	By      spiffeid.ID     `json:"by"`
	Verb    string          `json:"verb"`              // "allow", "deny", "revoke"
	Request json.RawMessage `json:"request,omitempty"` // as it came, unless it is long
	Digest  string          `json:"digest,omitempty"`  // of a long one: SHA-256 in hexadecimal
}

// Outcome is what an act led to.
type Outcome struct {
	Of       int64       `json:"of"` // the act's entry
	By       spiffeid.ID `json:"by"`
	Code     string      `json:"code,omitempty"`     // why it was not carried out
	Revision int64       `json:"revision,omitempty"` // that it made; 0 if it changed nothing
	Event    *api.Event  `json:"event,omitempty"`    // as "why" tells it
}

// Batch is a batch of a proxy's events, which follow it.
type Batch struct {
	Run       string `json:"run"`
	Number    uint64 `json:"number"`
	Events    int    `json:"events"`
	Lost      int    `json:"lost,omitempty"`
	Serial    string `json:"serial"` // of the certificate whose key signed
	Signature []byte `json:"signature"`
}

// encode writes an entry as it is in the log. Events stay letter for letter as
// they were signed.
func (e Entry) encode() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(e); err != nil {
		return nil, fault.Wrap(err, Unwritable, "an entry of the audit log cannot be written").WithHint("report it as a defect of Signet")
	}
	raw := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	if len(raw) > tlog.MaxEntry {
		return nil, fault.New(tlog.EntryTooLarge, "an entry of %d bytes is too large for the audit log: %d are the most", len(raw), tlog.MaxEntry).
			WithHint("say it shorter")
	}
	return raw, nil
}

// decode reads an entry.
func decode(raw []byte) (e Entry, err error) {
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, fault.Wrap(err, Damaged, "an entry of the audit log cannot be read").WithHint(verifyHint)
	}
	return e, nil
}

// ReadEvent reads the event of an entry; ok is false if it has none. It is as
// the proxy told it, but for the name of the proxy.
func (e Entry) ReadEvent() (event api.Event, ok bool) {
	if e.Kind == Came && e.Outcome != nil && e.Outcome.Event != nil {
		return *e.Outcome.Event, true
	}
	if e.Kind != Decided && e.Kind != Ending && e.Kind != Warning {
		return event, false
	}
	if json.Unmarshal(e.Event, &event) != nil {
		return event, false
	}
	event.Proxy = e.Proxy
	return event, true
}

// OfBatch returns the entries of a batch that a proxy signed with the key of the
// certificate that has the serial. Of each event, kinds says what it is.
func OfBatch(now time.Time, proxy spiffeid.ID, serial string, b api.Batch, kinds []Kind) []Entry {
	all := []Entry{{Kind: Batched, Time: now, Proxy: proxy,
		Batch: &Batch{Run: b.Run, Number: b.Number, Events: len(b.Events), Lost: b.Lost, Serial: serial, Signature: b.Signature}}}
	for i, event := range b.Events {
		all = append(all, Entry{Kind: kinds[i], Time: now, Proxy: proxy, Event: event})
	}
	if b.Lost > 0 {
		all = append(all, Entry{Kind: Lost, Time: now, Proxy: proxy, Gap: b.Lost})
	}
	return all
}

// KindOf returns the kind of an entry with the event.
func KindOf(event api.Event) Kind {
	switch event.Kind {
	case api.Ended:
		return Ending
	case api.Warned:
		return Warning
	}
	return Decided
}
