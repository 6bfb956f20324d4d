package verify_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
	"github.com/signet-tls/signet/verify"
)

// TestOptions holds what a caller may ask for beyond roots and name, of a chain
// with one intermediate and without policies.
func TestOptions(t *testing.T) {
	now := time.Now()
	ours := testpki.Must(testpki.New(now))
	chain := testpki.Must(ours.Server(testpki.Host)).Chain
	none, one := 0, 1
	leafs, whole := evidence(t, ours.Intermediate, nil), evidence(t, ours.Intermediate, ours.Root)
	revoked := evidence(t, ours.Intermediate, ours.Root, chain[0])
	fallen := evidence(t, ours.Intermediate, ours.Root, chain[1])
	tests := []struct {
		name string
		opts verify.Options
		want fault.Code
	}{
		{"nothing more", verify.Options{}, ""},
		{"no intermediate", verify.Options{MaxIntermediates: &none}, verify.PathOverLimit},
		{"one intermediate", verify.Options{MaxIntermediates: &one}, ""},
		{"any policy", verify.Options{RequirePolicy: true}, verify.PolicyMissing},
		{"a policy, if there are any", verify.Options{Policies: []pki.OID{pki.OIDAnyPolicy}}, ""},
		{"another time", verify.Options{Now: now.Add(1000 * 24 * time.Hour)}, verify.CertExpired},
		{"another end", verify.Options{Purpose: verify.ClientAuth}, verify.WrongPurpose},
		{"whichever end", verify.Options{Purpose: verify.AnyPurpose}, ""},
		{"no list", verify.Options{Revocation: ask(verify.LeafAlone, evidence(t, nil, nil))}, verify.RevocationUnknown},
		{"the leaf's list", verify.Options{Revocation: ask(verify.LeafAlone, leafs)}, ""},
		{"the leaf's list alone", verify.Options{Revocation: ask(verify.WholeChain, leafs)}, verify.RevocationUnknown},
		{"every list", verify.Options{Revocation: ask(verify.WholeChain, whole)}, ""},
		{"revoked", verify.Options{Revocation: ask(verify.LeafAlone, revoked)}, verify.CertRevoked},
		{"issuer revoked", verify.Options{Revocation: ask(verify.WholeChain, fallen)}, verify.CertRevoked},
		{"issuer revoked, and not asked for", verify.Options{Revocation: ask(verify.LeafAlone, fallen)}, ""},
		{"a list of yesterday", verify.Options{Revocation: ask(verify.LeafAlone, leafs), Now: now.Add(25 * time.Hour)}, revocation.Stale},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := test.opts
			opts.Roots, opts.Name = testpki.Must(verify.NewRoots("the test's", ours.Roots()...)), verify.Host(testpki.Host)
			if opts.Now.IsZero() {
				opts.Now = now
			}
			report, err := judged(chain, opts)
			if report == nil {
				t.Fatal(err)
			}
			if report.Code != test.want {
				t.Errorf("have the code %q, want %q: %v", report.Code, test.want, err)
			}
			for _, cert := range report.Candidates[0].Certificates {
				evidence := cert.Evidence
				if evidence != nil && (evidence.Status == "revoked") != (evidence.Reason == pki.KeyCompromise.String() && !evidence.Since.IsZero()) {
					t.Errorf("of %s have the evidence %+v", cert.Subject, evidence)
				}
			}
		})
	}
}

// TestPolicyWanted: who is refused for a policy reads which ones would do.
func TestPolicyWanted(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	opts := verify.Options{Roots: roots(ours.Roots()...), Name: verify.Host(testpki.Host), Now: now, RequirePolicy: true}
	for want, policies := range map[string][]pki.OID{"1.2.3, 1.2.4": {"\x2a\x03", "\x2a\x04"}, "any that is good for the whole path": nil} {
		opts.Policies = policies
		if _, check := headline(verify.Verify(testpki.Must(ours.Server(testpki.Host)).Chain, opts)); check == nil || check.Code != verify.PolicyMissing || check.Want != want {
			t.Errorf("have %+v, want one that wants %q", check, want)
		}
	}
}

func ask(scope verify.Scope, evidence *revocation.Evidence) *verify.Revocation {
	return &verify.Revocation{Evidence: evidence, Scope: scope}
}

// evidence returns the lists of a day of two authorities, which revoke the
// certificates that are theirs; nil has no list.
func evidence(t *testing.T, below, above *pki.Credential, revoked ...*pki.Certificate) *revocation.Evidence {
	t.Helper()
	var lists []*pki.RevocationList
	for _, issuer := range []*pki.Credential{below, above} {
		if issuer == nil {
			continue
		}
		spec := pki.RevocationListSpec{Number: big.NewInt(1), NextUpdate: time.Now().Add(24 * time.Hour)}
		for _, cert := range revoked {
			if cert.Issuer().Equal(issuer.Leaf().Subject()) {
				spec.Entries = append(spec.Entries, pki.RevocationSpec{Serial: cert.SerialNumber(), Date: time.Now(), Reason: pki.KeyCompromise})
			}
		}
		lists = append(lists, testpki.Must(issuer.NewRevocationList(spec)))
	}
	return testpki.Must(revocation.New(lists, nil))
}
