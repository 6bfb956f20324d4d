package fetch_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
)

func wantCode(t *testing.T, err error, code fault.Code, text string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) || !strings.Contains(e.Message, text) || e.Hint == "" {
		t.Errorf("have %v, want %s that says %q, and a next step", err, code, text)
	}
}

// anything passes until an hour from now.
func anything([]byte) (time.Time, error) { return time.Now().Add(time.Hour), nil }

func (r *rig) get(client *fetch.Client, path string) (string, error) {
	data, err := client.Fetch(r.t.Context(), revocation.Request{URL: r.url + path, Check: anything})
	return string(data), err
}

// TestPrivate: what is not public is not asked, unless it is allowed, whichever way
// a URL leads there.
func TestPrivate(t *testing.T) {
	r := newRig(t, withCRL)
	r.serve(raw("", []byte("secret")))
	port := r.url[strings.LastIndex(r.url, ":"):]
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]", "2130706433", "127.1"} {
		_, err := fetch.New(fetch.Config{}).Fetch(t.Context(), revocation.Request{URL: "http://" + host + port, Check: anything})
		if host == "2130706433" || host == "127.1" { // no resolver need know these
			if err == nil {
				t.Errorf("%s was asked", host)
			}
			continue
		}
		wantCode(t, err, fetch.AddressRefused, "no public address")
	}
	if have := r.requests(); len(have) > 0 {
		t.Errorf("the server was asked: %v", have)
	}
	other := fetch.New(fetch.Config{Private: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	wantCode(t, second(r.get(other, "/")), fetch.AddressRefused, "127.0.0.1")
	if have, err := r.get(r.client(), "/"); have != "secret" || err != nil {
		t.Errorf("allowed: %q, %v", have, err)
	}
}

func TestURLs(t *testing.T) {
	for url, want := range map[string]string{
		"ldap://directory.example/cn=CRL?certificateRevocationList": "ldap is not supported",
		"ldaps://directory.example/":                                "ldaps is not supported",
		"file:///etc/passwd":                                        `"file" is neither http nor https`,
		"":                                                          `"" is neither`,
		"http://":                                                   "without a host",
		strings.Repeat("x", 30) + "://authority.example/":       strconv.Quote(fault.Printable(strings.Repeat("x", 30), 20)),
		"http://me:secret@authority.example/":                   "with a user's name",
		"http://authority.example/\x00":                         "no valid URL",
		"http://authority.example/%zz":                          "no valid URL",
		"http://authority.example/" + strings.Repeat("x", 2048): "a URL of 2073 characters",
	} {
		_, err := fetch.New(fetch.Config{}).Fetch(t.Context(), revocation.Request{URL: url, Check: anything})
		wantCode(t, err, fetch.URLRefused, want)
	}
}

// TestEdges: what is as long as it may be is asked and read.
func TestEdges(t *testing.T) {
	r := newRig(t, withCRL)
	r.serve(raw("", []byte("data")))
	if have, err := r.get(r.client(), "/"+strings.Repeat("x", 2048-1-len(r.url))); have != "data" || err != nil {
		t.Errorf("by the longest URL: %q, %v", have, err)
	}
	const most = 64 << 10
	for _, size := range []int{most, most + 1} {
		for _, told := range []bool{true, false} {
			r.serve(func(w http.ResponseWriter, q *http.Request) {
				if told {
					w.Header().Set("Content-Length", strconv.Itoa(size))
				}
				w.Write(make([]byte, size-1))
				w.(http.Flusher).Flush()
				w.Write([]byte{0})
			})
			data, err := r.client().Fetch(t.Context(), revocation.Request{Kind: revocation.Response, URL: r.url, Check: anything})
			if size > most {
				wantCode(t, err, fetch.TooLarge, "more than 65536 bytes")
			} else if len(data) != size || err != nil {
				t.Errorf("have %d bytes and %v, want %d", len(data), err, size)
			}
		}
	}
}

// TestHeaders: a request says who asks and what for, and offers no compression.
func TestHeaders(t *testing.T) {
	r := newRig(t, withCRL)
	for _, test := range []struct {
		request      revocation.Request
		accept, kind string
	}{
		{revocation.Request{Kind: revocation.List}, "", ""},
		{revocation.Request{Kind: revocation.Issuer}, "", ""},
		{revocation.Request{Kind: revocation.Response}, "application/ocsp-response", ""},
		{revocation.Request{Kind: revocation.Response, Body: []byte("a request")}, "application/ocsp-response", "application/ocsp-request"},
	} {
		var have http.Header
		r.serve(func(_ http.ResponseWriter, q *http.Request) { have = q.Header })
		test.request.URL, test.request.Check = r.url, anything
		testpki.Must(r.client().Fetch(t.Context(), test.request))
		if have.Get("User-Agent") != "Signet" || have.Get("Accept") != test.accept || have.Get("Content-Type") != test.kind || have.Get("Accept-Encoding") != "" {
			t.Errorf("a request for an %s has the headers %v", test.request.Kind, have)
		}
	}
}

// TestDirectory: a list that is in a directory is told to be.
func TestDirectory(t *testing.T) {
	r := newRig(t, withCRL)
	r.leaf = testpki.Must(testpki.Forge(&x509.Certificate{NotBefore: r.now, NotAfter: r.now.Add(time.Hour), CRLDistributionPoints: []string{"ldap://directory.example/cn=CRL"}}, r.issuer)).Leaf()
	answer := r.ask(&revocation.Collector{Fetcher: r.client()})
	if text := strings.Join(answer.Missing, "; "); answer.Status != revocation.Unknown || !strings.Contains(text, "ldap://directory.example/cn=CRL: a directory is not asked") {
		t.Errorf("have %+v", answer)
	}
}

// TestOnce: who asks at the same time is answered by one request.
func TestOnce(t *testing.T) {
	r := newRig(t, withCRL)
	client := r.client()
	arrived, release := make(chan struct{}), make(chan struct{})
	r.serve(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived) // a second time, it panics
		<-release
		w.Write([]byte("the answer"))
	})
	var all sync.WaitGroup
	ask := func(ctx context.Context) {
		have, err := client.Fetch(ctx, revocation.Request{URL: r.url + "/", Check: anything})
		if string(have) != "the answer" || err != nil {
			t.Errorf("have %q, %v", have, err)
		}
	}
	all.Go(func() { ask(t.Context()) })
	<-arrived
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Add(1)
		all.Go(func() { ask(observed{t.Context(), sync.OnceFunc(waiting.Done)}) })
	}
	gaveUp, giveUp := context.WithCancel(t.Context())
	giveUp()
	if _, err := client.Fetch(gaveUp, revocation.Request{URL: r.url + "/", Check: anything}); !errors.Is(err, context.Canceled) {
		t.Errorf("who gives up: %v", err)
	}
	waiting.Wait()
	close(release)
	all.Wait()
}

// observed is a context that tells when its end is first waited for.
type observed struct {
	context.Context
	waited func()
}

func (o observed) Done() <-chan struct{} {
	o.waited()
	return o.Context.Done()
}

// TestRedirect follows those that lead to where one may ask.
func TestRedirect(t *testing.T) {
	r := newRig(t, withOCSP)
	good := r.answers(r.issuer, func(*pki.OCSPResponseSpec) {})
	r.serve(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/ocsp" {
			http.Redirect(w, q, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		good(w, q)
	})
	answer := r.ask(&revocation.Collector{Fetcher: r.client(), Nonce: revocation.NonceRequired})
	if have := fmt.Sprint(r.requests()); answer.Status != revocation.Good || have != "[POST /ocsp POST /elsewhere]" {
		t.Errorf("have %+v after %s", answer, have)
	}
	for count, follows := range map[int]bool{5: true, 6: false} {
		r.serve(func(w http.ResponseWriter, q *http.Request) {
			if hops := len(r.requests()); hops <= count {
				http.Redirect(w, q, fmt.Sprintf("/%d", hops), http.StatusFound)
			}
		})
		if _, err := r.get(r.client(), "/"); (err == nil) != follows {
			t.Errorf("%d redirects: %v", count, err)
		}
	}
}

// TestKept: what is kept on disk outlives the client, counts until its end, and is
// asked for anew where it does not pass.
func TestKept(t *testing.T) {
	r := newRig(t, withCRL)
	list := r.list(r.issuer, revoking(r.leaf))
	dir, now := filepath.Join(t.TempDir(), "new", "folder"), r.now
	again := func() *revocation.Collector {
		return &revocation.Collector{Fetcher: r.client(func(cfg *fetch.Config) { cfg.Dir, cfg.Now = dir, func() time.Time { return now } })}
	}
	for _, step := range []struct {
		name  string
		do    func()
		asked int
	}{
		{"first", func() {}, 1},
		{"again", func() {}, 0},
		{"its last second", func() { now = list.NextUpdate().Add(-time.Second) }, 0},
		{"out of date", func() { now = list.NextUpdate() }, 1},
		{"as at first", func() { now = r.now }, 0},
		{"one bit of the data changed", func() { damage(t, dir, func(file []byte) []byte { file[len(file)-1] ^= 1; return file }) }, 1},
		{"one bit of the end changed", func() { damage(t, dir, func(file []byte) []byte { file[39] ^= 1; return file }) }, 1},
		{"torn", func() { damage(t, dir, func(file []byte) []byte { return file[:len(file)-1] }) }, 1},
		{"torn in its head", func() { damage(t, dir, func(file []byte) []byte { return file[:10] }) }, 1},
		{"empty", func() { damage(t, dir, func([]byte) []byte { return nil }) }, 1},
		{"longer", func() { damage(t, dir, func(file []byte) []byte { return append(file, 0) }) }, 1},
		{"all zero", func() { damage(t, dir, func(file []byte) []byte { return make([]byte, len(file)) }) }, 1},
		{"removed", func() { testpki.Must(0, os.RemoveAll(dir)) }, 1},
	} {
		t.Run(step.name, func(t *testing.T) {
			step.do()
			r.serve(raw("", list.Raw()))
			if answer := r.ask(again()); answer.Status != revocation.Revoked || len(r.requests()) != step.asked {
				t.Errorf("have %+v after %d requests, want %d", answer, len(r.requests()), step.asked)
			}
		})
	}
	// Kept under one key, it is nothing under another.
	testpki.Must(0, os.Rename(only(t, dir), filepath.Join(dir, strings.Repeat("ab", 32))))
	r.serve(raw("", list.Raw()))
	if r.ask(again()); len(r.requests()) != 1 {
		t.Error("a renamed file counts")
	}
}

// TestUnkept: a folder that cannot be written to costs nothing but requests.
func TestUnkept(t *testing.T) {
	r := newRig(t, withCRL)
	r.serve(raw("", []byte("data")))
	file := filepath.Join(t.TempDir(), "file")
	testpki.Must(0, os.WriteFile(file, nil, 0o600))
	var log strings.Builder
	client := r.client(func(cfg *fetch.Config) { cfg.Dir, cfg.Logger = file, logTo(&log) })
	for range 2 {
		if have, err := r.get(client, "/"); have != "data" || err != nil {
			t.Errorf("have %q, %v", have, err)
		}
	}
	if len(r.requests()) != 2 || !strings.Contains(log.String(), "cannot be kept") {
		t.Errorf("%d requests; the log says %q", len(r.requests()), &log)
	}
}

// only is the one file in a folder.
func only(t *testing.T, dir string) string {
	t.Helper()
	files := testpki.Must(os.ReadDir(dir))
	if len(files) != 1 {
		t.Fatalf("%d files, want one", len(files))
	}
	return filepath.Join(dir, files[0].Name())
}

func damage(t *testing.T, dir string, change func([]byte) []byte) {
	t.Helper()
	path := only(t, dir)
	testpki.Must(0, os.WriteFile(path, change(testpki.Must(os.ReadFile(path))), 0o600))
}

// TestRoom: the oldest go when there is no room, and what a killed process left.
func TestRoom(t *testing.T) {
	r := newRig(t, withCRL)
	r.serve(func(w http.ResponseWriter, q *http.Request) { w.Write(make([]byte, 10<<10)) })
	dir := t.TempDir()
	foreign := filepath.Join(dir, "README")
	left := filepath.Join(dir, "."+strings.Repeat("cd", 32)+".123")
	busy := filepath.Join(dir, "."+strings.Repeat("ef", 32)+".123")
	for _, path := range []string{foreign, left, busy} {
		testpki.Must(0, os.WriteFile(path, nil, 0o600))
	}
	long := time.Now().Add(-2 * time.Hour)
	testpki.Must(0, errors.Join(os.Chtimes(foreign, long, long), os.Chtimes(left, long, long)))
	client := r.client(func(cfg *fetch.Config) { cfg.Dir, cfg.MaxDisk = dir, 100<<10 })
	for i := range 50 {
		testpki.Must(r.get(client, fmt.Sprintf("/%d", i)))
		size := int64(0)
		for _, file := range testpki.Must(os.ReadDir(dir)) {
			size += testpki.Must(file.Info()).Size()
		}
		if size > 100<<10 {
			t.Fatalf("after %d answers there are %d bytes", i+1, size)
		}
	}
	before := len(r.requests())
	testpki.Must(r.get(client, "/49"))
	testpki.Must(r.get(client, "/0"))
	if len(r.requests()) != before+1 {
		t.Errorf("%d requests for the newest and the oldest, want one", len(r.requests())-before)
	}
	for path, want := range map[string]bool{foreign: true, left: false, busy: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", filepath.Base(path), err == nil, want)
		}
	}
	narrow := t.TempDir()
	small := r.client(func(cfg *fetch.Config) { cfg.Dir, cfg.MaxDisk = narrow, 10<<10 })
	testpki.Must(r.get(small, "/"))
	if files := testpki.Must(os.ReadDir(narrow)); len(files) > 0 {
		t.Error("an answer is kept that has more bytes than all may have")
	}
}

func logTo(out io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(out, nil)) }
