package fetch_test

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
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
	t         *testing.T
	now       time.Time
	authority *testpki.PKI
	issuer    *pki.Credential
	leaf      *pki.Certificate
	responder *pki.Credential // whom the issuer has authorized
	url       string
	handler   http.HandlerFunc
	asked     []string // methods and paths
}

func newRig(t *testing.T, change func(*pki.Spec, string)) *rig {
	r := &rig{t: t, now: time.Now().Truncate(time.Second)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.asked = append(r.asked, q.Method+" "+q.URL.EscapedPath())
		r.handler(w, q)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL
	r.authority = testpki.Must(testpki.New(r.now))
	r.issuer = r.authority.Intermediate
	spec := pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, Now: r.now.Add(-time.Hour)}
	change(&spec, server.URL)
	r.leaf = testpki.Must(r.issuer.New(spec)).Leaf()
	r.responder = r.delegate(r.issuer, func(*x509.Certificate) {})
	return r
}

func withOCSP(s *pki.Spec, url string) { s.OCSP = []string{url + "/ocsp"} }
func withCRL(s *pki.Spec, url string)  { s.CRLs = []string{url + "/list.crl"} }

func (r *rig) delegate(issuer *pki.Credential, change func(*x509.Certificate)) *pki.Credential {
	template := &x509.Certificate{SerialNumber: big.NewInt(77), NotBefore: r.now.Add(-time.Hour), NotAfter: r.now.Add(time.Hour),
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

// asked is the OCSP request in an HTTP request.
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
		w.Write(response.Raw())
	}
}

func TestHonest(t *testing.T) {
	r := newRig(t, withOCSP)
	for _, status := range []pki.CertStatus{pki.StatusGood, pki.StatusRevoked} {
		for name, signer := range map[string]*pki.Credential{"issuer": r.issuer, "delegate": r.responder} {
			for _, nonce := range []revocation.Nonce{revocation.NonceOffered, revocation.NonceRequired, revocation.NonceNone} {
				r.handler = r.answers(signer, func(s *pki.OCSPResponseSpec) { s.Responses[0] = r.single(status) })
				answer := r.ask(&revocation.Collector{Fetcher: r.client(), Nonce: nonce})
				want := map[pki.CertStatus]revocation.Status{pki.StatusGood: revocation.Good, pki.StatusRevoked: revocation.Revoked}[status]
				if answer.Status != want || len(answer.Missing) > 0 || answer.Signer == nil {
					t.Errorf("%s by the %s, nonce %d: %+v", status, name, nonce, answer)
				}
			}
		}
	}
}
