package verify_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/signet-tls/signet/internal/testpki"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

func TestUnion(t *testing.T) {
	ours, other, third := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	self := forge(leaf(), nil)
	file := testpki.Must(verify.NewRoots("own.pem", ours.Roots()...))
	system := testpki.Must(verify.SystemRoots())
	pin := pinned(self.Leaf())["certificate"]
	a, b := rootsOf("a.example", other.Roots()...), rootsOf("b.example", third.Roots()...)
	all := testpki.Must(verify.Union(file, system, pin, a, b))
	host, any := verify.Host(testpki.Host), verify.Any("a test")
	inA, inB := verify.ID(id("spiffe://a.example/web")), verify.ID(id("spiffe://b.example/web"))
	workload := func(p *testpki.PKI, id string) []*pki.Certificate { return testpki.Must(p.Workload(id)).Chain }
	server := func(p *testpki.PKI) []*pki.Certificate { return testpki.Must(p.Server(testpki.Host)).Chain }
	tests := []struct {
		name  string
		roots verify.Roots
		chain []*pki.Certificate
		who   verify.Name
		want  error
		id    string
	}{
		{"host by the file", all, server(ours), host, nil, ""},
		{"host by the system", all, server(systemPKI), host, nil, ""},
		{"host by the pin", all, self.Chain, host, nil, ""},
		{"host by the anchors of a domain", all, server(other), host, verify.UnknownRoot, ""},
		{"ID by its domain", all, workload(other, "spiffe://a.example/web"), inA, nil, "spiffe://a.example/web"},
		{"ID by its domain, the other", all, workload(third, "spiffe://b.example/web"), inB, nil, "spiffe://b.example/web"},
		{"ID by another domain", all, workload(third, "spiffe://a.example/web"), inA, verify.UnknownRoot, ""},
		{"ID by the file", all, workload(ours, "spiffe://a.example/web"), inA, verify.UnknownRoot, ""},
		{"member by another domain", all, workload(third, "spiffe://a.example/web"), verify.Member(domain("a.example")), verify.UnknownRoot, ""},
		{"member of another domain", all, workload(other, "spiffe://b.example/web"), verify.Member(domain("a.example")), verify.NameMismatch, ""},
		{"any, an ID by its domain", all, workload(third, "spiffe://b.example/web"), any, nil, "spiffe://b.example/web"},
		{"any, an ID by another domain", all, workload(third, "spiffe://a.example/web"), any, verify.UnknownRoot, ""},
		{"any, a host by the file", all, server(ours), any, nil, ""},
		{"any, a host by a domain", all, server(other), any, verify.UnknownRoot, ""},
		{"any, of two domains, a host", testpki.Must(verify.Union(a, b)), server(other), any, verify.UnknownRoot, ""},
		{"any, of two domains, an ID of a third", testpki.Must(verify.Union(a, b)), workload(other, "spiffe://c.example/web"), any, verify.UnknownRoot, ""},
		{"any, of two domains, no certificate", testpki.Must(verify.Union(a, b)), nil, any, verify.NoCertificate, ""},
		{"any, of two domains, nil", testpki.Must(verify.Union(a, b)), []*pki.Certificate{nil}, any, verify.NoCertificate, ""},
		{"host, of two domains", testpki.Must(verify.Union(a, b)), server(other), host, verify.RootsDoNotFit, ""},
		{"ID of a third", all, workload(third, "spiffe://c.example/web"), verify.ID(id("spiffe://c.example/web")), verify.RootsDoNotFit, ""},
		{"two files", testpki.Must(verify.Union(file, roots(other.Roots()...))), server(other), host, nil, ""},
		{"two sets of one domain", testpki.Must(verify.Union(a, rootsOf("a.example", third.Roots()...))), workload(third, "spiffe://a.example/web"), inA, nil, "spiffe://a.example/web"},
		{"pins only", testpki.Must(verify.Union(pin, pinned(server(ours)[0])["key"])), server(other), host, verify.PinMismatch, ""},
		{"a leaf beside a pin of another", testpki.Must(verify.Union(pin, file)), server(other), host, verify.UnknownRoot, ""},
		{"a union of unions", testpki.Must(verify.Union(testpki.Must(verify.Union(file, a)), testpki.Must(verify.Union(b, a)))), workload(third, "spiffe://b.example/web"), inB, nil, "spiffe://b.example/web"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			opts := verify.Options{Roots: test.roots, Name: test.who, Now: now}
			proof, err := verify.Verify(test.chain, opts)
			if !errors.Is(err, test.want) {
				t.Fatalf("have %v, want %v", err, test.want)
			}
			if err == nil && proof.ID().String() != test.id {
				t.Errorf("have the ID %q, want %q", proof.ID(), test.id)
			}
		})
	}
}

func TestUnionTexts(t *testing.T) {
	ours := testpki.Must(testpki.New(now))
	anchor := ours.Roots()
	named := func(names ...string) (sets []verify.Roots) {
		for _, name := range names {
			sets = append(sets, testpki.Must(verify.NewRoots(name, append(anchor, ours.Intermediate.Leaf())...)))
		}
		return sets
	}
	a, b := rootsOf("a.example", anchor...), rootsOf("b.example", anchor...)
	tests := []struct {
		sets    []verify.Roots
		text    string
		domain  string
		onlyIDs bool
	}{
		{named("own.pem"), "own.pem", "", false},
		{named("own.pem", "own.pem"), "own.pem", "", false},
		{named("own.pem", "other.pem"), "own.pem and other.pem", "", false},
		{named("1", "2", "3"), "1, 2 and 3", "", false},
		{named("1", "2", "3", "4"), "1, 2, 3 and 4", "", false},
		{named("1", "2", "3", "4", "5", "6"), "1, 2, 3, 4 and others", "", false},
		{[]verify.Roots{a}, "Demo Root (a.example)", "a.example", true},
		{[]verify.Roots{a, a}, "Demo Root (a.example)", "a.example", true},
		{[]verify.Roots{a, b}, "a.example and b.example", "", true},
		{append(named("own.pem"), b, a), "own.pem, b.example and a.example", "", false},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			have := testpki.Must(verify.Union(test.sets...))
			if have.String() != test.text || have.TrustDomain().String() != test.domain || have.OnlyIDs() != test.onlyIDs {
				t.Errorf("have %q of %q, only IDs %v; want %q of %q, %v", have, have.TrustDomain(), have.OnlyIDs(), test.text, test.domain, test.onlyIDs)
			}
		})
	}
	for _, sets := range [][]verify.Roots{nil, {{}}, {a, {}}} {
		_, err := verify.Union(sets...)
		wantFault(t, err, verify.RootsMissing, "trusts nobody")
	}
	if (verify.Roots{}).OnlyIDs() {
		t.Error("the zero value vouches for IDs")
	}
	if has := testpki.Must(verify.Union(a)); has != a {
		t.Error("the union of one set is another set")
	}
}

// TestUnionKeepsDomainsApart: whatever is united with whatever, a peer is believed
// to be who it says only by the anchors of its own trust domain, and what any one
// of the sets believes the union believes.
func TestUnionKeepsDomainsApart(t *testing.T) {
	domains := []string{"", "a.example", "b.example", "c.example"}
	authorities := make([]*testpki.PKI, len(domains))
	for i := range authorities {
		authorities[i] = testpki.Must(testpki.New(now))
	}
	shown := map[string][]*pki.Certificate{}
	for i, p := range authorities {
		shown[fmt.Sprint(i, "")] = testpki.Must(p.Server(testpki.Host)).Chain
		for _, name := range domains[1:] {
			shown[fmt.Sprint(i, name)] = testpki.Must(p.Workload("spiffe://" + name + "/web")).Chain
		}
	}
	// A set is an authority's anchor, believed for a domain.
	type set struct {
		authority, domain int
	}
	rootsFor := func(s set) verify.Roots {
		if s.domain == 0 {
			return roots(authorities[s.authority].Roots()...)
		}
		return rootsOf(domains[s.domain], authorities[s.authority].Roots()...)
	}
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.IntRange(0, len(domains)-1)
		sets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) set { return set{index.Draw(t, "authority"), index.Draw(t, "domain")} }), 1, 5).Draw(t, "sets")
		var all []verify.Roots
		for _, s := range sets {
			all = append(all, rootsFor(s))
		}
		cut := rapid.IntRange(0, len(all)-1).Draw(t, "cut")
		united := testpki.Must(verify.Union(append(all[cut:len(all):len(all)], testpki.Must(verify.Union(all[:cut+1]...)))...))

		signer, claimed := index.Draw(t, "signer"), index.Draw(t, "claimed")
		chain := shown[fmt.Sprint(signer, domains[claimed])]
		name := verify.Any("a test")
		asked := claimed
		if rapid.Bool().Draw(t, "exactly") {
			asked = index.Draw(t, "asked")
			name = verify.Host(testpki.Host)
			if asked > 0 {
				name = verify.ID(id("spiffe://" + domains[asked] + "/web"))
			}
		}
		opts := verify.Options{Roots: united, Name: name, Now: now, Purpose: verify.AnyPurpose}
		proof, err := verify.Verify(chain, opts)
		believed := slices.Contains(sets, set{signer, claimed})
		if name.AcceptsAny() && !slices.ContainsFunc(sets, func(s set) bool { return s.domain == claimed }) {
			believed = slices.Contains(sets, set{signer, 0}) // as somebody without an ID
			if err == nil && !proof.ID().IsZero() {
				t.Fatalf("%v prove the ID %s", sets, proof.ID())
			}
		}
		if want := believed && asked == claimed; (err == nil) != want {
			t.Fatalf("%v of %s by authority %d, asked for %s: have %v, want trust %v", sets, domains[claimed], signer, name, err, want)
		}
		if err == nil && !proof.ID().IsZero() && !slices.Contains(sets, set{signer, claimed}) {
			t.Fatalf("%v prove the ID %s by authority %d", sets, proof.ID(), signer)
		}
	})
}

// TestUnionOrder: the order and repetition of sets changes no verdict.
func TestUnionOrder(t *testing.T) {
	ours, other := testpki.Must(testpki.New(now)), testpki.Must(testpki.New(now))
	sets := []verify.Roots{roots(ours.Roots()...), roots(other.Roots()...), rootsOf("a.example", ours.Roots()...), pinned(other.Root.Leaf())["key"]}
	chain := testpki.Must(other.Server(testpki.Host)).Chain
	for range 20 {
		rand.Shuffle(len(sets), func(i, j int) { sets[i], sets[j] = sets[j], sets[i] })
		united := testpki.Must(verify.Union(append(sets, sets[rand.IntN(len(sets))])...))
		if _, err := verify.Verify(chain, verify.Options{Roots: united, Name: verify.Host(testpki.Host), Now: now}); err != nil {
			t.Error(err)
		}
	}
}
