package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// Bounds of a verifier's memory: of each kind at least so many, at most twice as
// many are kept.
const (
	maxSignatures = 4096
	maxChains     = 1024
)

// Verifier verifies, and remembers what it has proved: signatures, and whole
// chains until the first thing that they rest on ends. What it refused it does
// not remember. The zero value is ready; share one wherever the same peers come
// again. It is safe for concurrent use and must not be copied.
type Verifier struct {
	signatures memory[signature, struct{}]
	strangers  memory[[sha256.Size]byte, struct{}] // chains that were verified once, by who may never come again
	chains     memory[question, *answer]
	adopted    memory[[sha256.Size]byte, []*pki.Certificate] // the chains of answers, by the leaf's fingerprint
}

// question is all that an answer depends on, but for the time.
type question struct {
	chain    [sha256.Size]byte // of the certificates' fingerprints in their order
	roots    *rootSet
	name     Name
	purpose  Purpose
	profile  Profile
	revoked  bool                 // revocation is asked for
	evidence *revocation.Evidence // it is known by this alone; lists and responses never change
	scope    Scope
	staple   [sha256.Size]byte // of a handshake; zero: there was none
	rest     string            // limits, policies and permissions, where there are any
}

// answer is a path that keeps every rule, when, and what was asked. It never changes:
// all proofs of the same share it.
type answer struct {
	path        []*pki.Certificate // leaf to anchor
	from, until time.Time
	chain       []*pki.Certificate // as the peer sent it
	opts        *Options
}

// Verify decides whether the chain, leaf first as the peer sent it, proves that
// the peer is who it must be. Every check runs, whatever the others found. A
// refusal is an error that ReportOf explains; any other error says that the
// question itself is wrong (no roots, no name).
func (v *Verifier) Verify(chain []*pki.Certificate, opts Options) (*Proof, error) {
	if err := opts.settle(chain); err != nil {
		return nil, err
	}
	if stop, unfit := unfit(chain, &opts); unfit {
		report := &Report{Checks: []Check{stop}}
		report.conclude()
		return nil, report.Err()
	}
	asked := newQuestion(chain, &opts)
	known, ok := v.recall(asked)
	if !ok || opts.Now.Before(known.from) || opts.Now.After(known.until) {
		s := newSearch(chain, &opts, v)
		path := s.find()
		if path == nil || !s.isNamed() {
			return nil, s.report(path).Err()
		}
		known = s.answer(path)
		v.learn(asked, known, path)
	}
	return &Proof{known, opts.Now}, nil
}

// Adopt is pki.AdoptAll, without the work where the same chain came before and is
// remembered.
func (v *Verifier) Adopt(chain []*x509.Certificate) []*pki.Certificate {
	if len(chain) > 0 {
		known, _ := v.adopted.get(sha256.Sum256(chain[0].Raw))
		if slices.EqualFunc(known, chain, func(have *pki.Certificate, x *x509.Certificate) bool { return bytes.Equal(have.Raw(), x.Raw) }) {
			return slices.Clone(known)
		}
	}
	return pki.AdoptAll(chain)
}

func newQuestion(chain []*pki.Certificate, opts *Options) question {
	q := question{roots: opts.Roots.set, name: opts.Name, purpose: opts.Purpose, profile: opts.Profile}
	sums := make([]byte, 0, 4*sha256.Size)
	for _, cert := range chain {
		sum := cert.Fingerprint()
		sums = append(sums, sum[:]...)
	}
	q.chain = sha256.Sum256(sums)
	if opts.Revocation != nil {
		q.revoked, q.evidence, q.scope = true, opts.Revocation.Evidence, opts.Revocation.Scope
	}
	if opts.Handshake != nil {
		q.staple = sha256.Sum256(opts.Handshake.Staple)
	}
	if opts.File != "" {
		q.rest = fmt.Sprintf("%q ", opts.File)
	}
	if opts.MaxIntermediates != nil {
		q.rest += fmt.Sprint("at most ", *opts.MaxIntermediates)
	}
	if len(opts.Legacy)+len(opts.Policies) > 0 || opts.RequirePolicy || opts.InhibitMapping || opts.InhibitAnyPolicy {
		q.rest += fmt.Sprint(opts.Legacy, opts.Policies, opts.RequirePolicy, opts.InhibitMapping, opts.InhibitAnyPolicy)
	}
	return q
}

// answer is what may be remembered of a path: it holds while all its
// certificates and the evidence about them are valid, and of evidence that does
// not say until when it is valid not at all.
func (s *search) answer(path []*node) *answer {
	a := &answer{path: certificates(path), until: s.until, chain: s.chain, opts: s.opts}
	for _, cert := range a.path {
		if cert.NotBefore().After(a.from) {
			a.from = cert.NotBefore()
		}
		a.until = earlier(a.until, cert.NotAfter())
	}
	for _, limit := range path[len(path)-1].source.limits {
		a.until = earlier(a.until, limit.Until)
	}
	for _, about := range s.answers {
		if about.Status == revocation.Unknown {
			continue // a staple that does not count, and that nothing rests on
		}
		a.from = s.opts.Now
		if about.NextUpdate.IsZero() {
			about.NextUpdate = s.opts.Now
		}
		a.until = earlier(a.until, about.NextUpdate)
	}
	return a
}

func (v *Verifier) recall(asked question) (*answer, bool) {
	if v == nil {
		return nil, false
	}
	return v.chains.get(asked)
}

// learn remembers the answer about who comes again, and the signatures of a path
// that keeps every rule: of others anybody could make as many as there is room for.
// Most of an answer are its certificates, so those of strangers are not kept.
func (v *Verifier) learn(asked question, known *answer, path []*node) {
	if v == nil {
		return
	}
	if _, again := v.strangers.get(asked.chain); !again {
		v.strangers.put(asked.chain, struct{}{}, maxChains)
	} else {
		v.chains.put(asked, known, maxChains)
		v.adopted.put(known.chain[0].Fingerprint(), known.chain, maxChains)
	}
	for i, issuer := range path[1:] {
		if issuer.hasOwnParameters() {
			v.signatures.put(signatureOf(issuer, path[i]), struct{}{}, maxSignatures)
		}
	}
}

// knows reports whether the issuer's key is known to have made the signature.
func (v *Verifier) knows(issuer, cert *node) bool {
	if v == nil || !issuer.hasOwnParameters() {
		return false
	}
	_, known := v.signatures.get(signatureOf(issuer, cert))
	return known
}

// signature is the issuer's key and the whole certificate, algorithms and
// signature among it, by their hashes, which both remember.
type signature struct{ key, cert [sha256.Size]byte }

func signatureOf(issuer, cert *node) signature {
	return signature{issuer.key.Pin(), cert.cert.Fingerprint()}
}

// memory is a bounded map that forgets what was not asked for in a long time: it
// has two generations, and a full one takes the place of the one before.
type memory[K comparable, V any] struct {
	mu       sync.Mutex
	now, old map[K]V // guarded by mu
}

func (m *memory[K, V]) get(key K) (value V, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if value, known = m.now[key]; !known {
		if value, known = m.old[key]; known {
			m.now[key] = value // at most as many as the old generation had
		}
	}
	return value, known
}

func (m *memory[K, V]) put(key K, value V, most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now == nil || len(m.now) >= most {
		m.now, m.old = map[K]V{}, m.now
	}
	m.now[key] = value
}
