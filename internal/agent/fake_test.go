package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/agent/api"
	"github.com/signet-tls/signet/internal/ca"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// fake is an authority in memory, for tests whose time is not real.
type fake struct {
	ca    *ca.CA
	agent *Agent // the first

	mu       sync.Mutex
	down     bool                      // guarded by mu; it does not answer
	refuse   map[string]int            // guarded by mu; status by path
	sign     func(spiffeid.ID) any     // guarded by mu; an answer in place of the right one, or nil
	issued   map[spiffeid.ID]int       // guarded by mu
	messages []string                  // guarded by mu; paths of what was posted and taken in
	posted   []byte                    // guarded by mu; the last of these
	watches  int                       // guarded by mu
	stream   func(watch int) io.Reader // what the n-th watch says before it falls silent
	last     api.Head                  // of the last slice
	signer   *pki.Credential           // of what the watch says; nil at first
}

// RoundTrip implements http.RoundTripper.
func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent = testpki.Must(io.ReadAll(r.Body))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, errors.New("connection refused")
	}
	if status := f.refuse[r.URL.Path]; status != 0 {
		return answer(status, api.Error{Code: "some_code", Message: "no"}), nil
	}
	switch r.URL.Path {
	case api.PathWatch:
		f.watches++
		said := io.Reader(strings.NewReader(""))
		if f.stream != nil {
			said = f.stream(f.watches)
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(body{r.Context(), said})}, nil
	case api.PathCertificate:
		var request api.CertificateRequest
		if err := json.Unmarshal(sent, &request); err != nil {
			return nil, err
		}
		f.issued[request.ID]++
		if f.sign != nil {
			return answer(200, f.sign(request.ID)), nil
		}
		chain := testpki.Must(f.ca.Issue(request.ID, testpki.Must(pki.ParseRequest(request.Request)), time.Now()))
		return answer(200, api.Certificate{Chain: [][]byte{chain[0].Raw(), chain[1].Raw()}}), nil
	}
	f.messages, f.posted = append(f.messages, r.URL.Path), sent
	return answer(204, nil), nil
}

func answer(status int, value any) *http.Response {
	data := testpki.Must(json.Marshal(value))
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Body: io.NopCloser(bytes.NewReader(data))}
}

// body is a stream that falls silent at its end, until it is given up.
type body struct {
	ctx  context.Context
	said io.Reader
}

func (b body) Read(p []byte) (int, error) {
	if n, err := b.said.Read(p); err == nil && b.ctx.Err() == nil {
		return n, nil
	}
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func (f *fake) set(change func(*fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

func (f *fake) get(read func(*fake) int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return read(f)
}

// newFake returns an authority and an agent of it, both of the present, which
// inside a bubble is the bubble's.
func newFake(t testing.TB) (*fake, *Agent) {
	t.Helper()
	f := &fake{ca: testpki.Must(ca.New(domain, time.Now())), refuse: map[string]int{}, issued: map[spiffeid.ID]int{}}
	roots := testpki.Must(verify.ForTrustDomain(domain, f.ca.Root()))
	a := testpki.Must(New(Config{Authority: "authority.test:1", Self: newCredential(t, f.ca, id(self), time.Now()), Roots: roots, Anchors: []*pki.Certificate{f.ca.Root()}}))
	a.http = &http.Client{Transport: f}
	f.agent = a
	return f, a
}

func lines(updates ...api.Update) io.Reader {
	var text bytes.Buffer
	for _, update := range updates {
		json.NewEncoder(&text).Encode(update)
	}
	return &text
}

// slice is a revision with the identities of these paths, signed as of now.
func (f *fake) slice(revision int64, paths ...string) api.Update {
	slice := &api.Slice{Revision: revision}
	for _, path := range paths {
		slice.Identities = append(slice.Identities, id(path))
	}
	return f.update(slice)
}

// update is a slice, signed as of now.
func (f *fake) update(slice *api.Slice) api.Update {
	raw := testpki.Must(json.Marshal(slice))
	f.last = api.Head{For: id(self), Epoch: 1, Number: slice.Revision, Digest: api.Digest(raw)}
	return api.Update{Head: f.signed(f.last), Slice: raw}
}

// beat is a sign of life after the last slice.
func (f *fake) beat() api.Update { return api.Update{Head: f.signed(f.last)} }

// signed signs a head as the authority does.
func (f *fake) signed(head api.Head) *api.Head {
	if head.At.IsZero() {
		head.At = time.Now()
	}
	if f.signer == nil || time.Until(f.signer.Leaf().NotAfter()) < time.Hour {
		key := testpki.Must(pki.NewKey())
		f.signer = testpki.Must(pki.NewCredential(testpki.Must(f.ca.IssueSigner(id("authority"), key.Public(), time.Now())), key))
	}
	for _, cert := range f.signer.Chain {
		head.Signer = append(head.Signer, cert.Raw())
	}
	head.Signature = testpki.Must(pki.SignFile(f.signer.Key, bytes.NewReader(head.Signed())))
	return &head
}

func serial(t *testing.T, a *Agent, path string) string {
	t.Helper()
	credential, err := a.Source(id(path)).Credential()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return credential.Leaf().Serial()
}

// once is a stream with one revision, and nothing more however often it begins.
func (f *fake) once(paths ...string) func(int) io.Reader {
	return func(watch int) io.Reader {
		if watch > 1 {
			return lines()
		}
		return lines(f.slice(1, paths...))
	}
}
