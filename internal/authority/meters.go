package authority

import (
	"context"
	"net/http"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/metrics"
	"github.com/signet-tls/signet/spiffeid"
)

// meters are what an authority counts of what happens; what is so at present is looked
// up by whoever reads.
type meters struct {
	set      *metrics.Set
	requests *metrics.Count
	took     *metrics.Times
	unlogged *metrics.Count
	issued   *metrics.Count
	events   *metrics.Count
	lost     *metrics.Count
}

func newMeters(a *Authority) meters {
	set := metrics.NewSet()
	read := func(m metrics.Metric, value func(*control.State) int64) {
		set.Read(m, func(put func(float64, ...string)) { put(float64(value(a.store.State()))) })
	}
	read(metrics.AuthorityRevision, func(s *control.State) int64 { return s.Revision })
	read(metrics.AuthorityRules, func(s *control.State) int64 { return int64(s.RuleCount()) })
	read(metrics.AuthorityRevoked, func(s *control.State) int64 { return int64(len(s.Revocations)) })
	read(metrics.AuthorityAudit, func(*control.State) int64 { return a.log.Size() })
	read(metrics.AuthorityStrangers, func(*control.State) int64 {
		a.mu.Lock()
		defer a.mu.Unlock()
		return int64(len(a.leaves))
	})
	set.Read(metrics.AuthorityIdentities, func(put func(float64, ...string)) {
		state := a.store.State()
		for id, known := range state.Identities {
			if _, revoked := state.Revocations[id]; !revoked {
				put(1, string(known.Kind))
			}
		}
	})
	set.Read(metrics.AuthorityProxies, func(put func(float64, ...string)) {
		state := a.store.State()
		able := map[spiffeid.ID]bool{}
		for _, id := range a.able(context.Background(), state) { // the store bounds itself
			able[id] = true
		}
		for _, id := range enrolled(state) {
			standing := "absent"
			if able[id] {
				standing = a.standing(a.proxyState(state, id, nil), state.Revision)
			}
			put(1, standing)
		}
	})
	set.Read(metrics.AuthorityCertificate, func(put func(float64, ...string)) {
		put(max(a.ca.Root().NotAfter().Sub(a.now()).Seconds(), 0), "root")
		put(max(a.ca.Intermediate().NotAfter().Sub(a.now()).Seconds(), 0), "intermediate")
	})
	return meters{set, set.Count(metrics.AuthorityRequests), set.Times(metrics.AuthorityRequestTime), set.Count(metrics.AuthorityAuditFailed),
		set.Count(metrics.AuthorityIssued), set.Count(metrics.AuthorityEvents), set.Count(metrics.AuthorityEventsLost)}
}

// standing is the one state in which a proxy is counted.
func (a *Authority) standing(p api.ProxyState, revision int64) string {
	switch {
	case p.Connected && p.Revision >= revision:
		return "up_to_date"
	case p.Connected:
		return "behind"
	case p.Stale:
		return "stale"
	}
	return "cut_off"
}

// answered counts a request. A path that there is not counts as one.
func (m meters) answered(path string, known bool, since time.Time, err error) {
	if !known {
		path = metrics.Other
	}
	outcome := "ok"
	if refusal, ok := fault.Of(err); ok {
		outcome = string(refusal.Code)
	} else if err != nil {
		outcome = string(Failed)
	}
	m.requests.Add(1, path, outcome)
	if path != api.PathWatch {
		m.took.Took(time.Since(since), path)
	}
}

// append writes to the audit log, and remembers whether that can be done.
func (a *Authority) append(ctx context.Context, entries ...audit.Entry) (first int64, err error) {
	first, err = a.log.Append(ctx, entries...)
	if err != nil && ctx.Err() == nil {
		a.meters.unlogged.Add(1)
		a.unlogged.Store(&err)
	} else if err == nil && a.unlogged.Load() != nil {
		a.unlogged.Store(nil)
	}
	return first, err
}

// Ready says why the authority does not do its work at present; nothing where it does.
func (a *Authority) Ready() (why []string) {
	a.mu.Lock()
	serving := a.serving && !a.closing
	a.mu.Unlock()
	if !serving {
		why = append(why, "it answers nobody: it starts, or is being stopped")
	}
	if err := a.unlogged.Load(); err != nil {
		why = append(why, "the audit log cannot be written: "+fault.Text(*err))
	}
	if err := a.store.Trouble(); err != nil {
		why = append(why, "the store cannot be used: "+fault.Text(err))
	}
	return why
}

// StatusPort is what the status port tells: as "metrics.Port", and /status as JSON.
func (a *Authority) StatusPort() metrics.Port {
	return metrics.Port{Set: a.meters.set, Ready: a.Ready, Logger: a.logger, Also: map[string]http.HandlerFunc{
		"/status": func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, a.Status()) },
	}}
}
