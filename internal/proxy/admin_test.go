package proxy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/proxy"
)

// TestAdmin asks a proxy without an authority at its socket: right questions, and
// whatever else may come there.
func TestAdmin(t *testing.T) {
	w := newFileWorld(t, fileSetup{names: []string{"web"}})
	admin := proxy.NewAdmin(w.domain, w.out.files)
	socket := filepath.Join(t.TempDir(), "admin.sock")
	listener, err := proxy.ListenAdmin(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v, %v", info.Mode(), err)
	}
	t.Cleanup(background(func(ctx context.Context) {
		if err := admin.Serve(ctx, w.out.Proxy, listener); err != nil {
			t.Error(err)
		}
	}))
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(method, path, body string) (status int, answer []byte) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, "http://proxy"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if answer, err = io.ReadAll(response.Body); err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, answer
	}
	conn := w.join(w.doors[0], "web")
	w.wantLive(1)
	var conns api.Conns
	if status, answer := ask("GET", api.PathConns, ""); status != http.StatusOK || json.Unmarshal(answer, &conns) != nil || len(conns.Conns) != 1 {
		t.Fatalf("conns: %d %s", status, answer)
	}
	live := conns.Conns[0]
	if live.From != w.id("web") || live.To != w.id("orders") || live.Renewing || !live.Deadline.Equal(live.PeerUntil) {
		t.Errorf("the connection is %+v", live)
	}
	wrong := []struct{ name, method, path, body, code string }{
		{"no JSON", "POST", api.PathCut, "{", "admin_request_unreadable"},
		{"another JSON", "POST", api.PathCut, `[1]`, "admin_request_unreadable"},
		{"more than is read", "POST", api.PathCut, `{"because":"` + strings.Repeat("x", api.MaxRequest) + `"}`, "admin_request_unreadable"},
		{"nothing", "POST", api.PathCut, "{}", "spiffe_id_invalid"},
		{"no such connection", "POST", api.PathCut, `{"conn":"cffff"}`, "connection_unknown"},
		{"too short", "GET", api.PathConn + "?id=c", "", "connection_unknown"},
		{"control characters", "GET", api.PathConn + "?id=c%1b%5b2J", "", "connection_unknown"},
		{"no name", "GET", api.PathPair + "?from=web", "", "spiffe_id_invalid"},
		{"a name that is none", "GET", api.PathPair + "?from=%ff&to=orders", "", "spiffe_id_invalid"},
	}
	for _, test := range wrong {
		t.Run(test.name, func(t *testing.T) {
			status, answer := ask(test.method, test.path, test.body)
			var refusal api.Error
			if status != http.StatusBadRequest || json.Unmarshal(answer, &refusal) != nil || refusal.Code != test.code || refusal.Hint == "" || bytes.ContainsRune(answer, 0x1b) {
				t.Errorf("%d %s, want [%s]", status, answer, test.code)
			}
		})
	}
	for _, path := range []string{api.PathAllow, api.PathRevoke, api.PathPolicy, "/", "/../etc/passwd"} {
		if status, _ := ask("POST", path, "{}"); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", path, status)
		}
	}
	long, err := client.Get("http://proxy" + api.PathConn + "?id=" + strings.Repeat("c", 64<<10))
	if err == nil { // it may be reset before the answer is read
		long.Body.Close()
		if long.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a long question: %s", long.Status)
		}
	}
	var done api.CutDone
	if status, answer := ask("POST", api.PathCut, `{"from":"web","to":"orders","most":1}`); status != http.StatusOK || json.Unmarshal(answer, &done) != nil || len(done.Ended) != 1 || !done.Alone {
		t.Errorf("cut: %d %s", status, answer)
	}
	wantReset(t, conn)
	w.wantLive(0)
}
