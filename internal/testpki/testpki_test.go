package testpki_test

import (
	"crypto/x509"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
)

// verify is what any other client or server would do with a credential.
func verify(credential *pki.Credential, roots []*pki.Certificate, host string, usage x509.ExtKeyUsage, now time.Time) error {
	anchors, others := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range roots {
		anchors.AddCert(testpki.Must(root.X509()))
	}
	for _, cert := range credential.Chain[1:] {
		others.AddCert(testpki.Must(cert.X509()))
	}
	_, err := testpki.Must(credential.Leaf().X509()).Verify(x509.VerifyOptions{Roots: anchors, Intermediates: others, CurrentTime: now,
		DNSName: host, KeyUsages: []x509.ExtKeyUsage{usage}})
	return err
}

// TestGood makes everything inside a bubble, whose clock stands at 2000.
func TestGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fixture := testpki.Must(testpki.New(time.Now()))
		server := testpki.Must(fixture.Server(testpki.Host, testpki.Address))
		client := testpki.Must(fixture.Client("web.example"))
		workload := testpki.Must(fixture.Workload("spiffe://demo.signet/web"))
		tests := []struct {
			name       string
			credential *pki.Credential
			host       string
			usages     []x509.ExtKeyUsage
		}{
			{"server", server, testpki.Host, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
			{"server's address", server, testpki.Address, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
			{"client", client, "web.example", []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
			{"workload", workload, "", []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}},
		}
		for _, test := range tests {
			for _, usage := range test.usages {
				if err := verify(test.credential, fixture.Roots(), test.host, usage, time.Now()); err != nil {
					t.Errorf("%s: %v", test.name, err)
				}
			}
			if _, err := pki.NewCredential(test.credential.Chain, test.credential.Key); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
		if got := workload.Leaf().ID().String(); got != "spiffe://demo.signet/web" {
			t.Errorf("the workload is %q", got)
		}
	})
}

// TestBrokenInOneWay: every case is refused, and once the one thing that is
// wrong is allowed for, it is accepted.
func TestBrokenInOneWay(t *testing.T) {
	now := time.Date(2027, 1, 21, 10, 0, 0, 0, time.UTC)
	for profile, usage := range map[pki.Profile]x509.ExtKeyUsage{pki.Server: x509.ExtKeyUsageServerAuth, pki.Client: x509.ExtKeyUsageClientAuth} {
		cases := testpki.Must(testpki.Broken(now, profile))
		seen := map[string]bool{}
		for _, broken := range cases {
			err := verify(broken.Credential, broken.Roots, broken.Host, usage, now)
			if accepted := err == nil; accepted != (broken.Name == "weak key") { // crypto/x509 takes short keys
				t.Errorf("%s: %v", broken.Name, err)
			}
			credential, roots, host, purpose, at := *broken.Credential, broken.Roots, broken.Host, usage, now
			switch broken.Name {
			case "expired", "expired intermediate":
				at = now.Add(-20 * 24 * time.Hour)
				if broken.Depth == 1 { // the leaf is younger
					roots, at = credential.Chain[:1], now
				}
			case "not yet valid":
				at = now.Add(24 * time.Hour)
			case "wrong name":
				host = "other.example"
			case "unknown root":
				roots = credential.Chain[1:]
			case "missing intermediate":
				roots = cases[0].Credential.Chain[1:] // the intermediate of them all
			case "wrong purpose":
				purpose = x509.ExtKeyUsageClientAuth + x509.ExtKeyUsageServerAuth - usage
			case "critical extension":
				testpki.Must(credential.Leaf().X509()).UnhandledCriticalExtensions = nil
			case "self signed", "altered", "issuer no authority", "path too long", "name constraint", "forgeable signature":
				roots = credential.Chain[:1] // all that is wrong is who signed it, and how
			case "weak key":
			default:
				t.Errorf("there is a case %q", broken.Name)
			}
			if err := verify(&credential, roots, host, purpose, at); err != nil {
				t.Errorf("%s is wrong in a second way: %v", broken.Name, err)
			}
			if broken.Wrong == "" || broken.Code == "" || seen[broken.Name] {
				t.Errorf("%s: %q, code %q, twice %v", broken.Name, broken.Wrong, broken.Code, seen[broken.Name])
			}
			seen[broken.Name] = true
		}
		if len(seen) != 15 {
			t.Errorf("have %d kinds, want 15", len(seen))
		}
	}
}

func TestErrors(t *testing.T) {
	now := time.Now()
	fixture := testpki.Must(testpki.New(now))
	_, badName := fixture.Server("not a name")
	_, badID := fixture.Workload("web")
	_, badTemplate := testpki.Forge(&x509.Certificate{DNSNames: []string{"ü"}}, nil)
	beyondCalendar := time.Date(9995, 1, 1, 0, 0, 0, 0, time.UTC)
	_, badTime := testpki.New(beyondCalendar)
	_, badTimes := testpki.Broken(beyondCalendar, pki.Server)
	tests := []struct {
		name string
		err  error
		code fault.Code
	}{
		{"time", badTime, pki.SpecInvalid},
		{"time of the broken", badTimes, pki.SpecInvalid},
		{"name", badName, pki.SpecInvalid},
		{"ID", badID, spiffeid.InvalidID},
		{"template", badTemplate, pki.SigningFailed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !errors.Is(test.err, test.code) {
				t.Errorf("have %v, want %s", test.err, test.code)
			}
		})
	}
}

func TestMust(t *testing.T) {
	if got := testpki.Must("value", nil); got != "value" {
		t.Errorf("have %q", got)
	}
	want := errors.New("no")
	defer func() {
		if got := recover(); got != want {
			t.Errorf("have the panic %v, want %v", got, want)
		}
	}()
	testpki.Must("value", want)
}

// TestForge keeps no rule: a leaf signs, beyond its own end, without any name.
func TestForge(t *testing.T) {
	now := time.Now()
	fixture := testpki.Must(testpki.New(now))
	leaf := testpki.Must(fixture.Server(testpki.Host))
	forged, err := testpki.Forge(&x509.Certificate{NotAfter: now.AddDate(50, 0, 0)}, leaf)
	if err != nil {
		t.Fatal(err)
	}
	cert := testpki.Must(forged.Leaf().X509())
	if len(forged.Chain) != 3 || !forged.Chain[1].Equal(leaf.Leaf()) || cert.NotAfter.Before(now.AddDate(49, 0, 0)) {
		t.Errorf("have a chain of %d that ends %v", len(forged.Chain), cert.NotAfter)
	}
	if err := testpki.Must(leaf.Leaf().X509()).CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Errorf("the leaf did not sign it: %v", err)
	}
}
