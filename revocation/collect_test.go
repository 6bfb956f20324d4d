package revocation_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// places is a Fetcher without a network: it has answers by URL.
type places struct {
	mu      sync.Mutex
	answers map[string]func(revocation.Request) []byte
	asked   []revocation.Request // guarded by mu
}

func (p *places) Fetch(_ context.Context, r revocation.Request) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, r)
	answer, ok := p.answers[r.URL]
	if !ok {
		return nil, errors.New("nothing is there")
	}
	data := answer(r)
	_, err := r.Check(data)
	return data, err
}

func (p *places) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

func always(data []byte) func(revocation.Request) []byte {
	return func(revocation.Request) []byte { return data }
}

// naming is the rig with a certificate that names these places.
func naming(change func(*x509.Certificate)) rig {
	r := newRig()
	template := &x509.Certificate{SerialNumber: big.NewInt(4711), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), DNSNames: []string{testpki.Host}}
	change(template)
	r.cert = testpki.Must(testpki.Forge(template, r.issuer)).Leaf()
	return r
}

func (r rig) collect(t *testing.T, c *revocation.Collector, given *revocation.Evidence, at time.Time) revocation.Answer {
	t.Helper()
	evidence, err := c.Collect(t.Context(), given, []*pki.Certificate{r.cert, r.issuer.Leaf()}, at)
	if err != nil {
		t.Fatal(err)
	}
	return evidence.Ask(revocation.Question{Cert: r.cert, Issuer: r.issuer.Leaf(), Now: at})
}

const listURL, ocspURL = "http://authority.example/list", "http://authority.example/ocsp"

func TestRemembered(t *testing.T) {
	r := naming(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{listURL} })
	list := r.list(r.issuer, time.Hour)
	p := &places{answers: map[string]func(revocation.Request) []byte{listURL: always(list.Raw())}}
	c := &revocation.Collector{Fetcher: p}
	for _, step := range []struct {
		at    time.Time
		asked int
		want  revocation.Status
	}{
		{now, 1, revocation.Good},
		{now.Add(time.Hour - time.Second), 1, revocation.Good},
		{now.Add(time.Hour), 2, revocation.Good},                  // its last second; whoever asks wants the next list
		{now.Add(time.Hour + time.Second), 3, revocation.Unknown}, // the same list again
	} {
		if answer := r.collect(t, c, nil, step.at); answer.Status != step.want || p.count() != step.asked {
			t.Errorf("at %v: have %+v after %d requests, want %d", step.at, answer, p.count(), step.asked)
		}
	}
	// A list whose signer is not on the path is not remembered, nor is it good.
	forged := r.list(r.stranger, time.Hour)
	p.answers[listURL] = always(forged.Raw())
	c = &revocation.Collector{Fetcher: p}
	before := p.count()
	for range 2 {
		wantAnswer(t, r.collect(t, c, nil, now), revocation.Unknown, "the list of CN=Demo Intermediate does not count: its signature")
	}
	if p.count() != before+2 {
		t.Errorf("%d requests, want 2", p.count()-before)
	}
	p.answers[listURL] = always(list.Raw())
	wantAnswer(t, r.collect(t, c, nil, now), revocation.Good, "")
}

func TestRememberedResponse(t *testing.T) {
	for _, nonce := range []revocation.Nonce{revocation.NonceOffered, revocation.NonceRequired} {
		r := naming(func(c *x509.Certificate) { c.OCSPServer = []string{ocspURL} })
		p := &places{answers: map[string]func(revocation.Request) []byte{ocspURL: func(q revocation.Request) []byte {
			request := testpki.Must(pki.ParseOCSPRequest(q.Body))
			return testpki.Must(r.issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Nonce: testpki.Must(request.Nonce()), Responses: []pki.SingleResponse{r.single(pki.StatusGood)}, ProducedAt: now})).Raw()
		}}}
		c := &revocation.Collector{Fetcher: p, Nonce: nonce}
		for range 3 {
			wantAnswer(t, r.collect(t, c, nil, now), revocation.Good, "")
		}
		if p.count() != 1 {
			t.Errorf("%d requests, want one", p.count())
		}
		first := testpki.Must(testpki.Must(pki.ParseOCSPRequest(p.asked[0].Body)).Nonce())
		if len(first) != 32 {
			t.Errorf("a nonce of %d bytes, want 32", len(first))
		}
	}
}

// TestOnceForAll: many who ask at the same time have one parsed list.
func TestOnceForAll(t *testing.T) {
	r := naming(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{listURL} })
	arrived, release := make(chan struct{}), make(chan struct{})
	p := &places{answers: map[string]func(revocation.Request) []byte{listURL: func(revocation.Request) []byte {
		close(arrived) // a second time, it panics
		<-release
		return r.list(r.issuer, time.Hour).Raw()
	}}}
	c := &revocation.Collector{Fetcher: p}
	var all sync.WaitGroup
	all.Go(func() { wantAnswer(t, r.collect(t, c, nil, now), revocation.Good, "") })
	<-arrived
	for range 10 {
		all.Go(func() { wantAnswer(t, r.collect(t, c, nil, now), revocation.Good, "") })
	}
	close(release)
	all.Wait()
}

// TestGiven: what is told already is not asked for, and is kept beside what is.
func TestGiven(t *testing.T) {
	r := naming(func(c *x509.Certificate) {
		c.CRLDistributionPoints, c.OCSPServer = []string{listURL}, []string{ocspURL}
	})
	p := &places{}
	c := &revocation.Collector{Fetcher: p}
	for _, given := range []*revocation.Evidence{
		testpki.Must(revocation.New(nil, []*pki.OCSPResponse{r.response(r.issuer, r.single(pki.StatusGood))})),
		testpki.Must(revocation.New([]*pki.RevocationList{r.list(r.issuer, time.Hour)}, nil)),
	} {
		wantAnswer(t, r.collect(t, c, given, now), revocation.Good, "")
	}
	if p.count() != 0 {
		t.Errorf("%d requests, want none", p.count())
	}
	stale := testpki.Must(revocation.New([]*pki.RevocationList{r.list(r.issuer, -time.Minute)}, nil))
	answer := r.collect(t, c, stale, now)
	wantAnswer(t, answer, revocation.Unknown, "ocsp: nothing is there")
	wantAnswer(t, answer, revocation.Unknown, "list: nothing is there")
	wantAnswer(t, answer, revocation.Unknown, "out of date since")
	many := make([]*pki.RevocationList, revocation.MaxEvidence)
	for i := range many {
		many[i] = r.list(r.stranger, time.Hour)
	}
	p.answers = map[string]func(revocation.Request) []byte{listURL: always(r.list(r.issuer, time.Hour).Raw())}
	_, err := c.Collect(t.Context(), testpki.Must(revocation.New(many, nil)), []*pki.Certificate{r.cert, r.issuer.Leaf()}, now)
	if !errors.Is(err, revocation.TooMuch) {
		t.Errorf("one more than are looked at: %v", err)
	}
}

// TestPlaces: a certificate that names many places has a few of them asked.
func TestPlaces(t *testing.T) {
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("http://authority.example/%d", i))
	}
	for _, change := range []func(*x509.Certificate){
		func(c *x509.Certificate) { c.CRLDistributionPoints = many },
		func(c *x509.Certificate) { c.OCSPServer = many },
		func(c *x509.Certificate) { c.CRLDistributionPoints, c.OCSPServer = many[:20], many[:20] },
	} {
		r := naming(change)
		p := &places{}
		answer := r.collect(t, &revocation.Collector{Fetcher: p}, nil, now)
		if p.count() != 8 || !strings.Contains(strings.Join(answer.Missing, "; "), "more than the 8 places") {
			t.Errorf("%d places were asked: %v", p.count(), answer.Missing)
		}
	}
	eight := naming(func(c *x509.Certificate) { c.CRLDistributionPoints = many[:8] })
	p := &places{}
	if answer := eight.collect(t, &revocation.Collector{Fetcher: p}, nil, now); p.count() != 8 || strings.Contains(strings.Join(answer.Missing, "; "), "more than") {
		t.Errorf("of 8 places %d were asked: %v", p.count(), answer.Missing)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"names no OCSP responder and no revocation list": func(c *x509.Certificate) { c.IssuingCertificateURL = many },
		"where evidence about it is cannot be read": func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: []byte{0x30, 0x01, 0x02}})
		},
		"is no URL": func(c *x509.Certificate) {
			// One point, whose full name is a registered ID.
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: []byte{0x30, 9, 0x30, 7, 0xa0, 5, 0xa0, 3, 0x88, 1, 0x2a}})
		},
	} {
		wantAnswer(t, naming(change).collect(t, &revocation.Collector{Fetcher: &places{}}, nil, now), revocation.Unknown, name)
	}
	// Nobody is asked about an anchor, nor about nothing.
	r := naming(func(c *x509.Certificate) { c.CRLDistributionPoints = many })
	for _, path := range [][]*pki.Certificate{nil, {r.cert}} {
		p := &places{}
		if _, err := (&revocation.Collector{Fetcher: p}).Collect(t.Context(), nil, path, now); err != nil || p.count() != 0 {
			t.Errorf("a path of %d: %d requests, %v", len(path), p.count(), err)
		}
	}
}

// TestFreshest: deltas are brought from where the certificate says that they are.
func TestFreshest(t *testing.T) {
	r := naming(func(c *x509.Certificate) {
		c.CRLDistributionPoints = []string{listURL}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 46}, Value: testpki.Must(asn1.Marshal([]point{{Name: pointName{Full: []asn1.RawValue{uri(listURL + "/delta")}}}}))}}
	})
	delta := r.specified(r.issuer, func(s *pki.RevocationListSpec) {
		s.Base, s.Number, s.Entries = big.NewInt(1), big.NewInt(2), r.entry(pki.KeyCompromise)
	})
	p := &places{answers: map[string]func(revocation.Request) []byte{listURL: always(r.list(r.issuer, time.Hour).Raw())}}
	wantAnswer(t, r.collect(t, &revocation.Collector{Fetcher: p}, nil, now), revocation.Good, "delta: nothing is there")
	p.answers[listURL+"/delta"] = always(delta.Raw())
	wantAnswer(t, r.collect(t, &revocation.Collector{Fetcher: p}, nil, now), revocation.Revoked, "")
}

// TestGET: without a nonce, a request that fits into a URL is one.
func TestGET(t *testing.T) {
	for _, test := range []struct {
		url, begins string
		body        bool
	}{
		{ocspURL, ocspURL + "/ME", false},
		{ocspURL + "/", ocspURL + "/ME", false},
		{ocspURL + "/" + strings.Repeat("x", 200), ocspURL + "/xx", true},
	} {
		r := naming(func(c *x509.Certificate) { c.OCSPServer = []string{test.url} })
		p := &places{}
		r.collect(t, &revocation.Collector{Fetcher: p, Nonce: revocation.NonceNone}, nil, now)
		q := p.asked[0]
		if !strings.HasPrefix(q.URL, test.begins) || (q.Body != nil) != test.body || !test.body && (len(q.URL) > 255 || strings.ContainsAny(q.URL[len(ocspURL)+1:], "+/=")) || q.Kind != revocation.Response {
			t.Errorf("asked %+v", q)
		}
		for more, fits := range map[int]bool{255 - len(q.URL): true, 256 - len(q.URL): false} { // to the longest URL, and beyond
			if test.body {
				continue
			}
			template := &x509.Certificate{SerialNumber: r.cert.SerialNumber(), NotBefore: now, NotAfter: now, OCSPServer: []string{strings.TrimSuffix(test.url, "/") + strings.Repeat("x", more)}}
			r.cert = testpki.Must(testpki.Forge(template, r.issuer)).Leaf()
			r.collect(t, &revocation.Collector{Fetcher: p, Nonce: revocation.NonceNone}, nil, now)
			if q := p.asked[len(p.asked)-1]; (q.Body == nil) != fits {
				t.Errorf("%d more characters: asked %+v", more, q)
			}
		}
	}
}

// TestBroughtForAnother: an answer that a Fetcher has from somebody else's request
// is checked here, too.
func TestBroughtForAnother(t *testing.T) {
	r := naming(func(c *x509.Certificate) { c.CRLDistributionPoints = []string{listURL} })
	for want, data := range map[revocation.Status][]byte{revocation.Good: r.list(r.issuer, time.Hour).Raw(), revocation.Unknown: []byte("junk")} {
		answer := r.collect(t, &revocation.Collector{Fetcher: unchecked(data)}, nil, now)
		if answer.Status != want {
			t.Errorf("have %+v, want %d", answer, want)
		}
	}
}

type unchecked []byte

func (u unchecked) Fetch(context.Context, revocation.Request) ([]byte, error) { return u, nil }

// TestFetchedKinds: the kinds have names.
func TestFetchedKinds(t *testing.T) {
	if have := fmt.Sprint(revocation.List, ", ", revocation.Response, ", ", revocation.Issuer); have != "revocation list, OCSP response, issuer's certificate" {
		t.Error(have)
	}
}

// TestForeignIssuer: who did not issue a certificate is not asked about it.
func TestForeignIssuer(t *testing.T) {
	r := naming(func(c *x509.Certificate) { c.OCSPServer = []string{ocspURL} })
	p := &places{}
	evidence := testpki.Must((&revocation.Collector{Fetcher: p}).Collect(t.Context(), nil, []*pki.Certificate{r.cert, r.responder.Leaf()}, now))
	answer := evidence.Ask(revocation.Question{Cert: r.cert, Issuer: r.responder.Leaf(), Now: now})
	wantAnswer(t, answer, revocation.Unknown, "was not issued by")
	if p.count() != 0 {
		t.Errorf("%d requests, want none", p.count())
	}
}

// TestDelegateOnList: a responder whose own certificate is revoked says nothing.
func TestDelegateOnList(t *testing.T) {
	r := newRig()
	response := r.response(r.responder, r.single(pki.StatusGood))
	wantAnswer(t, r.ask(t, []*pki.RevocationList{r.list(r.issuer, time.Hour)}, response), revocation.Good, "")
	answer := r.ask(t, []*pki.RevocationList{r.list(r.issuer, time.Hour, r.responder.Leaf().SerialNumber())}, response)
	wantAnswer(t, answer, revocation.Good, "certificate that is revoked") // good by the list alone
	if !strings.Contains(answer.Source, "list") || !answer.Signer.Equal(r.issuer.Leaf()) {
		t.Errorf("have %+v", answer)
	}
}

// TestManyDelegates: of many certificates that come with a response a few are
// looked at.
func TestManyDelegates(t *testing.T) {
	r := newRig()
	good := r.response(r.responder, r.single(pki.StatusGood)).Raw()
	for extra, want := range map[int]revocation.Status{3: revocation.Good, 4: revocation.Unknown} {
		crowded := crowd(good, slices.Repeat([]asn1.RawValue{{FullBytes: r.cert.Raw()}}, extra))
		answer := r.ask(t, nil, testpki.Must(pki.ParseOCSPResponse(crowded)))
		if answer.Status != want {
			t.Errorf("behind %d others: have %+v, want %d", extra, answer, want)
		}
	}
}

// crowd puts certificates before the one that came with a response.
func crowd(response []byte, before []asn1.RawValue) []byte {
	return resend(response, func(sent []asn1.RawValue) []asn1.RawValue { return append(before, sent...) })
}

// swap sends another certificate along with a response.
func swap(response, cert []byte) []byte {
	return resend(response, func([]asn1.RawValue) []asn1.RawValue { return []asn1.RawValue{{FullBytes: cert}} })
}

// responseMessage is an OCSP response (RFC 6960, section 4.2.1).
type responseMessage struct {
	Status asn1.Enumerated
	Bytes  struct {
		Kind  asn1.ObjectIdentifier
		Basic []byte
	} `asn1:"explicit,tag:0"`
}

// basicIn is the signed part of a response, and responseOf a response of one.
func basicIn(response []byte) []byte {
	var message responseMessage
	testpki.Must(asn1.Unmarshal(response, &message))
	return message.Bytes.Basic
}

func responseOf(basic []byte) []byte {
	var message responseMessage
	message.Bytes.Kind, message.Bytes.Basic = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, basic
	return testpki.Must(asn1.Marshal(message))
}

// resend changes the certificates that come with a response.
func resend(response []byte, change func([]asn1.RawValue) []asn1.RawValue) []byte {
	var basic struct {
		Data, Algorithm asn1.RawValue
		Signature       asn1.BitString
		Certificates    []asn1.RawValue `asn1:"explicit,tag:0"`
	}
	testpki.Must(asn1.Unmarshal(basicIn(response), &basic))
	basic.Certificates = change(basic.Certificates)
	return responseOf(testpki.Must(asn1.Marshal(basic)))
}
