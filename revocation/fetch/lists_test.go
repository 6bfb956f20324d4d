package fetch_test

import (
	"crypto/x509"
	"encoding/asn1"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/pki/pkcs7"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/revocation/fetch"
)

// list is a list of the rig's issuer, of an hour, as it is changed.
func (r *rig) list(signer *pki.Credential, change ...func(*pki.RevocationListSpec)) *pki.RevocationList {
	spec := pki.RevocationListSpec{Number: big.NewInt(5), ThisUpdate: r.now.Add(-time.Minute), NextUpdate: r.now.Add(time.Hour)}
	for _, c := range change {
		c(&spec)
	}
	return testpki.Must(signer.NewRevocationList(spec))
}

func revoking(cert *pki.Certificate) func(*pki.RevocationListSpec) {
	return func(s *pki.RevocationListSpec) {
		s.Entries = append(s.Entries, pki.RevocationSpec{Serial: cert.SerialNumber(), Date: s.ThisUpdate.Add(-time.Minute), Reason: pki.Superseded})
	}
}

func TestHonestList(t *testing.T) {
	r := newRig(t, withCRL)
	for _, media := range []string{"DER", "PEM"} {
		for want, list := range map[revocation.Status]*pki.RevocationList{revocation.Good: r.list(r.issuer), revocation.Revoked: r.list(r.issuer, revoking(r.leaf))} {
			data := list.Raw()
			if media == "PEM" {
				data = list.PEM()
			}
			r.serve(raw("", data))
			answer := r.ask(&revocation.Collector{Fetcher: r.client()})
			if answer.Status != want || len(answer.Missing) > 0 || !answer.Signer.Equal(r.issuer.Leaf()) || !answer.NextUpdate.Equal(r.now.Add(time.Hour)) {
				t.Errorf("%s: have %+v, want %d", media, answer, want)
			}
		}
	}
}

func TestLyingList(t *testing.T) {
	r := newRig(t, withCRL)
	stranger := testpki.Must(testpki.New(r.now)).Intermediate
	scope := func(point pki.IssuingPoint) func(*pki.RevocationListSpec) {
		return func(s *pki.RevocationListSpec) { s.Point = &point }
	}
	for _, l := range []lie{
		{"of another authority", raw("", r.list(r.authority.Root).Raw()), ""},
		{"of a stranger of this name", raw("", r.list(stranger).Raw()), "its signature does not hold"},
		{"stale", raw("", r.list(r.issuer, func(s *pki.RevocationListSpec) {
			s.ThisUpdate, s.NextUpdate = r.now.Add(-2*time.Hour), r.now.Add(-time.Hour)
		}).Raw()), "out of date since"},
		{"not yet valid", raw("", r.list(r.issuer, func(s *pki.RevocationListSpec) { s.ThisUpdate = r.now.Add(10 * time.Minute) }).Raw()), "from the future"},
		{"altered", raw("", altered(r.list(r.issuer).Raw())), "its signature does not hold"},
		{"truncated", raw("", r.list(r.issuer).Raw()[:100]), "unreadable revocation list"},
		{"two of them", raw("", append(r.list(r.issuer).PEM(), r.list(r.issuer).PEM()...)), "2 revocation lists, not one"},
		{"a delta alone", raw("", r.list(r.issuer, func(s *pki.RevocationListSpec) { s.Base = big.NewInt(4) }).Raw()), ""},
		{"for authorities alone", raw("", r.list(r.issuer, scope(pki.IssuingPoint{OnlyAuthorities: true})).Raw()), ""},
		{"for some reasons alone", raw("", r.list(r.issuer, scope(pki.IssuingPoint{Reasons: 2})).Raw()), "about some reasons alone: Key Compromise"},
		{"of another point", raw("", r.list(r.issuer, scope(pki.IssuingPoint{Name: &pki.PointName{Full: []pki.GeneralName{{Kind: pki.URIName, Raw: []byte("http://elsewhere.example/")}}}})).Raw()), ""},
		{"an OCSP response", raw("", testpki.Must(r.issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Responses: []pki.SingleResponse{r.single(pki.StatusGood)}})).Raw()), "unreadable revocation list"},
		{"a certificate in PEM", raw("", r.leaf.PEM()), "there is no revocation list"},
	} {
		t.Run(l.name, func(t *testing.T) {
			r.serve(l.answer)
			answer := r.ask(&revocation.Collector{Fetcher: r.client()})
			if answer.Status != revocation.Unknown {
				t.Errorf("believed: %+v", answer)
			}
			if text := strings.Join(answer.Missing, "; "); !strings.Contains(text, l.told) {
				t.Errorf("told %q, want %q", text, l.told)
			}
		})
	}
}

// TestIssuerWithoutRight: an issuer whose key may not sign lists signs none.
func TestIssuerWithoutRight(t *testing.T) {
	r := newRig(t, withCRL)
	authority := testpki.Must(testpki.Forge(&x509.Certificate{Subject: testpki.Must(r.issuer.Leaf().X509()).Subject, NotBefore: r.now.Add(-time.Hour), NotAfter: r.now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, r.authority.Root))
	list := r.list(r.issuer)
	r.issuer = &pki.Credential{Chain: authority.Chain, Key: r.issuer.Key}
	r.serve(raw("", list.Raw()))
	if answer := r.ask(&revocation.Collector{Fetcher: r.client()}); answer.Status != revocation.Unknown {
		t.Errorf("believed: %+v", answer)
	}
}

// TestFreshest: a delta is asked for where the certificate or the list says that
// there is one.
func TestFreshest(t *testing.T) {
	for _, where := range []string{"certificate", "list"} {
		var url string
		r := newRig(t, func(s *pki.Spec, at string) {
			url = at
			withCRL(s, at)
			if where == "certificate" {
				s.Extra = []pki.Extension{freshest(at + "/delta.crl")}
			}
		})
		complete := r.list(r.issuer, func(s *pki.RevocationListSpec) {
			if where == "list" {
				s.Extensions = []pki.Extension{freshest(url + "/delta.crl")}
			}
		})
		delta := r.list(r.issuer, revoking(r.leaf), func(s *pki.RevocationListSpec) { s.Number, s.Base = big.NewInt(6), big.NewInt(5) })
		r.serve(func(w http.ResponseWriter, q *http.Request) {
			w.Write(map[string]*pki.RevocationList{"/list.crl": complete, "/delta.crl": delta}[q.URL.Path].Raw())
		})
		answer := r.ask(&revocation.Collector{Fetcher: r.client()})
		if answer.Status != revocation.Revoked || len(answer.Missing) > 0 || len(r.requests()) != 2 {
			t.Errorf("named by the %s: have %+v after %v", where, answer, r.requests())
		}
	}
}

// freshest names one place of deltas (RFC 5280, section 4.2.1.15).
func freshest(url string) pki.Extension {
	type point struct {
		Name struct {
			Full []asn1.RawValue `asn1:"tag:0"`
		} `asn1:"tag:0"`
	}
	var p point
	p.Name.Full = []asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte(url)}}
	return pki.Extension{ID: pki.OIDFreshestCRL, Value: testpki.Must(asn1.Marshal([]point{p}))}
}

// TestResponderFirst: lists are fetched only where no responder knows.
func TestResponderFirst(t *testing.T) {
	r := newRig(t, func(s *pki.Spec, at string) { withCRL(s, at); withOCSP(s, at) })
	both := func(responder http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, q *http.Request) {
			if strings.HasPrefix(q.URL.Path, "/ocsp") {
				responder(w, q)
				return
			}
			w.Write(r.list(r.issuer, revoking(r.leaf)).Raw())
		}
	}
	good := r.answers(r.issuer, func(*pki.OCSPResponseSpec) {})
	r.serve(both(good))
	if answer := r.ask(&revocation.Collector{Fetcher: r.client()}); answer.Status != revocation.Good || len(r.requests()) != 1 {
		t.Errorf("have %+v after %v", answer, r.requests())
	}
	r.serve(both(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusServiceUnavailable) }))
	answer := r.ask(&revocation.Collector{Fetcher: r.client()})
	if answer.Status != revocation.Revoked || len(answer.Missing) != 1 || !strings.Contains(answer.Missing[0], "answers 503") {
		t.Errorf("have %+v after %v", answer, r.requests())
	}
}

// TestIssuer brings an issuer's certificate, and no other.
func TestIssuer(t *testing.T) {
	r := newRig(t, func(s *pki.Spec, at string) { s.Issuers = []string{at + "/first", at + "/second"} })
	collector := &revocation.Collector{Fetcher: r.client(func(cfg *fetch.Config) { cfg.Dir = t.TempDir() })}
	other := testpki.Must(testpki.New(r.now)).Intermediate.Leaf()
	r.serve(func(w http.ResponseWriter, q *http.Request) {
		w.Write(map[string][]byte{"/first": other.Raw(), "/second": append(other.PEM(), r.issuer.Leaf().PEM()...)}[q.URL.Path])
	})
	issuer, err := collector.Issuer(t.Context(), r.leaf)
	if err != nil || !issuer.Equal(r.issuer.Leaf()) || len(r.requests()) != 2 {
		t.Errorf("have %v, %v after %v", issuer, err, r.requests())
	}
	r.serve(raw("text/html", []byte("moved")))
	if issuer, err = collector.Issuer(t.Context(), r.leaf); err != nil || !issuer.Equal(r.issuer.Leaf()) || len(r.requests()) != 1 {
		t.Errorf("from disk: have %v, %v after %v", issuer, err, r.requests())
	}
	fresh := &revocation.Collector{Fetcher: r.client()}
	wantCode(t, second(fresh.Issuer(t.Context(), r.leaf)), revocation.IssuerNotFetched, "/first: no issuer's certificate that counts came (text/html, 5 bytes)")
	wantCode(t, second(fresh.Issuer(t.Context(), r.issuer.Leaf())), revocation.IssuerNotFetched, "it does not say where")
}

// TestBundle: an issuer's certificate may come in a message of PKCS#7 (RFC 5280,
// section 4.2.2.1), where whoever asks reads those.
func TestBundle(t *testing.T) {
	r := newRig(t, func(s *pki.Spec, at string) { s.Issuers = []string{at + "/ca.p7c"} })
	other := testpki.Must(testpki.New(r.now)).Intermediate.Leaf()
	r.serve(raw("application/pkcs7-mime", testpki.Must(pkcs7.NewBundle([]*pki.Certificate{other, r.issuer.Leaf()}))))
	bundle := func(data []byte) ([]*pki.Certificate, error) {
		message, err := pkcs7.Parse(data)
		if err != nil {
			return nil, err
		}
		return message.Certificates()
	}
	reads := &revocation.Collector{Fetcher: r.client(), Bundle: bundle}
	if issuer, err := reads.Issuer(t.Context(), r.leaf); err != nil || !issuer.Equal(r.issuer.Leaf()) {
		t.Errorf("have %v, %v", issuer, err)
	}
	plain := &revocation.Collector{Fetcher: r.client()}
	wantCode(t, second(plain.Issuer(t.Context(), r.leaf)), revocation.IssuerNotFetched, "/ca.p7c: no issuer's certificate that counts came")
	r.serve(raw("application/pkcs7-mime", []byte{0x30, 0x80}))
	wantCode(t, second(reads.Issuer(t.Context(), r.leaf)), revocation.IssuerNotFetched, "/ca.p7c: no issuer's certificate that counts came")
}

func second[T any](_ T, err error) error { return err }
