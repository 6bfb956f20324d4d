package revocation_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// TestAnswers: what a responder says counts if it is an answer to what was asked.
func TestAnswers(t *testing.T) {
	r := naming(func(c *x509.Certificate) { c.OCSPServer = []string{ocspURL} })
	say := func(change func(*pki.OCSPResponseSpec)) func(revocation.Request) []byte {
		return func(q revocation.Request) []byte {
			spec := pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Responses: []pki.SingleResponse{r.single(pki.StatusGood)}, ProducedAt: now}
			if q.Body != nil {
				spec.Nonce = testpki.Must(testpki.Must(pki.ParseOCSPRequest(q.Body)).Nonce())
			}
			change(&spec)
			return testpki.Must(r.issuer.NewOCSPResponse(spec)).Raw()
		}
	}
	endless := func(age time.Duration, nonce bool) func(*pki.OCSPResponseSpec) {
		return func(s *pki.OCSPResponseSpec) {
			s.Responses[0].ThisUpdate, s.Responses[0].NextUpdate = now.Add(-age), time.Time{}
			if !nonce {
				s.Nonce = nil
			}
		}
	}
	noNonce := func(s *pki.OCSPResponseSpec) { s.Nonce = nil }
	for _, test := range []struct {
		name    string
		nonce   revocation.Nonce
		answer  func(revocation.Request) []byte
		want    revocation.Status
		missing string
	}{
		{"with the nonce", revocation.NonceRequired, say(func(*pki.OCSPResponseSpec) {}), revocation.Good, ""},
		{"without, as may be", revocation.NonceOffered, say(noNonce), revocation.Good, ""},
		{"without, and it is required", revocation.NonceRequired, say(noNonce), revocation.Unknown, "one is required"},
		{"another's nonce", revocation.NonceOffered, say(func(s *pki.OCSPResponseSpec) { s.Nonce[0] ^= 1 }), revocation.Unknown, "another nonce"},
		{"half of the nonce", revocation.NonceOffered, say(func(s *pki.OCSPResponseSpec) { s.Nonce = s.Nonce[:16] }), revocation.Unknown, "another nonce"},
		{"none asked, one given", revocation.NonceNone, say(func(s *pki.OCSPResponseSpec) { s.Nonce = []byte("free") }), revocation.Good, ""},
		{"no end, with the nonce", revocation.NonceOffered, say(endless(time.Hour, true)), revocation.Good, ""},
		{"no end, no nonce, just made", revocation.NonceOffered, say(endless(5*time.Minute, false)), revocation.Good, ""},
		{"no end, no nonce, older", revocation.NonceOffered, say(endless(5*time.Minute+time.Second, false)), revocation.Unknown, "neither a nonce nor an end"},
		{"no end, not asked for a nonce", revocation.NonceNone, say(endless(time.Hour, false)), revocation.Unknown, "neither a nonce nor an end"},
		{"no end, of the day before", revocation.NonceOffered, say(endless(24*time.Hour+time.Second, true)), revocation.Unknown, "does not say until when"},
		{"no DER", revocation.NonceOffered, always([]byte("no")), revocation.Unknown, "unreadable OCSP response"},
		{"no answer", revocation.NonceOffered, always(testpki.Must(pki.NewOCSPError(pki.OCSPInternal)).Raw()), revocation.Unknown, "no answer: internalError"},
		{"about another", revocation.NonceOffered, say(func(s *pki.OCSPResponseSpec) { s.Responses[0].ID.SerialNumber = big.NewInt(1) }), revocation.Unknown, "about other certificates"},
		{"not known", revocation.NonceOffered, say(func(s *pki.OCSPResponseSpec) { s.Responses[0].Status = pki.StatusUnknown }), revocation.Unknown, "does not know the certificate"},
		{"by a stranger", revocation.NonceOffered, always(altered(t, r.response(r.issuer, r.single(pki.StatusGood))).Raw()), revocation.Unknown, "its signature does not hold"},
		{"revoked", revocation.NonceOffered, say(func(s *pki.OCSPResponseSpec) { s.Responses[0] = r.single(pki.StatusRevoked) }), revocation.Revoked, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &revocation.Collector{Nonce: test.nonce, Fetcher: anywhere(test.answer)}
			wantAnswer(t, r.collect(t, c, nil, now), test.want, test.missing)
		})
	}
}

// anywhere is a Fetcher that has the same at every URL.
type anywhere func(revocation.Request) []byte

func (a anywhere) Fetch(_ context.Context, r revocation.Request) ([]byte, error) {
	data := a(r)
	_, err := r.Check(data)
	return data, err
}

// TestDelegateRules holds the rules for who answers in an issuer's place, one by
// one (RFC 6960, section 4.2.2.2). The key stays; what its certificate says
// differs.
func TestDelegateRules(t *testing.T) {
	r := newRig()
	response := r.response(r.responder, r.single(pki.StatusGood))
	for want, change := range map[string]func(*x509.Certificate){
		"": func(c *x509.Certificate) {
			c.KeyUsage, c.ExtraExtensions = x509.KeyUsageDigitalSignature, odd(asn1.ObjectIdentifier{1, 2, 3}, false)
		},
		"usage OCSP Signing":            func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"may not sign data":             func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign },
		"not valid now":                 func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) },
		"cannot be read whole":          func(c *x509.Certificate) { c.ExtraExtensions = odd(asn1.ObjectIdentifier{2, 5, 29, 54}, false) },
		"extension that is not underst": func(c *x509.Certificate) { c.ExtraExtensions = odd(asn1.ObjectIdentifier{1, 2, 3}, true) },
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(8), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
		change(template)
		key := r.responder.Key
		der := testpki.Must(x509.CreateCertificate(rand.Reader, template, testpki.Must(r.issuer.Leaf().X509()), key.Public(), r.issuer.Key))
		crowded := testpki.Must(pki.ParseOCSPResponse(swap(response.Raw(), der)))
		status := revocation.Unknown
		if want == "" {
			status = revocation.Good
		}
		wantAnswer(t, r.ask(t, nil, crowded), status, want)
	}
}

func odd(id asn1.ObjectIdentifier, critical bool) []pkix.Extension {
	return []pkix.Extension{{Id: id, Critical: critical, Value: []byte{4, 0}}}
}

const issuerURL = "http://authority.example/issuer"

// TestIssuer brings the certificate of who signed one, and no other.
func TestIssuer(t *testing.T) {
	r := naming(func(c *x509.Certificate) { c.IssuingCertificateURL = []string{issuerURL + "/1", issuerURL + "/2"} })
	p := &places{answers: map[string]func(revocation.Request) []byte{issuerURL + "/1": always(r.stranger.Leaf().Raw()), issuerURL + "/2": always(r.issuer.Leaf().PEM())}}
	issuer, err := (&revocation.Collector{Fetcher: p}).Issuer(t.Context(), r.cert)
	if err != nil || !issuer.Equal(r.issuer.Leaf()) || p.count() != 2 || p.asked[0].Kind != revocation.Issuer {
		t.Errorf("have %v, %v after %d requests", issuer, err, p.count())
	}
	p.answers[issuerURL+"/2"] = always([]byte("none"))
	for name, cert := range map[string]*pki.Certificate{"/1: it is not the certificate of who signed": r.cert, "does not say where": r.issuer.Leaf()} {
		_, err := (&revocation.Collector{Fetcher: p}).Issuer(t.Context(), cert)
		if e, ok := fault.Of(err); !ok || !errors.Is(err, revocation.IssuerNotFetched) || !strings.Contains(e.Message, name) || e.Hint == "" {
			t.Errorf("have %v, want what says %q", err, name)
		}
	}
	broken := naming(func(c *x509.Certificate) {
		c.ExtraExtensions = odd(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}, false)
	})
	if _, err := (&revocation.Collector{Fetcher: p}).Issuer(t.Context(), broken.cert); err == nil {
		t.Error("places that cannot be read were asked")
	}
}
