package revocation_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// TestRespond: the first responder that answers well is believed, and of the others
// it is told why they were not.
func TestRespond(t *testing.T) {
	const first, second = "http://one.example/ocsp", "http://two.example/ocsp"
	endless := func(r rig) []byte {
		single := r.single(pki.StatusGood)
		single.ThisUpdate, single.NextUpdate = now, time.Time{}
		return testpki.Must(r.issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Responses: []pki.SingleResponse{single}, ProducedAt: now})).Raw()
	}
	good := func(r rig) []byte { return r.response(r.issuer, r.single(pki.StatusGood)).Raw() }
	forged := func(r rig) []byte { return altered(t, r.response(r.issuer, r.single(pki.StatusGood))).Raw() }
	tests := []struct {
		name    string
		answers map[string]func(rig) []byte
		asked   int
		refused []string // parts of the error, or none
	}{
		{"the first", map[string]func(rig) []byte{first: good, second: forged}, 1, nil},
		{"the second", map[string]func(rig) []byte{second: good}, 2, nil},
		{"the second, the first is forged", map[string]func(rig) []byte{first: forged, second: good}, 2, nil},
		{"neither", nil, 2, []string{first + ": nothing is there", second + ": nothing is there"}},
		{"one without an end", map[string]func(rig) []byte{second: endless}, 2, []string{second + ": the response does not say until when it counts"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := naming(func(c *x509.Certificate) { c.OCSPServer = []string{first, second} })
			p := &places{answers: map[string]func(revocation.Request) []byte{}}
			var want []byte
			for place, answer := range test.answers {
				data := answer(r)
				for _, url := range gets(t, r, place) {
					p.answers[url] = always(data)
				}
				want = data
			}
			response, err := revocation.Respond(t.Context(), p, r.cert, r.issuer.Leaf(), now)
			if len(test.refused) == 0 {
				if err != nil || len(test.answers) == 1 && !bytes.Equal(response.Raw(), want) {
					t.Errorf("have %v, %v", response, err)
				}
			} else if !errors.Is(err, revocation.NoResponse) || response != nil {
				t.Errorf("have %v, %v; want no_response", response, err)
			}
			for _, part := range test.refused {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("have %v, want %q in it", err, part)
				}
			}
			if p.count() != test.asked {
				t.Errorf("%d requests, want %d", p.count(), test.asked)
			}
			for _, q := range p.asked {
				if q.Body != nil {
					t.Errorf("%s was asked by POST: a staple has no nonce", q.URL)
				}
			}
		})
	}
	r := newRig()
	if _, err := revocation.Respond(t.Context(), &places{}, r.cert, r.issuer.Leaf(), now); !errors.Is(err, revocation.NoResponse) || !strings.Contains(err.Error(), "names no OCSP responder") {
		t.Errorf("have %v, want that no responder is named", err)
	}
}

// gets are the URLs by which a responder is asked about the rig's certificate.
func gets(t *testing.T, r rig, place string) (urls []string) {
	t.Helper()
	p := &places{}
	revocation.Respond(t.Context(), p, r.cert, r.issuer.Leaf(), now) // nothing is there; what was asked is wanted
	for _, q := range p.asked {
		if strings.HasPrefix(q.URL, place+"/") {
			urls = append(urls, q.URL)
		}
	}
	if len(urls) == 0 {
		t.Fatalf("%s was not asked: %+v", place, p.asked)
	}
	return urls
}

// TestNonces: each request has a nonce of its own.
func TestNonces(t *testing.T) {
	seen := map[string]bool{string(make([]byte, 32)): true}
	for range 4 {
		r := naming(func(c *x509.Certificate) { c.OCSPServer = []string{ocspURL} })
		p := &places{}
		r.collect(t, &revocation.Collector{Fetcher: p}, nil, now)
		nonce := testpki.Must(testpki.Must(pki.ParseOCSPRequest(p.asked[0].Body)).Nonce())
		if seen[string(nonce)] {
			t.Errorf("the nonce %x is used again", nonce)
		}
		seen[string(nonce)] = true
	}
}
