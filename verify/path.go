package verify

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/signet-tls/signet/fault"
	"github.com/signet-tls/signet/pki"
)

// build asks crypto/x509 for a path that is right in everything but the name;
// the shortest is taken.
func build(chain []*pki.Certificate, opts Options) ([]*pki.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, cert := range chain[1:] {
		intermediates.AddCert(asX509(cert))
	}
	paths, err := asX509(chain[0]).Verify(x509.VerifyOptions{
		Roots:         opts.Roots.set.pool,
		Intermediates: intermediates,
		CurrentTime:   opts.Now,
		KeyUsages:     []x509.ExtKeyUsage{opts.Purpose.usage()},
	})
	if err != nil {
		return nil, err
	}
	return pki.AdoptAll(slices.MinFunc(paths, func(a, b []*x509.Certificate) int { return len(a) - len(b) })), nil
}

// walk goes from the leaf towards an anchor by names and signatures alone,
// through each sent certificate once. It returns the shortest path to an
// anchor, or else the longest of those that lead to none.
func walk(chain []*pki.Certificate, roots Roots) (path []*pki.Certificate, anchored bool) {
	seen := []*pki.Certificate{chain[0]}
	for paths := [][]*pki.Certificate{chain[:1]}; len(paths) > 0; paths = paths[1:] {
		path = slices.Clip(paths[0])
		last := path[len(path)-1]
		if anchor := roots.set.anchorOf(last); anchor != nil {
			if !anchor.Equal(last) {
				path = append(path, anchor)
			}
			return path, true
		}
		for _, candidate := range chain[1:] {
			if !slices.ContainsFunc(seen, candidate.Equal) && signed(candidate, last) {
				seen = append(seen, candidate)
				paths = append(paths, append(path, candidate))
			}
		}
	}
	return path, false
}

// explain says how far the chain leads by names and signatures: to an anchor,
// and through authorities alone?
func explain(chain []*pki.Certificate, opts Options) ([]*pki.Certificate, Check) {
	path, anchored := walk(chain, opts.Roots)
	if !anchored {
		return path, dangling(path, chain, opts)
	}
	for depth, issuer := range path[1:] {
		if !issuer.IsAuthority() {
			text := fmt.Sprintf("%s was signed by %s, which is not an authority", path[depth].Title(), issuer.Title())
			return path, Check{Name: "chain", Text: text, Verdict: Stop, Code: IssuerNotAuthority, Depth: depth + 1, message: text,
				next: []string{fmt.Sprintf("do not trust this %s; have it use a certificate that an authority signed", opts.Purpose)}}
		}
	}
	return path, Check{Name: "chain", Text: describe(path, opts.Roots), Verdict: OK}
}

// dangling says why the path ended where its last certificate's issuer is
// neither sent nor an anchor.
func dangling(path, sent []*pki.Certificate, opts Options) Check {
	last, peer := path[len(path)-1], opts.Purpose.String()
	issuer := last.IssuerTitle()
	check := Check{Name: "chain", Verdict: Stop, Depth: len(path) - 1}
	switch {
	case len(path) == 1 && signed(last, last):
		check.Code = SelfSigned
		check.Text = last.Title() + " signed itself"
		check.message = fmt.Sprintf("the %s vouches for itself: its certificate is self-signed", peer)
		check.next = []string{"have the certificate signed by an authority that both ends trust"}
	case mistaken(&check, path, sent, opts):
	case len(path) == 1 && !last.IsAuthority():
		check.Code = ChainIncomplete
		check.Text = fmt.Sprintf("%s ← %s (not sent) ← ?", last.Title(), issuer)
		check.message = fmt.Sprintf("the %s did not send its intermediate certificate", peer)
		check.next = []string{fmt.Sprintf("on the %s, append %s%s to its certificate file", peer, issuer, fetchable(last)),
			fmt.Sprintf("or, if %s is a root that you trust, give its certificate as --roots", issuer)}
	default:
		check.Code = UnknownRoot
		check.Text = fmt.Sprintf("%s ← %s (not in %s)", titles(path), issuer, opts.Roots.place())
		if last.SelfIssued() {
			check.Text = fmt.Sprintf("%s (not in %s)", titles(path), opts.Roots.place())
		}
		check.message = fmt.Sprintf("its authority, %s, is not one that you trust", issuer)
		check.next = []string{fmt.Sprintf("if %s is yours, give its certificate as --roots; if you do not know it, do not trust this %s", issuer, peer)}
	}
	return check
}

// mistaken looks for a certificate that has the name of the last one's issuer,
// but not its key, and fills in the check if there is one.
func mistaken(check *Check, path, sent []*pki.Certificate, opts Options) bool {
	last, peer, place := path[len(path)-1], opts.Purpose.String(), opts.Roots.place()
	issuer, anchors := last.IssuerTitle(), opts.Roots.set.anchors
	check.next = []string{fmt.Sprintf("if %s was made anew, put its new certificate into %s; else do not trust this %s", issuer, place, peer)}
	switch {
	case hasNamesake(last, anchors, sameKeyID):
		check.Code = SignatureInvalid
		check.Text = fmt.Sprintf("%s ← %s (in %s), whose key did not sign it", titles(path), issuer, place)
		check.message = fmt.Sprintf("%s was not signed by the %s that you trust, which it names as its issuer", last.Title(), issuer)
	case hasNamesake(last, sent, sameKeyID):
		check.Code = SignatureInvalid
		check.Text = fmt.Sprintf("%s ← %s, whose key did not sign it", titles(path), issuer)
		check.message = fmt.Sprintf("%s was not signed by %s, which it names as its issuer", last.Title(), issuer)
		check.next = []string{fmt.Sprintf("do not trust this %s; ask its operator for a certificate signed by the present %s", peer, issuer)}
	case hasNamesake(last, anchors, anyKeyID):
		check.Code = UnknownRoot
		check.Text = fmt.Sprintf("%s ← another %s than that in %s: its key differs", titles(path), issuer, place)
		check.message = fmt.Sprintf("its authority is another %s than the one that you trust: same name, different key", issuer)
	default:
		return false
	}
	return true
}

// hasNamesake reports whether a candidate has the name of cert's issuer and a
// fitting key identifier, though its key did not sign cert.
func hasNamesake(cert *pki.Certificate, candidates []*pki.Certificate, fits func(issuer, cert *pki.Certificate) bool) bool {
	return slices.ContainsFunc(candidates, func(candidate *pki.Certificate) bool {
		return !candidate.Equal(cert) && isNamed(candidate, cert) && fits(candidate, cert) && !signed(candidate, cert)
	})
}

func anyKeyID(_, _ *pki.Certificate) bool { return true }

// sameKeyID reports whether the key identifiers agree, or cannot tell (RFC 5280,
// sections 4.2.1.1 and 4.2.1.2).
func sameKeyID(issuer, cert *pki.Certificate) bool {
	have, _ := issuer.SubjectKeyID()
	want, _ := cert.AuthorityKeyID()
	return len(have) == 0 || want == nil || len(want.KeyID) == 0 || bytes.Equal(have, want.KeyID)
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

// isNamed reports whether cert names issuer as its issuer (RFC 5280, section
// 4.1.2.4).
func isNamed(issuer, cert *pki.Certificate) bool {
	return issuer.Subject().Equal(cert.Issuer())
}

// signed reports whether cert names issuer, and issuer's key made its
// signature. Whether issuer may sign at all is not looked at.
func signed(issuer, cert *pki.Certificate) bool {
	if !isNamed(issuer, cert) {
		return false
	}
	err := cert.CheckSignatureBy(issuer.PublicKey())
	return err == nil || errors.Is(err, pki.SignatureWeak)
}

// rejected says which rule a path breaks that leads to an anchor through
// authorities, at the right time and for the right purpose.
func rejected(path []*pki.Certificate, refusal error) Check {
	depth, text := brokenRule(path)
	var invalid x509.CertificateInvalidError
	switch {
	case text != "":
	case errors.As(refusal, &invalid) && invalid.Reason == x509.CANotAuthorizedForThisName:
		text = "an authority of the path may not sign for this name: " + strings.TrimPrefix(fault.Printable(invalid.Detail, 200), "x509: ")
	default:
		text = "the path to the root breaks a rule: " + strings.TrimPrefix(fault.Printable(refusal.Error(), 200), "x509: ")
	}
	return Check{Name: "chain", Text: text, Verdict: Stop, Code: PathRejected, Depth: depth, message: text,
		next: []string{"show this message to the authority that signed the chain"}}
}

// brokenRule looks for the rules whose refusal crypto/x509 words without saying
// which certificate broke them.
func brokenRule(path []*pki.Certificate) (depth int, text string) {
	for depth, cert := range path {
		x := asX509(cert)
		if len(x.UnhandledCriticalExtensions) > 0 {
			return depth, fmt.Sprintf("%s has a critical extension, %s, that is not understood", cert.Title(), x.UnhandledCriticalExtensions[0])
		}
		// RFC 5280, section 4.2.1.9: how many authorities may stand below.
		if below := depth - 1; x.BasicConstraintsValid && x.MaxPathLen >= 0 && below > x.MaxPathLen {
			return depth, fmt.Sprintf("%s allows at most %d authorities below it; this path has %d", cert.Title(), x.MaxPathLen, below)
		}
		var insecure x509.InsecureAlgorithmError
		if depth < len(path)-1 && errors.As(x.CheckSignatureFrom(asX509(path[depth+1])), &insecure) {
			return depth, fmt.Sprintf("%s is signed with %s, which can be forged", cert.Title(), x509.SignatureAlgorithm(insecure))
		}
	}
	return 0, ""
}

// describe names the certificates of a path, and whose trust it ends in.
func describe(path []*pki.Certificate, roots Roots) string {
	return titles(path) + " (" + roots.set.origin + ")"
}

func titles(path []*pki.Certificate) string {
	all := make([]string, len(path))
	for i, cert := range path {
		all[i] = cert.Title()
	}
	return strings.Join(all, " ← ")
}
