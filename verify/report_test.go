package verify_test

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// TestReportJSON holds the form of a report's JSON, which programs read: one of
// an expired and revoked certificate with two ways to a root, of which one is a dead
// end, and with a list that does not count. It has every key that there is.
func TestReportJSON(t *testing.T) {
	fixture := testpki.Must(testpki.New(now.Add(-100 * day)))
	server := testpki.Must(fixture.Server(testpki.Host)).Chain
	cross := forge(authority("Demo Intermediate"), forge(authority("Stranger Root"), nil)).Leaf()
	other := &pki.Credential{Chain: []*pki.Certificate{cross}}
	chain := append(server, resigned(&pki.Credential{Chain: server[1:], Key: fixture.Intermediate.Key}, forge(authority("Stranger Root"), nil)), other.Leaf())
	list := func(until time.Time, entries ...pki.RevocationSpec) *pki.RevocationList {
		return testpki.Must(fixture.Intermediate.NewRevocationList(pki.RevocationListSpec{Number: big.NewInt(until.Unix()), ThisUpdate: until.Add(-2 * day), NextUpdate: until, Entries: entries}))
	}
	lists := []*pki.RevocationList{list(now.Add(day), pki.RevocationSpec{Serial: server[0].SerialNumber(), Date: now.Add(-3 * day), Reason: pki.KeyCompromise}), list(now.Add(2*day + time.Hour))}
	asked := ask(verify.LeafAlone, testpki.Must(revocation.New(lists, nil)))
	report, err := judged(chain, verify.Options{Roots: roots(fixture.Roots()...), Name: verify.Host(testpki.Host), Now: now, Revocation: asked})
	if !errors.Is(err, verify.CertRevoked) || len(report.Candidates) != 2 {
		t.Fatalf("have %v and %d candidates, want 2 of a revoked certificate", err, len(report.Candidates))
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	masked := regexp.MustCompile(`"[0-9a-f]{38,64}"`).ReplaceAllString(string(text), `"…"`)
	golden(t, "report.json", masked+"\n")
}

// TestKept: a report says of rules that are kept, too, what the certificates have.
func TestKept(t *testing.T) {
	root := forge(authority("Root"), nil)
	limited := testpki.Must(roots(root.Leaf()).Constrain(permitted("DNS:localhost")))
	narrow := forge(with(authority("Inter"), func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{testpki.Host}, true
	}), root)
	report, _ := judged(forge(leaf(), narrow).Chain[:2], verify.Options{Roots: limited, Name: verify.Host(testpki.Host), Now: now, Profile: verify.WebPKI})
	if !report.Trusted {
		t.Fatal(report.Headline)
	}
	path := report.Candidates[0].Certificates
	for _, want := range []struct {
		depth int
		code  fault.Code
		have  string
	}{
		{0, verify.ExtensionMissing, "Extended Key Usage not critical"}, // the first of its extensions
		{0, verify.ExtensionMissing, "Authority Key Identifier not critical"},
		{1, verify.NameNotPermitted, "DNS:localhost"},
		{2, verify.ExtensionForbidden, "Extended Key Usage absent"},
		{2, verify.AnchorLimited, ""},
	} {
		if !slices.ContainsFunc(path[want.depth].Checks, func(c verify.Check) bool {
			return c.Verdict == verify.OK && c.Code == want.code && c.Have == want.have
		}) {
			t.Errorf("of %s have %+v, want %s of %q", path[want.depth].Subject, path[want.depth].Checks, want.code, want.have)
		}
	}
}

// TestLikelyFirst: of two certificates of an authority, both good, the one is taken
// whose key identifier the leaf names, in whichever order they come (RFC 4158,
// section 3.5).
func TestLikelyFirst(t *testing.T) {
	root := forge(authority("Root"), nil)
	likely := forge(authority("Inter"), root)
	other := *likely
	other.Chain = forge(with(authority("Inter"), func(c *x509.Certificate) { c.SubjectKeyId = []byte("another") }), root).Chain
	unlikely := resigned(&other, root)
	server := forge(leaf(), likely).Leaf()
	for _, sent := range [][]*pki.Certificate{{server, likely.Leaf(), unlikely}, {server, unlikely, likely.Leaf()}} {
		proof, err := verify.Verify(sent, verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now})
		if err != nil || !proof.Path()[1].Equal(likely.Leaf()) {
			t.Errorf("have %v, and not the path by the key that the leaf names", err)
		}
		if _, err := verify.Verify([]*pki.Certificate{server, unlikely}, verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now}); err != nil {
			t.Errorf("by another certificate of the authority alone: %v", err)
		}
	}
}

// TestNoAuthorityTwice: two certificates of one authority, of the same name and
// key, are never put on one path (RFC 4158, section 2.4.2).
func TestNoAuthorityTwice(t *testing.T) {
	inter := forge(authority("Inter"), forge(authority("Stranger"), nil))
	chain := []*pki.Certificate{forge(leaf(), inter).Leaf(), inter.Leaf(), resigned(inter, inter)}
	report, _ := judged(chain, verify.Options{Roots: roots(forge(authority("Root"), nil).Leaf()), Name: verify.Host(testpki.Host), Now: now})
	for _, candidate := range report.Candidates {
		if len(candidate.Certificates) != 2 {
			t.Errorf("have a path of %d, want the leaf and one of its issuer's two: %+v", len(candidate.Certificates), candidate.Certificates)
		}
	}
	if report.Code != verify.UnknownRoot || len(report.Candidates) != 2 {
		t.Errorf("have %s and %d candidates, want %s and 2", report.Code, len(report.Candidates), verify.UnknownRoot)
	}
}

// TestMoreThanIsTold: a path that keeps every rule makes the report a good one,
// though it comes after more that are broken than are told.
func TestMoreThanIsTold(t *testing.T) {
	root := forge(authority("Root"), nil)
	inter := forge(authority("Inter"), root)
	chain := forge(leaf(), inter).Chain[:1]
	for i := range 40 {
		old := *inter
		old.Chain = forge(with(authority("Inter"), func(c *x509.Certificate) {
			c.SerialNumber, c.NotAfter = big.NewInt(int64(i)+2), now.Add(-time.Hour)
		}), root).Chain
		chain = append(chain, resigned(&old, root))
	}
	report, err := judged(append(chain, inter.Leaf()), verify.Options{Roots: roots(root.Leaf()), Name: verify.Host(testpki.Host), Now: now})
	if err != nil || !report.Trusted || len(report.Candidates) != 33 {
		t.Errorf("have %v and %d candidates, want trust and 33", err, len(report.Candidates))
	}
}

// TestCandidates: a report tells of every path, and what is wrong with each
// certificate of it.
func TestCandidates(t *testing.T) {
	for _, test := range chainCases() {
		if test.code == verify.NoCertificate || len(test.chain) > verify.MaxChain {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			report, err := judged(test.chain, test.opts)
			if want := map[fault.Code]int{verify.SelfSigned: 18, verify.SignatureInvalid: 7, verify.ChainIncomplete: 20}[report.Code]; want != 0 {
				if _, check := headline(nil, err); check.OpenSSL != want {
					t.Errorf("have OpenSSL's number %d of %s, want %d", check.OpenSSL, report.Code, want)
				}
			}
			chosen, stopped := 0, false
			for _, candidate := range report.Candidates {
				if !candidate.Chosen {
					continue
				}
				chosen++
				if candidate.Anchored == slices.Contains([]fault.Code{verify.SelfSigned, verify.SignatureInvalid, verify.UnknownRoot, verify.ChainIncomplete}, report.Code) {
					t.Errorf("anchored %v of a chain that is refused as %s", candidate.Anchored, report.Code)
				}
				for depth, cert := range candidate.Certificates {
					if slices.ContainsFunc(candidate.Certificates[:depth], func(below verify.Certificate) bool { return below.SHA256 == cert.SHA256 }) {
						t.Errorf("depth %d: %s stands on the path twice", depth, cert.Subject)
					}
					if len(cert.Checks) < 10 || cert.Subject == "" || len(cert.SHA256) != 64 {
						t.Errorf("depth %d: %d checks of %q, %q", depth, len(cert.Checks), cert.Subject, cert.SHA256)
					}
					for _, check := range cert.Checks {
						stopped = stopped || check.Verdict == verify.Stop
						if check.Depth != depth || check.Rule == "" || check.Name == "" || check.Verdict == verify.Stop && check.Code == "" {
							t.Errorf("depth %d: an incomplete check: %+v", depth, check)
						}
						for _, line := range []string{check.Text, check.Have, check.Want} {
							if line != fault.Printable(line, 2000) || strings.HasSuffix(line, ".") {
								t.Errorf("%q is not a line of printable text", line)
							}
						}
					}
				}
			}
			if chosen != 1 || report.Trusted && stopped {
				t.Errorf("%d candidates are chosen; trusted %v, stopped %v", chosen, report.Trusted, stopped)
			}
		})
	}
}
