package authority

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// diskTime bounds how long the log may take over what must not be given up
// halfway, because the proxy that sent it would send it again.
const diskTime = 30 * time.Second

// issued records a certificate, before whoever asked for it gets it.
func (a *Authority) issued(ctx context.Context, leaf *pki.Certificate, by spiffeid.ID) error {
	_, err := a.append(ctx, audit.OfCertificate(a.now(), leaf, by))
	if err == nil {
		a.meters.issued.Add(1)
	}
	return err
}

// act is what an operator asked for, on record.
type act struct {
	entry int64
	told  bool // its outcome is on record too
}

type actKey struct{}

// acting is a handler of operators' acts: what is asked for is on record before
// it happens, and what came of it before the answer.
func (a *Authority) acting(handle func(*http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var request json.RawMessage
		if err := readJSON(r, api.MaxRequest, &request); err != nil {
			return nil, err
		}
		verb := strings.TrimPrefix(r.URL.Path, "/v1/")
		entry, err := a.append(r.Context(), audit.OfAct(a.now(), caller(r), verb, request))
		if err != nil {
			return nil, err
		}
		current := &act{entry: entry}
		r = r.WithContext(context.WithValue(r.Context(), actKey{}, current))
		r.Body = io.NopCloser(bytes.NewReader(request))
		answer, err := handle(r)
		if current.told {
			return answer, err
		}
		outcome := audit.Outcome{}
		if change, ok := answer.(api.Change); ok && !change.Unchanged {
			outcome.Revision = change.Revision
		}
		if refusal, ok := fault.Of(err); ok {
			outcome.Code = string(refusal.Code)
		} else if err != nil {
			outcome.Code = string(Failed)
		}
		if untold := a.outcome(r, outcome); untold != nil && err == nil {
			err = untold
		}
		return answer, err
	}
}

// outcome records what came of an act.
func (a *Authority) outcome(r *http.Request, outcome audit.Outcome) error {
	current, ok := r.Context().Value(actKey{}).(*act)
	if !ok {
		return nil // it is a question
	}
	current.told = true
	outcome.Of, outcome.By = current.entry, caller(r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), diskTime)
	defer cancel()
	_, err := a.append(ctx, audit.Entry{Kind: audit.Came, Time: a.now(), Outcome: &outcome})
	if err == nil {
		a.rememberNow()
	}
	if err != nil && outcome.Code == "" {
		return fault.Wrap(err, audit.Unwritable, "it was done, as revision %d, and its outcome is not in the audit log", outcome.Revision)
	}
	return err
}

// entriesKept is how many entries of the log are read at the start, so that
// questions about what was before can be answered.
const entriesKept = 2 * recent.MaxEvents

// recall fills the journal from the log.
func (a *Authority) recall() error {
	first := a.log.Size() - entriesKept
	return a.log.Entries(first, func(e audit.Entry) {
		if e.Time.Before(a.started) {
			a.started = e.Time // what was from then on is known
		}
		switch e.Kind {
		case audit.Batched:
			a.stream(e.Proxy).take(e.Batch.Run, e.Batch.Number)
		case audit.Lost:
			a.journal.Lose(e.Gap, e.Time)
		case audit.Came:
			if event, ok := e.ReadEvent(); ok {
				a.journal.Add(event)
			}
		default:
			if event, ok := e.ReadEvent(); ok {
				a.journal.Add(kept(event, e.Proxy))
			}
		}
	})
}
