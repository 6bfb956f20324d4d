package pki_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ocsp"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// ocspRig is an issuer, what it issued, and responders.
type ocspRig struct {
	issuer, responder *pki.Credential
	one, two          *pki.Certificate
}

func newOCSPRig(t *testing.T) ocspRig {
	return ocspRigAt(t, now)
}

func ocspRigAt(t *testing.T, at time.Time) ocspRig {
	t.Helper()
	fixture := testpki.Must(testpki.New(at))
	responder := testpki.Must(testpki.Forge(&x509.Certificate{DNSNames: []string{"ocsp.example"}, NotBefore: at.Add(-time.Hour), NotAfter: at.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning}}, fixture.Intermediate))
	responder.Chain = responder.Chain[:1]
	return ocspRig{fixture.Intermediate, responder, testpki.Must(fixture.Server("a.example")).Leaf(), testpki.Must(fixture.Server("b.example")).Leaf()}
}

func (r ocspRig) id(cert *pki.Certificate, digest crypto.Hash) pki.CertID {
	return testpki.Must(pki.NewCertID(cert, r.issuer.Leaf(), digest))
}

// answers has one of everything.
func (r ocspRig) answers() pki.OCSPResponseSpec {
	return pki.OCSPResponseSpec{
		Issuer: r.issuer.Leaf(), ProducedAt: now, Nonce: []byte("0123456789abcdef"),
		Responses: []pki.SingleResponse{
			{ID: r.id(r.one, crypto.SHA1), ThisUpdate: now, NextUpdate: now.Add(time.Hour)},
			{ID: r.id(r.two, crypto.SHA256), Status: pki.StatusRevoked, RevokedAt: now.AddDate(0, 0, -1), Reason: pki.KeyCompromise, ThisUpdate: now.Add(-time.Minute),
				Extensions: []pki.Extension{{ID: pki.OIDArchiveCutoff, Value: []byte(tlv(0x18, "20260121100000Z"))}}},
			{ID: r.id(r.responder.Leaf(), crypto.SHA1), Status: pki.StatusUnknown, ThisUpdate: now},
		},
	}
}

func TestCertID(t *testing.T) {
	rig := newOCSPRig(t)
	other := testpki.Must(testpki.New(now))
	for _, digest := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
		id := rig.id(rig.one, digest)
		if !id.Matches(rig.one, rig.issuer.Leaf()) || !id.IssuedBy(rig.issuer.Leaf()) || id.Matches(rig.two, rig.issuer.Leaf()) ||
			id.Matches(rig.one, other.Intermediate.Leaf()) || id.IssuedBy(other.Intermediate.Leaf()) || id.IssuedBy(other.Root.Leaf()) {
			t.Errorf("%s: the ID is another's", digest)
		}
		for name, change := range map[string]func(*pki.CertID){
			"name":   func(id *pki.CertID) { id.NameHash = bytes.Repeat([]byte{1}, digest.Size()) },
			"key":    func(id *pki.CertID) { id.KeyHash = bytes.Repeat([]byte{1}, digest.Size()) },
			"serial": func(id *pki.CertID) { id.SerialNumber = big.NewInt(1) },
			"digest": func(id *pki.CertID) { id.Digest.ID = pki.OIDCommonName },
		} {
			changed := id
			if change(&changed); changed.Matches(rig.one, rig.issuer.Leaf()) {
				t.Errorf("%s: matches with another %s", digest, name)
			}
		}
	}
	_, err := pki.NewCertID(rig.one, other.Root.Leaf(), crypto.SHA1)
	wantFault(t, err, pki.SpecInvalid, "a.example was not issued by Demo Root")
	_, err = pki.NewCertID(rig.one, rig.issuer.Leaf(), crypto.SHA512)
	wantFault(t, err, pki.SpecInvalid, "SHA-1 or SHA-256")
}

func TestOCSPRequest(t *testing.T) {
	rig := newOCSPRig(t)
	want := testpki.Must(ocsp.CreateRequest(testpki.Must(rig.one.X509()), testpki.Must(rig.issuer.Leaf().X509()), nil))
	request := testpki.Must(pki.NewOCSPRequest(nil, rig.id(rig.one, crypto.SHA1)))
	if !bytes.Equal(request.Raw(), want) {
		t.Errorf("have\n%x, want x/crypto's\n%x", request.Raw(), want)
	}
	if nonce, err := request.Nonce(); nonce != nil || err != nil || len(request.Extensions()) != 0 || request.Version() != 1 || request.Requestor() != nil || request.Certificates() != nil {
		t.Errorf("nonce %x, %v, version %d", nonce, err, request.Version())
	}
	wantFault(t, request.CheckSignatureBy(rig.one.PublicKey()), pki.SignatureWrong, "is not signed")
	two := testpki.Must(pki.NewOCSPRequest([]byte("n"), rig.id(rig.one, crypto.SHA256), rig.id(rig.two, crypto.SHA1)))
	if ids := two.IDs(); len(ids) != 2 || !ids[0].Matches(rig.one, rig.issuer.Leaf()) || !ids[1].Matches(rig.two, rig.issuer.Leaf()) || string(testpki.Must(two.Nonce())) != "n" {
		t.Errorf("have %v", ids)
	}
	if nonce := testpki.Must(testpki.Must(pki.NewOCSPRequest(make([]byte, 128), rig.id(rig.one, crypto.SHA1))).Nonce()); len(nonce) != 128 {
		t.Errorf("a nonce of %d bytes", len(nonce))
	}
	_, err := pki.NewOCSPRequest(make([]byte, 129), rig.id(rig.one, crypto.SHA1))
	wantFault(t, err, pki.SpecInvalid, "a nonce of 129 bytes")
	_, err = pki.NewOCSPRequest(nil)
	wantFault(t, err, pki.SpecInvalid, "at least one certificate")
}

// The parts of messages by hand, in DER.
var (
	ocspID      = tlv(0x30, tlv(0x30, tlv(6, "\x2b\x0e\x03\x02\x1a")+"\x05\x00")+tlv(4, strings.Repeat("n", 20))+tlv(4, strings.Repeat("k", 20))+"\x02\x01\x07")
	ocspTime    = tlv(0x18, "20270121100000Z")
	ocspNonce   = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"
	ocspAsk     = tlv(0x30, tlv(0x30, ocspID))
	ocspByKey   = tlv(0xa2, tlv(4, strings.Repeat("r", 20)))
	ocspGood    = tlv(0x30, ocspID+"\x80\x00"+ocspTime)
	ocspVersion = tlv(0xa0, "\x02\x01\x00")
)

func TestParseOCSPRequest(t *testing.T) {
	ask := func(tbs string) string { return tlv(0x30, tlv(0x30, tbs)) }
	nonce := func(content string) string { return tlv(0xa2, tlv(0x30, ext(ocspNonce, "", content))) }
	tests := []struct{ name, data, says, nonce string }{
		{"least", ask(ocspAsk), "", ""},
		{"version", ask(ocspVersion + ocspAsk), "", ""},
		{"requestor and extensions", ask(tlv(0xa1, tlv(0x82, "a")) + tlv(0x30, tlv(0x30, ocspID+tlv(0xa0, tlv(0x30, ext("\x2a\x03", "", "")))))), "", ""},
		{"signed", tlv(0x30, tlv(0x30, ocspAsk)+tlv(0xa0, tlv(0x30, crlAlgorithm+tlv(3, "\x00")))), "", ""},
		{"longest nonce", ask(ocspAsk + nonce(tlv(4, strings.Repeat("n", 128)))), "", ""},
		{"longer nonce", ask(ocspAsk + nonce(tlv(4, strings.Repeat("n", 129)))), "", "a nonce of 129 bytes"},
		{"empty nonce", ask(ocspAsk + nonce(tlv(4, ""))), "", "a nonce of 0 bytes"},
		{"bare nonce", ask(ocspAsk + nonce("n")), "", "no valid nonce"},
		{"nothing asked", ask(tlv(0x30, "")), "no request in the list", ""},
		{"no list", ask(""), "no valid list of requests", ""},
		{"more behind", ask(ocspAsk + "\x05\x00"), "the OCSP request's contents goes on", ""},
		{"more outside", ask(ocspAsk) + "\x05\x00", "the OCSP request goes on", ""},
		{"more behind the signature", tlv(0x30, tlv(0x30, ocspAsk)+tlv(0xa0, tlv(0x30, crlAlgorithm+tlv(3, "\x00")+"\x05\x00"))), "the signature goes on", ""},
		{"more in a request", ask(tlv(0x30, tlv(0x30, ocspID+"\x05\x00"))), "a request goes on", ""},
		{"more in an ID", ask(tlv(0x30, tlv(0x30, tlv(0x30, ocspID[2:]+"\x05\x00")))), "a certificate ID goes on", ""},
		{"more in the version", ask(tlv(0xa0, "\x02\x01\x00\x05\x00") + ocspAsk), "the version goes on", ""},
		{"more in the extensions", ask(ocspAsk + tlv(0xa2, tlv(0x30, "")+"\x05\x00")), "the extensions of the request goes on", ""},
		{"empty", "", "no valid OCSP request", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			request, err := pki.ParseOCSPRequest([]byte(test.data))
			if test.says != "" {
				wantFault(t, err, pki.OCSPUnreadable, test.says)
				return
			}
			if err != nil || len(request.IDs()) != 1 || request.IDs()[0].SerialNumber.Int64() != 7 || request.Version() != 1 {
				t.Fatalf("have %+v, %v", request, err)
			}
			if request.IsSigned() != (test.name == "signed") || (request.Requestor() != nil) != strings.HasPrefix(test.name, "requestor") {
				t.Errorf("signed %v, by %v", request.IsSigned(), request.Requestor())
			}
			if nonce, err := request.Nonce(); test.nonce != "" {
				wantFault(t, err, pki.ExtensionInvalid, test.nonce)
			} else if err != nil || len(nonce) != 0 && len(nonce) != 128 {
				t.Errorf("nonce %x, %v", nonce, err)
			}
		})
	}
	_, err := pki.ParseOCSPRequest(make([]byte, pki.MaxOCSP+1))
	wantFault(t, err, pki.InputTooLarge, "1048577 bytes are more than the 1048576 of an OCSP message")
	_, err = pki.ParseOCSPRequest(make([]byte, pki.MaxOCSP))
	wantFault(t, err, pki.OCSPUnreadable, "no valid OCSP request at byte 0")
}

// basicOf is a response with this response data.
func basicOf(data string) string {
	return responseOf("\x2b\x06\x01\x05\x05\x07\x30\x01\x01", tlv(0x30, tlv(0x30, data)+crlAlgorithm+tlv(3, "\x00")))
}

func responseOf(kind, content string) string {
	return tlv(0x30, "\x0a\x01\x00"+tlv(0xa0, tlv(0x30, tlv(6, kind)+tlv(4, content))))
}

func TestParseOCSPResponse(t *testing.T) {
	single := func(rest string) string { return basicOf(ocspByKey + ocspTime + tlv(0x30, tlv(0x30, ocspID+rest))) }
	revoked := tlv(0xa1, ocspTime+tlv(0xa0, "\x0a\x01\x04"))
	tests := []struct {
		name, data string
		want       string // status, time, reason, this and next update
		says       string
	}{
		{"good", basicOf(ocspByKey + ocspTime + tlv(0x30, ocspGood)), "good 0001 unspecified 2027 0001 0", ""},
		{"version", basicOf(ocspVersion + ocspByKey + ocspTime + tlv(0x30, ocspGood)), "good 0001 unspecified 2027 0001 0", ""},
		{"by name", basicOf(tlv(0xa1, crlIssuer) + ocspTime + tlv(0x30, ocspGood)), "good 0001 unspecified 2027 0001 0", ""},
		{"revoked", single(revoked + ocspTime), "revoked 2027 superseded 2027 0001 0", ""},
		{"revoked without reason", single(tlv(0xa1, ocspTime) + ocspTime), "revoked 2027 unspecified 2027 0001 0", ""},
		{"unknown, with all", single("\x82\x00" + ocspTime + tlv(0xa0, tlv(0x18, "20280121100000Z")) + tlv(0xa1, tlv(0x30, ext("\x2a\x03", "", "")))), "unknown 0001 unspecified 2027 2028 1", ""},
		{"no such status", single("\x83\x00" + ocspTime), "", "a status of a certificate that does not exist"},
		{"good with more", single("\x80\x01a" + ocspTime), "", "the status of a certificate goes on"},
		{"revoked with more", single(tlv(0xa1, ocspTime+"\x05\x00") + ocspTime), "", "the status of a certificate goes on"},
		{"two reasons", single(tlv(0xa1, ocspTime+tlv(0xa0, "\x0a\x01\x04\x0a\x01\x04")) + ocspTime), "", "the reason of a revocation goes on"},
		{"no such reason", single(tlv(0xa1, ocspTime+tlv(0xa0, "\x0a\x01\x07")) + ocspTime), "", "reason of a revocation that does not exist"},
		{"short time", single("\x80\x00" + crlTime), "", "no valid this update"},
		{"two next updates", single("\x80\x00" + ocspTime + tlv(0xa0, ocspTime+ocspTime)), "", "the next update goes on"},
		{"single with more", single("\x80\x00" + ocspTime + "\x05\x00"), "", "a response about a certificate goes on"},
		{"no responder", basicOf(ocspTime + tlv(0x30, ocspGood)), "", "no valid responder"},
		{"responder with more", basicOf(tlv(0xa1, crlIssuer+"\x05\x00") + ocspTime + tlv(0x30, ocspGood)), "", "the responder goes on"},
		{"responder's key with more", basicOf(tlv(0xa2, tlv(4, "k")+"\x05\x00") + ocspTime + tlv(0x30, ocspGood)), "", "the responder goes on"},
		{"data with more", basicOf(ocspByKey + ocspTime + tlv(0x30, ocspGood) + "\x05\x00"), "", "the response data goes on"},
		{"another kind", responseOf("\x2a\x03", "\x05\x00"), "", "a response of the kind 1.2.3, which is not known"},
		{"basic with more", responseOf("\x2b\x06\x01\x05\x05\x07\x30\x01\x01", tlv(0x30, tlv(0x30, "")+crlAlgorithm+tlv(3, "\x00")+"\x05\x00")), "", "the basic response goes on"},
		{"two basic", responseOf("\x2b\x06\x01\x05\x05\x07\x30\x01\x01", basicOf("")+"\x05\x00"), "", "no valid"},
		{"success without response", tlv(0x30, "\x0a\x01\x00"), "", "no valid response"},
		{"failure with response", tlv(0x30, "\x0a\x01\x01"+basicOf(ocspByKey + ocspTime + tlv(0x30, ocspGood))[5:]), "", "the OCSP response goes on"},
		{"status that does not exist", tlv(0x30, "\x0a\x01\x04"), "", "a status of the response that does not exist"},
		{"more outside", tlv(0x30, "\x0a\x01\x06") + "\x00", "", "the OCSP response goes on"},
		{"empty", "", "", "no valid OCSP response"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			response, err := pki.ParseOCSPResponse([]byte(test.data))
			if test.says != "" {
				wantFault(t, err, pki.OCSPUnreadable, test.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s := response.Responses()[0]
			year := func(t time.Time) string { return t.Format("2006") }
			have := strings.Join([]string{s.Status.String(), year(s.RevokedAt), s.Reason.String(), year(s.ThisUpdate), year(s.NextUpdate), string(rune('0' + len(s.Extensions)))}, " ")
			name, key := response.Responder()
			if have != test.want || response.Version() != 1 || !response.ProducedAt().Equal(now) || name.IsEmpty() == (key == nil) || (string(key) == strings.Repeat("r", 20)) == (name.String() == "CN=L") {
				t.Errorf("have %s by %q or %q at %v, want %s", have, name, key, response.ProducedAt(), test.want)
			}
		})
	}
}

func TestOCSPErrors(t *testing.T) {
	rig := newOCSPRig(t)
	for status, name := range map[pki.OCSPStatus]string{pki.OCSPMalformed: "malformedRequest", pki.OCSPInternal: "internalError", pki.OCSPTryLater: "tryLater", pki.OCSPSigRequired: "sigRequired", pki.OCSPUnauthorized: "unauthorized"} {
		response := testpki.Must(pki.NewOCSPError(status))
		if response.Status() != status || status.String() != name || response.Responses() != nil || response.IsBy(rig.issuer.Leaf()) || string(response.Raw()) != "\x30\x03\x0a\x01"+string(rune(status)) {
			t.Errorf("%s: have %x", name, response.Raw())
		}
		if nonce, err := response.Nonce(); nonce != nil || err != nil {
			t.Errorf("%s: nonce %x, %v", name, nonce, err)
		}
		wantFault(t, response.CheckSignatureBy(rig.issuer.Leaf().PublicKey()), pki.SignatureWrong, "says "+name+", and nobody signed that")
	}
	for _, status := range []pki.OCSPStatus{pki.OCSPSuccessful, 4, 7, -1} {
		_, err := pki.NewOCSPError(status)
		wantFault(t, err, pki.SpecInvalid, "cannot have the status")
	}
}

func TestNewOCSPResponse(t *testing.T) {
	rig := newOCSPRig(t)
	for name, signer := range map[string]*pki.Credential{"issuer": rig.issuer, "responder": rig.responder} {
		for _, byName := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				spec := rig.answers()
				spec.ByName = byName && name == "issuer"
				response, err := signer.NewOCSPResponse(spec)
				if err != nil {
					t.Fatal(err)
				}
				if err := response.CheckSignatureBy(signer.Leaf().PublicKey()); err != nil {
					t.Error(err)
				}
				wantFault(t, response.CheckSignatureBy(rig.one.PublicKey()), pki.SignatureWrong, "not made by this key")
				have := response.Responses()
				if diff := cmp.Diff(spec.Responses, have, cmp.Comparer(func(a, b *big.Int) bool { return a.Cmp(b) == 0 })); diff != "" {
					t.Errorf("responses (-want +have):\n%s", diff)
				}
				if len(response.Certificates()) != map[string]int{"issuer": 0, "responder": 1}[name] || !response.IsBy(signer.Leaf()) || response.IsBy(rig.one) || !response.ProducedAt().Equal(now) {
					t.Errorf("%d certificates, at %v", len(response.Certificates()), response.ProducedAt())
				}
				if nonce := testpki.Must(response.Nonce()); string(nonce) != "0123456789abcdef" || len(response.Extensions()) != 1 || response.Status() != pki.OCSPSuccessful {
					t.Errorf("nonce %q", nonce)
				}
				if single, ok := response.About(rig.two, rig.issuer.Leaf()); !ok || single.Status != pki.StatusRevoked {
					t.Errorf("about the second: %v, %v", single.Status, ok)
				}
				if _, ok := response.About(rig.issuer.Leaf(), rig.issuer.Leaf()); ok {
					t.Error("something about the issuer")
				}
				x, err := ocsp.ParseResponseForCert(response.Raw(), testpki.Must(rig.one.X509()), testpki.Must(rig.issuer.Leaf().X509()))
				if err != nil || x.Status != ocsp.Good || !x.NextUpdate.Equal(now.Add(time.Hour)) {
					t.Errorf("x/crypto: %+v, %v", x, err)
				}
			})
		}
	}
}

func TestOCSPResponseSpecRefused(t *testing.T) {
	rig := newOCSPRig(t)
	other := newOCSPRig(t)
	server := testpki.Must(testpki.Must(testpki.New(now)).Server("a.example"))
	tests := []struct {
		name   string
		signer *pki.Credential
		change func(*pki.OCSPResponseSpec)
		code   fault.Code
		says   string
	}{
		{"good", rig.issuer, func(*pki.OCSPResponseSpec) {}, "", ""},
		{"longest nonce", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Nonce = make([]byte, 128) }, "", ""},
		{"longer nonce", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Nonce = make([]byte, 129) }, pki.SpecInvalid, "a nonce of 129 bytes"},
		{"nothing", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses = nil }, pki.SpecInvalid, "about at least one certificate"},
		{"by a server", server, func(*pki.OCSPResponseSpec) {}, pki.NotAnAuthority, "a.example may not answer for Demo Intermediate"},
		{"by another's responder", other.responder, func(*pki.OCSPResponseSpec) {}, pki.NotAnAuthority, "ocsp.example may not answer for"},
		{"by a responder that is over", rig.responder, func(s *pki.OCSPResponseSpec) { s.ProducedAt = now.Add(time.Hour) }, pki.AuthorityIsOver, "ocsp.example is valid from"},
		{"by a key that is gone", &pki.Credential{Chain: rig.issuer.Chain, Key: unable{rig.issuer.Key}}, func(*pki.OCSPResponseSpec) {}, pki.SigningFailed, "the token was removed"},
		{"of another issuer", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].ID = other.id(other.one, crypto.SHA1) }, pki.SpecInvalid, "response 1 is about no certificate of Demo Intermediate"},
		{"of nothing", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[2].ID = pki.CertID{} }, pki.SpecInvalid, "response 3 is about no certificate"},
		{"no such status", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].Status = 3 }, pki.SpecInvalid, "a status that does not exist"},
		{"negative status", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].Status = -1 }, pki.SpecInvalid, "a status that does not exist"},
		{"good since", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].RevokedAt = now }, pki.SpecInvalid, "response 1 has a revocation, but the status good"},
		{"unknown because", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[2].Reason = pki.Superseded }, pki.SpecInvalid, "response 3 has a revocation, but the status unknown"},
		{"revoked at no time", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[1].RevokedAt = time.Time{} }, pki.SpecInvalid, "response 2 has no time of the revocation"},
		{"revoked beyond all time", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[1].RevokedAt = now.AddDate(9000, 0, 0) }, pki.SpecInvalid, "response 2 has no time of the revocation"},
		{"no such reason", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[1].Reason = 7 }, pki.SpecInvalid, "a reason that is none"},
		{"removed", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[1].Reason = pki.RemoveFromCRL }, pki.SpecInvalid, "a reason that is none"},
		{"no this update", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].ThisUpdate = time.Time{} }, pki.SpecInvalid, "no time of this update"},
		{"next update beyond all time", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].NextUpdate = now.AddDate(9000, 0, 0) }, pki.SpecInvalid, "no time of this update"},
		{"next update now", rig.issuer, func(s *pki.OCSPResponseSpec) { s.Responses[0].NextUpdate = now }, pki.SpecInvalid, "next update before this"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := rig.answers()
			test.change(&spec)
			response, err := test.signer.NewOCSPResponse(spec)
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
			} else if err != nil || len(testpki.Must(response.Nonce())) != len(spec.Nonce) {
				t.Errorf("%v", err)
			}
		})
	}
	plain := rig.answers()
	plain.Nonce, plain.ProducedAt = nil, time.Time{}
	present := ocspRigAt(t, time.Now())
	plain.Issuer, plain.Responses = present.issuer.Leaf(), []pki.SingleResponse{{ID: present.id(present.one, crypto.SHA1), ThisUpdate: now}}
	response := testpki.Must(present.issuer.NewOCSPResponse(plain))
	if age := time.Since(response.ProducedAt()); age < 0 || age > time.Hour || response.Extensions() != nil && len(response.Extensions()) != 0 {
		t.Errorf("made %v ago", age)
	}
}
