package authority

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// heartbeat is how often a watch shows that the authority is alive, and how
// long one line of it may take to be sent.
const heartbeat = 5 * time.Second

// keptReports bounds the reports that wait for a change's answer.
const keptReports = 64

// proxy is what the authority knows of one proxy.
type proxy struct {
	stop    context.CancelFunc // ends its watch; nil when it has none
	asks    chan uint64
	applied int64         // the newest revision that it has in force
	reports []api.Applied // the latest of them, with their times
	times   []time.Time
	heard   time.Time
}

func (p *proxy) connected() bool { return p.stop != nil }

// answer gathers the live connections that proxies report under one number.
type answer map[spiffeid.ID][]api.Conn

// watch streams the proxy's part of the truth, revision by revision.
func (a *Authority) watch(w http.ResponseWriter, r *http.Request) error {
	id := caller(r)
	ctx, stop := context.WithCancel(r.Context())
	defer stop()
	session := a.join(id, stop)
	defer a.leave(id, session)

	stream := json.NewEncoder(w)
	control := http.NewResponseController(w)
	send := func(update api.Update) error {
		control.SetWriteDeadline(time.Now().Add(heartbeat)) // a proxy that does not read must not hold us
		if err := stream.Encode(update); err != nil {
			return err
		}
		return control.Flush()
	}
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	states := a.store.Watch(ctx)
	for {
		var update api.Update
		select {
		case <-ctx.Done():
			return nil
		case state, ok := <-states:
			if _, revoked := state.Revocations[id]; !ok || revoked {
				return nil
			}
			update.Slice = slice(state, id)
		case update.Ask = <-session.asks:
		case <-beat.C:
			update.Beat = true
		}
		if err := send(update); err != nil {
			a.logger.Debug("watch ended", slog.String("proxy", id.String()), slog.Any("error", err))
			return nil
		}
	}
}

// join registers a watch; an older one of the same proxy ends.
func (a *Authority) join(id spiffeid.ID, stop context.CancelFunc) *proxy {
	a.mu.Lock()
	defer a.mu.Unlock()
	session := &proxy{stop: stop, asks: make(chan uint64, 8), heard: a.now()}
	if old := a.proxies[id]; old != nil {
		if old.connected() {
			old.stop()
		}
		session.applied = old.applied
	}
	a.proxies[id] = session
	return session
}

func (a *Authority) leave(id spiffeid.ID, session *proxy) {
	a.mu.Lock()
	defer a.mu.Unlock()
	session.stop = nil
	a.tell()
}

// tell wakes whoever waits for proxies. The caller holds mu.
func (a *Authority) tell() {
	close(a.news)
	a.news = make(chan struct{})
}

// slice is the part of the truth that a proxy needs.
func slice(state *control.State, proxy spiffeid.ID) *api.Slice {
	held := map[spiffeid.ID]bool{}
	for grant := range state.Grants {
		if _, revoked := state.Revocations[grant.Identity]; grant.Proxy == proxy && !revoked {
			held[grant.Identity] = true
		}
	}
	out := &api.Slice{Revision: state.Revision, Identities: slices.SortedFunc(maps.Keys(held), byID)}
	for pair, rule := range state.Rules {
		if held[pair.From] || held[pair.To] {
			out.Rules = append(out.Rules, api.Rule{Name: rule.Name, Text: rule.Text})
		}
	}
	for _, revocation := range state.Revocations {
		out.Revoked = append(out.Revoked, apiRevocation(revocation))
	}
	return out
}

func byID(a, b spiffeid.ID) int {
	switch {
	case a.String() < b.String():
		return -1
	case a == b:
		return 0
	}
	return 1
}

func apiRevocation(r control.Revocation) api.Revocation {
	return api.Revocation{ID: r.ID, Serials: r.Serials, By: r.By, Because: r.Because, Revision: r.Revision, At: r.At}
}

// certificate signs for the proxy's own identity and for those granted to it.
// The record is durable before the certificate leaves.
func (a *Authority) certificate(w http.ResponseWriter, r *http.Request) error {
	var request api.CertificateRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return err
	}
	id := caller(r)
	if _, granted := a.store.State().Grants[control.Grant{Proxy: id, Identity: request.ID}]; !granted && request.ID != id {
		return fault.New(NotGranted, "%s may not hold %s", id.Short(a.domain), request.ID.Short(a.domain)).
			WithHint("correct the proxy's services and doors")
	}
	public, err := pki.ParseRequest(request.Request)
	if err != nil {
		return err
	}
	chain, err := a.ca.Issue(request.ID, public, a.now())
	if err != nil {
		return err
	}
	leaf := chain[0]
	record := control.Certificate{Serial: leaf.Serial(), ID: request.ID, NotAfter: leaf.X509().NotAfter}
	if err := a.store.RecordCertificate(r.Context(), record); err != nil {
		return err
	}
	var answer api.Certificate
	for _, cert := range chain {
		answer.Chain = append(answer.Chain, cert.Raw())
	}
	return writeJSON(w, answer)
}

// applied notes that a proxy has a revision in force.
func (a *Authority) applied(w http.ResponseWriter, r *http.Request) error {
	var report api.Applied
	if err := readJSON(r, api.MaxUpdate, &report); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	session := a.proxies[caller(r)]
	if session == nil {
		return fault.New(BadRequest, "a report without a watch")
	}
	session.heard = a.now()
	session.applied = max(session.applied, report.Revision)
	session.reports = append(session.reports, report)
	session.times = append(session.times, session.heard)
	if len(session.reports) > keptReports {
		session.reports, session.times = session.reports[1:], session.times[1:]
	}
	a.tell()
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// events takes in what happened at a proxy.
func (a *Authority) events(w http.ResponseWriter, r *http.Request) error {
	var events []api.Event
	if err := readJSON(r, api.MaxUpdate, &events); err != nil {
		return err
	}
	if len(events) > api.MaxBatch {
		return fault.New(BadRequest, "a batch of %d events; %d are the most", len(events), api.MaxBatch)
	}
	for _, event := range events {
		event.Proxy = caller(r)
		a.record(event)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *Authority) record(event api.Event) {
	a.journal.add(event)
	if a.onEvent != nil {
		a.onEvent(event)
	}
}

// live takes in a proxy's answer to an ask.
func (a *Authority) live(w http.ResponseWriter, r *http.Request) error {
	var report api.Live
	if err := readJSON(r, api.MaxUpdate, &report); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if waiting, ok := a.answers[report.Ask]; ok {
		waiting[caller(r)] = report.Conns
		a.tell()
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
