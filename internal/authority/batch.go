package authority

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"sync"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// stream is what a proxy's events have come to.
type stream struct {
	mu     sync.Mutex       // held while a batch is taken in
	runs   []lastBatch      // guarded by mu; the latest keptRuns
	signer *pki.Certificate // guarded by mu; in the log since the authority started
}

// lastBatch is how far the batches of one run of a proxy's agent have come. Two
// processes of one name have a run each, so that neither makes a gap in the other's.
type lastBatch struct {
	run    string
	number uint64
}

// keptRuns bounds the runs of one proxy that are remembered.
const keptRuns = 8

// took reports whether a batch was taken in before.
func (s *stream) took(run string, number uint64) bool {
	return slices.ContainsFunc(s.runs, func(last lastBatch) bool { return last.run == run && number <= last.number })
}

// take notes a batch. The run that was heard of longest ago goes first.
func (s *stream) take(run string, number uint64) {
	s.runs = slices.DeleteFunc(s.runs, func(last lastBatch) bool { return last.run == run })
	if len(s.runs) == keptRuns {
		s.runs = s.runs[1:]
	}
	s.runs = append(s.runs, lastBatch{run, number})
}

func (a *Authority) stream(proxy spiffeid.ID) *stream {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.streams[proxy] == nil {
		a.streams[proxy] = &stream{}
	}
	return a.streams[proxy]
}

// events takes in what happened at a proxy. It is in the log before the proxy
// hears that it came: until then the proxy keeps it.
func (a *Authority) events(r *http.Request) (any, error) {
	text, err := readBody(r, api.MaxUpdate)
	if err != nil {
		return nil, err
	}
	sent, events, err := readBatch(text)
	if err != nil {
		return nil, err
	}
	id := caller(r)
	s := a.stream(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.took(sent.Run, sent.Number) {
		return nil, nil // it is here already: a proxy sends the next only when it knows that the one before was taken
	}
	signer, err := a.signerOf(r, s, sent)
	if err != nil {
		return nil, err
	}
	if err := a.keepBatch(r.Context(), s, id, signer, sent, events); err != nil {
		return nil, err
	}
	a.tellBatch(id, sent.Lost, events)
	return nil, nil
}

// maxEvent bounds an event as a proxy writes it, in bytes.
const maxEvent = 32 << 10

// readBatch reads a batch and its events, and holds it to its bounds.
func readBatch(text []byte) (sent api.Batch, events []api.Event, err error) {
	if sent, err = api.ParseBatch(text); err != nil {
		return sent, nil, fault.Wrap(err, BadRequest, "a batch of events cannot be read").WithHint(versionHint)
	}
	if sent.Number == 0 || len(sent.Run) > maxWord || sent.Run != fault.Printable(sent.Run, maxWord) || sent.Lost < 0 {
		return sent, nil, fault.New(BadRequest, "a batch has a number from 1 on, a run of at most %d bytes, and no less than 0 events lost", maxWord).
			WithHint(versionHint)
	}
	events = make([]api.Event, len(sent.Events))
	var compact bytes.Buffer
	for i, raw := range sent.Events {
		compact.Reset()
		if len(raw) > maxEvent || json.Compact(&compact, raw) != nil || !bytes.Equal(compact.Bytes(), raw) || json.Unmarshal(raw, &events[i]) != nil {
			return sent, nil, fault.New(BadRequest, "event %d of a batch is no event, has spaces, or more than %d bytes", i, maxEvent).
				WithHint(versionHint)
		}
	}
	return sent, events, nil
}

const versionHint = "run authority and proxy with the same version of signet"

// signerOf returns the certificate with whose key the proxy has signed.
func (a *Authority) signerOf(r *http.Request, s *stream, sent api.Batch) (*pki.Certificate, error) {
	peer := signet.PeerOf(r.Context())
	var chain []*pki.Certificate
	for _, der := range sent.Signer {
		cert, err := pki.ParseCertificate(der)
		if err != nil || len(chain) == maxChain {
			return nil, unsigned(peer.ID, "its certificate cannot be read")
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, unsigned(peer.ID, "it has no certificate")
	}
	// The one that the proxy has shown, or a batch before, is known to be its own.
	if !chain[0].Equal(peer.Chain[0]) && (s.signer == nil || !chain[0].Equal(s.signer)) {
		if _, err := verify.Verify(chain, verify.Options{Roots: *a.trusted.Load(), Name: verify.ID(peer.ID), Purpose: verify.ClientAuth, Now: a.now()}); err != nil {
			return nil, unsigned(peer.ID, fault.Text(err))
		}
	}
	if err := pki.VerifyFile(chain[0].PublicKey(), bytes.NewReader(sent.Signed(peer.ID)), sent.Signature); err != nil {
		return nil, unsigned(peer.ID, fault.Text(err))
	}
	return chain[0], nil
}

// maxChain bounds the certificates that come with a batch.
const maxChain = 10

func unsigned(proxy spiffeid.ID, why string) error {
	return fault.New(audit.BatchUnsigned, "a batch of events is not signed by %s: %s", proxy, why).WithHint(versionHint)
}

// keepBatch makes a batch durable. The caller holds the stream.
func (a *Authority) keepBatch(ctx context.Context, s *stream, id spiffeid.ID, signer *pki.Certificate, sent api.Batch, events []api.Event) error {
	state, now := a.store.State(), a.now()
	var entries []audit.Entry
	if s.signer == nil || !s.signer.Equal(signer) {
		entries = append(entries, audit.Entry{Kind: audit.Signs, Time: now, Proxy: id, Signer: sent.Signer})
	}
	kinds := make([]audit.Kind, len(events))
	for i := range events {
		kinds[i] = audit.KindOf(events[i])
		if !mayTell(state, id, &events[i]) {
			kinds[i] = audit.Disowned
		}
	}
	entries = append(entries, audit.OfBatch(now, id, signer.Serial(), sent, kinds)...)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), diskTime)
	defer cancel()
	if _, err := a.append(ctx, entries...); err != nil {
		return err
	}
	s.take(sent.Run, sent.Number)
	s.signer = signer
	return nil
}

// tellBatch hands on what is durable.
func (a *Authority) tellBatch(id spiffeid.ID, lost int, events []api.Event) {
	state := a.store.State()
	a.journal.Lose(lost, a.now())
	a.meters.lost.Add(min(lost, recent.MaxLost))
	for _, event := range events {
		if !mayTell(state, id, &event) {
			a.logger.Warn("an event that is not the proxy's to tell", slog.String("proxy", id.String()), slog.String("kind", string(event.Kind)))
			continue
		}
		a.record(kept(event, id))
	}
}

// mayTell reports whether an event is a proxy's to tell: something that
// happened at its own end of a connection.
func mayTell(state *control.State, proxy spiffeid.ID, event *api.Event) bool {
	switch event.Kind {
	case api.Opened, api.Refused, api.Ended:
	case api.Warned: // of itself
		return event.Conn == "" && event.From.IsZero() && event.To.IsZero()
	default: // changes are the authority's own
		return false
	}
	own := event.From
	if event.Side == api.Service {
		own = event.To
	}
	return holds(state, proxy, own) && (event.Conn == "" || validConn(event.Conn))
}
