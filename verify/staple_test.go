package verify_test

import (
	"bytes"
	"crypto"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// TestStaple: what a handshake brings counts though nobody has asked, and where a
// certificate demands it, it must be there.
func TestStaple(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	ours, theirs := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	plain := testpki.Must(ours.Server(testpki.Host)).Chain
	demanding := testpki.Must(ours.Intermediate.New(pki.Spec{Profile: pki.Server, DNS: []string{testpki.Host}, MustStaple: true, OCSP: []string{"http://ocsp.example"}, Now: now})).Chain
	response := func(cert *pki.Certificate, status pki.CertStatus, age time.Duration) []byte {
		issuer := ours.Intermediate
		single := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(cert, issuer.Leaf(), crypto.SHA1)), Status: status, ThisUpdate: now.Add(-age), NextUpdate: now.Add(time.Hour - age)}
		if status == pki.StatusRevoked {
			single.RevokedAt = now.Add(-time.Hour)
		}
		return testpki.Must(issuer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: issuer.Leaf(), Responses: []pki.SingleResponse{single}})).Raw()
	}
	forged := func(cert *pki.Certificate) []byte { // by another authority of the same name
		single := pki.SingleResponse{ID: testpki.Must(pki.NewCertID(cert, theirs.Intermediate.Leaf(), crypto.SHA1)), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
		return testpki.Must(theirs.Intermediate.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: theirs.Intermediate.Leaf(), Responses: []pki.SingleResponse{single}})).Raw()
	}
	sent := func(staple []byte) *verify.Handshake { return &verify.Handshake{Staple: staple} }
	believed := testpki.Must(verify.NewRoots("the test's", ours.Roots()...)) // one set, so that what is remembered differs by the rest
	var shared verify.Verifier
	revoked := evidence(t, ours.Intermediate, ours.Root, plain[0])
	clear := evidence(t, ours.Intermediate, ours.Root)
	for _, test := range []struct {
		name      string
		chain     []*pki.Certificate
		handshake *verify.Handshake
		asked     *verify.Revocation
		want      fault.Code
		text      string // of the row
	}{
		{"no handshake", demanding, nil, nil, "", "no staple, none asked for"},
		{"nothing demanded, nothing sent", plain, sent(nil), nil, "", "no staple, none asked for"},
		{"good, not demanded", plain, sent(response(plain[0], pki.StatusGood, 0)), nil, "", "signed by Demo Intermediate"},
		{"revoked, not demanded", plain, sent(response(plain[0], pki.StatusRevoked, 0)), nil, verify.CertRevoked, "by a stapled OCSP response"},
		{"out of date, not demanded", plain, sent(response(plain[0], pki.StatusGood, 2*time.Hour)), nil, "", "the staple does not count: the OCSP response does not count: it is out of date"},
		{"no DER, not demanded", plain, sent([]byte("HTTP/1.1 200 OK")), nil, "", "the staple cannot be read"},
		{"no answer, not demanded", plain, sent(testpki.Must(pki.NewOCSPError(pki.OCSPTryLater)).Raw()), nil, "", "tryLater"},
		{"about another, not demanded", plain, sent(response(demanding[0], pki.StatusGood, 0)), nil, "", "about other certificates"},
		{"demanded, none sent", demanding, sent(nil), nil, verify.StapleMissing, "must come with a stapled OCSP response, and none was sent"},
		{"demanded, good", demanding, sent(response(demanding[0], pki.StatusGood, 0)), nil, "", "not revoked, by a stapled OCSP response"},
		{"demanded, revoked", demanding, sent(response(demanding[0], pki.StatusRevoked, 0)), nil, verify.CertRevoked, "was revoked on"},
		{"demanded, not known", demanding, sent(response(demanding[0], pki.StatusUnknown, 0)), nil, verify.StapleMissing, "does not know the certificate"},
		{"demanded, out of date", demanding, sent(response(demanding[0], pki.StatusGood, 2*time.Hour)), nil, verify.StapleMissing, "out of date"},
		{"demanded, about another", demanding, sent(response(plain[0], pki.StatusGood, 0)), nil, verify.StapleMissing, "about other certificates"},
		{"demanded, forged", demanding, sent(forged(demanding[0])), nil, verify.StapleMissing, "does not count"},
		{"demanded, no answer", demanding, sent(testpki.Must(pki.NewOCSPError(pki.OCSPTryLater)).Raw()), nil, verify.StapleMissing, "tryLater"},
		{"demanded, as large as is read", demanding, sent(bytes.Repeat([]byte{0x30}, 64<<10)), nil, verify.StapleMissing, "cannot be read"},
		{"demanded, huge", demanding, sent(bytes.Repeat([]byte{0x30}, 64<<10+1)), nil, verify.StapleMissing, "65537 bytes"},
		{"demanded, and lists are no substitute", demanding, sent(nil), ask(verify.LeafAlone, clear), verify.StapleMissing, "none was sent"},
		{"good staple, revoked by a list", plain, sent(response(plain[0], pki.StatusGood, 0)), ask(verify.LeafAlone, revoked), verify.CertRevoked, "by the list of"},
		{"revoked by the staple, good by a list", plain, sent(response(plain[0], pki.StatusRevoked, 0)), ask(verify.LeafAlone, clear), verify.CertRevoked, "by a stapled OCSP response"},
		{"asked for, the staple answers", plain, sent(response(plain[0], pki.StatusGood, 0)), ask(verify.LeafAlone, evidence(t, nil, nil)), "", "not revoked, by a stapled OCSP response"},
		{"asked for, nothing answers", plain, sent(response(plain[0], pki.StatusGood, 2*time.Hour)), ask(verify.LeafAlone, evidence(t, nil, nil)), verify.RevocationUnknown, "out of date"},
	} {
		t.Run(test.name, func(t *testing.T) {
			opts := verify.Options{Roots: believed, Name: verify.Host(testpki.Host), Now: now, Handshake: test.handshake, Revocation: test.asked}
			report, err := judged(test.chain, opts)
			wantWhole(t, report, err)
			if report.Code != test.want {
				t.Errorf("have the code %q, want %q: %v", report.Code, test.want, err)
			}
			if sent := test.handshake != nil && len(test.handshake.Staple) > 0; report.Code == verify.StapleMissing && strings.Contains(report.Next[0], "switch OCSP stapling on") == sent {
				t.Errorf("the next step is %q, of a server that has stapled: %v", report.Next[0], sent)
			}
			for range 2 { // what it remembers of one handshake is not true of another
				if _, err := shared.Verify(test.chain, opts); (err == nil) != (test.want == "") || err != nil && !errors.Is(err, test.want) {
					t.Errorf("of a shared verifier: have %v, want %q", err, test.want)
				}
			}
			path := report.Candidates[0].Certificates
			if test.asked == nil && path[1].Evidence != nil {
				t.Errorf("nobody asked about the intermediate, of which it says %+v", path[1].Evidence)
			}
			if evidence := path[0].Evidence; evidence != nil && evidence.Status != "unknown" && evidence.Signer != "Demo Intermediate" {
				t.Errorf("have evidence by %q", evidence.Signer)
			}
			if row := report.Checks[len(report.Checks)-1]; !strings.Contains(row.Text, test.text) {
				t.Errorf("the row says %q, want %q", row.Text, test.text)
			}
		})
	}
	// The demand is on servers, and what they send.
	client := verify.Options{Roots: believed, Name: verify.Host(testpki.Host), Now: now, Purpose: verify.AnyPurpose, Handshake: sent(nil)}
	if _, err := verify.Verify(demanding, client); err != nil {
		t.Errorf("another end: %v", err)
	}
}
