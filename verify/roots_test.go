package verify_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/spiffeid"
	"github.com/signet-tls/signet/verify"
)

// noSystemRoots is set for a run of the tests on a system without roots.
const noSystemRoots = "SIGNET_TEST_NO_SYSTEM_ROOTS"

// systemPKI is what the system trusts while these tests run: crypto/x509 reads
// its roots once, from where the environment says.
var systemPKI = testpki.Must(testpki.New(now))

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "signet-verify-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "system.pem")
	if os.Getenv(noSystemRoots) == "" {
		if err := os.WriteFile(file, systemPKI.Root.ChainPEM(), 0o600); err != nil {
			panic(err)
		}
	}
	os.Setenv("SSL_CERT_FILE", file)
	os.Setenv("SSL_CERT_DIR", folder+"/none")
	return m.Run()
}

func TestSystemRoots(t *testing.T) {
	if os.Getenv(noSystemRoots) != "" {
		_, err := verify.SystemRoots()
		wantFault(t, err, verify.RootsUnreadable, "this system has no roots")
		return
	}
	system := testpki.Must(verify.SystemRoots())
	if system.String() != "this system's roots" || !system.TrustDomain().IsZero() || system.IsZero() {
		t.Errorf("have %q of the trust domain %q", system, system.TrustDomain())
	}
	server := testpki.Must(systemPKI.Server(testpki.Host)).Chain
	foreign := testpki.Must(testpki.Must(testpki.New(now)).Server(testpki.Host)).Chain
	tests := []struct {
		name  string
		chain []*pki.Certificate
		years int // after now
		code  fault.Code
		says  string
	}{
		{"good", server, 0, "", ""},
		{"expired", server, 1, verify.CertExpired, "localhost expired"},
		{"missing intermediate", server[:1], 0, verify.ChainIncomplete, "intermediate"},
		{"unknown root", foreign, 0, verify.UnknownRoot, "Demo Root, is not one that you trust"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report, err := judged(test.chain, verify.Options{Roots: system, Name: verify.Host(testpki.Host), Now: now.AddDate(test.years, 0, 0)})
			wantWhole(t, report, err)
			if report.Code != test.code || !strings.Contains(report.Headline, test.says) {
				t.Errorf("have %v, want the code %q and %q", err, test.code, test.says)
			}
			if want := "(this system's roots)"; test.code == "" && !strings.Contains(text(report), want) {
				t.Errorf("have\n%s, want %s in it", text(report), want)
			}
		})
	}
}

// TestNoSystemRoots runs TestSystemRoots anew where the system has none.
func TestNoSystemRoots(t *testing.T) {
	command := exec.Command(os.Args[0], "-test.run=^TestSystemRoots$", "-test.v")
	command.Env = append(os.Environ(), noSystemRoots+"=1")
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestSystemRoots") {
		t.Errorf("%v\n%s", err, out)
	}
}

// wantFault holds an error against the rules for all of them.
func wantFault(t *testing.T, err error, code fault.Code, says string) {
	t.Helper()
	e, ok := fault.Of(err)
	if !ok || !errors.Is(err, code) || !strings.Contains(err.Error(), says) {
		t.Fatalf("have %v, want a fault with the code %s that says %q", err, code, says)
	}
	if e.Hint == "" {
		t.Errorf("%v has no next step", err)
	}
	if e.Message != fault.Printable(e.Message, 500) {
		t.Errorf("%q has more than a line of printable text", e.Message)
	}
}

func TestNewRoots(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	anchor := fixture.Root.Leaf()
	neither := testpki.Must(testpki.Forge(&x509.Certificate{DNSNames: []string{"a.example"}}, fixture.Root)).Leaf()
	tests := []struct {
		name    string
		anchors []*pki.Certificate
		text    string
		code    fault.Code
		says    string
	}{
		{"one", []*pki.Certificate{anchor}, "Demo Root (ca.pem)", "", ""},
		{"two", []*pki.Certificate{anchor, fixture.Intermediate.Leaf()}, "ca.pem", "", ""},
		{"none", nil, "", verify.RootsMissing, "no trust anchors"},
		{"nil", []*pki.Certificate{anchor, nil}, "", verify.RootsMissing, "no trust anchors"},
		{"a server's", testpki.Must(fixture.Server("a.example")).Chain, "", verify.RootsIsLeaf, "ca.pem is the server's own certificate (a.example), not an authority"},
		{"a client's", testpki.Must(fixture.Client("a.example")).Chain, "", verify.RootsIsLeaf, "the client's own certificate"},
		{"a leaf without a purpose", []*pki.Certificate{anchor, neither}, "", verify.RootsIsLeaf, "the peer's own certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			roots, err := verify.NewRoots("ca.pem", test.anchors...)
			ofDomain, domainErr := verify.ForTrustDomain(domain("ca.pem"), test.anchors...)
			if test.code != "" {
				wantFault(t, err, test.code, test.says)
				wantFault(t, domainErr, test.code, test.says)
				if !roots.IsZero() || !ofDomain.IsZero() {
					t.Error("have roots beside the error")
				}
				return
			}
			if err != nil || domainErr != nil {
				t.Fatal(err, domainErr)
			}
			if roots.String() != test.text || ofDomain.String() != test.text || roots.IsZero() {
				t.Errorf("have %q and %q, want %q", roots, ofDomain, test.text)
			}
			if !roots.TrustDomain().IsZero() || ofDomain.TrustDomain() != domain("ca.pem") {
				t.Errorf("have the trust domains %q and %q", roots.TrustDomain(), ofDomain.TrustDomain())
			}
		})
	}
	_, err := verify.NewRoots("server.crt", forge(leaf(), nil).Leaf())
	wantFault(t, err, verify.RootsIsLeaf, "server.crt is the server's own certificate (localhost), not an authority")
	if e, _ := fault.Of(err); !strings.HasPrefix(e.Hint, "nobody else has signed it: pin it") {
		t.Errorf("the next step is %q", e.Hint)
	}
	_, err = verify.ForTrustDomain(spiffeid.TrustDomain{}, anchor)
	wantFault(t, err, verify.RootsMissing, "unnamed trust domain")
	if zero := (verify.Roots{}); zero.String() != "nobody" || !zero.IsZero() || !zero.TrustDomain().IsZero() {
		t.Errorf("the zero value is %q of %q", zero, zero.TrustDomain())
	}
}

// TestRootsAreImmutable changes the slice that they were made of.
func TestRootsAreImmutable(t *testing.T) {
	ours, stranger := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	anchors := []*pki.Certificate{ours.Root.Leaf()}
	set := roots(anchors...)
	anchors[0] = stranger.Root.Leaf()
	chain := testpki.Must(stranger.Server(testpki.Host)).Chain
	if _, err := verify.Verify(chain, verify.Options{Roots: set, Name: verify.Host(testpki.Host), Now: now}); !errors.Is(err, verify.UnknownRoot) {
		t.Errorf("have %v, want %s", err, verify.UnknownRoot)
	}
}

func TestLoadRoots(t *testing.T) {
	fixture := testpki.Must(testpki.New(now))
	files := fstest.MapFS{
		"pki/ca.pem":     {Data: fixture.Root.ChainPEM()},
		"pki/ca.der":     {Data: fixture.Root.Leaf().Raw()},
		"pki/empty.pem":  {},
		"pki/cut.pem":    {Data: bytes.TrimSpace(fixture.Root.ChainPEM())[:200]},
		"pki/server.pem": {Data: testpki.Must(fixture.Server("a.example")).ChainPEM()},
	}
	tests := []struct {
		file  string
		codes []error
		says  string
	}{
		{"pki/ca.pem", nil, "Demo Root (ca.pem)"},
		{"pki/ca.der", nil, "Demo Root (ca.der)"},
		{"pki/none.pem", []error{verify.RootsUnreadable, fs.ErrNotExist}, "pki/none.pem: file does not exist"},
		{"pki/empty.pem", []error{verify.RootsUnreadable, pki.NoCertificate}, "the roots in empty.pem: there is no certificate"},
		{"pki/cut.pem", []error{verify.RootsUnreadable, pki.CertUnreadable}, "block 1"},
		{"pki/server.pem", []error{verify.RootsIsLeaf}, "server.pem is the server's own certificate"},
	}
	for _, test := range tests {
		t.Run(test.file, func(t *testing.T) {
			roots, err := verify.LoadRoots(files, test.file)
			if test.codes == nil {
				if err != nil || roots.String() != test.says {
					t.Errorf("have %q, %v; want %q", roots, err, test.says)
				}
				return
			}
			for _, code := range test.codes {
				if !errors.Is(err, code) {
					t.Errorf("%v is not %v", err, code)
				}
			}
			wantFault(t, err, test.codes[0].(fault.Code), test.says)
		})
	}
}
