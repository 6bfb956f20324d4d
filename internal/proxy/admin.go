package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/agent"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/bind"
	"github.com/signet-tls/signet/internal/recent"
	"github.com/signet-tls/signet/spiffeid"
)

// Admin answers what operators ask of a proxy that has no authority, at a Unix socket:
// by the authority's paths and messages, for its own user and root alone.
type Admin struct {
	domain  spiffeid.TrustDomain
	files   *agent.Files
	events  recent.Events
	started time.Time
	proxy   *Proxy // set by Serve
}

// Bounds of the socket: who asks at once, and how long a question may take.
const (
	maxAskers  = 32
	askTimeout = 5 * time.Second
	maxAskHead = 16 << 10
)

// NewAdmin returns one that is to Hear of every event of the proxy from its start on.
func NewAdmin(domain spiffeid.TrustDomain, files *agent.Files) *Admin {
	return &Admin{domain: domain, files: files, started: time.Now()}
}

// Hear keeps an event for questions.
func (a *Admin) Hear(event api.Event) { a.events.Add(event) }

// ListenAdmin opens the socket, which is its owner's alone.
func ListenAdmin(ctx context.Context, path string) (net.Listener, error) {
	listener, err := bind.Unix(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil { // who came before is refused by who they are
		listener.Close()
		return nil, fault.Wrap(err, bind.CannotListen, "the socket %s cannot be made its owner's alone", path).WithHint("name a path on a file system that has permissions")
	}
	return listener, nil
}

// Serve answers about a proxy until ctx ends.
func (a *Admin) Serve(ctx context.Context, p *Proxy, listener net.Listener) error {
	a.proxy = p
	server := &http.Server{Handler: a.handler(), ReadTimeout: askTimeout, WriteTimeout: askTimeout, IdleTimeout: askTimeout, MaxHeaderBytes: maxAskHead,
		ErrorLog: slog.NewLogLogger(p.logger.Handler(), slog.LevelDebug)}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(bind.Limit(owners{listener, p.logger}, maxAskers)); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// owners are a listener's connections of the proxy's own user and of root.
type owners struct {
	net.Listener
	logger *slog.Logger
}

// Accept implements net.Listener.
func (o owners) Accept() (net.Conn, error) {
	for {
		conn, err := o.Listener.Accept()
		if err != nil {
			return nil, err
		}
		err = admitUser(conn, Door{Users: []uint32{0, uint32(os.Getuid())}})
		if err == nil {
			return conn, nil
		}
		o.logger.Warn("somebody else asked at the admin socket", slog.Any("error", err))
		conn.Close()
	}
}

func (a *Admin) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, ask := range map[string]func(*http.Request) (any, error){
		"GET " + api.PathConns: a.conns, "GET " + api.PathConn: a.conn, "GET " + api.PathPair: a.pair, "GET " + api.PathStatus: a.status, "POST " + api.PathCut: a.cut,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			answer, err := ask(r)
			status := http.StatusOK
			if ours, ok := fault.Of(err); ok {
				answer, status = api.Error{Code: string(ours.Code), Message: ours.Message, Hint: ours.Hint}, http.StatusBadRequest
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(answer) // who asked has hung up if this fails
		})
	}
	return mux
}

// live are the open connections. At the other end is nobody who could say that a newer
// certificate is there: they end with the one that was shown.
func (a *Admin) live() []api.Conn {
	conns := a.proxy.Live()
	for i := range conns {
		conns[i] = conns[i].Unproxied()
	}
	slices.SortFunc(conns, func(x, y api.Conn) int { return x.Opened.Compare(y.Opened) })
	return conns
}

func (a *Admin) conns(*http.Request) (any, error) {
	now := time.Now()
	out := api.Conns{TrustDomain: a.domain, Revision: a.proxy.table.Current().Revision, Now: now, Conns: a.live(), Proxies: 1, UpToDate: 1}
	since := now.Add(-time.Hour)
	if a.started.After(since) {
		out.Started = a.started
	}
	out.Refused, out.RefusedMore = a.events.RefusedSince(since)
	return out, nil
}

func (a *Admin) conn(r *http.Request) (any, error) {
	out, err := a.events.Story(r.URL.Query().Get("id"), a.live())
	out.TrustDomain, out.Now, out.Alone = a.domain, time.Now(), true
	return out, err
}

// cut ends live connections, and changes no rule.
func (a *Admin) cut(r *http.Request) (any, error) {
	var request api.CutRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, api.MaxRequest)).Decode(&request); err != nil {
		return nil, fault.Wrap(err, AdminRequest, "the request is not the JSON that belongs here").WithHint("use the signet command of the proxy's version")
	}
	chosen, err := a.chosen(request)
	if err == nil {
		err = recent.Confirm(len(chosen), request.Most)
	}
	if err != nil {
		return nil, err
	}
	order := api.Cut{Reason: "this proxy's operator cut it"}
	if request.Because != "" {
		order.Reason += fmt.Sprintf(": %q", request.Because)
	}
	out := api.CutDone{TrustDomain: a.domain, Now: time.Now(), Alone: true, Ended: []api.EndedConn{}}
	for _, conn := range chosen {
		order.Conns = append(order.Conns, conn.ID)
		out.Ended = append(out.Ended, api.EndedConn{ID: conn.ID, From: conn.From, To: conn.To, Ends: 1})
	}
	a.proxy.Cut(order)
	out.Others = len(a.proxy.Live())
	return out, nil
}

func (a *Admin) chosen(request api.CutRequest) ([]api.Conn, error) {
	live := a.live()
	if request.Conn != "" {
		return recent.Chosen(live, request.Conn)
	}
	from, to, err := a.pairOf(request.From, request.To)
	return slices.DeleteFunc(live, func(c api.Conn) bool { return c.From != from || c.To != to }), err
}

// pairOf reads names: a file knows no others than it names.
func (a *Admin) pairOf(from, to string) (f, t spiffeid.ID, err error) {
	if f, err = a.domain.Named(from); err != nil {
		return f, t, err
	}
	t, err = a.domain.Named(to)
	return f, t, err
}

// pair says whether one identity may talk to another by this proxy's rules, and why.
func (a *Admin) pair(r *http.Request) (any, error) {
	from, to, err := a.pairOf(r.URL.Query().Get("from"), r.URL.Query().Get("to"))
	if err != nil {
		return nil, err
	}
	view := a.proxy.table.Current()
	decision := view.Decision(from, to)
	out := api.Pair{TrustDomain: a.domain, Revision: view.Revision, Now: time.Now(), Alone: true, From: a.end(from), To: a.end(to), RuleCount: a.files.Rules(),
		Allowed: decision.Allowed, Code: string(decision.Code), Rules: decision.Rules, Reason: decision.Reason(), Nearest: decision.Near(), Until: decision.Until,
		LastTry: a.events.LastTry(from, to)}
	for _, conn := range a.proxy.Live() {
		if conn.From == from && conn.To == to {
			out.Live++
		}
	}
	return out, nil
}

// end is what is known of one of the two.
func (a *Admin) end(id spiffeid.ID) api.PairEnd {
	if !a.proxy.identities()[id] {
		return api.PairEnd{ID: id, Known: true, Elsewhere: true}
	}
	until, _ := a.files.Deadline(id)
	return api.PairEnd{ID: id, Known: true, NotAfter: until, Proxies: 1, UpToDate: 1}
}

// status tells how the proxy is doing.
func (a *Admin) status(*http.Request) (any, error) {
	out := api.System{TrustDomain: a.domain, Revision: a.proxy.table.Current().Revision, Now: time.Now(), Started: a.started, Alone: true,
		Rules: a.files.Rules(), Conns: len(a.proxy.Live()), Proxies: []api.ProxyState{}, Lives: []api.Life{}}
	for id := range a.proxy.identities() {
		credential, err := a.files.Source(id).Credential()
		if err != nil {
			return nil, err
		}
		leaf := credential.Leaf()
		out.Lives = append(out.Lives, api.Life{What: api.ServiceLife, ID: id, From: leaf.NotBefore(), Until: leaf.NotAfter()})
	}
	out.Identities = len(out.Lives)
	slices.SortFunc(out.Lives, func(x, y api.Life) int { return strings.Compare(x.ID.String(), y.ID.String()) })
	return out, nil
}
