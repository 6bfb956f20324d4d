package verify_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/verify"
)

// graph is what a hostile peer may send: several roots, some of them trusted,
// authorities that signed each other in any direction, and a leaf.
type graph struct {
	chain   []*pki.Certificate
	anchors []*pki.Certificate
	opts    verify.Options
}

// randomGraph makes one of a few hundred shapes; each certificate is spoilt with
// some luck.
func randomGraph(random *rand.Rand) graph {
	pick := func(of int) int { return random.IntN(of) }
	var g graph
	var authorities []*pki.Credential
	for i := range 1 + pick(3) {
		root := forge(spoil(random, authority("Root "+string(rune('A'+pick(2)))), 30), nil)
		if root.Leaf().IsAuthority() && (i == 0 || pick(2) == 0) {
			g.anchors = append(g.anchors, root.Leaf())
		}
		authorities = append(authorities, root)
	}
	var sent []*pki.Certificate
	for i := range pick(6) {
		signer := authorities[pick(len(authorities))]
		made := forge(spoil(random, authority("CA "+string(rune('A'+i-pick(2)%(i+1)))), 8), signer)
		sent, authorities = append(sent, made.Leaf()), append(authorities, made)
	}
	for range pick(5) { // cross-signatures, in any direction
		below, above := authorities[pick(len(authorities))], authorities[pick(len(authorities))]
		if below.Leaf().IsAuthority() {
			sent = append(sent, resigned(below, above))
		}
	}
	leaf := forge(spoil(random, leaf(), 4), authorities[len(authorities)-1-pick(min(3, len(authorities)))]).Leaf()
	random.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
	g.chain = append([]*pki.Certificate{leaf}, sent[:len(sent)-pick(len(sent)+1)/3]...)
	if len(g.anchors) == 0 {
		g.anchors = forge(authority("Root A"), nil).Chain
	}
	g.opts = verify.Options{Roots: roots(g.anchors...), Name: verify.Any("the graph is what is looked at"), Now: now, Profile: verify.Path}
	return g
}

// unlikeX509 are the differences from crypto/x509 that are known: chains that we
// accept and it does not, each with the section that wants it so, and a graph that
// shows it.
var unlikeX509 = []struct {
	reason  string
	applies func(path []*pki.Certificate, theirs error) bool
	graph   func() graph
}{
	{"RFC 5280, section 4.2.1.9: self-issued intermediates do not count for the length of a path; crypto/x509 counts them",
		func(path []*pki.Certificate, theirs error) bool {
			return hasReason(theirs, x509.TooManyIntermediates) && slices.ContainsFunc(path[1:len(path)-1], (*pki.Certificate).SelfIssued)
		},
		func() graph {
			return throughItself(func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true }, func(*x509.Certificate) {})
		}},
	{"RFC 5280, section 6.1.3 (b) and (c): the names of self-issued intermediates are free; crypto/x509 holds them against constraints",
		func(path []*pki.Certificate, theirs error) bool {
			return hasReason(theirs, x509.CANotAuthorizedForThisName) && slices.ContainsFunc(path[1:len(path)-1], (*pki.Certificate).SelfIssued)
		},
		func() graph {
			return throughItself(func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"other.example"} }, func(c *x509.Certificate) { c.DNSNames = []string{"other.example"} })
		}},
	{"RFC 4158, section 2.4.1: that a signature was checked is remembered, so that a maze costs little; crypto/x509 gives up after 100 checks",
		func(_ []*pki.Certificate, theirs error) bool {
			return strings.Contains(theirs.Error(), "signature check attempts limit")
		},
		maze},
}

func hasReason(refusal error, reason x509.InvalidReason) bool {
	var invalid x509.CertificateInvalidError
	return errors.As(refusal, &invalid) && invalid.Reason == reason
}

// throughItself is a graph in which an authority has signed another of its name:
// both can be changed.
func throughItself(above, below func(*x509.Certificate)) graph {
	root := forge(authority("Root A"), nil)
	first := forge(with(authority("CA A"), above), root)
	return graphOf(forge(with(authority("CA A"), below), first), root)
}

// maze is a graph with one way to the root, behind authorities that have signed each
// other and whom nobody else has.
func maze() graph {
	root := forge(authority("Root A"), nil)
	issuer := forge(authority("CA A"), root)
	var lost []*pki.Credential
	for i := range 4 {
		lost = append(lost, forge(authority(fmt.Sprint("Lost ", i)), nil))
	}
	g := graphOf(issuer, root)
	for i, above := range lost {
		for _, below := range []*pki.Credential{issuer, lost[(i+1)%4], lost[(i+2)%4], lost[(i+3)%4]} {
			g.chain = slices.Insert(g.chain, 1, resigned(below, above))
		}
	}
	return g
}

// graphOf is a leaf below an authority, and what leads from there to the root.
func graphOf(issuer, root *pki.Credential) graph {
	opts := verify.Options{Roots: roots(root.Leaf()), Name: verify.Any("the graph is what is looked at"), Now: now, Profile: verify.Path}
	return graph{forge(leaf(), issuer).Chain, []*pki.Certificate{root.Leaf()}, opts}
}

// TestUnlikeX509: each difference that is known is one still, and by no other
// reason.
func TestUnlikeX509(t *testing.T) {
	for i, difference := range unlikeX509 {
		g := difference.graph()
		proof, err := verify.Verify(g.chain, g.opts)
		if err != nil {
			t.Errorf("%s: we refuse its graph: %v", difference.reason, err)
			continue
		}
		theirs := x509Verdict(g.chain, g.opts, g.anchors)
		for j, other := range unlikeX509 {
			if applies := theirs != nil && other.applies(proof.Path(), theirs); applies != (i == j) {
				t.Errorf("%s: applies to the graph of %q: %v; crypto/x509 says %v", other.reason, difference.reason, applies, theirs)
			}
		}
	}
}

// wantAsX509 holds our verdict on a graph against crypto/x509's.
func wantAsX509(t *testing.T, g graph) (trusted bool) {
	t.Helper()
	proof, err := verify.Verify(g.chain, g.opts)
	theirs := x509Verdict(g.chain, g.opts, g.anchors)
	known := false
	for _, difference := range unlikeX509 {
		known = known || err == nil && theirs != nil && difference.applies(proof.Path(), theirs)
	}
	if (err == nil) != (theirs == nil) && !known {
		t.Errorf("we say %v, crypto/x509 says %v\n%s\nanchors:\n%s", err, theirs, pemOf(g.chain), pemOf(g.anchors))
	}
	return err == nil
}

// wantUnmoved holds that the verdict does not depend on the order of what was
// sent beyond the leaf, and that certificates of strangers never turn a yes into
// a no.
func wantUnmoved(t *testing.T, g graph, trusted bool, random *rand.Rand, strangers []*pki.Certificate) {
	t.Helper()
	again := slices.Clone(g.chain)
	random.Shuffle(len(again)-1, func(i, j int) { again[i+1], again[j+1] = again[j+1], again[i+1] })
	if _, err := verify.Verify(again, g.opts); (err == nil) != trusted {
		t.Errorf("trusted %v, and in another order: %v\n%s", trusted, err, pemOf(again))
	}
	more := slices.Insert(again, 1+random.IntN(len(again)), strangers...)
	if _, err := verify.Verify(more, g.opts); (err == nil) != trusted {
		t.Errorf("trusted %v, and with strangers: %v\n%s", trusted, err, pemOf(more))
	}
}

// strangers are certificates of authorities that have signed nothing of a graph,
// two of them under the names of some that have.
func strangers() []*pki.Certificate {
	unknown := forge(authority("Stranger"), nil)
	below := forge(authority("Below Stranger"), unknown)
	return []*pki.Certificate{unknown.Leaf(), below.Leaf(), forge(authority("CA A"), unknown).Leaf(), forge(authority("Root A"), nil).Leaf(), forge(leaf(), below).Leaf()}
}

// TestGraphs: over random graphs of certificates we accept what crypto/x509
// does, neither more nor less, in any order and among strangers.
func TestGraphs(t *testing.T) {
	t.Parallel()
	const seed = 2026 // FuzzGraph looks at others
	random, others := rand.New(rand.NewPCG(seed, 0)), strangers()
	verdicts := map[bool]int{}
	count := 2000
	if testing.Short() {
		count = 500
	}
	for range count {
		g := randomGraph(random)
		trusted := wantAsX509(t, g)
		verdicts[trusted]++
		wantUnmoved(t, g, trusted, random, others)
	}
	if !t.Failed() && (verdicts[true] < count/10 || verdicts[false] < count/10) {
		t.Errorf("the graphs are not random enough: %v", verdicts)
	}
	t.Logf("%v", verdicts)
}

// choices makes random numbers of a fuzzer's bytes, one byte each, so that what
// it changes is one choice; then those of a generator, always the same.
type choices struct {
	data []byte
	rest rand.PCG
}

func (c *choices) Uint64() uint64 {
	if len(c.data) == 0 {
		return c.rest.Uint64()
	}
	next := c.data[0]
	c.data = c.data[1:]
	return uint64(next) << 56
}

// FuzzGraph searches for graphs on which crypto/x509 and we disagree.
func FuzzGraph(f *testing.F) {
	for seed := range 20 {
		random := rand.NewChaCha8([32]byte{byte(seed)})
		data := make([]byte, 60)
		random.Read(data)
		f.Add(data)
	}
	others := strangers()
	f.Fuzz(func(t *testing.T, data []byte) {
		random := rand.New(&choices{data: data})
		g := randomGraph(random)
		wantUnmoved(t, g, wantAsX509(t, g), rand.New(rand.NewPCG(uint64(len(data)), 0)), others)
	})
}
