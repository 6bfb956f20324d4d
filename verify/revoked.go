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
	if leaf := path[0]; leaf.pinned() && s.opts.Revocation != nil {
		text := fmt.Sprintf("%s is pinned, so that nobody's word on its revocation counts", leaf.title())
		return []finding{{code: RevocationUnknown, section: rfc + "6.3.3", text: text, have: "pinned", want: "good", cert: leaf.cert}}
	}
	var found []finding
	for depth := len(path) - 2; depth >= 0; depth-- {
		cert := path[depth]
		asked := s.opts.Revocation != nil && (depth == 0 || s.opts.Revocation.Scope == WholeChain)
		if !asked && (depth > 0 || !s.hasStaple(cert)) {
			continue
		}
		answer, stapled := s.askAbout(path, depth, asked)
		if s.answers == nil {
			s.answers = map[*node]revocation.Answer{}
		}
		s.answers[cert] = answer
		switch {
		case answer.Status == revocation.Revoked:
			text := fmt.Sprintf("%s was revoked on %s (%s), by %s", cert.title(), day(answer.Since), answer.Reason, answer.Source)
			found = append(found, finding{code: CertRevoked, section: rfc + "6.3.3", depth: depth, text: text, have: "revoked", want: "good", cert: cert.cert})
		case depth == 0 && s.demandsStaple(cert) && stapled.Status != revocation.Good:
			found = append(found, stapleFault(cert, stapled))
		case asked && answer.Status == revocation.Unknown:
			text := fmt.Sprintf("nothing that counts says whether %s is revoked", cert.title())
			if len(answer.Missing) > 0 {
				text += ": " + strings.Join(answer.Missing[:min(2, len(answer.Missing))], "; ")
			}
			found = append(found, finding{code: cmp.Or(answer.Code, RevocationUnknown), section: rfc + "6.3.3", depth: depth, text: text, have: "unknown", want: "good", cert: cert.cert})
		}
	}
	return found
}

// askAbout returns what is known of a path's certificate: by the staple if it is
// the leaf, and by the evidence if the caller asked for it. Where both say
// something, a revocation counts, then the evidence.
func (s *search) askAbout(path []*node, depth int, asked bool) (answer, stapled revocation.Answer) {
	q := revocation.Question{Cert: path[depth].cert, Issuer: path[depth+1].cert, IssuerKey: path[depth+1].key, Now: s.opts.Now,
		Signers: s.signers(), Accepts: s.opts.accepts, Trust: func(signer *pki.Certificate) bool { return s.trustsSigner(signer, path[len(path)-1]) }}
	if depth == 0 && s.staple != nil {
		stapled = s.staple.ask(q)
	}
	answer = stapled
	if asked && stapled.Status != revocation.Revoked {
		other := s.opts.Revocation.Evidence.Ask(q)
		other.Missing = append(slices.Clip(stapled.Missing), other.Missing...)
		if other.Status != revocation.Unknown || stapled.Status == revocation.Unknown {
			answer = other
		}
	}
	return answer, stapled
}

// signers are the certificates that may be those of who signed evidence.
func (s *search) signers() []*pki.Certificate {
	return slices.Concat(s.chain[1:], s.opts.Roots.set.anchors)
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
	inner.staple = nil
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
	answer := s.answers[leaf]
	switch {
	case answer.Status == revocation.Good:
	case len(answer.Missing) > 0:
		return Check{Name: "revoked", Text: "the staple does not count: " + answer.Missing[0], Verdict: NotChecked}
	default:
		return Check{Name: "revoked", Text: "no staple, none asked for", Verdict: NotChecked}
	}
	return Check{Name: "revoked", Text: "not revoked, by " + answer.Source + origin(answer) + passedOver(answer), Verdict: OK}
}

// passedOver says that other evidence was there and did not count, or could not be
// had.
func passedOver(answer revocation.Answer) string {
	switch more := len(answer.Missing) - 1; {
	case more < 0:
		return ""
	case more == 0:
		return "; " + answer.Missing[0]
	default:
		return fmt.Sprintf("; %s; and %d more", answer.Missing[0], more)
	}
}

// origin says from when evidence is, until when it counts, and who signed it.
func origin(answer revocation.Answer) string {
	var parts []string
	if !answer.ThisUpdate.IsZero() {
		parts = append(parts, "of "+day(answer.ThisUpdate))
	}
	if !answer.NextUpdate.IsZero() {
		parts = append(parts, "good until "+day(answer.NextUpdate))
	}
	if answer.Signer != nil {
		parts = append(parts, "signed by "+answer.Signer.Title())
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// earlier is the first of two times; zero is none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
