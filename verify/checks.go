package verify

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-tls/signet/pki"
)

func checkName(leaf *pki.Certificate, opts Options) Check {
	text, ok := opts.Name.match(leaf)
	if ok {
		return Check{Name: "name", Text: text, Verdict: OK}
	}
	return Check{Name: "name", Text: text, Verdict: Stop, Code: NameMismatch,
		message: fmt.Sprintf("wrong name: it is for %s, not for %s", names(leaf), opts.Name),
		next: []string{fmt.Sprintf("ask for a name that it has, or have %s added to the certificate of the %s",
			opts.Name, opts.Purpose)}}
}

// checkDates looks at every certificate of the path (RFC 5280, section
// 6.1.3 (a)(2)); the one nearest to the leaf is named.
func checkDates(path []*pki.Certificate, now time.Time) Check {
	for depth, cert := range path {
		from, until := cert.X509().NotBefore, cert.X509().NotAfter
		switch {
		case now.After(until):
			text := fmt.Sprintf("%s expired %s (%s)", cert.Title(), Ago(now.Sub(until)), day(until))
			return Check{Name: "dates", Text: text, Verdict: Stop, Code: CertExpired, Depth: depth, message: text,
				next: []string{fmt.Sprintf("renew the certificate of %s and reload the peer that shows it", cert.Title())}}
		case now.Before(from):
			text := fmt.Sprintf("%s is not valid before %s, in %s", cert.Title(), from.UTC().Format("2 Jan 2006 15:04 MST"), Span(from.Sub(now)))
			return Check{Name: "dates", Text: text, Verdict: Stop, Code: CertNotYetValid, Depth: depth, message: text,
				next: []string{fmt.Sprintf("check the clocks: this machine has %s; else wait, or have %s issued again", now.UTC().Format("2 Jan 2006 15:04 MST"), cert.Title())}}
		}
	}
	leaf := path[0].X509().NotAfter
	text := fmt.Sprintf("%s left (until %s)", Span(leaf.Sub(now)), day(leaf))
	for _, cert := range path[1:] {
		if until := cert.X509().NotAfter; until.Before(leaf) {
			leaf = until
			text += fmt.Sprintf("; %s only until %s", cert.Title(), day(until))
		}
	}
	return Check{Name: "dates", Text: text, Verdict: OK}
}

// checkPurpose looks for the extended key usage on the leaf and on every
// authority that names any (RFC 5280, section 4.2.1.12; crypto/x509 and
// OpenSSL hold authorities to it too).
func checkPurpose(path []*pki.Certificate, purpose Purpose) Check {
	for depth, cert := range path {
		if depth == len(path)-1 && depth > 0 {
			break // an anchor's own usages bind nobody
		}
		usages := cert.X509().ExtKeyUsage
		none := len(usages) == 0 && len(cert.X509().UnknownExtKeyUsage) == 0
		if none || slices.Contains(usages, purpose.usage()) || slices.Contains(usages, x509.ExtKeyUsageAny) {
			continue
		}
		text := fmt.Sprintf("%s is for %s, not for a TLS %s", cert.Title(), purposes(usages), purpose)
		return Check{Name: "purpose", Text: text, Verdict: Stop, Code: WrongPurpose, Depth: depth, message: "wrong purpose: " + text,
			next: []string{fmt.Sprintf("have %s issued again with the extended key usage %sAuth", cert.Title(), purpose)}}
	}
	return Check{Name: "purpose", Text: "may be a TLS " + purpose.String(), Verdict: OK}
}

func purposes(usages []x509.ExtKeyUsage) string {
	text := map[x509.ExtKeyUsage]string{
		x509.ExtKeyUsageServerAuth: "TLS servers", x509.ExtKeyUsageClientAuth: "TLS clients",
		x509.ExtKeyUsageCodeSigning: "signing code", x509.ExtKeyUsageEmailProtection: "e-mail",
		x509.ExtKeyUsageTimeStamping: "time stamps", x509.ExtKeyUsageOCSPSigning: "OCSP answers",
	}
	var all []string
	for _, usage := range usages {
		if name, ok := text[usage]; ok {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return "other purposes"
	}
	return strings.Join(all, " and ")
}

// walk goes from the leaf towards an anchor by names and signatures alone, and
// returns how far it came and what stopped it.
func walk(chain []*pki.Certificate, opts Options) (path []*pki.Certificate, problem *Check) {
	path = chain[:1:1]
	for len(path) <= len(chain) {
		last := path[len(path)-1]
		if anchors := opts.Roots.set.anchorsOf(last); len(anchors) > 0 {
			if !anchors[0].Equal(last) {
				path = append(path, anchors[0])
			}
			return path, nil
		}
		issuer, forged := issuerOf(last, chain, path)
		switch {
		case issuer == nil && forged != nil:
			return path, forgery(path, last, forged)
		case issuer == nil:
			return path, dangling(path, last, opts)
		case !issuer.IsAuthority():
			text := fmt.Sprintf("%s was signed by %s, which is not an authority", last.Title(), issuer.Title())
			return append(path, issuer), &Check{Name: "chain", Text: text, Verdict: Stop, Code: IssuerNotAuthority, Depth: len(path), message: text,
				next: []string{"do not trust this peer; have it use a certificate that an authority signed"}}
		}
		path = append(path, issuer)
	}
	return path, nil
}

// issuerOf returns a sent certificate that signed cert, or else one that has
// the issuer's name and key identifier but did not.
func issuerOf(cert *pki.Certificate, sent, used []*pki.Certificate) (issuer, forged *pki.Certificate) {
	for _, candidate := range sent {
		if slices.ContainsFunc(used, candidate.Equal) || !issued(candidate, cert) {
			continue
		}
		if signed(candidate, cert) {
			return candidate, nil
		}
		forged = candidate
	}
	return nil, forged
}

// dangling says why the walk ended at last, whose issuer is neither sent nor an
// anchor.
func dangling(path []*pki.Certificate, last *pki.Certificate, opts Options) *Check {
	peer, depth := opts.Purpose.String(), len(path)-1
	check := &Check{Name: "chain", Verdict: Stop, Depth: depth}
	switch {
	case signed(last, last) && depth == 0:
		check.Code = SelfSigned
		check.Text = last.Title() + " signed itself"
		check.message = fmt.Sprintf("the %s vouches for itself: its certificate is self-signed, and %s do not have it", peer, opts.Roots)
		check.next = []string{"have the certificate signed by an authority that both ends trust"}
	case depth == 0 && !last.IsAuthority():
		check.Code = ChainIncomplete
		check.Text = fmt.Sprintf("%s ← %s (not sent) ← ?", last.Title(), last.IssuerTitle())
		check.message = fmt.Sprintf("the %s did not send its intermediate certificate", peer)
		check.next = []string{fmt.Sprintf("on the %s, append %s%s to its certificate file", peer, last.IssuerTitle(), fetchable(last)),
			fmt.Sprintf("or, if %s is a root that you trust, give its certificate as --roots", last.IssuerTitle())}
	default:
		root := last.IssuerTitle()
		check.Code = UnknownRoot
		check.Text = fmt.Sprintf("%s; %s is not among %s", titles(path), root, opts.Roots)
		check.message = fmt.Sprintf("its authority %s is not one that you trust (%s)", root, opts.Roots)
		check.next = []string{fmt.Sprintf("if %s is yours, give its certificate as --roots; if you do not know it, do not trust this %s", root, peer)}
	}
	return check
}

func forgery(path []*pki.Certificate, last, forged *pki.Certificate) *Check {
	text := fmt.Sprintf("%s names %s as its issuer, whose key did not sign it", last.Title(), forged.Title())
	return &Check{Name: "chain", Text: text, Verdict: Stop, Code: SignatureInvalid, Depth: len(path) - 1, message: text,
		next: []string{"do not trust this peer; ask its operator for a certificate signed by the present authority"}}
}

// fetchable names where the issuer's certificate can be had (RFC 5280, section
// 4.2.2.1), if the certificate says so.
func fetchable(cert *pki.Certificate) string {
	if urls := cert.X509().IssuingCertificateURL; len(urls) > 0 {
		return " (" + clip(urls[0]) + ")"
	}
	return ""
}

// issued reports whether the names and, where both have one, the key
// identifiers fit (RFC 5280, sections 4.1.2.4 and 4.2.1.1).
func issued(issuer, cert *pki.Certificate) bool {
	i, c := issuer.X509(), cert.X509()
	return bytes.Equal(i.RawSubject, c.RawIssuer) &&
		(len(i.SubjectKeyId) == 0 || len(c.AuthorityKeyId) == 0 || bytes.Equal(i.SubjectKeyId, c.AuthorityKeyId))
}

// signed reports whether the issuer's key made cert's signature.
func signed(issuer, cert *pki.Certificate) bool {
	c := cert.X509()
	return issuer.X509().CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

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
