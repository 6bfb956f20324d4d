package pki_test

import (
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestOpenSSLAsksUs reads a request of openssl's, answers it, and shows openssl
// the answer.
func TestOpenSSLAsksUs(t *testing.T) {
	openssl := peers.OpenSSL(t)
	rig := ocspRigAt(t, time.Now())
	for name, signer := range map[string]*pki.Credential{"issuer": rig.issuer, "responder": rig.responder} {
		for _, digest := range []string{"-sha1", "-sha256"} {
			t.Run(name+digest, func(t *testing.T) {
				folder := t.TempDir()
				issuer := save(t, folder, "issuer.pem", rig.issuer.Leaf().PEM())
				certs := []string{"-issuer", issuer, digest, "-cert", save(t, folder, "one.pem", rig.one.PEM()), digest, "-cert", save(t, folder, "two.pem", rig.two.PEM())}
				asked := filepath.Join(folder, "request.der")
				run(t, nil, openssl, append([]string{"ocsp", "-nonce", "-reqout", asked}, certs...)...)
				data, err := os.ReadFile(asked)
				if err != nil {
					t.Fatal(err)
				}
				request := testpki.Must(pki.ParseOCSPRequest(data))
				if ids := request.IDs(); len(ids) != 2 || !ids[0].Matches(rig.one, rig.issuer.Leaf()) || !ids[1].Matches(rig.two, rig.issuer.Leaf()) {
					t.Fatalf("have %v", ids)
				}
				response := testpki.Must(signer.NewOCSPResponse(pki.OCSPResponseSpec{Issuer: rig.issuer.Leaf(), Nonce: testpki.Must(request.Nonce()), Responses: []pki.SingleResponse{
					{ID: request.IDs()[0], ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)},
					{ID: request.IDs()[1], Status: pki.StatusRevoked, RevokedAt: time.Now().Add(-time.Hour), Reason: pki.CessationOfOperation, ThisUpdate: time.Now()},
				}}))
				args := append([]string{"-c", `"$@" 2>&1`, "sh", openssl, "ocsp", "-no_nonce", "-respin", save(t, folder, "response.der", response.Raw()), "-reqin", asked, "-partial_chain", "-CAfile", issuer}, certs...)
				out := run(t, nil, "sh", args...)
				wantLines(t, out, "Response verify OK", "one.pem: good", "two.pem: revoked", "Reason: cessationOfOperation")
				if strings.Contains(string(out), "nonce") {
					t.Errorf("openssl misses the nonce:\n%s", out)
				}
			})
		}
	}
}

// TestWeAskOpenSSL has openssl answer a request of ours.
func TestWeAskOpenSSL(t *testing.T) {
	openssl, folder := peers.OpenSSL(t), t.TempDir()
	rig := ocspRigAt(t, time.Now())
	index := fmt.Sprintf("R\t%[1]s\t260101000000Z,keyCompromise\t%[2]s\tunknown\t/CN=b\nV\t%[1]s\t\t%[3]s\tunknown\t/CN=a\n", rig.two.NotAfter().Format("060102150405Z"), strings.ToUpper(rig.two.Serial()), strings.ToUpper(rig.one.Serial()))
	request := testpki.Must(pki.NewOCSPRequest([]byte("a nonce of ours"), rig.id(rig.one, crypto.SHA256), rig.id(rig.two, crypto.SHA1), rig.id(rig.responder.Leaf(), crypto.SHA1)))
	for name, flags := range map[string][]string{"by name": nil, "by key": {"-resp_key_id"}} {
		t.Run(name, func(t *testing.T) {
			answered := filepath.Join(folder, "response.der")
			signer := save(t, folder, "signer.pem", testpki.Must(rig.responder.PEM()))
			run(t, nil, openssl, append([]string{"ocsp", "-index", save(t, folder, "index.txt", []byte(index)), "-CA", save(t, folder, "ca.pem", rig.issuer.Leaf().PEM()),
				"-rsigner", signer, "-rkey", signer, "-reqin", save(t, folder, "request.der", request.Raw()), "-respout", answered, "-ndays", "1"}, flags...)...)
			data, err := os.ReadFile(answered)
			if err != nil {
				t.Fatal(err)
			}
			response := testpki.Must(pki.ParseOCSPResponse(data))
			if len(response.Certificates()) != 1 || !response.Certificates()[0].Equal(rig.responder.Leaf()) || response.CheckSignatureBy(rig.responder.Leaf().PublicKey()) != nil {
				t.Fatal("not signed by the responder")
			}
			if by, key := response.Responder(); (key != nil) != (name == "by key") || by.IsEmpty() && key == nil && name != "by name" {
				t.Errorf("answered by %q, %x", by, key)
			}
			if nonce := testpki.Must(response.Nonce()); string(nonce) != "a nonce of ours" {
				t.Errorf("the nonce is %q", nonce)
			}
			good, _ := response.About(rig.one, rig.issuer.Leaf())
			bad, _ := response.About(rig.two, rig.issuer.Leaf())
			unknown, ok := response.About(rig.responder.Leaf(), rig.issuer.Leaf())
			if good.Status != pki.StatusGood || good.NextUpdate.Sub(good.ThisUpdate) != 24*time.Hour || bad.Status != pki.StatusRevoked || bad.Reason != pki.KeyCompromise || bad.RevokedAt.Year() != 2026 || unknown.Status != pki.StatusUnknown || !ok {
				t.Errorf("have %+v\n%+v\n%+v", good, bad, unknown)
			}
		})
	}
}

func TestPythonReadsOCSP(t *testing.T) {
	rig := newOCSPRig(t)
	type answer struct {
		Status, Produced, Nonce, Name, Key string
		Certificates                       int
		Responses                          [][]any
	}
	this := "2027-01-21T10:00:00+00:00"
	want := answer{Status: "SUCCESSFUL", Produced: this, Nonce: hex.EncodeToString([]byte("0123456789abcdef")), Name: "CN=Demo Intermediate", Responses: [][]any{
		{rig.one.SerialNumber().String(), "sha1", "GOOD", nil, nil, this, "2027-01-21T11:00:00+00:00"},
		{rig.two.SerialNumber().String(), "sha256", "REVOKED", "2027-01-20T10:00:00+00:00", "keyCompromise", "2027-01-21T09:59:00+00:00", nil},
		{rig.responder.Leaf().SerialNumber().String(), "sha1", "UNKNOWN", nil, nil, this, nil},
	}}
	spec := rig.answers()
	spec.ByName = true
	var have answer
	cryptography(t, "read-ocsp", testpki.Must(rig.issuer.NewOCSPResponse(spec)).Raw(), &have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
	have = answer{}
	cryptography(t, "read-ocsp", testpki.Must(rig.responder.NewOCSPResponse(rig.answers())).Raw(), &have)
	if have.Certificates != 1 || len(have.Key) != 40 || have.Name != "" {
		t.Errorf("have %+v", have)
	}
}

func TestPythonAnswersOCSP(t *testing.T) {
	rig := newOCSPRig(t)
	request := testpki.Must(pki.NewOCSPRequest([]byte("a nonce"), rig.id(rig.one, crypto.SHA256)))
	input := testpki.Must(json.Marshal(map[string][]byte{"request": request.Raw(), "cert": rig.one.Raw(), "issuer": rig.issuer.Leaf().Raw(), "key": testpki.Must(x509.MarshalPKCS8PrivateKey(rig.issuer.Key))}))
	response := testpki.Must(pki.ParseOCSPResponse(cryptography(t, "make-ocsp", input, nil)))
	if err := response.CheckSignatureBy(rig.issuer.Leaf().PublicKey()); err != nil || !response.IsBy(rig.issuer.Leaf()) || len(response.Certificates()) != 1 || string(testpki.Must(response.Nonce())) != "a nonce" {
		t.Errorf("signature %v, %d certificates", err, len(response.Certificates()))
	}
	single, ok := response.About(rig.one, rig.issuer.Leaf())
	if !ok || single.Status != pki.StatusRevoked || single.Reason != pki.Superseded || !single.RevokedAt.Equal(now.AddDate(0, 0, -1)) || !single.NextUpdate.Equal(now.Add(time.Hour)) {
		t.Errorf("have %+v, %v", single, ok)
	}
}
