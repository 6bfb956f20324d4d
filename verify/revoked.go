package verify

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/pki"
	"github.com/signet-tls/signet/revocation"
)

// Scope says whose revocation is looked at.
type Scope int

// The scopes.
const (
	WholeChain Scope = iota // the leaf and every authority below the anchor
	LeafAlone
)

// Revocation is what the caller wants to know about revocation: of each
// certificate in its scope the evidence must say that it is good.
type Revocation struct {
	Evidence *revocation.Evidence
	Scope    Scope
}

// revocationFaults says which certificates of a path are revoked, or are not
// known to be good (RFC 5280, section 6.3).
func (s *search) revocationFaults(path []*node) []finding {
	asked := s.opts.Revocation
	if asked == nil {
		return nil
	}
	last := len(path) - 1
	if asked.Scope == LeafAlone {
		last = min(last, 1)
	}
	var found []finding
	for depth := last - 1; depth >= 0; depth-- {
		cert, issuer := path[depth], path[depth+1]
		answer := asked.Evidence.Ask(revocation.Question{Cert: cert.cert, Issuer: issuer.cert, IssuerKey: issuer.key, Now: s.opts.Now,
			Signers: s.signers(), Accepts: s.opts.accepts, Trust: func(signer *pki.Certificate) bool { return s.trustsSigner(signer, path[len(path)-1]) }})
		s.answers[cert] = answer
		switch answer.Status {
		case revocation.Revoked:
			text := fmt.Sprintf("%s was revoked on %s (%s), by %s", cert.title(), day(answer.Since), answer.Reason, answer.Source)
			found = append(found, finding{code: CertRevoked, section: rfc + "6.3.3", depth: depth, text: text, have: "revoked", want: "good", cert: cert.cert})
		case revocation.Unknown:
			text := fmt.Sprintf("nothing that counts says whether %s is revoked", cert.title())
			if len(answer.Missing) > 0 {
				text += ": " + strings.Join(answer.Missing[:min(2, len(answer.Missing))], "; ")
			}
			found = append(found, finding{code: cmp.Or(answer.Code, RevocationUnknown), section: rfc + "6.3.3", depth: depth, text: text, have: "unknown", want: "good", cert: cert.cert})
		}
	}
	return found
}

// signers are the certificates that may be those of who signed evidence.
func (s *search) signers() []*pki.Certificate {
	var all []*pki.Certificate
	for _, sent := range s.others {
		all = append(all, certificates(sent)...)
	}
	return append(all, s.opts.Roots.set.anchors...)
}

// maxNested is how deep signers of lists about signers of lists are looked at.
const maxNested = 3

// trustsSigner reports whether a signer of revocation lists leads to the anchor
// of the path whose certificates the lists are about (RFC 5280, section 6.3.3
// (f)).
func (s *search) trustsSigner(signer *pki.Certificate, anchor *node) bool {
	if anchor.cert.Equal(signer) || slices.ContainsFunc(s.asking, signer.Equal) {
		return true // where a list is about its own signer, what it says of it counts
	}
	if len(s.asking) == maxNested {
		return false
	}
	opts := *s.opts
	opts.Purpose, opts.Profile, opts.MaxIntermediates = AnyPurpose, Path, nil
	opts.Policies, opts.RequirePolicy = nil, false
	inner := *s
	inner.opts, inner.leaf, inner.asking = &opts, newNode(signer, false), append(slices.Clip(s.asking), signer)
	path := inner.find()
	s.price, s.exhausted, s.until = inner.price, inner.exhausted, inner.until
	if path == nil || !path[len(path)-1].cert.Equal(anchor.cert) {
		return false
	}
	for _, m := range path {
		s.until = earlier(s.until, m.cert.NotAfter())
	}
	return true
}

// unrevoked is the row of a path that nothing is said against.
func (s *search) unrevoked(leaf *node) Check {
	answer, asked := s.answers[leaf]
	if !asked {
		return Check{Name: "revoked", Text: "no staple, none asked for", Verdict: NotChecked}
	}
	text := "not revoked, by " + answer.Source
	if !answer.NextUpdate.IsZero() {
		text += fmt.Sprintf(" (good until %s)", day(answer.NextUpdate))
	}
	return Check{Name: "revoked", Text: text, Verdict: OK}
}

// earlier is the first of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
