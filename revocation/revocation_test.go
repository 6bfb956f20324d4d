package revocation_test

import (
	"crypto"
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

var now = time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)

// rig is an authority, a certificate of its, and others that may or may not
// answer for it.
type rig struct {
	issuer, responder, stranger *pki.Credential
	cert                        *pki.Certificate
}

func newRig() rig {
	fixture := testpki.Must(testpki.New(now))
	responder := testpki.Must(testpki.Forge(&x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}, fixture.Intermediate))
	return rig{fixture.Intermediate, responder, testpki.Must(testpki.New(now)).Intermediate, testpki.Must(fixture.Server(testpki.Host)).Leaf()}
}

func (r rig) ask(t *testing.T, lists []*pki.RevocationList, responses ...*pki.OCSPResponse) revocation.Answer {
	t.Helper()
	evidence := testpki.Must(revocation.New(lists, responses))
	question := revocation.Question{Cert: r.cert, Issuer: r.issuer.Leaf(), Now: now, Trust: func(*pki.Certificate) bool { return false }}
	first := evidence.Ask(question)
	if again := evidence.Ask(question); again.Status != first.Status || again.Source != first.Source {
		t.Errorf("asked again, the same evidence says %+v, not %+v", again, first)
	}
	return first
}

// single is what a responder says of the rig's certificate, an hour ago, for two
// hours.
func (r rig) single(status pki.CertStatus) pki.SingleResponse {
	s := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(r.cert, r.issuer.Leaf(), crypto.SHA256)), Status: status, ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour)}
	if status == pki.StatusRevoked {
		s.RevokedAt, s.Reason = now.Add(-2*time.Hour), pki.KeyCompromise
	}
	return s
}

func (r rig) response(signer *pki.Credential, singles ...pki.SingleResponse) *pki.OCSPResponse {
	return testpki.Must(signer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Responses: singles, ProducedAt: now.Add(-time.Hour)}))
}

func (r rig) list(signer *pki.Credential, next time.Duration, serials ...*big.Int) *pki.RevocationList {
	spec := pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(next)}
	for _, serial := range serials {
		spec.Entries = append(spec.Entries, pki.RevocationSpec{Serial: serial, Date: now.Add(-2 * time.Hour), Reason: pki.Superseded})
	}
	return testpki.Must(signer.NewRevocationList(spec))
}

// altered flips a bit of a response's signature.
func altered(t *testing.T, response *pki.OCSPResponse) *pki.OCSPResponse {
	t.Helper()
	raw := append([]byte(nil), response.Raw()...)
	signature := response.SignatureAlgorithm()
	at := strings.Index(string(raw), string(signature.ID)) + len(signature.ID) + 12
	raw[at] ^= 1
	forged, err := pki.ParseOCSPResponse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

func TestResponses(t *testing.T) {
	r := newRig()
	shifted := func(by time.Duration) pki.SingleResponse {
		s := r.single(pki.StatusGood)
		s.ThisUpdate, s.NextUpdate = s.ThisUpdate.Add(by), s.NextUpdate.Add(by)
		return s
	}
	other := r.single(pki.StatusGood)
	other.ID.SerialNumber = big.NewInt(99)
	endless := r.single(pki.StatusGood)
	endless.NextUpdate = time.Time{}
	critical := r.single(pki.StatusGood)
	critical.Extensions = []pki.Extension{{ID: testpki.Must(pki.ParseOID("1.2.3")), Critical: true, Value: []byte{5, 0}}}
	odd := r.single(pki.StatusGood)
	odd.Extensions = []pki.Extension{{ID: critical.Extensions[0].ID, Value: []byte{5, 0}}}
	good, bad := r.response(r.issuer, r.single(pki.StatusGood)), r.response(r.issuer, r.single(pki.StatusRevoked))
	for _, test := range []struct {
		name      string
		responses []*pki.OCSPResponse
		want      revocation.Status
		missing   string
	}{
		{"none", nil, revocation.Unknown, ""},
		{"good, by the issuer", []*pki.OCSPResponse{good}, revocation.Good, ""},
		{"good, by its delegate", []*pki.OCSPResponse{r.response(r.responder, r.single(pki.StatusGood))}, revocation.Good, ""},
		{"good, without an end", []*pki.OCSPResponse{r.response(r.issuer, endless)}, revocation.Good, ""},
		{"revoked", []*pki.OCSPResponse{bad}, revocation.Revoked, ""},
		{"good, then revoked", []*pki.OCSPResponse{good, bad}, revocation.Revoked, ""},
		{"revoked, then good", []*pki.OCSPResponse{bad, good}, revocation.Revoked, ""},
		{"good and revoked in one", []*pki.OCSPResponse{r.response(r.issuer, r.single(pki.StatusGood), r.single(pki.StatusRevoked))}, revocation.Revoked, ""},
		{"revoked, unknown and good in one", []*pki.OCSPResponse{r.response(r.issuer, r.single(pki.StatusRevoked), r.single(pki.StatusUnknown), r.single(pki.StatusGood))}, revocation.Revoked, ""},
		{"good, unknown and good in one", []*pki.OCSPResponse{r.response(r.issuer, r.single(pki.StatusGood), r.single(pki.StatusUnknown), r.single(pki.StatusGood))}, revocation.Unknown, "does not know"},
		{"not known to it", []*pki.OCSPResponse{r.response(r.issuer, r.single(pki.StatusUnknown))}, revocation.Unknown, "does not know"},
		{"about another certificate", []*pki.OCSPResponse{r.response(r.issuer, other)}, revocation.Unknown, ""},
		{"out of date", []*pki.OCSPResponse{r.response(r.issuer, shifted(-time.Hour-time.Second))}, revocation.Unknown, "out of date"},
		{"at its last moment", []*pki.OCSPResponse{r.response(r.issuer, shifted(-time.Hour))}, revocation.Good, ""},
		{"of a clock that is ahead", []*pki.OCSPResponse{r.response(r.issuer, shifted(time.Hour+5*time.Minute))}, revocation.Good, ""},
		{"from the future", []*pki.OCSPResponse{r.response(r.issuer, shifted(time.Hour+5*time.Minute+time.Second))}, revocation.Unknown, "from the future"},
		{"with an unknown critical extension", []*pki.OCSPResponse{r.response(r.issuer, critical)}, revocation.Unknown, "not understood"},
		{"altered", []*pki.OCSPResponse{altered(t, good)}, revocation.Unknown, "the OCSP response does not count: its signature"},
		{"with an unknown extension that is not critical", []*pki.OCSPResponse{r.response(r.issuer, odd)}, revocation.Good, ""},
		{"altered, by its delegate", []*pki.OCSPResponse{altered(t, r.response(r.responder, r.single(pki.StatusGood)))}, revocation.Unknown, "the OCSP response does not count: its signature"},
		{"no answer", []*pki.OCSPResponse{testpki.Must(pki.NewOCSPError(pki.OCSPTryLater))}, revocation.Unknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) { wantAnswer(t, r.ask(t, nil, test.responses...), test.want, test.missing) })
	}
	if answer := r.ask(t, nil, good); !answer.ThisUpdate.Equal(now.Add(-time.Hour)) || !answer.NextUpdate.Equal(now.Add(time.Hour)) {
		t.Errorf("have %+v, want the dates of the response", answer)
	}
}

// TestWeakSignature: who accepts an algorithm that is weak is asked, and a
// signature that is wrong is not made right by it.
func TestWeakSignature(t *testing.T) {
	r := newRig()
	always, never := func(pki.Algorithm) bool { return true }, func(pki.Algorithm) bool { return false }
	for _, test := range []struct {
		name    string
		list    *pki.RevocationList
		accepts func(pki.Algorithm) bool
		want    revocation.Status
	}{
		{"weak, nobody asked", r.forged(crypto.SHA1, time.Hour), nil, revocation.Unknown},
		{"weak, refused", r.forged(crypto.SHA1, time.Hour), never, revocation.Unknown},
		{"weak, accepted", r.forged(crypto.SHA1, time.Hour), always, revocation.Good},
		{"strong", r.forged(crypto.SHA256, time.Hour), never, revocation.Good},
		{"wrong", r.list(r.stranger, time.Hour), always, revocation.Unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			evidence := testpki.Must(revocation.New([]*pki.RevocationList{test.list}, nil))
			answer := evidence.Ask(revocation.Question{Cert: r.cert, Issuer: r.issuer.Leaf(), Now: now, Accepts: test.accepts})
			if answer.Status != test.want {
				t.Errorf("have %+v, want %d", answer, test.want)
			}
		})
	}
}

// TestIssuerKey: the issuer's key is the one that the question has, not that of
// another signer.
func TestIssuerKey(t *testing.T) {
	r := newRig()
	ours, theirs := r.list(r.issuer, time.Hour), r.list(r.stranger, time.Hour)
	for _, test := range []struct {
		name    string
		list    *pki.RevocationList
		key     *pki.PublicKey
		signers []*pki.Certificate
		want    revocation.Status
	}{
		{"the certificate's", ours, nil, nil, revocation.Good},
		{"another", theirs, r.stranger.Leaf().PublicKey(), nil, revocation.Good},
		{"another, of a list of the certificate's", ours, r.stranger.Leaf().PublicKey(), nil, revocation.Unknown},
		{"another signer's", theirs, r.issuer.Leaf().PublicKey(), r.stranger.Chain[:1], revocation.Good},
	} {
		t.Run(test.name, func(t *testing.T) {
			evidence := testpki.Must(revocation.New([]*pki.RevocationList{test.list}, nil))
			answer := evidence.Ask(revocation.Question{Cert: r.cert, Issuer: r.issuer.Leaf(), IssuerKey: test.key, Now: now,
				Signers: test.signers, Trust: func(*pki.Certificate) bool { return true }})
			if answer.Status != test.want {
				t.Errorf("have %+v, want %d", answer, test.want)
			}
		})
	}
}

// codeOf is the code of what says that evidence does not count.
var codeOf = map[string]fault.Code{
	"does not know":   "",
	"out of date":     revocation.Stale,
	"from the future": revocation.Stale,
	"not understood":  revocation.ResponseInvalid,
	"the OCSP response does not count: its signature": revocation.ResponseForged,
	"not valid now": revocation.ResponseSigner,
	"the list of CN=Demo Intermediate does not count: its signature": revocation.ListForged,
	"critical extension": revocation.ListInvalid,
}

func wantAnswer(t *testing.T, have revocation.Answer, want revocation.Status, missing string) {
	t.Helper()
	if have.Status != want || !strings.Contains(strings.Join(have.Missing, "; "), missing) || (len(have.Missing) > 0) != (missing != "") {
		t.Errorf("have %+v, want the status %d and what says %q", have, want, missing)
	}
	if code, known := codeOf[missing]; known && have.Code != code {
		t.Errorf("have the code %q of what says %q, want %q", have.Code, missing, code)
	}
	if want == revocation.Revoked && have.Since.IsZero() {
		t.Error("it was never revoked")
	}
}

// TestDelegates: who answers for an issuer must be authorized by this issuer
// itself, and be valid (RFC 6960, section 4.2.2.2).
func TestDelegates(t *testing.T) {
	r := newRig()
	template := func(change func(*x509.Certificate)) *x509.Certificate {
		c := &x509.Certificate{SerialNumber: big.NewInt(8), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}
		change(c)
		return c
	}
	expired := testpki.Must(testpki.Forge(template(func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), r.issuer))
	response := testpki.Must(expired.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Responses: []pki.SingleResponse{r.single(pki.StatusGood)}, ProducedAt: now.Add(-30 * time.Minute)}))
	wantAnswer(t, r.ask(t, nil, response), revocation.Unknown, "not valid now")

	// A responder whom another issuer of the same name has authorized.
	theirs := r
	theirs.issuer = r.stranger
	theirs.responder = testpki.Must(testpki.Forge(template(func(*x509.Certificate) {}), r.stranger))
	forged := theirs.response(theirs.responder, pki.SingleResponse{ID: testpki.Must(pki.NewCertID(r.cert, r.stranger.Leaf(), crypto.SHA256)), ThisUpdate: now.Add(-time.Hour)})
	if answer := r.ask(t, nil, forged); answer.Status != revocation.Unknown {
		t.Errorf("a stranger's responder was believed: %+v", answer)
	}
}

func TestLists(t *testing.T) {
	r := newRig()
	serial, another := r.cert.SerialNumber(), big.NewInt(5)
	good, bad := r.list(r.issuer, time.Hour, another), r.list(r.issuer, time.Hour, another, serial)
	for _, test := range []struct {
		name    string
		lists   []*pki.RevocationList
		want    revocation.Status
		missing string
	}{
		{"not on it", []*pki.RevocationList{good}, revocation.Good, ""},
		{"on it", []*pki.RevocationList{bad}, revocation.Revoked, ""},
		{"out of date", []*pki.RevocationList{r.list(r.issuer, -time.Second, another)}, revocation.Unknown, "out of date"},
		{"with an unknown critical extension", []*pki.RevocationList{r.critical()}, revocation.Unknown, "critical extension"},
		{"a stranger's of the same name", []*pki.RevocationList{r.list(r.stranger, time.Hour, serial)}, revocation.Unknown, "the list of CN=Demo Intermediate does not count: its signature"},
	} {
		t.Run(test.name, func(t *testing.T) { wantAnswer(t, r.ask(t, test.lists), test.want, test.missing) })
	}
	// An issuer whose key may not sign lists signs none.
	fixture := testpki.Must(testpki.New(now))
	crippled := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Crippled"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, fixture.Root))
	below := rig{issuer: crippled, cert: testpki.Must(testpki.Forge(&x509.Certificate{NotBefore: now, NotAfter: now.Add(time.Hour)}, crippled)).Leaf()}
	wantAnswer(t, below.ask(t, []*pki.RevocationList{below.forged(crypto.SHA256, time.Hour)}), revocation.Unknown, "whose key may not sign lists")
	// Bad news outweighs good, wherever it comes from.
	wantAnswer(t, r.ask(t, []*pki.RevocationList{bad}, r.response(r.issuer, r.single(pki.StatusGood))), revocation.Revoked, "")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{good}, r.response(r.issuer, r.single(pki.StatusRevoked))), revocation.Revoked, "")
	answer := r.ask(t, []*pki.RevocationList{bad})
	if answer.Reason != pki.Superseded || !answer.Since.Equal(now.Add(-2*time.Hour)) || !strings.Contains(answer.Source, "Demo Intermediate") {
		t.Errorf("have %+v", answer)
	}
}

// critical is a list with a critical extension that nobody knows.
func (r rig) critical() *pki.RevocationList {
	der := testpki.Must(x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: now.Add(-time.Hour), NextUpdate: now.Add(time.Hour),
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 7}, Critical: true, Value: []byte{5, 0}}}}, testpki.Must(r.issuer.Leaf().X509()), r.issuer.Key))
	return testpki.Must(pki.ParseRevocationLists(der))[0]
}

func TestMaxEvidence(t *testing.T) {
	r := newRig()
	list := r.list(r.issuer, time.Hour)
	many := make([]*pki.RevocationList, revocation.MaxEvidence+1)
	for i := range many {
		many[i] = list
	}
	if _, err := revocation.New(many[1:], nil); err != nil {
		t.Errorf("as many as are looked at: %v", err)
	}
	for responses := range 3 {
		if _, err := revocation.New(many[responses:], make([]*pki.OCSPResponse, responses)); !errors.Is(err, revocation.TooMuch) {
			t.Errorf("one more, %d of them responses: %v", responses, err)
		}
	}
}

// TestNewestList: of two lists by one issuer the newer one counts, whichever was
// given first.
func TestNewestList(t *testing.T) {
	r := newRig()
	made := func(age time.Duration, number int64, serials ...*big.Int) *pki.RevocationList {
		spec := pki.RevocationListSpec{Number: big.NewInt(number), ThisUpdate: now.Add(-age), NextUpdate: now.Add(time.Hour)}
		for _, serial := range serials {
			spec.Entries = append(spec.Entries, pki.RevocationSpec{Serial: serial, Date: now.Add(-2 * time.Hour)})
		}
		return testpki.Must(r.issuer.NewRevocationList(spec))
	}
	serial := r.cert.SerialNumber()
	for _, test := range []struct {
		name         string
		older, newer *pki.RevocationList
		want         revocation.Status
	}{
		{"revoked since", made(2*time.Hour, 1), made(time.Hour, 2, serial), revocation.Revoked},
		{"released since", made(2*time.Hour, 1, serial), made(time.Hour, 2), revocation.Good},
		{"revoked in the same second", made(time.Hour, 1), made(time.Hour, 2, serial), revocation.Revoked},
	} {
		for _, lists := range [][]*pki.RevocationList{{test.older, test.newer}, {test.newer, test.older}} {
			if have := r.ask(t, lists); have.Status != test.want {
				t.Errorf("%s: have %s, want %s", test.name, have.Status, test.want)
			}
		}
	}
	// Without its number, which of two came later is not known: the first counts.
	numbered, unnumbered := made(time.Hour, 1, serial), r.forged(crypto.SHA256, time.Hour)
	wantAnswer(t, r.ask(t, []*pki.RevocationList{numbered, unnumbered}), revocation.Revoked, "")
	wantAnswer(t, r.ask(t, []*pki.RevocationList{unnumbered, numbered}), revocation.Good, "")
}
