package verify

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"iter"
	mathbits "math/bits"
	"slices"
	"time"

	"github.com/signet-tls/signet/dangerous"
	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// Bounds of one verification. What costs processor time has a price, about a
// microsecond of it each on a machine of 2020, so that no chain costs more than the
// budget.
const (
	maxPath     = 12     // certificates of a path, leaf and anchor among them
	maxSteps    = 1000   // certificates that are put on a path while one is looked for
	maxPrice    = 12_000 // signatures; 120 by P-256
	maxNames    = 50_000 // comparisons of a name with a constraint; of long ones fewer
	maxPolicies = 20_000 // policies of paths, each once for each level below it
)

// search looks for paths from a leaf to an anchor.
type search struct {
	opts      *Options
	chain     []*pki.Certificate // as it was sent
	leaf      *node
	others    []*node                     // what was sent besides the leaf
	lineages  []lineage                   // of what was sent, as far as they were looked for
	memory    *Verifier                   // of signatures that were checked before
	staple    *staple                     // nil: there was no handshake
	answers   map[*node]revocation.Answer // of those that were asked about
	asking    []*pki.Certificate          // signers of revocation lists that are being looked at
	forms     map[string]directoryForms   // directory names, as they are compared
	steps     int
	price     int
	compared  int
	limits    map[*pki.NameConstraints]limits // in the form in which names are held against them
	names     map[*node][]compared            // in the same form
	held      map[holding]refused             // what was held against them
	policies  int
	exhausted string    // which bound was passed, "" if none
	until     time.Time // when the first certificate ends that signed evidence; zero: there is none
	place     visit     // of the certificate that faults looks at
}

// lineage is what is known of a certificate's issuers. There are as many as
// certificates were sent, most often two, so they stand in no map.
type lineage struct {
	of      *node
	found   bool
	issuers []*node
	checked []signer
}

// signer is who may have made a signature, and whether that is so.
type signer struct {
	*node
	made bool
}

// lineage returns that of a certificate, until another one's is asked for.
func (s *search) lineage(of *node) *lineage {
	i := slices.IndexFunc(s.lineages, func(l lineage) bool { return l.of == of })
	if i < 0 {
		i, s.lineages = len(s.lineages), append(s.lineages, lineage{of: of})
	}
	return &s.lineages[i]
}

// sent returns what was sent besides the leaf under a name.
func (s *search) sent(subject string) iter.Seq[*node] {
	return func(yield func(*node) bool) {
		for _, m := range s.others {
			if m.subject == subject && !yield(m) {
				return
			}
		}
	}
}

func newSearch(chain []*pki.Certificate, opts *Options, memory *Verifier) *search {
	s := &search{opts: opts, memory: memory, chain: chain, leaf: newNode(chain[0], false), staple: newStaple(opts.Handshake)}
	s.others, s.lineages = make([]*node, 0, len(chain)-1), make([]lineage, 0, len(chain))
	for i, cert := range chain[1:] {
		if slices.ContainsFunc(chain[:i+1], cert.Equal) {
			continue
		}
		if !s.pay(reading(cert.PublicKey())) {
			break
		}
		s.others = append(s.others, newNode(cert, false))
	}
	if slices.Contains(opts.Legacy, dangerous.DSA()) {
		s.inherit()
	}
	return s
}

// inherit gives keys of DSA without parameters those of their likeliest issuers,
// and these theirs before.
func (s *search) inherit() {
	for range s.others { // as many generations as there may be
		for _, m := range s.others {
			if !m.key.InheritsParameters() {
				continue
			}
			issuers := s.issuers(m)
			if i := slices.IndexFunc(issuers, hasParameters); i >= 0 {
				m.key = m.key.WithParametersOf(issuers[i].key)
			}
		}
	}
}

func hasParameters(m *node) bool { return m.key.Kind() == "DSA" && !m.key.InheritsParameters() }

// attempt is a path that was tried, and what is wrong with it.
type attempt struct {
	path     []*node
	faults   []finding
	anchored bool // it ends in an anchor
}

// find returns the first path that keeps every rule, or nil. It leaves a
// certificate as soon as it breaks one.
func (s *search) find() []*node {
	var found []*node
	for _, leaf := range s.starts() {
		if len(s.faults(nil, leaf, 1)) > 0 {
			continue
		}
		ended := s.extend([]*node{leaf}, 1, nil, func(a attempt) bool {
			if a.anchored && len(a.faults) == 0 {
				found = slices.Clone(a.path)
			}
			return found != nil
		})
		if ended {
			break
		}
	}
	return found
}

// enough is how many paths are told of a chain.
const enough = 32

// isNamed reports whether the leaf has the name that the caller wants.
func (s *search) isNamed() bool {
	_, named := s.opts.Name.match(s.leaf, s.opts)
	return named
}

// attempts returns the paths that were tried, with all that is wrong with them,
// up to the first one that keeps every rule. Some are enough to choose from.
func (s *search) attempts() []attempt {
	s.steps = 0
	var all []attempt
	for _, leaf := range s.starts() {
		ended := s.extend([]*node{leaf}, maxFaults, s.faults(nil, leaf, maxFaults), func(a attempt) bool {
			a.path = slices.Clone(a.path)
			all = append(all, a)
			return len(all) == enough || a.anchored && len(a.faults) == 0
		})
		if ended {
			break
		}
	}
	return all
}

// lightest returns the attempt that explains most among those that lead to an
// anchor, or nil if none does.
func lightest(all []attempt) *attempt {
	var best *attempt
	for i := range all {
		if a := &all[i]; a.anchored && (best == nil || lighter(a.faults, best.faults)) {
			best = a
		}
	}
	return best
}

// maxFaults is how many faults of one path are told.
const maxFaults = 64

// lighter reports whether a path with the faults a explains more than one with
// the faults b: by fewer faults, then by the rank of the worst.
func lighter(a, b []finding) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return cmp.Compare(worst(a), worst(b)) > 0
}

func worst(faults []finding) int {
	place := len(rank)
	for _, f := range faults {
		place = min(place, rankOf(f.code))
	}
	return place
}

// extend puts each issuer of the path's last certificate on it, and goes on from
// there; each path that ends, in an anchor or nowhere, is shown to done, with its
// faults, until that says true. Paths with most faults or more are left.
func (s *search) extend(path []*node, most int, faults []finding, done func(attempt) bool) bool {
	last := path[len(path)-1]
	if last.source != nil {
		return done(attempt{path, slices.Concat(faults, s.policyFaults(path), s.revocationFaults(path)), true})
	}
	extended := false
	for _, issuer := range s.issuers(last) {
		if len(path) == maxPath || s.exhausted != "" {
			break
		}
		if s.steps++; s.steps > maxSteps {
			s.exhausted = "paths"
			return true
		}
		if repeats(path, issuer) {
			continue
		}
		more := s.faults(path, issuer, most)
		if len(faults)+len(more) >= most || !s.hasSigned(issuer, last) {
			continue
		}
		extended = true
		if s.extend(append(slices.Clip(path), issuer), most, append(slices.Clip(faults), more...), done) {
			return true
		}
	}
	return s.exhausted != "" || !extended && done(attempt{path, faults, false})
}

// policyFaults is what only a whole path can break.
func (s *search) policyFaults(path []*node) []finding {
	work := policyWork(path, s.opts)
	if work == 0 {
		return nil
	}
	if s.policies += work; s.policies > maxPolicies {
		s.exhausted = "policies"
		return []finding{{code: BudgetExceeded, cert: path[0].cert, text: "the chain has more certificate policies than are processed"}}
	}
	depth, text := checkPolicies(path, s.opts)
	if text == "" {
		return nil
	}
	want := "any that is good for the whole path"
	if len(s.opts.Policies) > 0 {
		want = listed(oidNames(s.opts.Policies))
	}
	return []finding{{code: PolicyMissing, section: rfc + "6.1.5 (g)", depth: depth, text: text, have: policyList(path[depth]), want: want, cert: path[depth].cert}}
}

// issuers returns who may have signed a certificate by its name, the likely ones
// first: anchors, then those with the key identifier that it names (RFC 4158,
// section 3.5).
func (s *search) issuers(cert *node) []*node {
	lineage := s.lineage(cert)
	if lineage.found {
		return lineage.issuers
	}
	anchors := s.opts.Roots.set.issuersOf(cert)
	all := append(make([]*node, 0, len(anchors)+len(s.others)), anchors...)
	for other := range s.sent(cert.issuer) {
		if !slices.ContainsFunc(all, func(a *node) bool { return a.cert.Equal(other.cert) }) {
			all = append(all, other)
		}
	}
	slices.SortStableFunc(all, func(a, b *node) int {
		if a.anchor != b.anchor {
			return order(a.anchor)
		}
		return cmp.Compare(keyDistance(a, cert), keyDistance(b, cert))
	})
	lineage.found, lineage.issuers = true, all
	return all
}

// anchorsFor returns those of a certificate's issuers that are anchors.
func (s *search) anchorsFor(m *node) []*node {
	all := s.issuers(m)
	if i := slices.IndexFunc(all, func(issuer *node) bool { return !issuer.anchor }); i >= 0 {
		return all[:i]
	}
	return all
}

func order(first bool) int {
	if first {
		return -1
	}
	return 1
}

// What the key identifiers of an issuer and of a certificate can say, the best
// first.
const (
	agrees = iota
	untold
	differs
)

// keyDistance is how well the key identifiers agree (RFC 5280, sections 4.2.1.1
// and 4.2.1.2).
func keyDistance(issuer, cert *node) int {
	switch {
	case len(issuer.keyID) == 0 || cert.issuerKeyID == nil || len(cert.issuerKeyID.KeyID) == 0:
		return untold
	case bytes.Equal(issuer.keyID, cert.issuerKeyID.KeyID):
		return agrees
	}
	return differs
}

// repeats reports whether the issuer stands on the path already: the same name
// with the same key adds nothing (RFC 4158, section 2.4.2).
func repeats(path []*node, issuer *node) bool {
	return slices.ContainsFunc(path[1:], func(m *node) bool {
		return m == issuer || m.subject == issuer.subject && bytes.Equal(m.key.Raw(), issuer.key.Raw())
	}) || path[0].cert.Equal(issuer.cert)
}

// hasSigned reports whether the issuer's key made the signature, whatever the
// algorithm is worth.
func (s *search) hasSigned(issuer, cert *node) bool {
	lineage := s.lineage(cert)
	if i := slices.IndexFunc(lineage.checked, func(by signer) bool { return by.node == issuer }); i >= 0 {
		return lineage.checked[i].made
	}
	made := s.memory.knows(issuer, cert)
	if !made {
		if !s.pay(price(issuer.key)) {
			return false
		}
		made = signedBy(cert.cert, issuer.key)
	}
	lineage.checked = append(lineage.checked, signer{issuer, made})
	return made
}

// pay reports whether the budget suffices for a key or a signature.
func (s *search) pay(price int) bool {
	if s.price += price; s.price > maxPrice {
		s.exhausted = "signatures"
	}
	return s.exhausted == ""
}

// reading is what it costs to read a key: much if it is a point that was compressed,
// of which a square root is to be found (SEC 1, section 2.3.4).
func reading(public *pki.PublicKey) int {
	bits := public.Bits()
	if len(bits) == 0 || bits[0] != 2 && bits[0] != 3 {
		return 0
	}
	return map[int]int{1 + 28: 500, 1 + 32: 30, 1 + 48: 300, 1 + 66: 600}[len(bits)]
}

// price is what checking one signature costs, in about microseconds, as measured
// with Go's cryptography, which has a fast way for P-256 and some sizes of RSA alone.
func price(public *pki.PublicKey) int {
	key, err := public.Key()
	if err != nil {
		return 1
	}
	switch key := key.(type) {
	case *rsa.PublicKey: // squares and products modulo N, those ahead of the first among them
		bits, e := min(key.N.BitLen(), 16_384), uint(key.E) // nothing is computed with a larger one
		return bits * bits / 1_000_000 * (10 + mathbits.Len(e) + mathbits.OnesCount(e))
	case *ecdsa.PublicKey:
		return map[int]int{224: 350, 256: 100, 384: 1000, 521: 3000}[key.Curve.Params().BitSize]
	}
	return 100
}
