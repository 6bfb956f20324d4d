package authority

import (
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
	if applied.Revision > state.Revision {
		return nil, fault.New(BadRequest, "revision %d is none yet: the newest is %d", applied.Revision, state.Revision).
			WithHint("report what came over the watch")
	}
	applied.Ended = slices.DeleteFunc(applied.Ended, func(c api.EndedConn) bool { return !validConn(c.ID) || !holdsOne(state, id, c.From, c.To) })
	a.mu.Lock()
	defer a.mu.Unlock()
	session, err := a.reporting(r)
	if err != nil {
		return nil, err
	}
	if session == nil {
		return nil, fault.New(BadRequest, "a report came without a watch").WithHint("watch first: the report is due after a revision came")
	}
	session.add(report{applied, a.now()})
	a.tell()
	return nil, nil
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
	event.Path = fault.Printable(event.Path, maxWord)
	return event
}

func (a *Authority) record(event api.Event) {
	a.journal.Add(event)
	a.meters.events.Add(1, string(event.Kind))
	if a.onEvent != nil {
		a.onEvent(event)
	}
}
