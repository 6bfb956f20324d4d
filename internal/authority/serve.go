package authority

import (
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/spiffeid"
)

// route is what one kind of peer may ask for; "" is every kind.
type route struct {
	kind   control.Kind
	handle func(http.ResponseWriter, *http.Request) error
}

func (a *Authority) handler() http.Handler {
	routes := map[string]route{
		"GET " + api.PathWatch:        {control.Proxy, a.watch},
		"POST " + api.PathCertificate: {"", answering(a.certificate)},
		"GET " + api.PathRoots:        {"", answering(a.believe)},
		"GET " + api.PathRotate:       {control.Operator, answering(a.rotation)},
		"POST " + api.PathRotate:      {control.Operator, answering(a.acting(a.rotate))},
		"POST " + api.PathApplied:     {control.Proxy, answering(a.applied)},
		"POST " + api.PathEvents:      {control.Proxy, answering(a.events)},
		"POST " + api.PathOffer:       {control.Proxy, answering(a.offer)},
		"POST " + api.PathLive:        {control.Proxy, answering(a.live)},
		"POST " + api.PathNewest:      {control.Proxy, answering(a.newest)},
		"POST " + api.PathAllow:       {control.Operator, answering(a.acting(a.allow))},
		"POST " + api.PathDeny:        {control.Operator, answering(a.acting(a.deny))},
		"POST " + api.PathRevoke:      {control.Operator, answering(a.acting(a.revoke))},
		"GET " + api.PathConns:        {control.Operator, answering(a.conns)},
		"GET " + api.PathConn:         {control.Operator, answering(a.conn)},
		"GET " + api.PathStatus:       {control.Operator, answering(a.system)},
		"GET " + api.PathPair:         {control.Operator, answering(a.pair)},
		"GET " + api.PathPolicy:       {control.Operator, answering(a.policy)},
		"POST " + api.PathPolicy:      {control.Operator, answering(a.acting(a.edit))},
		"POST " + api.PathUndo:        {control.Operator, answering(a.acting(a.undo))},
		"POST " + api.PathDecide:      {control.Operator, answering(a.decisions)},
		"POST " + api.PathCut:         {control.Operator, answering(a.acting(a.cut))},
		"POST " + api.PathToken:       {control.Operator, answering(a.acting(a.token))},
		"GET " + api.PathTokens:       {control.Operator, answering(a.tokens)},
		"POST " + api.PathCancel:      {control.Operator, answering(a.acting(a.cancel))},
		"GET " + api.PathIdentities:   {control.Operator, answering(a.identities)},
		"POST " + api.PathGrant:       {control.Operator, answering(a.acting(a.grant))},
		"POST " + api.PathUngrant:     {control.Operator, answering(a.acting(a.ungrant))},
		"POST " + api.PathRestore:     {control.Operator, answering(a.acting(a.restore))},
		"POST " + api.PathRemove:      {control.Operator, answering(a.acting(a.remove))},
		"POST " + api.PathBackup:      {control.Operator, answering(a.acting(a.backup))},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.enter() {
			panic(http.ErrAbortHandler) // to return would answer 200: what was sent would count as taken
		}
		defer a.handlers.Done()
		start := time.Now()
		err := a.serve(routes, w, r)
		_, known := routes[r.Method+" "+r.URL.Path]
		a.meters.answered(r.URL.Path, known || r.URL.Path == api.PathEnroll, start, err)
		if err != nil {
			a.logger.Info("a request was refused", slog.String("path", r.URL.Path), slog.Any("error", err))
			writeError(w, err)
		}
	})
}

// enter counts a handler in, unless the authority is closing.
func (a *Authority) enter() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closing {
		return false
	}
	a.handlers.Add(1)
	return true
}

// serve lets a peer have what its kind may ask for, and nothing else.
func (a *Authority) serve(routes map[string]route, w http.ResponseWriter, r *http.Request) error {
	if isStranger(r) {
		return a.serveStranger(w, r)
	}
	known, err := a.known(signet.PeerOf(r.Context()))
	if err == nil {
		err = a.withdrawn(r, a.store.State())
	}
	if err != nil {
		return err
	}
	a.proved(r)
	route, ok := routes[r.Method+" "+r.URL.Path]
	if !ok {
		return fault.New(BadRequest, "there is no %s here", fault.Printable(fmt.Sprintf("%s %q", r.Method, r.URL.Path), 80)).
			WithHint(askerHint)
	}
	if route.kind != "" && known.Kind != route.kind {
		return fault.New(NotPermitted, "%s is %s; this is for %s", known.ID.Short(a.domain), one(known.Kind), one(route.kind)).
			WithHint("use an identity of that kind, for example --as operator/NAME")
	}
	return route.handle(w, r)
}

// one is somebody of a kind, in words.
func one(kind control.Kind) string {
	if kind == control.Operator {
		return "an operator"
	}
	return "a " + string(kind)
}

// answering is a handler whose answer is a JSON value; nil is none.
func answering(handle func(*http.Request) (any, error)) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		answer, err := handle(r)
		if err != nil {
			return err
		}
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return nil
		}
		writeJSON(w, http.StatusOK, answer)
		return nil
	}
}

func caller(r *http.Request) spiffeid.ID { return signet.PeerOf(r.Context()).ID }
