package authority

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/recent"
)

// cut ends live connections, and changes no rule. What a proxy reports afterwards says
// whether it has.
func (a *Authority) cut(r *http.Request) (any, error) {
	var request api.CutRequest
	if err := readJSON(r, api.MaxRequest, &request); err != nil {
		return nil, err
	}
	if err := checkReason(request.Because); err != nil {
		return nil, err
	}
	state := a.store.State()
	before, _ := a.gather(r.Context(), state, nil)
	chosen, err := a.chosen(request, merge(before, state, nil))
	if err != nil {
		return nil, err
	}
	out := api.CutDone{TrustDomain: a.domain, Ended: []api.EndedConn{}}
	order := &api.Cut{Reason: strings.TrimPrefix(caller(r).Short(a.domain), "operator/") + " cut it"}
	if request.Because != "" {
		order.Reason += fmt.Sprintf(": %q", request.Because)
	}
	for _, conn := range chosen {
		order.Conns = append(order.Conns, conn.ID)
	}
	if err := recent.Confirm(len(chosen), request.Most); err != nil {
		return nil, err
	}
	var after answer
	if len(chosen) > 0 {
		after, out.Silent = a.gather(r.Context(), state, order)
	} else {
		after = before
	}
	for _, conn := range chosen {
		ended := api.EndedConn{ID: conn.ID, From: conn.From, To: conn.To}
		remains := false
		for proxy, had := range before {
			if !slices.ContainsFunc(had, isConn(conn.ID)) {
				continue
			}
			has, answered := after[proxy]
			switch {
			case !answered:
			case slices.ContainsFunc(has, isConn(conn.ID)):
				remains = true
			default:
				ended.Ends++
			}
		}
		if remains || ended.Ends == 0 {
			out.Remain = append(out.Remain, ended)
			continue
		}
		out.Ended = append(out.Ended, ended)
	}
	out.Now, out.Others = a.now(), len(merge(after, state, nil))-len(out.Remain)
	return out, nil
}

func isConn(id string) func(api.Conn) bool { return func(c api.Conn) bool { return c.ID == id } }

// chosen are the connections that a request means.
func (a *Authority) chosen(request api.CutRequest, live []api.Conn) ([]api.Conn, error) {
	if request.Conn != "" {
		return recent.Chosen(live, request.Conn)
	}
	from, to, err := a.pairOf(request.From, request.To)
	return slices.DeleteFunc(live, func(c api.Conn) bool { return c.From != from || c.To != to }), err
}
