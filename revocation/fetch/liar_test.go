package fetch_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// rig is an authority, a leaf that names the rig's server for everything, and the
// server, which answers as a test has it.
type rig struct {
	t         testing.TB
	now       time.Time
	authority *testpki.PKI
	issuer    *pki.Credential
	leaf      *pki.Certificate
	leafKey   crypto.Signer
	responder *pki.Credential // whom the issuer has authorized
	url       string

	mu      sync.Mutex
	handler http.HandlerFunc // guarded by mu
	asked   []string         // methods and paths; guarded by mu
}

func newRig(t testing.TB, change func(*pki.Spec, string)) *rig {
	r := &rig{t: t, now: time.Now().Truncate(time.Second)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		r.asked = append(r.asked, q.Method+" "+q.URL.EscapedPath())
		handler := r.handler
		r.mu.Unlock()
		body, err := io.ReadAll(q.Body) // only then does the server notice that a client has gone
		if err != nil {
			t.Error(err)
		}
		q.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, q)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	r.authority = testpki.Must(testpki.New(r.now))
	r.issuer = r.authority.Intermediate
	spec := pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, Now: r.now.Add(-time.Hour)}
	change(&spec, server.URL)
	own := testpki.Must(r.issuer.New(spec))
	r.leaf, r.leafKey = own.Leaf(), own.Key
	r.responder = r.delegate(r.issuer, func(*x509.Certificate) {})
	return r
}

// serve has the server answer so from now on, and forgets what it was asked.
func (r *rig) serve(handler http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler, r.asked = handler, nil
}

// requests are those since then.
func (r *rig) requests() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

func withOCSP(s *pki.Spec, url string) { s.OCSP = []string{url + "/ocsp"} }
func withCRL(s *pki.Spec, url string)  { s.CRLs = []string{url + "/list.crl"} }

func (r *rig) delegate(issuer *pki.Credential, change func(*x509.Certificate)) *pki.Credential {
	template := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "Demo Responder"}, NotBefore: r.now.Add(-time.Hour), NotAfter: r.now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}, KeyUsage: x509.KeyUsageDigitalSignature}
	change(template)
	return testpki.Must(testpki.Forge(template, issuer))
}

// ask collects what the rig's server says, and asks it about the leaf.
func (r *rig) ask(collector *revocation.Collector) revocation.Answer {
	r.t.Helper()
	path := []*pki.Certificate{r.leaf, r.issuer.Leaf()}
	evidence, err := collector.Collect(r.t.Context(), nil, path, r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	return evidence.Ask(revocation.Question{Cert: r.leaf, Issuer: r.issuer.Leaf(), Now: r.now})
}

func (r *rig) client(change ...func(*fetch.Config)) *fetch.Client {
	cfg := fetch.Config{Private: loopback, Timeout: 20 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	return fetch.New(cfg)
}

func (r *rig) single(status pki.CertStatus) pki.SingleResponse {
	s := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(r.leaf, r.issuer.Leaf(), crypto.SHA1)), Status: status, ThisUpdate: r.now.Add(-time.Minute), NextUpdate: r.now.Add(time.Hour)}
	if status == pki.StatusRevoked {
		s.RevokedAt, s.Reason = r.now.Add(-time.Hour), pki.KeyCompromise
	}
	return s
}

// requestIn is the OCSP request in an HTTP request.
func requestIn(q *http.Request) (*pki.OCSPRequest, error) {
	data, err := io.ReadAll(q.Body)
	if q.Method == http.MethodGet {
		_, coded, _ := strings.Cut(strings.TrimPrefix(q.URL.EscapedPath(), "/"), "/")
		plain, unescapeErr := url.PathUnescape(coded)
		if unescapeErr != nil {
			return nil, unescapeErr
		}
		data, err = base64.StdEncoding.DecodeString(plain)
	}
	if err != nil {
		return nil, err
	}
	return pki.ParseOCSPRequest(data)
}

// answers has the server answer what it is asked, as the spec is changed.
func (r *rig) answers(signer *pki.Credential, change func(*pki.OCSPResponseSpec)) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		request, err := requestIn(q)
		if err != nil {
			r.t.Error(err)
			return
		}
		spec := pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Nonce: testpki.Must(request.Nonce()), ProducedAt: r.now, Responses: []pki.SingleResponse{r.single(pki.StatusGood)}}
		change(&spec)
		response, err := signer.NewOCSPResponse(spec)
		if err != nil {
			r.t.Error(err)
			return
		}
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(response.Raw())
	}
}

func TestHonest(t *testing.T) {
	r := newRig(t, withOCSP)
	for _, status := range []pki.CertStatus{pki.StatusGood, pki.StatusRevoked} {
		for name, signer := range map[string]*pki.Credential{"issuer": r.issuer, "delegate": r.responder} {
			for _, nonce := range []revocation.Nonce{revocation.NonceOffered, revocation.NonceRequired, revocation.NonceNone} {
				r.serve(r.answers(signer, func(s *pki.OCSPResponseSpec) { s.Responses[0] = r.single(status) }))
				answer := r.ask(&revocation.Collector{Fetcher: r.client(), Nonce: nonce})
				want := map[pki.CertStatus]revocation.Status{pki.StatusGood: revocation.Good, pki.StatusRevoked: revocation.Revoked}[status]
				if answer.Status != want || len(answer.Missing) > 0 || answer.Signer == nil {
					t.Errorf("%s by the %s, nonce %d: %+v", status, name, nonce, answer)
				}
			}
		}
	}
}

// lie is what the server answers in place of the truth, and what is told of it.
type lie struct {
	name   string
	answer http.HandlerFunc
	told   string
}

func raw(media string, data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.Write(data)
	}
}

// TestLyingResponder: no lie about a certificate is believed, and each is told by
// what is wrong with it.
func TestLyingResponder(t *testing.T) {
	r := newRig(t, withOCSP)
	honest := func(*pki.OCSPResponseSpec) {}
	response := func(signer *pki.Credential, change func(*pki.OCSPResponseSpec)) []byte {
		spec := pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), ProducedAt: r.now, Responses: []pki.SingleResponse{r.single(pki.StatusGood)}}
		change(&spec)
		return testpki.Must(signer.NewOCSPResponse(spec)).Raw()
	}
	shifted := func(by time.Duration) func(*pki.OCSPResponseSpec) {
		return func(s *pki.OCSPResponseSpec) {
			s.Responses[0].ThisUpdate, s.Responses[0].NextUpdate = r.now.Add(by), r.now.Add(by+time.Hour)
		}
	}
	stranger := testpki.Must(testpki.New(r.now)).Intermediate
	as := func(issuer *pki.Credential) func(*pki.OCSPResponseSpec) { // the same serial number, of another authority of this name
		return func(s *pki.OCSPResponseSpec) {
			s.Issuer = issuer.Leaf()
			s.Responses[0].ID.KeyHash = testpki.Must(pki.NewCertID(r.leaf, issuer.Leaf(), crypto.SHA1)).KeyHash
		}
	}
	delegated := func(change func(*x509.Certificate)) []byte {
		return r.unchecked(r.delegate(r.issuer, change), r.single(pki.StatusGood))
	}
	good := response(r.issuer, honest)
	for _, l := range []lie{
		{"wrong issuer", raw("", response(stranger, as(stranger))), "is about other certificates"},
		{"another certificate's serial", raw("", response(r.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].ID.SerialNumber = big.NewInt(99) })), "is about other certificates"},
		{"stale", raw("", response(r.issuer, shifted(-2*time.Hour))), "out of date since"},
		{"not yet valid", raw("", response(r.issuer, shifted(time.Hour))), "from the future"},
		{"altered signature", raw("", altered(good)), "its signature does not hold"},
		{"altered status", raw("", revive(response(r.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0] = r.single(pki.StatusRevoked) }))), "its signature does not hold"},
		{"signed by a stranger of the issuer's name", raw("", r.unchecked(&pki.Credential{Chain: r.issuer.Chain, Key: stranger.Key}, r.single(pki.StatusGood))), "its signature does not hold"},
		{"wrong nonce", r.answers(r.issuer, func(s *pki.OCSPResponseSpec) { s.Nonce = []byte("0123456789abcdef") }), "another nonce"},
		{"without nonce or end, of yesterday", raw("", response(r.issuer, func(s *pki.OCSPResponseSpec) {
			s.Responses[0].ThisUpdate, s.Responses[0].NextUpdate = r.now.Add(-6*time.Minute), time.Time{}
		})), "neither a nonce nor an end"},
		{"without an end, of two days ago, with the nonce", r.answers(r.issuer, func(s *pki.OCSPResponseSpec) {
			s.Responses[0].ThisUpdate, s.Responses[0].NextUpdate = r.now.Add(-48*time.Hour), time.Time{}
		}), "does not say until when it counts"},
		{"expired delegate", raw("", delegated(func(c *x509.Certificate) { c.NotAfter = r.now.Add(-time.Minute) })), "not valid now"},
		{"delegate of tomorrow", raw("", delegated(func(c *x509.Certificate) { c.NotBefore = r.now.Add(time.Minute) })), "not valid now"},
		{"delegate without OCSPSigning", raw("", delegated(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })), "lacks the extended key usage OCSP Signing"},
		{"delegate for anything", raw("", delegated(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} })), "lacks the extended key usage OCSP Signing"},
		{"delegate that may only encrypt", raw("", delegated(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment })), "may not sign data"},
		{"delegate with a critical extension", raw("", delegated(func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
		})), "critical extension"},
		{"delegate by another authority", raw("", r.unchecked(r.delegate(stranger, func(*x509.Certificate) {}), r.single(pki.StatusGood))), "is not issued by that itself"},
		{"delegate by the issuer's issuer", raw("", r.unchecked(r.delegate(r.authority.Root, func(*x509.Certificate) {}), r.single(pki.StatusGood))), "is not issued by that itself"},
		{"delegate by the leaf", raw("", r.unchecked(r.delegate(&pki.Credential{Chain: []*pki.Certificate{r.leaf}, Key: r.leafKey}, func(*x509.Certificate) {}), r.single(pki.StatusGood))), "is not issued by that itself"},
		{"does not know", raw("", response(r.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0] = r.single(pki.StatusUnknown) })), "does not know the certificate"},
		{"unknown critical extension", raw("", response(r.issuer, func(s *pki.OCSPResponseSpec) {
			s.Responses[0].Extensions = []pki.Extension{{ID: testpki.Must(pki.ParseOID("1.2.3")), Critical: true, Value: []byte{5, 0}}}
		})), "not understood, 1.2.3"},
		{"try later", raw("", testpki.Must(pki.NewOCSPError(pki.OCSPTryLater)).Raw()), "no answer: tryLater"},
		{"unauthorized", raw("", testpki.Must(pki.NewOCSPError(pki.OCSPUnauthorized)).Raw()), "no answer: unauthorized"},
		{"truncated in itself", raw("", good[:len(good)-20]), "unreadable OCSP response"},
		{"nothing", raw("", nil), "unreadable OCSP response"},
		{"a list", raw("", testpki.Must(r.issuer.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), NextUpdate: r.now.Add(time.Hour)})).Raw()), "unreadable OCSP response"},
	} {
		r.refuse(t, l, revocation.NonceOffered, time.Minute)
	}
	r.refuse(t, lie{"no nonce where one is required", raw("", good), "one is required"}, revocation.NonceRequired, time.Minute)
}

// TestLyingServer: nor is any lie that HTTP alone is enough for.
func TestLyingServer(t *testing.T) {
	for _, names := range []func(*pki.Spec, string){withOCSP, withCRL} {
		r := newRig(t, names)
		elsewhere := func(to string) http.HandlerFunc {
			return func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, to, http.StatusFound) }
		}
		for _, l := range []lie{
			{"HTML", raw("text/html; charset=utf-8", []byte("<html>Welcome!</html>")), "came (text/html; charset=utf-8, 21 bytes)"},
			{"500", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", 500) }, "answers 500, not 200"},
			{"204", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, "answers 204, not 200"},
			{"huge, and says so", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "70000000") }, "more than"},
			{"huge, and does not say so", func(w http.ResponseWriter, _ *http.Request) {
				for some := make([]byte, 1<<20); ; {
					if _, err := w.Write(some); err != nil {
						return
					}
				}
			}, "more than"},
			{"truncated", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "1000")
				w.Write([]byte{0x30, 0x82})
			}, "no answer: unexpected EOF"},
			{"broken off", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "no answer: EOF"},
			{"endless header", func(w http.ResponseWriter, _ *http.Request) {
				for i := range 2000 {
					w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 100))
				}
			}, "no answer: "},
			{"redirect to a private address", elsewhere("http://10.0.0.1/"), "leads to 10.0.0.1, which is no public address"},
			{"redirect to the metadata of a cloud", elsewhere("http://169.254.169.254/latest/meta-data/"), "leads to 169.254.169.254"},
			{"redirect to a file", elsewhere("file:///etc/passwd"), `"file" is neither http nor https`},
			{"redirect in a circle", func(w http.ResponseWriter, q *http.Request) { http.Redirect(w, q, "/again", http.StatusFound) }, "more than 5 redirects"},
			{"redirect to a user", elsewhere("http://user:password@127.0.0.1/"), "with a user's name"},
		} {
			r.refuse(t, l, revocation.NonceOffered, time.Minute)
		}
		for _, l := range []lie{
			{"slow", func(w http.ResponseWriter, q *http.Request) {
				for q.Context().Err() == nil {
					w.Write([]byte{0x30})
					w.(http.Flusher).Flush()
					time.Sleep(10 * time.Millisecond)
				}
			}, "no whole answer within 500ms"},
			{"silent", func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() }, "no whole answer within 500ms"},
		} {
			r.refuse(t, l, revocation.NonceOffered, 500*time.Millisecond)
		}
	}
}

// refuse has the server tell a lie: nothing may be believed of it, nor kept.
func (r *rig) refuse(t *testing.T, l lie, nonce revocation.Nonce, limit time.Duration) {
	t.Run(l.name, func(t *testing.T) {
		r.serve(l.answer)
		dir := t.TempDir()
		client := r.client(func(cfg *fetch.Config) { cfg.Timeout, cfg.Dir = limit, dir })
		answer := r.ask(&revocation.Collector{Fetcher: client, Nonce: nonce})
		if answer.Status != revocation.Unknown || answer.Signer != nil {
			t.Errorf("believed: %+v", answer)
		}
		if text := strings.Join(answer.Missing, "; "); !strings.Contains(text, l.told) || !strings.Contains(text, r.url) {
			t.Errorf("told %q, want %q and the URL", text, l.told)
		}
		if files := testpki.Must(os.ReadDir(dir)); len(files) > 0 {
			t.Errorf("%d files are kept of it", len(files))
		}
	})
}
