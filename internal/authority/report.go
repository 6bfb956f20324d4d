package authority

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// newest names the newest successor of each certificate.
func (a *Authority) newest(r *http.Request) (any, error) {
	var certs []api.Issued
	if err := readJSON(r, api.MaxRequest, &certs); err != nil {
		return nil, err
	}
	if len(certs) > api.MaxBatch {
		return nil, fault.New(BadRequest, "%d certificates are asked for; %d are the most", len(certs), api.MaxBatch).
			WithHint("ask for fewer at once")
	}
	for i, cert := range certs {
		recorded, err := a.store.Certificates(r.Context(), cert.ID)
		if err != nil {
			return nil, err
		}
		certs[i] = successor(recorded, cert)
	}
	return certs, nil
}

// successor finds a certificate's newest successor among those on record; one
// that is not on record has none.
func successor(recorded []control.Certificate, cert api.Issued) api.Issued {
	self := slices.IndexFunc(recorded, func(c control.Certificate) bool { return c.Serial == cert.Serial })
	if self < 0 {
		return cert
	}
	newest := recorded[self]
	for _, other := range recorded {
		if other.Holder == newest.Holder && other.NotAfter.After(newest.NotAfter) {
			newest = other
		}
	}
	return api.Issued{ID: newest.ID, Serial: newest.Serial, NotAfter: newest.NotAfter}
}

// holds reports whether a proxy may hold an identity.
func holds(state *control.State, proxy, id spiffeid.ID) bool {
	_, granted := state.Grants[control.Grant{Proxy: proxy, Identity: id}]
	return granted
}

// holdsOne reports whether one end of a connection is a proxy's, so that it may
// tell of it.
func holdsOne(state *control.State, proxy, from, to spiffeid.ID) bool {
	return holds(state, proxy, from) || holds(state, proxy, to)
}

// applied notes that a proxy has a revision in force.
func (a *Authority) applied(r *http.Request) (any, error) {
	var applied api.Applied
	if err := readJSON(r, api.MaxUpdate, &applied); err != nil {
		return nil, err
	}
	id, state := caller(r), a.store.State()
	applied.Ended = slices.DeleteFunc(applied.Ended, func(c api.EndedConn) bool { return !validConn(c.ID) || !holdsOne(state, id, c.From, c.To) })
	a.mu.Lock()
	defer a.mu.Unlock()
	session := a.proxies[id]
	if session == nil {
		return nil, fault.New(BadRequest, "a report came without a watch").WithHint("watch first: the report is due after a revision came")
	}
	session.add(report{applied, a.now()})
	a.tell()
	return nil, nil
}

// events takes in what happened at a proxy.
func (a *Authority) events(r *http.Request) (any, error) {
	var sent api.Batch
	if err := readJSON(r, api.MaxUpdate, &sent); err != nil {
		return nil, err
	}
	if len(sent.Events) > api.MaxBatch {
		return nil, fault.New(BadRequest, "a batch has %d events; %d are the most", len(sent.Events), api.MaxBatch).
			WithHint("send smaller batches")
	}
	if sent.Number == 0 || len(sent.Run) > maxWord || sent.Lost < 0 {
		return nil, fault.New(BadRequest, "a batch has a number from 1 on, a run of at most %d bytes, and no less than 0 events lost", maxWord).
			WithHint("run authority and proxy with the same version of signet")
	}
	id, state := caller(r), a.store.State()
	if !a.take(id, sent) {
		return nil, nil // it is here already
	}
	a.journal.lose(sent.Lost, a.now())
	for _, event := range sent.Events {
		if !mayTell(state, id, &event) {
			a.logger.Warn("an event that is not the proxy's to tell", slog.String("proxy", id.String()), slog.String("kind", string(event.Kind)))
			continue
		}
		a.record(kept(event, id))
	}
	return nil, nil
}

// batch says which batch of events it is.
type batch struct {
	run    string
	number uint64
}

// take notes a batch, and reports whether it is a new one. A proxy sends the next
// only when it knows that the one before was taken.
func (a *Authority) take(proxy spiffeid.ID, sent api.Batch) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if last := a.batches[proxy]; last.run == sent.Run && sent.Number <= last.number {
		return false
	}
	a.batches[proxy] = batch{sent.Run, sent.Number}
	return true
}

// mayTell reports whether an event is a proxy's to tell: something that
// happened at its own end of a connection.
func mayTell(state *control.State, proxy spiffeid.ID, event *api.Event) bool {
	switch event.Kind {
	case api.Opened, api.Refused, api.Ended:
	default: // changes are the authority's own
		return false
	}
	own := event.From
	if event.Side == api.Service {
		own = event.To
	}
	return holds(state, proxy, own) && (event.Conn == "" || validConn(event.Conn))
}

// validConn reports whether text is the ID of a connection.
func validConn(text string) bool {
	digits, ok := strings.CutPrefix(text, "c")
	return ok && len(digits) == 32 && strings.Trim(digits, "0123456789abcdef") == ""
}

// Bounds of the texts of an event that is kept, in characters.
const (
	maxWord = 64
	maxText = 500
)

// kept is an event of a proxy's as the journal keeps it: bounded, and without
// what is the authority's to say.
func kept(event api.Event, proxy spiffeid.ID) api.Event {
	event.Proxy, event.By, event.Because = proxy, spiffeid.ID{}, ""
	event.Side = api.Side(fault.Printable(string(event.Side), maxWord))
	event.Code = fault.Printable(event.Code, maxWord)
	event.Reason = fault.Printable(event.Reason, maxText)
	event.Rule = fault.Printable(event.Rule, maxText)
	event.TLS = fault.Printable(event.TLS, maxText)
	return event
}

func (a *Authority) record(event api.Event) {
	a.journal.add(event)
	if a.onEvent != nil {
		a.onEvent(event)
	}
}
