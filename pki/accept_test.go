package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/peers"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// made is a credential that others should accept, in a role and under a name.
type made struct {
	name       string
	credential *pki.Credential
	roots      []*pki.Certificate
	role       string // server or client
	host       string
}

// everyIssued makes what Signet issues, of every profile and kind of key, with
// everything that a Spec can ask for.
var everyIssued = sync.OnceValue(func() []made {
	present := time.Now()
	fixture := testpki.Must(testpki.New(present))
	curve := func(curve elliptic.Curve) func() crypto.Signer {
		return func() crypto.Signer { return testpki.Must(ecdsa.GenerateKey(curve, rand.Reader)) }
	}
	edwards := func() crypto.Signer {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return testpki.Must(key, err)
	}
	keys := map[string]func() crypto.Signer{"RSA": func() crypto.Signer { return testpki.Must(rsa.GenerateKey(rand.Reader, 2048)) }, "Ed25519": edwards,
		"P-384": curve(elliptic.P384()), "P-521": curve(elliptic.P521())}
	names := &pki.NameConstraints{Permitted: []pki.Subtree{subtree("DNS:example.com"), subtree("URI:demo.signet")}, Excluded: []pki.Subtree{subtree("IP:0.0.0.0/0"), subtree("IP:::/0")}}
	at := func(spec pki.Spec) pki.Spec { spec.Now = present; return spec }
	anyPolicy := []pki.Extension{{ID: pki.OIDCertificatePolicies, Value: []byte("\x30\x08\x30\x06\x06\x04\x55\x1d\x20\x00")}}
	named := func(name string) pki.Name {
		return madeName(attribute(country, "KR"), attribute(organization, "서울"), attribute(commonName, name))
	}
	published := func(change func(*pki.Spec)) pki.Spec {
		return at(authority(func(s *pki.Spec) {
			s.Name, s.Extra, s.OCSP = "", anyPolicy, []string{"http://o.example.com/"}
			s.CRLs, s.Issuers = []string{"http://c.example.com/above.crl"}, []string{"http://i.example.com/above.crt"}
			change(s)
		}))
	}
	root := testpki.Must(pki.SelfSigned(at(pki.Spec{Profile: pki.Root, Subject: named("Root")})))
	narrow := testpki.Must(root.New(published(func(s *pki.Spec) { s.Subject, s.Constraints, s.PathLen = named("Narrow"), names, 1 })))
	underNarrow := testpki.Must(narrow.New(published(func(s *pki.Spec) { s.Subject = named("Under Narrow") })))
	full := server(func(s *pki.Spec) {
		s.Subject, s.DNS = madeName(attribute(commonName, "a.example.com")), []string{"a.example.com", "*.b.example.com"}
		s.CRLs, s.OCSP, s.Issuers, s.MustStaple = []string{"http://c.example.com/1.crl"}, []string{"http://o.example.com/"}, []string{"http://i.example.com/i.crt"}, true
		s.Lifetime, s.Backdate = 397*24*time.Hour, 24*time.Hour
		s.Extra = anyPolicy
	})
	self := testpki.Must(pki.SelfSigned(at(server(func(s *pki.Spec) { s.Name = "a" }))))
	all := []made{
		{"server", testpki.Must(fixture.Server("a.example", "::1")), fixture.Roots(), "server", "a.example"},
		{"server by wildcard", testpki.Must(fixture.Server("*.a.example")), fixture.Roots(), "server", "b.a.example"},
		{"server by address", testpki.Must(fixture.Server("10.0.0.1")), fixture.Roots(), "server", "10.0.0.1"},
		{"server below constraints", testpki.Must(underNarrow.New(at(full))), root.Chain, "server", "a.example.com"},
		{"server that signed itself", self, self.Chain, "server", "a.example"},
		{"client", testpki.Must(fixture.Client("a.example")), fixture.Roots(), "client", ""},
		{"client of many names", testpki.Must(fixture.Intermediate.New(at(client(func(s *pki.Spec) { s.Emails, s.URIs = []string{"jane@a.example"}, []string{"https://a.example/jane"} })))), fixture.Roots(), "client", ""},
		{"workload", testpki.Must(fixture.Workload(web.String())), fixture.Roots(), "client", ""},
		{"workload below constraints", testpki.Must(underNarrow.New(at(pki.Spec{Profile: pki.Workload, ID: web}))), root.Chain, "client", ""},
	}
	for name, key := range keys {
		root := testpki.Must(pki.SelfSigned(at(pki.Spec{Profile: pki.Root, Name: name, Key: key()})))
		between := testpki.Must(root.New(at(authority(func(s *pki.Spec) { s.Key = key() }))))
		leaf := testpki.Must(between.New(at(server(func(s *pki.Spec) { s.Key = key() }))))
		all = append(all, made{"server with " + name, leaf, root.Chain, "server", "a.example"})
	}
	return all
})

// file writes data into the test's folder.
func file(t *testing.T, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pythonRefuses has the exceptions, each with its reason.
var pythonRefuses = map[string]string{
	"server with Ed25519":        "cryptographys refuses it", // its policy has the algorithms of the CA/Browser Forum, which lack Ed25519
	"workload below constraints": "cryptographys refuses it", // it does not read constraints of URIs
}

// TestPythonAccepts shows what is issued to Python at its strictest.
func TestPythonAccepts(t *testing.T) {
	python := peers.Python(t)
	all := everyIssued()
	stranger := all[0]
	stranger.name, stranger.roots = "stranger", all[len(all)-1].roots
	for _, made := range append(all, stranger) {
		t.Run(made.name, func(t *testing.T) {
			folder := t.TempDir()
			roots := (&pki.Credential{Chain: made.roots}).ChainPEM()
			out, err := exec.Command(python, "testdata/strict.py", file(t, folder, "roots.pem", roots),
				file(t, folder, "own.pem", testpki.Must(made.credential.PEM())), made.role, made.host).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			want := []string{"handshake accepts it", "cryptographys accepts it"}
			if exception, ok := pythonRefuses[made.name]; ok {
				want[1] = exception
			}
			if made.name == "stranger" {
				want = []string{"handshake refuses it: [SSL: CERTIFICATE_VERIFY_FAILED]", "cryptographys refuses it"}
			}
			for _, line := range want {
				if !strings.Contains(string(out), line) {
					t.Errorf("want %q, have\n%s", line, out)
				}
			}
		})
	}
}

// TestOpenSSLAccepts shows the same to OpenSSL's own program, and the authorities.
func TestOpenSSLAccepts(t *testing.T) {
	openssl := peers.OpenSSL(t)
	for _, made := range everyIssued() {
		t.Run(made.name, func(t *testing.T) {
			folder := t.TempDir()
			above := made.credential.Chain[1:]
			args := []string{"verify", "-x509_strict", "-CAfile", file(t, folder, "roots.pem", (&pki.Credential{Chain: made.roots}).ChainPEM()),
				"-untrusted", file(t, folder, "above.pem", (&pki.Credential{Chain: above}).ChainPEM()), "-purpose", "ssl" + made.role}
			switch {
			case made.name == "server by address":
				args = append(args, "-verify_ip", made.host)
			case made.host != "":
				args = append(args, "-verify_hostname", made.host)
			}
			if len(above) == 0 {
				args = append(args[:4:4], args[6:]...) // nothing untrusted
			}
			out, err := exec.Command(openssl, append(args, file(t, folder, "leaf.pem", made.credential.Leaf().PEM()))...).CombinedOutput()
			if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), ": OK") {
				t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
			}
		})
	}
}
