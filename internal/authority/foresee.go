package authority

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/policy"
)

// foresee says what a policy would do to what is open and to what was tried, as
// far as that is recorded.
func (a *Authority) foresee(ctx context.Context, state *control.State, next *policy.Set) (*api.Foresight, error) {
	present, err := a.compile(rulesOf(state), groupsOf(state))
	if err != nil {
		return nil, err
	}
	out := &api.Foresight{}
	flips := map[policy.Pair]*api.Flip{}
	// flip returns the pair's row, nil if it would be decided as now.
	flip := func(pair policy.Pair) *api.Flip {
		row, known := flips[pair]
		if !known {
			if after := a.decision(state, next, pair); after.Allowed != a.decision(state, present, pair).Allowed {
				row = &api.Flip{From: pair.From, To: pair.To, Allowed: after.Allowed, Reason: after.Reason}
			}
			flips[pair] = row
		}
		return row
	}
	live, silent := a.ask(ctx, state)
	out.Silent = silent
	for _, conn := range live {
		row := flip(policy.Pair{From: conn.From, To: conn.To})
		if row == nil || row.Allowed {
			out.Stay++
			continue
		}
		row.Live++
		out.Ends = append(out.Ends, api.EndedConn{ID: conn.ID, From: conn.From, To: conn.To})
	}
	since := a.now().Add(-time.Hour)
	for _, e := range a.journal.Tries() {
		row := flip(policy.Pair{From: e.From, To: e.To})
		if row == nil {
			continue
		}
		row.Tries++
		if row.Allowed && e.Kind == api.Refused && e.Time.After(since) {
			out.LetsIn++
		}
	}
	for _, row := range flips {
		if row != nil {
			out.Flips = append(out.Flips, *row)
		}
	}
	slices.SortFunc(out.Flips, func(x, y api.Flip) int {
		return cmp.Or(byID(x.From, y.From), byID(x.To, y.To))
	})
	return out, nil
}
