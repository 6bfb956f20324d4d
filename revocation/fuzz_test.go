package revocation_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// fuzzed is a rig whose certificate names places of every form.
func fuzzed() rig {
	return naming(func(c *x509.Certificate) {
		c.OCSPServer = []string{ocspURL}
		c.ExtraExtensions = odd(asn1.ObjectIdentifier{2, 5, 29, 31}, false)
		c.ExtraExtensions[0].Value = testpki.Must(asn1.Marshal([]point{{Name: pointName{Full: []asn1.RawValue{uri(listURL)}}}, {Issuer: []asn1.RawValue{uri(listURL)}}}))
	})
}

// wantSigned holds an answer against the one rule that no input may break: what
// somebody signed who may is all that counts.
func (r rig) wantSigned(t *testing.T, answer revocation.Answer, signed bool) {
	t.Helper()
	known := answer.Status != revocation.Unknown
	if known && (answer.Signer == nil || answer.Source == "" || !signed) || !known && answer.Signer != nil {
		t.Errorf("have %+v; signed by who may: %v", answer, signed)
	}
	if answer.Status == revocation.Revoked && answer.Since.IsZero() {
		t.Errorf("revoked, but never: %+v", answer)
	}
}

// trusting is a question that trusts every signer there is, so that what a list
// says is reached.
func (r rig) trusting(trust bool) revocation.Question {
	return revocation.Question{Cert: r.cert, Issuer: r.issuer.Leaf(), Now: now, Signers: []*pki.Certificate{r.responder.Leaf(), r.stranger.Leaf()}, Trust: func(*pki.Certificate) bool { return trust }}
}

// The authorities of a rig have other keys in each process. So inputs are what is
// signed, and are signed here; where a digest of the issuer's key stands in them,
// they have this.
var keyPlace = []byte("the issuer's key id.")

type signedValue struct {
	Contents  asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// sign signs contents as lists and responses are, with ECDSA and SHA-256.
func sign(t testing.TB, key crypto.Signer, contents []byte) []byte {
	t.Helper()
	digest := sha256.Sum256(contents)
	signature := testpki.Must(key.Sign(rand.Reader, digest[:], crypto.SHA256))
	der, err := asn1.Marshal(signedValue{asn1.RawValue{FullBytes: contents}, pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	if err != nil {
		t.Skip(err)
	}
	return der
}

// contents is the part of a signed value that is signed.
func contents(der []byte) []byte {
	var parts []asn1.RawValue
	testpki.Must(asn1.Unmarshal(der, &parts))
	return parts[0].FullBytes
}

func FuzzLists(f *testing.F) {
	r := fuzzed()
	revoked := r.specified(r.issuer, func(s *pki.RevocationListSpec) { s.Entries = r.entry(pki.KeyCompromise) })
	delta := r.specified(r.issuer, func(s *pki.RevocationListSpec) { s.Base, s.Number = big.NewInt(5), big.NewInt(6) })
	scoped := r.specified(r.issuer, func(s *pki.RevocationListSpec) {
		s.Point = &pki.IssuingPoint{Reasons: 0x06, Indirect: true, Name: &pki.PointName{Full: []pki.GeneralName{{Kind: pki.URIName, Raw: []byte(listURL)}}}}
	})
	for _, list := range []*pki.RevocationList{revoked, delta, scoped, r.list(r.issuer, time.Hour)} {
		f.Add(contents(list.Raw()), true)
		f.Add(contents(list.Raw()), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, ours bool) {
		signer := r.stranger.Key
		if ours {
			signer = r.issuer.Key
		}
		lists, err := pki.ParseRevocationLists(sign(t, signer, data))
		if err != nil || len(lists) != 1 {
			return
		}
		for _, base := range [][]*pki.RevocationList{nil, {revoked}, {delta}} {
			answer := testpki.Must(revocation.New(append(lists, base...), nil)).Ask(r.trusting(false))
			r.wantSigned(t, answer, ours || base != nil)
		}
		answer := testpki.Must(revocation.New(lists, nil)).Ask(r.trusting(true))
		r.wantSigned(t, answer, true)
	})
}

func FuzzResponses(f *testing.F) {
	r := fuzzed()
	var keyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	testpki.Must(asn1.Unmarshal(r.issuer.Leaf().PublicKey().Raw(), &keyInfo))
	keyHash := sha1.Sum(keyInfo.Key.Bytes)
	id := testpki.Must(pki.NewCertID(r.cert, r.issuer.Leaf(), crypto.SHA1))
	for _, status := range []pki.CertStatus{pki.StatusGood, pki.StatusRevoked, pki.StatusUnknown} {
		single := r.single(status)
		single.ID = id
		response := testpki.Must(r.issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: r.issuer.Leaf(), Responses: []pki.SingleResponse{single}, ProducedAt: now, ByName: status == pki.StatusGood, Nonce: []byte("a nonce")}))
		data := bytes.ReplaceAll(contents(basicIn(response.Raw())), keyHash[:], keyPlace)
		f.Add(data, true)
		f.Add(data, false)
	}
	list := r.list(r.issuer, time.Hour)
	f.Fuzz(func(t *testing.T, data []byte, ours bool) {
		signer := r.stranger.Key
		if ours {
			signer = r.issuer.Key
		}
		basic := sign(t, signer, bytes.ReplaceAll(data, keyPlace, keyHash[:]))
		response, err := pki.ParseOCSPResponse(responseOf(basic))
		if err != nil {
			return
		}
		answer := testpki.Must(revocation.New(nil, []*pki.OCSPResponse{response})).Ask(r.trusting(false))
		r.wantSigned(t, answer, ours)
		answer = testpki.Must(revocation.New([]*pki.RevocationList{list}, []*pki.OCSPResponse{response})).Ask(r.trusting(false))
		if answer.Status == revocation.Unknown {
			t.Errorf("a list that counts is there: %+v", answer)
		}
	})
}

// FuzzCollect has a server say anything at all, of every kind.
func FuzzCollect(f *testing.F) {
	r := fuzzed()
	f.Add(r.list(r.issuer, time.Hour).Raw())
	f.Add(r.response(r.responder, r.single(pki.StatusGood)).Raw())
	f.Add(r.issuer.Leaf().PEM())
	f.Fuzz(func(t *testing.T, data []byte) {
		c := &revocation.Collector{Fetcher: anywhere(always(data))}
		evidence, err := c.Collect(t.Context(), nil, []*pki.Certificate{r.cert, r.issuer.Leaf()}, now)
		if err != nil {
			t.Fatal(err)
		}
		answer := evidence.Ask(r.trusting(false))
		if answer.Status == revocation.Unknown && len(answer.Missing) == 0 {
			t.Error("nothing is known, and nothing says why")
		}
		if issuer, err := c.Issuer(t.Context(), r.cert); err == nil && issuer.PublicKey().Pin() != r.issuer.Leaf().PublicKey().Pin() {
			t.Errorf("%s is not who signed it", issuer.Title())
		}
	})
}
