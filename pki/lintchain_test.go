package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
)

// TestLintKeys finds the keys that several certificates have, in any order and far
// from one another.
func TestLintKeys(t *testing.T) {
	m := newMill(now)
	key := testpki.Must(pki.GenerateKey(pki.P256))
	of := func(by *pki.Credential, subject, host string) *pki.Certificate {
		return testpki.Must(by.New(server(func(s *pki.Spec) { s.Key, s.Name, s.DNS = key, subject, []string{host} }))).Leaf()
	}
	first := of(m.intermediate, "A", "a.example")
	unnamed := of(m.intermediate, "", "a.example")
	tests := []struct {
		name string
		then []*pki.Certificate
		want []string
	}{
		{"a copy", []*pki.Certificate{first}, nil},
		{"renewed", []*pki.Certificate{of(m.intermediate, "A", "b.example")}, []string{"key_kept"}},
		{"by another issuer", []*pki.Certificate{of(m.root, "A", "a.example")}, nil},
		{"another's", []*pki.Certificate{of(m.intermediate, "B", "a.example")}, []string{"chain_key_shared"}},
		{"another's, by another issuer", []*pki.Certificate{of(m.root, "B", "a.example")}, []string{"chain_key_shared"}},
		{"far away", append(slices.Repeat([]*pki.Certificate{m.leaf.Leaf()}, 20), of(m.root, "B", "a.example")), []string{"chain_key_shared"}},
		{"without a subject", []*pki.Certificate{unnamed}, []string{"chain_key_shared"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var have []string
			for _, finding := range pki.LintKeys(append([]*pki.Certificate{first}, test.then...)) {
				have = append(have, finding.Code)
				if finding.At != len(test.then) || !strings.HasPrefix(finding.Found, "it has the key of A, serial number "+first.Serial()) {
					t.Errorf("have %+v", finding)
				}
			}
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
	for host, want := range map[string]string{"a.example": "key_kept", "b.example": "chain_key_shared"} {
		if have := pki.LintKeys([]*pki.Certificate{unnamed, of(m.intermediate, "", host)}); len(have) != 1 || have[0].Code != want {
			t.Errorf("without subjects, for %s: have %+v, want %s", host, have, want)
		}
	}
}

// TestLintChain makes each flaw of a chain, and finds exactly it, at its place.
func TestLintChain(t *testing.T) {
	m := newMill(now)
	root, middle, leaf := m.root.Leaf(), m.intermediate.Leaf(), m.leaf.Leaf()
	two := testpki.Must(m.root.New(authority(func(s *pki.Spec) { s.PathLen, s.Name = 1, "Upper" })))
	lower := testpki.Must(two.New(authority(func(s *pki.Spec) { s.Name = "Lower" })))
	deep := testpki.Must(lower.New(server(func(s *pki.Spec) {})))
	stranger := testpki.Must(testpki.New(now)).Intermediate.Leaf()
	other := testpki.Must(m.root.New(authority(func(s *pki.Spec) { s.Name = "Other" }))).Leaf()

	brief := testpki.Must(m.root.New(authority(func(s *pki.Spec) { s.Lifetime = 24 * time.Hour })))
	outlives := take(leaf)
	outlives.issuer, outlives.extensions = take(brief.Leaf()).subject, take(testpki.Must(brief.New(server(func(*pki.Spec) {}))).Leaf()).extensions
	outlives.subject = element(asn1.SEQUENCE)
	wrongID := take(leaf)
	wrongID.set(pki.OIDAuthorityKeyID, false, []byte("\x30\x03\x80\x01\x07")...)
	shared := take(leaf)
	shared.key = spki(m.intermediate.Key)
	renewed := testpki.Must(m.root.New(authority(func(s *pki.Spec) { s.Name, s.Key = "Demo Intermediate", m.intermediate.Key }))).Leaf()
	newKey := testpki.Must(m.root.New(authority(func(s *pki.Spec) { s.Name = "Demo Intermediate" }))).Leaf()

	type place struct {
		Code string
		At   int
	}
	tests := []struct {
		name  string
		chain []*pki.Certificate
		want  []place
	}{
		{"good", []*pki.Certificate{leaf, middle}, nil},
		{"good, of three", deep.Chain, nil},
		{"leaf alone", []*pki.Certificate{leaf}, nil},
		{"nothing", nil, nil},
		{"a root alone", []*pki.Certificate{root}, nil},
		{"order", []*pki.Certificate{deep.Chain[0], deep.Chain[2], deep.Chain[1]}, []place{{"chain_order", 0}}},
		{"root sent", []*pki.Certificate{leaf, middle, root}, []place{{"chain_root_sent", 2}}},
		{"twice", []*pki.Certificate{leaf, middle, middle}, []place{{"chain_twice", 2}}},
		{"leaf twice", []*pki.Certificate{leaf, leaf, middle}, []place{{"chain_twice", 1}}},
		{"stranger", []*pki.Certificate{leaf, middle, other}, []place{{"chain_stranger", 2}}},
		{"stranger of the issuer's name", []*pki.Certificate{leaf, stranger}, []place{{"chain_issuer_differs", 1}}},
		{"renewed issuer", []*pki.Certificate{leaf, newKey}, []place{{"chain_issuer_differs", 1}}},
		{"key identifier", []*pki.Certificate{wrongID.sign(m.intermediate.Key), middle}, []place{{"chain_key_id_differs", 1}}},
		{"ends first", []*pki.Certificate{outlives.sign(brief.Key), brief.Leaf()}, []place{{"chain_ends_first", 1}}},
		{"shared key", []*pki.Certificate{shared.sign(m.intermediate.Key), middle}, []place{{"chain_key_shared", 1}}},
		{"a key that is kept", []*pki.Certificate{leaf, middle, renewed}, []place{{"key_kept", 2}}},
		{"17 certificates", slices.Repeat([]*pki.Certificate{leaf}, 17), func() (want []place) {
			for at := 1; at < 16; at++ {
				want = append(want, place{"chain_twice", at})
			}
			return want
		}()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var have []place
			for _, finding := range pki.LintChain(test.chain, pki.LintOptions{}) {
				have = append(have, place{finding.Code, finding.At})
				if finding.Found == "" || finding.Rule == "" || finding.Hint == "" {
					t.Errorf("it says too little: %+v", finding)
				}
			}
			if diff := cmp.Diff(test.want, have); diff != "" {
				t.Errorf("(-want +have)\n%s", diff)
			}
		})
	}
	// What is found on one certificate has its place in the chain.
	old := testpki.Must(testpki.Forge(&x509.Certificate{Subject: pkix.Name{CommonName: "Old"}, NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0),
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, m.root)).Leaf()
	findings := pki.LintChain([]*pki.Certificate{leaf, old}, pki.LintOptions{Now: now})
	if at := slices.IndexFunc(findings, func(f pki.Finding) bool { return f.Code == "validity_over" }); at < 0 || findings[at].At != 1 {
		t.Errorf("have %+v, want the end of the certificate at place 1", findings)
	}
}

// TestManySignatures: whoever sends a chain of namesakes chooses how many signatures
// there are to check, so that nothing is said by them then.
func TestManySignatures(t *testing.T) {
	p := testpki.Must(testpki.New(time.Now()))
	chain := testpki.Must(p.Server(testpki.Host)).Chain[:1]
	for range 12 {
		namesake := testpki.Must(pki.SelfSigned(pki.Spec{Profile: pki.Root, Name: p.Intermediate.Leaf().Title(), Now: p.Now.AddDate(-1, 0, 0)}))
		chain = append(chain, namesake.Leaf())
	}
	byCode := func(chain []*pki.Certificate) map[string]bool {
		found := map[string]bool{}
		for _, f := range pki.LintChain(chain, pki.LintOptions{Now: p.Now}) {
			found[f.Code] = true
		}
		return found
	}
	if found := byCode(chain[:3]); !found["chain_root_sent"] {
		t.Errorf("of two namesakes: %v", found)
	}
	if found := byCode(chain); len(found) > 0 {
		t.Errorf("of twelve namesakes: %v", found)
	}
}
