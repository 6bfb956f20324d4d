package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// dangle says how far the chain leads by names and signatures, where it leads to
// no anchor: along the longest way.
func (s *search) dangle() ([]*node, Check) {
	if s.exhausted == "" {
		path := s.longest()
		if check := s.dangling(path); s.exhausted == "" {
			return path, check
		}
	}
	return []*node{s.leaf}, s.exhaustion()
}

func (s *search) longest() []*node {
	longest := []*node{s.leaf}
	seen := map[*node]bool{}
	for paths := [][]*node{longest}; len(paths) > 0; paths = paths[1:] {
		longest = paths[0]
		last := longest[len(longest)-1]
		for issuer := range s.sent(last.issuer) {
			if !seen[issuer] && !repeats(longest, issuer) && s.hasSigned(issuer, last) {
				seen[issuer] = true
				paths = append(paths, append(slices.Clip(longest), issuer))
			}
		}
	}
	return longest
}

func certificates(path []*node) []*pki.Certificate {
	certs := make([]*pki.Certificate, len(path))
	for i, m := range path {
		certs[i] = m.cert
	}
	return certs
}

// exhaustion says which bound the chain has passed.
func (s *search) exhaustion() Check {
	text := map[string]string{
		"paths":      "the certificates can be put together in more ways than are tried",
		"signatures": "checking the signatures of this chain would cost more than is spent on one",
		"policies":   "the chain has more certificate policies than are processed",
		"names":      "the chain has more names and name constraints than are compared",
	}[s.exhausted]
	return Check{Name: "chain", Text: text, Verdict: Stop, Code: BudgetExceeded, message: text,
		next: []string{fmt.Sprintf("do not trust this %s; if it is yours: ", s.opts.Purpose) + s.opts.edit("leave its own chain alone in")}}
}

// dangling says why the path ended where its last certificate's issuer is
// neither sent nor an anchor.
func (s *search) dangling(nodes []*node) Check {
	opts, path, end := *s.opts, certificates(nodes), nodes[len(nodes)-1]
	last, peer := end.cert, opts.Purpose.String()
	issuer := last.IssuerTitle()
	check := Check{Name: "chain", Verdict: Stop, Depth: len(path) - 1}
	switch {
	case opts.Roots.set.onlyPins():
		check.Code, check.Depth = PinMismatch, 0
		check.Text = fmt.Sprintf("%s is not %s; its key is %s", path[0].Title(), opts.Roots.place(), path[0].PublicKey().PinText())
		check.message = fmt.Sprintf("%s shows another certificate than %s", opts.shower(), opts.Roots.place())
		check.next = []string{fmt.Sprintf("do not trust this %s, unless its operator says that its certificate was replaced: then pin the new one", peer),
			"to believe an authority and all that it signs, give its certificate as --roots instead of pinning it"}
	case len(path) == 1 && end.selfIssued() && s.hasSigned(end, end):
		check.Code = SelfSigned
		check.Text = last.Title() + " signed itself"
		check.message = fmt.Sprintf("%s vouches for itself: its certificate is self-signed", opts.shower())
		check.next = []string{"have the certificate signed by an authority that both ends trust"}
	case !last.AlgorithmsAgree():
		check.Code = SignatureAlgorithmMismatch
		check.Text = fmt.Sprintf("%s names two different algorithms of its signature", last.Title())
		check.message = check.Text
		check.next = []string{fmt.Sprintf("have %s issue %s again, with one signatureAlgorithm", issuer, last.Title())}
	case last.Issuer().IsEmpty():
		check.Code = NameEmpty
		check.Text = last.Title() + " does not name its issuer"
		check.message = check.Text
		check.next = []string{fmt.Sprintf("have the authority of %s issue it again, with its own subject as the issuer", last.Title())}
	case len(path) >= maxPath:
		check.Code, check.Depth = PathTooLong, maxPath-1
		check.Text = fmt.Sprintf("the certificates make a path of %d or more; at most %d are followed, the anchor among them", len(path), maxPath)
		check.message = check.Text
		check.next = []string{fmt.Sprintf("have the %s show a certificate signed by an authority nearer to the root", peer)}
	case s.unusable(&check, path, end):
	case s.mistaken(&check, path, end):
	case len(path) == 1 && !last.IsAuthority():
		check.Code = ChainIncomplete
		check.Text = fmt.Sprintf("%s ← %s (%s) ← ?", last.Title(), issuer, opts.absent())
		check.message = fmt.Sprintf("the %s did not send its intermediate certificate", peer)
		if opts.File != "" {
			check.message = fmt.Sprintf("%s has no certificate of %s, which signed it, nor is one in %s", opts.File, issuer, opts.Roots.place())
		}
		check.next = []string{opts.edit(fmt.Sprintf("append %s%s to", issuer, fetchable(last))),
			fmt.Sprintf("or, if %s is a root that you trust, give its certificate as --roots", issuer)}
	default:
		check.Code = UnknownRoot
		check.Text = fmt.Sprintf("%s ← %s (not in %s)", titles(path), issuer, opts.Roots.place())
		if last.SelfIssued() {
			check.Text = fmt.Sprintf("%s (not in %s)", titles(path), opts.Roots.place())
			check.OpenSSL = opensslNumber(UnknownRoot, sentAlong)
		}
		check.message = fmt.Sprintf("its authority, %s, is not one that you trust", issuer)
		check.next = []string{fmt.Sprintf("if %s is yours, give its certificate as --roots; if you do not know it, do not trust this %s", issuer, peer)}
	}
	return check
}

// unusable looks for an issuer with whose key, or whose kind of signature, nothing
// can be checked, and fills in the check if there is one.
func (s *search) unusable(check *Check, path []*pki.Certificate, end *node) bool {
	last := end.cert
	unsupported := last.SignatureAlgorithm().Supported()
	for _, candidate := range s.issuers(end) {
		if keyDistance(candidate, end) == differs {
			continue
		}
		switch code, why := candidate.unusable(); {
		case code != "":
			check.Code, check.Depth = code, len(path)
			check.Text = fmt.Sprintf("%s ← %s, whose key is not accepted: %s", titles(path), candidate.title(), why)
			check.message = fmt.Sprintf("the key of %s is not accepted: %s", candidate.title(), why)
			check.next = []string{fmt.Sprintf("have %s use an RSA, ECDSA or Ed25519 key, and issue %s again", candidate.title(), last.Title())}
			return true
		case unsupported != nil:
			check.Code = pki.SignatureUnsupported
			check.Text = fmt.Sprintf("%s ← %s: %s", titles(path), candidate.title(), fault.Text(unsupported))
			check.message = fmt.Sprintf("%s is signed with %s, which cannot be checked here", last.Title(), last.SignatureAlgorithm())
			check.next = []string{fmt.Sprintf("have %s issue %s again with a signature by RSA, ECDSA or Ed25519", candidate.title(), last.Title())}
			return true
		}
	}
	return false
}

// mistaken looks for a certificate that has the name of the last one's issuer,
// but not its key, and fills in the check if there is one.
func (s *search) mistaken(check *Check, path []*pki.Certificate, end *node) bool {
	opts, last, peer, place := *s.opts, end.cert, s.opts.Purpose.String(), s.opts.Roots.place()
	issuer, anchors := last.IssuerTitle(), s.anchorsFor(end)
	shown := s.issuers(end)[len(anchors):]
	check.next = []string{fmt.Sprintf("if %s was made anew, put its new certificate into %s; else do not trust this %s", issuer, place, peer)}
	switch {
	case s.hasNamesake(end, anchors, untold):
		check.Code = SignatureInvalid
		check.Text = fmt.Sprintf("%s ← %s (in %s), whose key did not sign it", titles(path), issuer, place)
		check.message = fmt.Sprintf("%s was not signed by the %s that you trust, which it names as its issuer", last.Title(), issuer)
	case s.hasNamesake(end, shown, untold):
		check.Code = SignatureInvalid
		check.Text = fmt.Sprintf("%s ← %s, whose key did not sign it", titles(path), issuer)
		check.message = fmt.Sprintf("%s was not signed by %s, which it names as its issuer", last.Title(), issuer)
		check.next = []string{fmt.Sprintf("do not trust this %s; ask its operator for a certificate signed by the present %s", peer, issuer)}
	case s.hasNamesake(end, anchors, differs):
		check.Code = UnknownRoot
		check.Text = fmt.Sprintf("%s ← another %s than that in %s: its key differs", titles(path), issuer, place)
		check.message = fmt.Sprintf("its authority is another %s than the one that you trust: same name, different key", issuer)
	case s.hasNamesake(end, slices.DeleteFunc(slices.Clone(shown), (*node).selfIssued), differs):
		check.Code = ChainIncomplete
		check.Text = fmt.Sprintf("%s ← another %s than %s shows: its key differs", titles(path), issuer, opts.shower())
		check.message = fmt.Sprintf("%s shows another %s than the one that signed %s: same name, different key", opts.shower(), issuer, last.Title())
		check.next = []string{opts.edit(fmt.Sprintf("put the %s%s that signed %s into", issuer, fetchable(last), last.Title()))}
	default:
		return false
	}
	return true
}

// hasNamesake reports whether a candidate has the name of m's issuer and a key
// identifier that is no further away than so, though its key did not sign m.
func (s *search) hasNamesake(m *node, candidates []*node, furthest int) bool {
	return slices.ContainsFunc(candidates, func(candidate *node) bool {
		return !candidate.cert.Equal(m.cert) && keyDistance(candidate, m) <= furthest && !s.hasSigned(candidate, m)
	})
}

// fetchable names where the issuer's certificate can be had (RFC 5280, section
// 4.2.2.1), if the certificate says so.
func fetchable(cert *pki.Certificate) string {
	places, _ := cert.AuthorityInfo()
	for _, place := range places {
		if place.Method == pki.OIDAccessIssuers && place.Location.Kind == pki.URIName {
			return " (" + clip(place.Location.Value()) + ")"
		}
	}
	return ""
}

// signedBy reports whether the key made the certificate's signature, whatever the
// algorithm is worth.
func signedBy(cert *pki.Certificate, key *pki.PublicKey) bool {
	err := cert.CheckSignatureBy(key)
	return err == nil || errors.Is(err, pki.SignatureWeak)
}

// describe names the certificates of a path, and whose trust it ends in.
func describe(path []*node) string {
	return titles(certificates(path)) + " (" + path[len(path)-1].source.origin + ")"
}

func titles(path []*pki.Certificate) string {
	all := make([]string, len(path))
	for i, cert := range path {
		all[i] = cert.Title()
	}
	return strings.Join(all, " ← ")
}
