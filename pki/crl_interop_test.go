package pki_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

func TestOpenSSLReadsLists(t *testing.T) {
	openssl, folder := peers.OpenSSL(t), t.TempDir()
	fixture := testpki.Must(testpki.New(now))
	root := save(t, folder, "root.pem", fixture.Root.ChainPEM())
	spec := everyList(fixture)
	list := testpki.Must(fixture.Root.NewRevocationList(spec))
	out := run(t, nil, openssl, "crl", "-CAfile", root, "-text", "-noout", "-nameopt", "RFC2253", "-in", save(t, folder, "l.pem", list.PEM()))
	wantLines(t, out, "Version 2 (0x1)", "Issuer: CN=Demo Root", "Last Update: Jan 21 10:00:00 2027 GMT", "Next Update: Jan 21 10:00:00 2057 GMT", "DNS:a.example",
		"Delta CRL Indicator: critical\n                299", "CRL Number: \n                300", "Issuing Distribution Point: critical", "Only User Certificates", "Indirect CRL",
		"Only Some Reasons:\n                  Key Compromise, AA Compromise", "Serial Number: "+strings.ToUpper(spec.Entries[1].Serial.Text(16)), "Key Compromise", "Remove From CRL", "AA Compromise",
		"Invalidity Date: \n                Jan 21 10:00:00 2026 GMT", "Certificate Issuer: critical\n                DirName:/CN=Demo Intermediate", "DirName:/CN=Demo Root",
		"Revocation Date: Jan 21 10:00:00 2052 GMT")
	for _, count := range []int{0, 1, 100_000} {
		list := testpki.Must(fixture.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour), Entries: manyRevoked(count)}))
		path := save(t, folder, "list.pem", list.PEM())
		if text := run(t, nil, openssl, "crl", "-CAfile", root, "-text", "-noout", "-in", path); bytes.Count(text, []byte("Serial Number: ")) != count {
			t.Errorf("openssl has %d entries, want %d", bytes.Count(text, []byte("Serial Number: ")), count)
		}
		if again := testpki.Must(pki.ParseRevocationLists(list.PEM())); len(again) != 1 || again[0].Len() != count {
			t.Errorf("have %d lists", len(again))
		}
	}
}

// TestOpenSSLRefusesRevoked has openssl judge a certificate by a list of ours.
func TestOpenSSLRefusesRevoked(t *testing.T) {
	openssl, folder := peers.OpenSSL(t), t.TempDir()
	fixture := testpki.Must(testpki.New(time.Now()))
	good, bad := testpki.Must(fixture.Root.New(pki.Spec{Profile: pki.Server, DNS: []string{"a.example"}})), testpki.Must(fixture.Root.New(pki.Spec{Profile: pki.Server, DNS: []string{"b.example"}}))
	list := testpki.Must(fixture.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Minute), NextUpdate: time.Now().Add(time.Hour),
		Entries: []pki.RevocationSpec{{Serial: bad.Leaf().SerialNumber(), Date: time.Now()}}, Point: &pki.IssuingPoint{OnlyUsers: true}}))
	base := []string{"verify", "-x509_strict", "-crl_check", "-extended_crl", "-CAfile", save(t, folder, "root.pem", fixture.Root.ChainPEM()), "-CRLfile", save(t, folder, "l.pem", list.PEM())}
	wantLines(t, run(t, nil, openssl, append(base, save(t, folder, "good.pem", good.Leaf().PEM()))...), "good.pem: OK")
	out := run(t, nil, "sh", append([]string{"-c", `"$@" 2>&1 || true`, "sh", openssl}, append(base, save(t, folder, "bad.pem", bad.Leaf().PEM()))...)...)
	wantLines(t, out, "certificate revoked")
}

func TestOpenSSLMakesLists(t *testing.T) {
	openssl, folder := peers.OpenSSL(t), t.TempDir()
	fixture := testpki.Must(testpki.New(time.Now()))
	config := fmt.Sprintf(`[ca]
default_ca=a
[a]
database=%[1]s/index.txt
crlnumber=%[1]s/number
default_md=sha256
default_crl_days=30
crl_extensions=e
[e]
authorityKeyIdentifier=keyid:always
issuingDistributionPoint=critical,@p
[p]
fullname=URI:http://a.example/l.crl
onlyuser=TRUE
onlysomereasons=keyCompromise,superseded
`, folder)
	save(t, folder, "number", []byte("1F\n"))
	save(t, folder, "index.txt", []byte("R\t271121000000Z\t261101000000Z,superseded\t0A\tunknown\t/CN=x\nR\t271121000000Z\t261102000000Z,keyTime,20261001000000Z\t0B\tunknown\t/CN=y\nR\t271121000000Z\t261102000000Z\t8C\tunknown\t/CN=z\n"))
	key := save(t, folder, "root.pem", testpki.Must(fixture.Root.PEM()))
	out := run(t, nil, openssl, "ca", "-gencrl", "-config", save(t, folder, "ca.cnf", []byte(config)), "-keyfile", key, "-cert", key)
	list := testpki.Must(pki.ParseRevocationLists(out))[0]
	if err := list.CheckSignatureBy(fixture.Root.Leaf().PublicKey()); err != nil {
		t.Error(err)
	}
	point := testpki.Must(list.IssuingPoint())
	if testpki.Must(list.Number()).Int64() != 0x1f || !point.OnlyUsers || point.Reasons != 1<<pki.KeyCompromise|1<<pki.Superseded || texts(point.Name.Full)[0] != "URI:http://a.example/l.crl" {
		t.Errorf("number %v, scope %+v", testpki.Must(list.Number()), point)
	}
	var have []string
	for e := range list.Entries() {
		have = append(have, fmt.Sprint(e.Serial(), " ", e.Date().Format(time.DateOnly), " ", testpki.Must(e.Reason()), " ", testpki.Must(e.InvalidityDate()).Format(time.DateOnly)))
	}
	if diff := cmp.Diff([]string{"0a 2026-11-01 superseded 0001-01-01", "0b 2026-11-02 keyCompromise 2026-10-01", "8c 2026-11-02 unspecified 0001-01-01"}, have); diff != "" {
		t.Errorf("entries (-want +have):\n%s", diff)
	}
}

func TestPythonReadsLists(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	spec := everyList(fixture)
	type answer struct {
		Issuer, This, Next string
		Number, Base       int
		Point              []any
		Count              int
		Entries            [][]any
	}
	var have answer
	cryptography(t, "read-crl", testpki.Must(fixture.Root.NewRevocationList(spec)).Raw(), &have)
	want := answer{"CN=Demo Root", "2027-01-21T10:00:00+00:00", "2057-01-21T10:00:00+00:00", 300, 299,
		[]any{[]any{"a.example"}, true, true, []any{"aACompromise", "keyCompromise"}}, 4, [][]any{
			{"1", "2026-12-21T10:00:00+00:00", nil, nil, nil},
			{spec.Entries[1].Serial.String(), "2026-12-21T10:00:00+00:00", "keyCompromise", "2026-01-21T10:00:00+00:00", []any{"CN=Demo Intermediate"}},
			{"128", "2052-01-21T10:00:00+00:00", "removeFromCRL", nil, nil},
			{"2", "2027-01-21T10:00:00+00:00", "aACompromise", nil, []any{"CN=Demo Root"}}}}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
	for _, count := range []int{0, 1, 100_000} {
		var have answer
		cryptography(t, "read-crl", testpki.Must(fixture.Root.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.Add(time.Hour), Entries: manyRevoked(count)})).Raw(), &have)
		if have.Count != count {
			t.Errorf("python has %d entries, want %d", have.Count, count)
		}
	}
}

func TestPythonMakesLists(t *testing.T) {
	for _, count := range []int{0, 1, 3, 20_000} {
		var made struct{ Key, CRL []byte }
		if err := json.Unmarshal(cryptography(t, "make-crl", fmt.Append(nil, count), nil), &made); err != nil {
			t.Fatal(err)
		}
		data := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: made.CRL})
		list := testpki.Must(pki.ParseRevocationLists(data))[0]
		request := testpki.Must(x509.ParsePKIXPublicKey(made.Key))
		if err := list.CheckSignatureBy(testpki.Must(keyOf(request))); err != nil {
			t.Error(err)
		}
		point := testpki.Must(list.IssuingPoint())
		if testpki.Must(list.Number()).Int64() != 77 || testpki.Must(list.Base()).Int64() != 70 || point.Name.Relative.String() != "CN=part 1" || !point.OnlyAuthorities || !point.Indirect || point.Reasons != 0x102 {
			t.Errorf("number %v, scope %+v", testpki.Must(list.Number()), point)
		}
		if list.Len() != count || !list.NextUpdate().Equal(now.AddDate(0, 0, 365*30)) || len(testpki.Must(list.AuthorityKeyID()).KeyID) != 20 {
			t.Errorf("%d entries, until %v", list.Len(), list.NextUpdate())
		}
		for serial := range list.Entries() {
			found, ok := list.Lookup(serial.Issuer(), serial.SerialNumber())
			if want := map[bool]string{false: "CN=L", true: "CN=A"}[serial.SerialNumber().Int64() > 1]; !ok || found.Issuer().String() != want {
				t.Fatalf("%s is of %s: %v", serial.Serial(), serial.Issuer(), ok)
			}
			if serial.SerialNumber().Int64() == 2 && (testpki.Must(found.Reason()) != pki.Superseded || !testpki.Must(found.InvalidityDate()).Equal(now.AddDate(0, 0, -1))) {
				t.Error("2 was revoked for another reason, or at another time")
			}
		}
	}
}

// keyOf returns a key as pki has it, by way of a certificate.
func keyOf(public any) (*pki.PublicKey, error) {
	fixture := testpki.Must(testpki.New(now))
	cert, err := fixture.Root.Issue(pki.Spec{Profile: pki.Intermediate, Name: "L", Now: now}, public)
	if err != nil {
		return nil, err
	}
	return cert.PublicKey(), nil
}
