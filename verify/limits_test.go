package verify_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// subtrees reads name constraints.
func subtrees(texts ...string) (trees []pki.Subtree) {
	for _, text := range texts {
		trees = append(trees, testpki.Must(pki.ParseSubtree(text)))
	}
	return trees
}

func permitted(texts ...string) verify.Constraints {
	return verify.Constraints{Names: &pki.NameConstraints{Permitted: subtrees(texts...)}}
}

func excluded(texts ...string) verify.Constraints {
	return verify.Constraints{Names: &pki.NameConstraints{Excluded: subtrees(texts...)}}
}

func TestConstrain(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	chain := testpki.Must(ours.Server(testpki.Host)).Chain
	begins := chain[0].NotBefore()
	both := forge(leaf(), ours.Intermediate).Chain // for both ends of a connection
	self := forge(with(authority("Self"), func(c *x509.Certificate) { c.DNSNames = []string{testpki.Host} }), nil)
	file, system := roots(ours.Roots()...), testpki.Must(verify.SystemRoots())
	systems := testpki.Must(systemPKI.Server(testpki.Host)).Chain
	limit := func(r verify.Roots, limits ...verify.Constraints) verify.Roots {
		for _, c := range limits {
			r = testpki.Must(r.Constrain(c))
		}
		return r
	}
	union := func(sets ...verify.Roots) verify.Roots { return testpki.Must(verify.Union(sets...)) }
	only := func(purposes ...verify.Purpose) verify.Constraints { return verify.Constraints{Purposes: purposes} }
	tests := []struct {
		name    string
		chain   []*pki.Certificate
		roots   verify.Roots
		purpose verify.Purpose
		says    string // of the refusal, "" if there is none
	}{
		{"name within", chain, limit(file, permitted("DNS:localhost")), 0, ""},
		{"name among others", chain, limit(file, permitted("DNS:example.com", "DNS:localhost")), 0, ""},
		{"name outside", chain, limit(file, permitted("DNS:example.com")), 0, "Demo Root (ca.pem) is not believed for DNS:localhost, which localhost has: it is not among those permitted"},
		{"name excluded", chain, limit(file, excluded("DNS:localhost")), 0, "DNS:localhost is excluded"},
		{"another form of names", chain, limit(file, permitted("IP:10.0.0.0/8")), 0, ""},
		{"within one limit, outside the next", chain, limit(file, permitted("DNS:localhost"), permitted("DNS:example.com")), 0, "not among those permitted"},
		{"within both limits", chain, limit(file, permitted("DNS:localhost"), excluded("DNS:example.com")), 0, ""},
		{"purpose", chain, limit(file, only(verify.ServerAuth)), 0, ""},
		{"another purpose", both, limit(file, only(verify.ClientAuth, verify.EmailProtection)), 0, "for a TLS client and e-mail, not for a TLS server"},
		{"one of two purposes", both, limit(file, only(verify.ServerAuth, verify.ClientAuth)), verify.ClientAuth, ""},
		{"any purpose", chain, limit(file, only(verify.ClientAuth)), verify.AnyPurpose, ""},
		{"issued in time", chain, limit(file, verify.Constraints{IssuedUntil: begins}), 0, ""},
		{"issued too late", chain, limit(file, verify.Constraints{IssuedUntil: begins.Add(-time.Second)}), 0, "for what was issued until"},
		{"still believed", chain, limit(file, verify.Constraints{Until: now}), 0, ""},
		{"no more believed", chain, limit(file, verify.Constraints{Until: now.Add(-time.Second)}), 0, "is believed until 21 Jan 2027 09:59 UTC"},
		{"system's, within", systems, limit(system, permitted("DNS:localhost")), 0, ""},
		{"system's, outside", systems, limit(system, permitted("DNS:example.com")), 0, "(this system's roots) is not believed"},
		{"union, each within its own", chain, union(limit(file, permitted("DNS:localhost")), limit(system, permitted("DNS:example.com"))), 0, ""},
		{"union, the other's limit", systems, union(limit(file, permitted("DNS:localhost")), limit(system, permitted("DNS:example.com"))), 0, "this system's roots"},
		{"union of one anchor, limited and free", chain, union(limit(file, permitted("DNS:example.com")), file), 0, ""},
		{"union of one anchor, free and limited", chain, union(file, limit(file, permitted("DNS:example.com"))), 0, ""},
		{"union of the system's, limited and free", systems, union(limit(system, permitted("DNS:example.com")), system), 0, ""},
		{"limited union", chain, limit(union(file, system), permitted("DNS:example.com")), 0, "not among those permitted"},
		{"limited union of domains", chain, limit(union(file, rootsOf("a.example", ours.Roots()...)), permitted("DNS:example.com")), 0, "not among those permitted"},
		{"pin, within", chain, limit(pinned(chain[0])["certificate"], permitted("DNS:localhost")), 0, ""},
		{"pin, outside", chain, limit(pinned(chain[0])["key"], permitted("DNS:example.com")), 0, "localhost (the pinned key) is not believed"},
		{"pin that is limited, and an anchor", chain, union(limit(pinned(chain[0])["key"], permitted("DNS:example.com")), file), 0, ""},
		{"pin and a limited anchor", chain, union(limit(file, permitted("DNS:example.com")), pinned(chain[0])["key"]), 0, ""},
		{"pin, limited and free", chain, union(limit(pinned(chain[0])["key"], permitted("DNS:example.com")), pinned(chain[0])["key"]), 0, ""},
		{"pin, limited twice", chain, union(limit(pinned(chain[0])["key"], permitted("DNS:example.com")), limit(pinned(chain[0])["certificate"], only(verify.ClientAuth))), 0, "believed"},
		{"anchor shown as leaf, within", self.Chain, limit(roots(self.Leaf()), permitted("DNS:localhost")), 0, ""},
		{"anchor shown as leaf, outside", self.Chain, limit(roots(self.Leaf()), permitted("DNS:example.com")), 0, "Self (ca.pem) is not believed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := verify.Options{Roots: test.roots, Name: verify.Host(testpki.Host), Purpose: test.purpose, Profile: verify.Path, Now: now}
			want := verify.AnchorLimited
			if test.says == "" {
				want = ""
			}
			wantVerdict(t, test.chain, opts, want)
			if _, err := verify.Verify(test.chain, opts); want != "" && !strings.Contains(err.Error(), test.says) {
				t.Errorf("have %v, want %q in it", err, test.says)
			}
		})
	}
	for want, limited := range map[string]verify.Roots{
		"within DNS:example.com":                           limit(file, permitted("DNS:example.com")),
		"not within DNS:localhost":                         limit(file, excluded("DNS:localhost")),
		"within DNS:a.example; not within DNS:b.a.example": limit(file, verify.Constraints{Names: &pki.NameConstraints{Permitted: subtrees("DNS:a.example"), Excluded: subtrees("DNS:b.a.example")}}),
	} {
		if _, check := headline(verify.Verify(chain, verify.Options{Roots: limited, Name: verify.Host(testpki.Host), Now: now})); check == nil || check.Want != want {
			t.Errorf("have %+v, want one that wants %q", check, want)
		}
	}
	if free, ok := verify.Verify(chain, verify.Options{Roots: file, Name: verify.Host(testpki.Host), Now: now}); ok != nil {
		t.Errorf("the set that was constrained has changed: %v", free)
	}
}

// TestConstrainDomain: a trust domain's anchors can be limited to some of its IDs'
// certificates, as all others.
func TestConstrainDomain(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	chain := testpki.Must(ours.Workload("spiffe://demo.signet/web")).Chain
	opts := verify.Options{Name: verify.ID(id("spiffe://demo.signet/web")), Now: now}
	opts.Roots = testpki.Must(rootsOf("demo.signet", ours.Roots()...).Constrain(permitted("URI:demo.signet")))
	wantVerdict(t, chain, opts, "")
	opts.Roots = testpki.Must(rootsOf("demo.signet", ours.Roots()...).Constrain(permitted("URI:other.example")))
	wantVerdict(t, chain, opts, verify.AnchorLimited)
}

func TestConstraintsInvalid(t *testing.T) {
	free := roots(testpki.Must(testpki.New(now)).Roots()...)
	name := func(change func(*pki.Subtree)) verify.Constraints {
		tree := subtrees("DNS:example.com")[0]
		change(&tree)
		return verify.Constraints{Names: &pki.NameConstraints{Permitted: []pki.Subtree{tree}}}
	}
	tests := []struct {
		constraints verify.Constraints
		says        string
	}{
		{verify.Constraints{}, "empty"},
		{verify.Constraints{Purposes: []verify.Purpose{}}, "empty"},
		{verify.Constraints{Names: &pki.NameConstraints{}}, "the name constraints of an anchor are empty"},
		{verify.Constraints{Purposes: []verify.Purpose{verify.AnyPurpose}}, "purpose 2"},
		{verify.Constraints{Purposes: []verify.Purpose{-1}}, "purpose -1"},
		{verify.Constraints{Purposes: []verify.Purpose{verify.OCSPSigning + 1}}, "purpose 7"},
		{name(func(tree *pki.Subtree) { tree.Minimum = 1 }), "has bounds"},
		{name(func(tree *pki.Subtree) { tree.Base.Raw = []byte("a..b") }), "DNS:a..b, a name constraint of an anchor, is not valid"},
		{name(func(tree *pki.Subtree) { tree.Base.Raw = []byte("a\x1b[2J") }), "is not valid"},
	}
	for _, test := range tests {
		t.Run(test.says, func(t *testing.T) {
			roots, err := free.Constrain(test.constraints)
			wantFault(t, err, verify.ConstraintsInvalid, test.says)
			if !roots.IsZero() {
				t.Error("have roots beside the error")
			}
		})
	}
	_, err := verify.Roots{}.Constrain(permitted("DNS:example.com"))
	wantFault(t, err, verify.RootsMissing, "nobody is trusted")
}

// TestConstraintsAreImmutable changes what they were made of.
func TestConstraintsAreImmutable(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	c := permitted("DNS:localhost")
	c.Purposes = []verify.Purpose{verify.ServerAuth}
	limited := testpki.Must(roots(ours.Roots()...).Constrain(c))
	c.Names.Permitted[0], c.Purposes[0] = subtrees("DNS:example.com")[0], verify.ClientAuth
	wantVerdict(t, testpki.Must(ours.Server(testpki.Host)).Chain, verify.Options{Roots: limited, Name: verify.Host(testpki.Host), Now: now}, "")
}

// TestConstraintsBudget: names that are held against an anchor's constraints are
// counted, too.
func TestConstraintsBudget(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	var trees []string
	for i := range 1000 {
		trees = append(trees, fmt.Sprintf("DNS:a%d.example", i))
	}
	template := leaf()
	for i := range 100 {
		template.DNSNames = append(template.DNSNames, fmt.Sprintf("b%d.example", i))
	}
	opts := verify.Options{Roots: testpki.Must(roots(ours.Roots()...).Constrain(excluded(trees...))), Name: verify.Host(testpki.Host), Now: now}
	wantVerdict(t, forge(template, ours.Intermediate).Chain, opts, verify.BudgetExceeded)
	wantVerdict(t, forge(leaf(), ours.Intermediate).Chain, opts, "")
	chain, opts := constrainedChain(pki.NameConstraints{Excluded: subtrees(trees...)}, template)
	wantVerdict(t, chain, opts, verify.BudgetExceeded)
}

// TestConstraintsAreCertificates: an anchor that is constrained by the caller
// refuses exactly what one refuses that says the same itself.
func TestConstraintsAreCertificates(t *testing.T) {
	shown := []string{"DNS:localhost", "DNS:a.example.com", "DNS:example.com", "DNS:*.example.com", "IP:10.0.0.1", "email:jane@example.com", "email:jane@a.example.com", "URI:https://a.example.com/x", "URI:urn:x"}
	trees := []string{"DNS:example.com", "DNS:localhost", "IP:10.0.0.0/8", "IP:192.168.0.0/16", "email:example.com", "email:.example.com", "email:jane@example.com", "URI:.example.com", "URI:a.example.com"}
	for _, tree := range trees {
		for _, exclude := range []bool{false, true} {
			c := permitted(tree)
			if exclude {
				c = excluded(tree)
			}
			for _, name := range shown {
				_, byCertificate := verify.Verify(constrainedChain(*c.Names, named(general(name))))
				chain, opts := constrainedChain(pki.NameConstraints{Excluded: subtrees("DNS:nobody.test")}, named(general(name)))
				opts.Roots = testpki.Must(opts.Roots.Constrain(c))
				_, byCaller := verify.Verify(chain, opts)
				if errors.Is(byCertificate, verify.NameNotPermitted) != errors.Is(byCaller, verify.AnchorLimited) {
					t.Errorf("%s, excluded %v, of %s: the certificate says %v, the caller %v", name, exclude, tree, byCertificate, byCaller)
				}
			}
		}
	}
}

// TestConstraintsAreRemembered: what was proved holds no longer than the anchor is
// believed, nor for another set.
func TestConstraintsAreRemembered(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	chain := testpki.Must(ours.Server(testpki.Host)).Chain
	until := now.Add(time.Hour)
	var verifier verify.Verifier
	opts := verify.Options{Roots: roots(ours.Roots()...), Name: verify.Host(testpki.Host), Now: now}
	testpki.Must(verifier.Verify(chain, opts))
	opts.Roots = testpki.Must(opts.Roots.Constrain(verify.Constraints{Until: until}))
	proof := testpki.Must(verifier.Verify(chain, opts))
	if !proof.Until().Equal(until) {
		t.Errorf("it holds until %v, want %v", proof.Until(), until)
	}
	opts.Now = until.Add(time.Second)
	if _, err := verifier.Verify(chain, opts); !errors.Is(err, verify.AnchorLimited) {
		t.Errorf("after it: have %v", err)
	}
	opts.Now = now
	opts.Roots = testpki.Must(opts.Roots.Constrain(permitted("DNS:example.com")))
	if _, err := verifier.Verify(chain, opts); !errors.Is(err, verify.AnchorLimited) {
		t.Errorf("by a narrower set: have %v", err)
	}
}
