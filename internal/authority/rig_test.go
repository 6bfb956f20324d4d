package authority

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet"
	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/identity"
	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/audit"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/control"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

var domain = testpki.Must(spiffeid.ParseTrustDomain("test.signet"))

func id(path string) spiffeid.ID { return testpki.Must(domain.ID(path)) }

// Who there is in every rig, and who may hold whom.
var (
	operators = []string{"operator/ann", "operator/bob"}
	proxies   = []string{"proxy/one", "proxy/two"}
	services  = []string{"web", "orders", "batch", "idle"}
	granted   = map[string][]string{"proxy/one": {"web", "batch"}, "proxy/two": {"orders"}}
)

// rig is an authority on a real store, behind real mutual TLS.
type rig struct {
	*Authority
	t       *testing.T
	roots   verify.Roots
	address string
	dir     string // of the audit log
}

func openLog(t *testing.T, dir string) *audit.Log {
	t.Helper()
	log, err := audit.Open(audit.Config{Dir: dir, Origin: audit.Origin(domain.String())})
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// newRig starts an authority; prepare may change it before it serves.
func newRig(t *testing.T, prepare func(*Authority)) *rig {
	t.Helper()
	store, err := control.Open(t.Context(), control.Config{Dir: t.TempDir(), TrustDomain: domain})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	signer := testpki.Must(ca.New(domain, time.Now()))
	r := &rig{t: t, roots: testpki.Must(verify.ForTrustDomain(domain, signer.Root())), dir: t.TempDir()}
	log := openLog(t, r.dir)
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Errorf("closing the log: %v", err)
		}
	})
	if r.Authority, err = New(Config{Store: store, CA: signer, Log: log}); err != nil {
		t.Fatal(err)
	}
	r.populate()
	if prepare != nil {
		prepare(r.Authority)
	}
	if err := r.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	r.address = r.listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return r
}

func (r *rig) populate() {
	r.change(func(tx *control.Tx) {
		for kind, paths := range map[control.Kind][]string{control.Operator: operators, control.Proxy: proxies, control.Service: services} {
			for _, path := range paths {
				tx.PutIdentity(control.Identity{ID: id(path), Kind: kind})
			}
		}
		for proxy, held := range granted {
			for _, service := range held {
				tx.PutGrant(control.Grant{Proxy: id(proxy), Identity: id(service)})
			}
		}
	})
	for _, proxy := range proxies {
		r.joined(proxy)
	}
}

// joined puts a certificate of an identity on record, as if it had joined.
func (r *rig) joined(path string) {
	r.t.Helper()
	if _, err := r.issue(r.t.Context(), id(path), spiffeid.ID{}, -1, testpki.Must(pki.NewKey()).Public()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) change(stage func(*control.Tx)) *control.State {
	r.t.Helper()
	state, err := r.store.Change(r.t.Context(), func(tx *control.Tx) error {
		stage(tx)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return state
}

func (r *rig) revokeInStore(path string) {
	r.t.Helper()
	r.change(func(tx *control.Tx) { tx.Revoke(control.Revocation{ID: id(path), By: id("operator/ann")}) })
}

// client is somebody who speaks to the authority.
type client struct {
	*rig
	signet *signet.Client
	http   *http.Client
}

// as returns a client with a fresh certificate of an identity.
func (r *rig) as(path string) client {
	r.t.Helper()
	key := testpki.Must(pki.NewKey())
	chain, err := r.ca.Issue(id(path), key.Public(), time.Now())
	if err != nil {
		r.t.Fatal(err)
	}
	return r.with(identity.Static(testpki.Must(pki.NewCredential(chain, key))))
}

func (r *rig) with(own identity.Source) client {
	signet := &signet.Client{Roots: r.roots, Name: verify.ID(id(Path)), Identity: own}
	c := client{r, signet, signet.HTTP()}
	r.t.Cleanup(c.http.CloseIdleConnections)
	return c
}

// connect makes a connection of its own, asks for nothing in particular over it
// and reads the answer. With TLS 1.3 it is reading that tells of a refusal.
func (c client) connect() (resumed bool, err error) {
	c.t.Helper()
	conn, err := c.signet.Dial(c.t.Context(), "tcp", c.address)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: authority\r\nConnection: close\r\n\r\n") // where this fails, reading tells why
	_, err = io.ReadAll(conn)
	return conn.Peer().Resumed, err
}

// send makes a request and returns its answer, which the caller closes.
func (c client) send(method, path string, body io.Reader) (*http.Response, error) {
	c.t.Helper()
	request, err := http.NewRequestWithContext(c.t.Context(), method, "https://"+c.address+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.http.Do(request)
}

// try makes a request and returns the authority's refusal; its code is "" if
// there is none.
func (c client) try(method, path string, body io.Reader) (status int, refusal api.Error) {
	c.t.Helper()
	response, err := c.send(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		if err := json.Unmarshal(data, &refusal); err != nil || refusal.Code == "" || refusal.Message == "" || refusal.Hint == "" {
			c.t.Errorf("%s %s: the refusal is %q, want one with a code, a message and a next step", method, path, data)
		}
	}
	return response.StatusCode, refusal
}

// ask makes a request that must succeed.
func ask[T any](c client, method, path string, body any) (answer T) {
	c.t.Helper()
	response, err := c.send(method, path, jsonBody(body))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if response.StatusCode/100 != 2 {
		c.t.Fatalf("%s %s: %s %s", method, path, response.Status, data)
	}
	if response.StatusCode != http.StatusNoContent {
		if err := json.Unmarshal(data, &answer); err != nil {
			c.t.Fatalf("%s %s: %v in %q", method, path, err, data)
		}
	}
	return answer
}

// jsonBody is a message as it is sent.
func jsonBody(value any) io.Reader {
	if batch, ok := value.(api.Batch); ok {
		return bytes.NewReader(testpki.Must(batch.Encode()))
	}
	return bytes.NewReader(testpki.Must(json.Marshal(value)))
}

func request(from, to string) api.PairRequest { return api.PairRequest{From: from, To: to} }

func (c client) allow(from, to string) api.Change {
	c.t.Helper()
	return ask[api.Change](c, "POST", api.PathAllow, request(from, to))
}

// watcher is a proxy that does as the test says.
type watcher struct {
	client
	lines   *bufio.Scanner
	close   func()
	batches uint64 // that it has sent
}

// watch opens a watch; the first line is there when it returns.
func (r *rig) watchAs(path string) (*watcher, *api.Slice) { return r.watchOf(r.as(path)) }

func (r *rig) watchOf(c client) (*watcher, *api.Slice) {
	r.t.Helper()
	response, err := c.send("GET", api.PathWatch, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		r.t.Fatalf("watch: %s", response.Status)
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, api.MaxUpdate)
	w := &watcher{client: c, lines: lines, close: func() { response.Body.Close() }}
	r.t.Cleanup(w.close)
	return w, w.slice()
}

// next returns the next line that is no heartbeat; false when the watch has
// ended.
func (w *watcher) next() (update api.Update, ok bool) {
	w.t.Helper()
	for w.lines.Scan() {
		update = api.Update{}
		if err := json.Unmarshal(w.lines.Bytes(), &update); err != nil {
			w.t.Fatal(err)
		}
		if update.Head == nil || update.Slice != nil || len(update.Where) > 0 {
			return update, true
		}
	}
	return api.Update{}, false
}

func (w *watcher) slice() *api.Slice {
	w.t.Helper()
	update, ok := w.next()
	if !ok || update.Slice == nil {
		w.t.Fatalf("the watch says %+v (%v), want a slice", update, ok)
	}
	return w.read(update)
}

// read is the slice of an update.
func (w *watcher) read(update api.Update) *api.Slice {
	w.t.Helper()
	var slice api.Slice
	if err := json.Unmarshal(update.Slice, &slice); err != nil {
		w.t.Fatal(err)
	}
	return &slice
}

func (w *watcher) report(applied api.Applied) {
	ask[struct{}](w.client, "POST", api.PathApplied, applied)
}

func (w *watcher) tell(events ...api.Event) {
	w.batches++
	ask[struct{}](w.client, "POST", api.PathEvents, w.batch("a run", w.batches, 0, events...))
}

// batch is a batch of events as the client signs it.
func (c client) batch(run string, number uint64, lost int, events ...api.Event) api.Batch {
	c.t.Helper()
	own := testpki.Must(c.signet.Identity.Credential())
	b := api.NewBatch(run, number, events, lost)
	b.Signature = testpki.Must(pki.SignFile(own.Key, bytes.NewReader(b.Signed(own.Leaf().ID()))))
	for _, cert := range own.Chain {
		b.Signer = append(b.Signer, cert.Raw())
	}
	return b
}

// obey reports every slice as in force and answers every ask, until the watch
// or the test ends.
func (w *watcher) obey(live ...api.Conn) {
	answer := func(path string, message any) {
		response, err := w.send("POST", path, jsonBody(message))
		switch {
		case err != nil && w.t.Context().Err() == nil:
			w.t.Errorf("%s: %v", path, err)
		case err == nil:
			response.Body.Close()
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			update, ok := w.next()
			switch {
			case !ok:
				return
			case update.Slice != nil:
				answer(api.PathApplied, api.Applied{Revision: update.Head.Number})
			case update.Ask != 0:
				answer(api.PathLive, api.Live{Ask: update.Ask, Conns: live})
			}
		}
	})
	w.t.Cleanup(func() {
		w.close()
		wg.Wait()
	})
}

// until waits for what happens soon.
func (r *rig) until(what string, true func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !true(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("timed out until %s", what)
		}
	}
}

func connID(digit string) string { return "c" + strings.Repeat(digit, 32) }

func wantRefusal(t *testing.T, refusal api.Error, code fault.Code, texts ...string) {
	t.Helper()
	if refusal.Code != string(code) {
		t.Errorf("the answer is %+v, want [%s]", refusal, code)
	}
	for _, text := range texts {
		if !strings.Contains(refusal.Message+"\n"+refusal.Hint, text) {
			t.Errorf("the answer is %+v, want %q in it", refusal, text)
		}
	}
}
